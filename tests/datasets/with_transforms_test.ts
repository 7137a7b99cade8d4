import { assertEquals, assertThrows } from "@std/assert";
import { cifar100 } from "../../datasets/cifar.ts";
import { digits } from "../../datasets/digits.ts";
import { fromImages } from "../../datasets/from_images.ts";
import { withLimit } from "../../datasets/limit.ts";
import { published } from "../../datasets/published.ts";
import { fromRecorded } from "../../datasets/recorded.ts";
import { withSplit } from "../../datasets/split.ts";
import { withSampling } from "../../datasets/with_sampling.ts";
import { type Preparation, withTransforms } from "../../datasets/with_transforms.ts";
import type { Dataset } from "../../dsl/data.ts";
import { OptionError } from "../../dsl/errors.ts";
import { assertRefused } from "./fixtures.ts";

const images = { pixels: Uint8Array.of(0, 100, 40, 60), labels: [0, 1] };
const toy = fromImages({
  classes: 2,
  shape: [1, 1, 2],
  train: images,
  test: images,
  normalization: { mean: [0], std: [1 / 255] },
});

Deno.test("withTransforms() shows images in memory at another size", async () => {
  const resize = { kind: "resize", size: [1, 4] } as const;
  const large = withTransforms(toy, { augment: [resize], evaluation: [resize], size: [1, 4] });
  assertEquals(large.shape, [1, 1, 4]);
  for (const split of ["train", "test"] as const) {
    const [batch] = await Array.fromAsync(
      (await large.open()).batches({ split, batch: 2, seed: 7, epoch: 1, shuffle: false }),
    );
    // As in resize_test.ts; floats of 32 bits.
    assertEquals(Array.from(batch!.images[0]!, Math.round), [0, 25, 75, 100, 40, 45, 55, 60]);
  }
});

Deno.test("withTransforms() changes what is said and keeps the rest", async () => {
  const flip = { kind: "flip", probability: 0.5 } as const;
  const [before, open] = [await digits().open(), await withTransforms(digits(), { augment: [flip] }).open()];
  assertEquals([open.augment, open.normalization, open.shape], [[flip], before.normalization, before.shape]);
});

Deno.test("withTransforms() refuses lists that end at another size, and to be said twice", async () => {
  await assertRefused(
    () => withTransforms(toy, { evaluation: [{ kind: "resize", size: [1, 4] }] }).open(),
    'Cannot augment images: transforms must end at 1×2, got 1×4. Add a "resize", "centerCrop" or "resizedCrop".',
  );
  assertThrows(
    () => withTransforms(withTransforms(toy, {}), {}),
    OptionError,
    "Cannot prepare images: withTransforms() is said once, got it twice. Put all into one.",
  );
});

Deno.test("fromRecorded() makes a dataset again from what a spec records, in whatever order it was said", () => {
  const ways: readonly Dataset[] = [
    withLimit(
      withSampling(withSplit(withTransforms(digits(), published.okddip.cifar10), { validation: 9, test: 0.1 }), {
        kind: "balanced",
      }),
      50,
      { testLimit: 7 },
    ),
    withTransforms(
      withSampling(withLimit(withSplit(digits(), { validation: 9, test: 0.1 }), 50, { testLimit: 7 }), {
        kind: "balanced",
      }),
      published.okddip.cifar10,
    ),
    withSplit(digits(), { test: 100, seed: 4 }),
    digits(),
  ];
  for (const dataset of ways) {
    const text = JSON.parse(JSON.stringify(dataset.options));
    assertEquals(fromRecorded(() => digits(), text).options, dataset.options);
  }
  const { augment, normalization } = published.sakd.cifar100;
  const options = { path: "x", augment: augment!, normalization: normalization! };
  assertEquals(fromRecorded(cifar100, cifar100(options).options).options, cifar100(options).options);
});

const zero = ["zero 4", "flip 0.5"];
const reflect = ["reflect 4", "flip 0.5"];

/** Constants and changes of each released code, as it prints them. */
const TABLE: readonly (readonly [found: Preparation, mean: string, std: string, augment: readonly string[]])[] = [
  [published.ffsd.cifar100, ".5071 .4865 .4409", ".2673 .2564 .2762", reflect],
  [published.switokd.cifar10, ".491 .482 .447", ".247 .243 .262", zero],
  [published.switokd.cifar100, ".507 .487 .441", ".267 .256 .276", zero],
  [published.switokd.tinyImagenet, ".4914 .4822 .4465", ".2023 .1994 .201", zero],
  [published.sakd.cifar100, ".5071 .4867 .4408", ".2675 .2565 .2761", zero],
  [published.sakd.cifar10, ".4914 .4822 .4465", ".2023 .1994 .201", zero],
  [published.sakd.tinyImagenet, ".4914 .4822 .4465", ".2023 .1994 .201", ["flip 0.5"]],
  [published.okddip.cifar10, ".4914 .4822 .4465", ".247 .2435 .2616", zero],
  [published.okddip.cifar100, ".5071 .4865 .4409", ".2673 .2564 .2762", zero],
  [published.one.cifar10, ".4914 .4822 .4465", ".2023 .1994 .201", zero],
  [published.one.cifar100, ".4914 .4822 .4465", ".2023 .1994 .201", zero],
  [published.kdZoo.cifar100, ".5071 .4865 .4409", ".2673 .2564 .2762", reflect],
  ...[published.ffsd, published.switokd, published.sakd, published.okddip].map(({ imagenet }) =>
    [imagenet, ".485 .456 .406", ".229 .224 .225", ["resizedCrop 224", "flip 0.5"]] as const
  ),
];

Deno.test("published holds the constants and changes of the released codes", () => {
  for (const [{ normalization, augment }, mean, std, changes] of TABLE) {
    assertEquals([normalization!.mean, normalization!.std], [mean, std].map((row) => row.split(" ").map(Number)));
    const said = augment!.map((one) =>
      one.kind === "crop"
        ? `${one.mode} ${one.pad}`
        : one.kind === "flip"
        ? `flip ${one.probability}`
        : one.kind === "resizedCrop"
        ? `resizedCrop ${one.size}`
        : one.kind
    );
    assertEquals(said, changes);
  }
  const { normalization, augment } = published.ffl.cifar100;
  assertEquals(normalization!.mean.map((value) => Math.round(value * 2550) / 10), [129.3, 124.1, 112.4]);
  assertEquals(normalization!.std.map((value) => Math.round(value * 2550) / 10), [68.2, 65.4, 70.4]);
  assertEquals(augment, published.ffsd.cifar100.augment);
  assertEquals(published.ffsd.imagenet.evaluation, [{ kind: "resize", size: 256 }, { kind: "centerCrop", size: 224 }]);
});
