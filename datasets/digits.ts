import type { Dataset, LoadContext, Normalization, OpenDataset, Transform } from "../dsl/data.ts";
import { digitsData } from "./digits_data.ts";
import { imageSet, openDataset } from "./open_dataset.ts";

// Computed by statistics() over the 1438 training images.
const normalization: Normalization = Object.freeze({
  mean: Object.freeze([0.3059]),
  std: Object.freeze([0.3763]),
});

// One pixel of eight is the same share of the image as 4 of 32, and the background is black (zero). Never a flip:
// a mirrored 2 is no digit.
const augment: readonly Transform[] = Object.freeze([Object.freeze({ kind: "crop", pad: 1, mode: "zero" })]);

/**
 * 1797 handwritten digits, 1×8×8, ten classes, embedded in this package: no file, no network, no permission.
 *
 * Every fifth image (index mod 5 = 4) is held out: 1438 to train, 359 to test. Pixels 0…16 become bytes 0…255.
 * Training images move by up to one pixel; they are not flipped, since a mirrored digit is another shape.
 *
 * Source: Alpaydin and Kaynak 1998, Optical Recognition of Handwritten Digits, UCI, CC BY 4.0.
 *
 * @example
 * ```ts
 * import { digits } from "./digits.ts";
 * const { train, test } = await digits().open();
 * train.length + test.length; // 1797
 * ```
 */
export function digits(): Dataset<10> {
  return Object.freeze({
    kind: "digits",
    name: "Digits (UCI)",
    classes: 10,
    shape: Object.freeze([1, 8, 8] as const),
    options: Object.freeze({}),
    open,
  });
}

async function open(context: LoadContext = {}): Promise<OpenDataset> {
  context.signal?.throwIfAborted();
  const lines = (await unpack(digitsData)).trim().split("\n");
  const train: number[][] = [];
  const test: number[][] = [];
  lines.forEach((line, i) => (i % 5 === 4 ? test : train).push(line.split(",").map(Number)));
  return openDataset({
    kind: "digits",
    classNames: Array.from({ length: 10 }, (_, digit) => String(digit)),
    shape: [1, 8, 8],
    normalization,
    augment,
    train: split(train),
    test: split(test),
    source: "embedded: UCI Optical Recognition of Handwritten Digits, CC BY 4.0",
  });
}

function split(rows: readonly (readonly number[])[]): OpenDataset["train"] {
  const pixels = new Uint8Array(rows.length * 64);
  rows.forEach((row, i) => {
    for (let p = 0; p < 64; p++) pixels[i * 64 + p] = Math.round(row[p]! * 255 / 16);
  });
  return imageSet(pixels, Uint16Array.from(rows, (row) => row[64]!));
}

/** Text of a gzip file in base64, by web interfaces only, so that the digits also open in a browser. */
function unpack(base64: string): Promise<string> {
  const bytes = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
}
