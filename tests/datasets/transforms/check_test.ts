import { assertEquals, assertThrows } from "@std/assert";
import { requireTransforms } from "../../../datasets/transforms/check.ts";
import type { Transform } from "../../../dsl/data.ts";
import { DatasetError } from "../../../dsl/errors.ts";

const flip: Transform = { kind: "flip", probability: 0.5 };

function check(transforms: readonly Transform[], changes: Partial<Parameters<typeof requireTransforms>[0]> = {}): void {
  requireTransforms({ kind: "pets", transforms, from: [32, 32], to: [32, 32], fixed: false, ...changes });
}

const REFUSED: Readonly<Record<string, readonly [transforms: readonly Transform[], message: string]>> = {
  "a pad past the image": [
    [{ kind: "crop", pad: 32, mode: "reflect" }],
    "a reflect crop of 32×32 images pads by an integer from 0 to 31, got 32. Use a smaller pad.",
  ],
  "a window that does not fit": [
    [{ kind: "crop", pad: 1, mode: "zero", size: 40 }],
    "a crop must fit into the padded 34×34 image, got 40×40. Resize it first.",
  ],
  "an impossible probability": [
    [{ kind: "flip", probability: 2 }],
    "the flip probability must be from 0 to 1, got 2. Use 0.5.",
  ],
  "a size of nothing": [
    [{ kind: "resize", size: 0 }],
    "the size of resize must be one or two integers from 1 to 16384, got 0. Use 224.",
  ],
  "falling scales": [
    [{ kind: "resizedCrop", size: 32, scale: [1, 0.5] }],
    "the scale must be two rising shares above 0 up to 1, got [1,0.5]. Use [0.08, 1].",
  ],
  "ratios of nothing": [
    [{ kind: "resizedCrop", size: 32, ratio: [0, 1] }],
    "the ratio must be two rising numbers above 0, got [0,1]. Use [0.75, 1.33].",
  ],
  "too much hue": [
    [{ kind: "colorJitter", hue: 0.6 }],
    "hue must be from 0 to 0.5, got 0.6. Use 0.4, or 0.1 for the hue.",
  ],
  "a magnitude past the bins": [
    [{ kind: "randAugment", magnitude: 31 }],
    "magnitude must be an integer from 0 to 30, got 31. Use another.",
  ],
  "half a cutout": [
    [{ kind: "cutout", size: 2.5 }],
    "the cutout's size must be an integer from 1 to 65536, got 2.5. Use another.",
  ],
  "a flip behind a cutout": [
    [{ kind: "cutout", size: 16 }, flip],
    "only mixing may come after a cutout, which fills with the mean colour, got flip. Put cutout behind it.",
  ],
  "a flip behind mixup": [
    [{ kind: "mixup", alpha: 1 }, flip],
    "mixup comes last and once, since it mixes finished images, got flip. Reorder them.",
  ],
  "an alpha of nothing": [[{ kind: "cutmix", alpha: 0 }], "the alpha of cutmix must be positive, got 0. Use 1."],
  "an unknown kind": [
    [{ kind: "flop" } as unknown as Transform],
    "it is one of crop, flip, resizedCrop, resize, centerCrop, colorJitter, randAugment, cutout, mixup, cutmix, " +
    'got flop. Did you mean "flip"?',
  ],
  "another size at the end": [
    [{ kind: "resize", size: 64 }],
    'transforms must end at 32×32, got 64×64. Add a "resize", "centerCrop" or "resizedCrop".',
  ],
};

for (const [name, [transforms, message]] of Object.entries(REFUSED)) {
  Deno.test(`requireTransforms() refuses ${name}`, () => {
    const error = assertThrows(() => check(transforms), DatasetError);
    assertEquals((error as Error).message, `Cannot augment pets: ${message}`);
  });
}

Deno.test("requireTransforms() refuses random changes of images that are not augmented", () => {
  assertThrows(
    () => check([flip], { fixed: true }),
    DatasetError,
    "Cannot augment pets: images that are not augmented take fixed transforms only, got flip. Put it into augment.",
  );
});

Deno.test("requireTransforms() accepts lists that end at the right size, as far as that is known", () => {
  check([{ kind: "resize", size: 40 }, { kind: "crop", pad: 0, mode: "zero", size: 32 }, flip]);
  check([flip, { kind: "cutout", size: 16 }, { kind: "cutout", size: 4 }, { kind: "cutmix", alpha: 1 }]);
  // The longer edge of a file that is resized by its shorter one is not known before it is read.
  check([{ kind: "resize", size: 32 }], { from: undefined, fixed: true });
  check([{ kind: "resize", size: 64 }, { kind: "centerCrop", size: 32 }], { from: undefined, fixed: true });
  check([{ kind: "colorJitter", brightness: 0.4, hue: 0.5 }, { kind: "randAugment" }]);
});
