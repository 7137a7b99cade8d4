import { assertAlmostEquals, assertEquals } from "@std/assert";
import { rasterWriter } from "../../datasets/augment.ts";
import { changes } from "../../datasets/transforms/plan.ts";
import { planar } from "../../datasets/transforms/raster.ts";
import type { Normalization, Transform } from "../../dsl/data.ts";
import { type RandomStream, stream } from "../../dsl/random.ts";

const plain = { mean: [0, 0], std: [1 / 255, 1 / 255] }; // gives back the byte values

/** A stream whose draws are the given integers, in order of address. */
function draws(...values: readonly number[]): RandomStream {
  const next = [...values];
  return { ...stream(0), integer: () => next.shift()!, uniform: () => next.shift()! };
}

/** Changes image `index` of some planes and writes it, as a pass over images in memory does. */
function imageWriter(
  shape: readonly [number, number, number],
  constants: Normalization,
  augment: readonly Transform[],
) {
  const [write, change] = [rasterWriter(constants), changes(augment)];
  const size = shape[0] * shape[1] * shape[2];
  return (out: Float32Array, at: number, pixels: Uint8Array, index: number, random?: RandomStream): void =>
    write(out, at, change(planar(pixels, index * size, shape), index, random));
}

function shown(
  shape: readonly [number, number, number],
  pixels: readonly number[],
  augment: readonly Transform[],
  random?: RandomStream,
): number[] {
  const out = new Float32Array(shape[0] * shape[1] * shape[2]);
  imageWriter(shape, plain, augment)(out, 0, Uint8Array.from(pixels), 0, random);
  return Array.from(out, Math.round);
}

const nine = [1, 2, 3, 4, 5, 6, 7, 8, 9];

Deno.test("rasterWriter() normalises each channel by its own constants", () => {
  const out = new Float32Array(6);
  const write = imageWriter([2, 1, 1], { mean: [0.5, 0.2], std: [0.5, 0.1] }, []);
  write(out, 2, new Uint8Array([9, 9, 255, 51]), 1);
  // (255/255 − 0.5)/0.5 and (51/255 − 0.2)/0.1, written at 2 from image 1.
  assertEquals([...out.subarray(0, 3)], [0, 0, 1]);
  assertAlmostEquals(out[3]!, 0, 1e-6); // float32 rounding
});

Deno.test("rasterWriter() crops with a zero pad, which is black", () => {
  const crop: Transform[] = [{ kind: "crop", pad: 1, mode: "zero" }];
  // Draws 0 and 0 show the top left corner of the padded image: one row and one column of padding.
  assertEquals(shown([1, 3, 3], nine, crop, draws(0, 0)), [0, 0, 0, 0, 1, 2, 0, 4, 5]);
  assertEquals(shown([1, 3, 3], nine, crop, draws(2, 1)), [4, 5, 6, 7, 8, 9, 0, 0, 0]);
  assertEquals(shown([1, 3, 3], nine, crop, draws(1, 1)), nine);
});

Deno.test("rasterWriter() crops with a reflected pad, which does not repeat the edge", () => {
  const crop: Transform[] = [{ kind: "crop", pad: 2, mode: "reflect" }];
  // Rows 3 2 1 | 1 2 3 → top-left of the padded image is row 3, column 3.
  assertEquals(shown([1, 3, 3], nine, crop, draws(0, 0)), [9, 8, 7, 6, 5, 4, 3, 2, 1]);
  assertEquals(shown([1, 3, 3], nine, crop, draws(4, 3)), [8, 9, 8, 5, 6, 5, 2, 3, 2]);
});

Deno.test("rasterWriter() flips left to right below the probability", () => {
  const flip: Transform[] = [{ kind: "flip", probability: 0.5 }];
  assertEquals(shown([1, 3, 3], nine, flip, draws(0.49)), [3, 2, 1, 6, 5, 4, 9, 8, 7]);
  assertEquals(shown([1, 3, 3], nine, flip, draws(0.5)), nine);
});

Deno.test("rasterWriter() applies transforms in order", () => {
  const crop: Transform = { kind: "crop", pad: 1, mode: "zero" };
  const flip: Transform = { kind: "flip", probability: 1 };
  assertEquals(shown([1, 1, 3], [1, 2, 3], [crop, flip], draws(1, 0, 0)), [2, 1, 0]);
  assertEquals(shown([1, 1, 3], [1, 2, 3], [flip, crop], draws(0, 1, 0)), [0, 3, 2]);
});

Deno.test("rasterWriter() moves all channels alike", () => {
  const crop: Transform[] = [{ kind: "crop", pad: 1, mode: "zero" }];
  assertEquals(shown([2, 1, 2], [1, 2, 3, 4], crop, draws(1, 2)), [2, 0, 4, 0]);
});

Deno.test("rasterWriter() pads and flips in either order, black on both sides", () => {
  const crop: Transform = { kind: "crop", pad: 2, mode: "zero" };
  const flip: Transform = { kind: "flip", probability: 1 };
  assertEquals(shown([1, 1, 3], [1, 2, 3], [crop, flip], draws(2, 0, 0)), [1, 0, 0]);
  assertEquals(shown([1, 1, 3], [1, 2, 3], [crop, flip], draws(2, 1, 0)), [2, 1, 0]);
  assertEquals(shown([1, 1, 3], [1, 2, 3], [crop, flip], draws(2, 4, 0)), [0, 0, 3]);
  assertEquals(shown([1, 1, 3], [1, 2, 3], [flip, crop], draws(0, 2, 3)), [2, 1, 0]);
});

Deno.test("rasterWriter() shows the mean colour in a cutout", () => {
  const out = new Float32Array(12);
  const write = imageWriter([1, 3, 4], { mean: [0.2], std: [0.5] }, [{ kind: "cutout", size: 2 }]);
  write(out, 0, new Uint8Array(12).fill(255), 0, draws(1, 3)); // middle at row 1, column 3
  const light = Math.fround((1 - 0.2) / 0.5);
  assertEquals(Array.from(out), [light, light, 0, 0, light, light, 0, 0, light, light, light, light]);
});

Deno.test("rasterWriter() changes nothing without draws", () => {
  const augment: Transform[] = [{ kind: "crop", pad: 2, mode: "reflect" }, { kind: "flip", probability: 1 }];
  assertEquals(shown([1, 3, 3], nine, augment), nine);
});

Deno.test("rasterWriter() draws shifts evenly and flips half of the images", () => {
  const augment: Transform[] = [{ kind: "crop", pad: 1, mode: "zero" }, { kind: "flip", probability: 0.5 }];
  const write = imageWriter([1, 3, 3], plain, augment);
  const random = stream(7, "augment", 1, 0);
  const [count, seen] = [9000, new Map<string, number>()];
  const pixels = new Uint8Array(9 * count).map((_, i) => i % 9 + 1);
  const out = new Float32Array(9);
  for (let image = 0; image < count; image++) {
    write(out, 0, pixels, image, random);
    const key = Array.from(out, Math.round).join();
    seen.set(key, (seen.get(key) ?? 0) + 1);
  }
  assertEquals(seen.size, 18); // 9 shifts × 2 directions
  // 500 expected each; five standard deviations of a binomial count are 109.
  for (const times of seen.values()) assertAlmostEquals(times, 500, 110);
});
