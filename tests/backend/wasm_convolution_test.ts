import { assert, assertEquals } from "@std/assert";
import { stream } from "../../dsl/random.ts";
import { Sketch } from "../../runtime/backend/suite/sketch.ts";
import { wasm } from "../../runtime/backend/wasm/wasm.ts";
import type { ConvAttrs, Pair } from "../../runtime/ir/node.ts";
import { sizeOf } from "../../runtime/ir/node.ts";

interface Shape extends ConvAttrs {
  readonly size: Pair;
  readonly kernel: Pair;
  readonly from: number;
  readonly to: number;
}

const same = { stride: [1, 1], pad: [1, 1], groups: 1, kernel: [3, 3] } as const;

/** One of each class of kernel: tiles of full and partial width, every edge, strides, groups, channel by channel. */
const shapes: Readonly<Record<string, Shape>> = {
  "3×3, whole tiles": { ...same, size: [6, 7], from: 4, to: 8 },
  "3×3, partial tiles": { ...same, size: [5, 5], from: 3, to: 7 },
  "3×3 on one row": { ...same, size: [1, 5], from: 2, to: 3 },
  "3×3 on one pixel": { ...same, size: [1, 1], from: 5, to: 2 },
  "3×3, stride 2, odd map": { ...same, size: [7, 5], stride: [2, 2], from: 3, to: 5 },
  "3×3, stride 3, unpadded": { ...same, size: [8, 10], stride: [3, 3], pad: [0, 0], from: 2, to: 4 },
  "1×1": { ...same, size: [3, 4], kernel: [1, 1], pad: [0, 0], from: 6, to: 9 },
  "1×1, stride 2": { ...same, size: [5, 6], kernel: [1, 1], pad: [0, 0], stride: [2, 2], from: 4, to: 4 },
  "2×2, stride 3: pixels that no tap meets": {
    ...same,
    size: [7, 7],
    kernel: [2, 2],
    pad: [0, 0],
    stride: [3, 3],
    from: 2,
    to: 3,
  },
  "5×3, stride 1 by 2, padded by more than half": {
    ...same,
    size: [6, 5],
    kernel: [5, 3],
    pad: [3, 2],
    stride: [1, 2],
    from: 2,
    to: 5,
  },
  "7×7": { ...same, size: [6, 6], kernel: [7, 7], pad: [3, 3], from: 2, to: 2 },
  "three groups": { ...same, size: [5, 4], groups: 3, from: 6, to: 9 },
  "depthwise": { ...same, size: [5, 6], groups: 6, from: 6, to: 6 },
  "depthwise, stride 2": { ...same, size: [7, 6], stride: [2, 2], groups: 5, from: 5, to: 5 },
  "depthwise 5×5": { ...same, size: [4, 9], kernel: [5, 5], pad: [2, 2], groups: 3, from: 3, to: 3 },
  "one input channel a group, two output": { ...same, size: [4, 4], groups: 4, from: 4, to: 8 },
};

const batch = 9;

function outputSize({ size, kernel, stride, pad }: Shape): Pair {
  const along = (axis: 0 | 1): number => Math.floor((size[axis] + 2 * pad[axis] - kernel[axis]) / stride[axis]) + 1;
  return [along(0), along(1)];
}

/** Every product of a convolution, by the definition. */
function eachProduct(shape: Shape, count: number, visit: (x: number, w: number, y: number) => void): void {
  const { size: [h, w], kernel: [kh, kw], stride, pad, groups, from, to } = shape;
  const [oh, ow] = outputSize(shape);
  const [fromGroup, toGroup] = [from / groups, to / groups];
  for (let b = 0; b < count; b++) {
    for (let o = 0; o < to; o++) {
      for (let c = 0; c < fromGroup; c++) {
        const channel = Math.floor(o / toGroup) * fromGroup + c;
        for (let r = 0; r < kh; r++) {
          for (let t = 0; t < kw; t++) {
            for (let i = 0; i < oh; i++) {
              for (let j = 0; j < ow; j++) {
                const [row, column] = [i * stride[0] - pad[0] + r, j * stride[1] - pad[1] + t];
                if (row < 0 || row >= h || column < 0 || column >= w) continue;
                visit(
                  ((b * from + channel) * h + row) * w + column,
                  ((o * fromGroup + c) * kh + r) * kw + t,
                  ((b * to + o) * oh + i) * ow + j,
                );
              }
            }
          }
        }
      }
    }
  }
}

function drawn(name: string, size: number): Float32Array {
  const random = stream(3, name);
  return Float32Array.from({ length: size }, (_, i) => random.normal(i));
}

function assertNear(ours: ArrayLike<number>, exact: Float64Array, what: string): void {
  assertEquals(ours.length, exact.length);
  const largest = exact.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
  // Sums of up to 300 products in float32: √300 · 6e-8, doubled.
  exact.forEach((x, i) =>
    assert(Math.abs(ours[i]! - x) <= 2e-6 * largest, `${what}: ${ours[i]} instead of ${x} at ${i}`)
  );
}

for (const [name, shape] of Object.entries(shapes)) {
  Deno.test(`wasm() convolves and differentiates ${name} for 1 to 9 images`, async () => {
    const { size, kernel, from, to, stride, pad, groups } = shape;
    const out = outputSize(shape);
    const attrs = { stride, pad, groups };
    const sketch = new Sketch(batch);
    const x = sketch.images("x", [batch, from, ...size], { poisoned: true });
    const g = sketch.images("g", [batch, to, ...out], { poisoned: true });
    const w = sketch.parameter("w", [to, from / groups, ...kernel]);
    sketch.output("y", sketch.conv2d(x, w, attrs));
    sketch.output("dx", sketch.conv2dInput(g, w, attrs, size));
    sketch.output("dw", sketch.conv2dFilter(x, g, attrs, kernel));
    const program = sketch.program();
    const engine = await wasm().open(program.state);
    const weights = drawn("w", to * from / groups * kernel[0] * kernel[1]);
    await engine.write("w", weights);
    const runner = await engine.load(program);
    const [image, result] = [from * sizeOf(size), to * sizeOf(out)];
    for (const count of [9, 1, 2, 3, 4, 5, 6, 7, 8]) {
      const inputs = { "images/x": drawn(`x${count}`, count * image), "images/g": drawn(`g${count}`, count * result) };
      await runner.run({ count, inputs, uniforms: {} });
      const [y, dx] = [new Float64Array(count * result), new Float64Array(count * image)];
      const dw = new Float64Array(weights.length);
      eachProduct(shape, count, (a, b, c) => {
        y[c]! += inputs["images/x"][a]! * weights[b]!;
        dx[a]! += inputs["images/g"][c]! * weights[b]!;
        dw[b]! += inputs["images/x"][a]! * inputs["images/g"][c]!;
      });
      assertNear(await runner.read("y"), y, `y of ${count}`);
      assertNear(await runner.read("dx"), dx, `dx of ${count}`);
      assertNear(await runner.read("dw"), dw, `dw of ${count}`);
    }
    await engine.close();
  });
}
