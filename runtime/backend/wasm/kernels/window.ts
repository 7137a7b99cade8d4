/**
 * Windows channel by channel: pooling and its gradients.
 *
 * @module
 */

import type { Code, Int } from "../assembler/code.ts";
import { type Features, Func, type Local } from "../assembler/func.ts";
import * as f from "../assembler/f32x4.ts";
import { add, div, max, min, mul, sub } from "../assembler/i32.ts";
import type { PoolAttrs } from "../../../ir/node.ts";
import { type Kernel, kernel, laneBytes, nest, overBlocks } from "./kernel.ts";
import { clearTile, type Micro, micro, overTiles, storeTile, tile } from "./micro.ts";
import { mapBytes, type MapSize, outputPixel, overTaps, type Pass, type TapRange, tapRange } from "./pass.ts";

/** Kernel (x, y, first block, last block): mean (padding counts as zeros) or maximum of windows. */
export function pool(constants: { readonly pass: Pass; readonly take: "mean" | "max" }): Kernel {
  return kernel("pool", constants, (features, { pass, take }) => {
    const func = new Func("pool", features);
    const [x, y, first, last] = func.params("x", "y", "first", "last");
    const registers = micro(func);
    overBlocks(func, [first, last], [x, y], [mapBytes(pass.input), mapBytes(pass.output)], ([source, target]) => {
      overPixels(func, pass, ([rows, columns], pixel) => {
        overTiles(func, pass.input.channels, (position, width) => {
          start(func, registers, width, take === "mean" ? 0 : -Infinity);
          overWindow(func, pass.input, rows, columns, source!, position, (at) => {
            join(func, registers, width, at, take === "mean" ? f.add : f.max);
          });
          if (take === "mean") scale(func, registers, width, 1 / (pass.taps[0] * pass.taps[1]));
          storeTile(func, registers, channelAt(func, target!, pixel, pass.input.channels, position), width);
        });
      });
    });
    return func;
  });
}

/** Kernel (g, dx, first block, last block): gradient of mean pooling, the windows over a pixel summed. */
export function averagePoolInput(
  constants: { readonly pool: PoolAttrs; readonly input: MapSize; readonly output: MapSize },
): Kernel {
  return kernel("averagePoolInput", constants, (features, { pool: { kernel: size, stride, pad }, input, output }) => {
    const func = new Func("averagePoolInput", features);
    const [g, dx, first, last] = func.params("g", "dx", "first", "last");
    const registers = micro(func);
    /** Windows i with i · stride − pad ≤ at < i · stride − pad + size. */
    const covering = (axis: 0 | 1, at: Int): TapRange => ({
      origin: func.let("origin", { type: "i32", bytes: [0x41, 0x00] }),
      first: func.let("first", div(add(max(add(at, pad[axis] - size[axis] + 1), 0), stride[axis] - 1), stride[axis])),
      last: func.let(
        "last",
        min(add(div(add(at, pad[axis]), stride[axis]), 1), axis === 0 ? output.height : output.width),
      ),
      empty: true,
    });
    overBlocks(func, [first, last], [g, dx], [mapBytes(output), mapBytes(input)], ([source, target]) => {
      func.for("row", 0, input.height, (i) => {
        const rows = covering(0, i);
        func.for("column", 0, input.width, (j) => {
          const columns = covering(1, j);
          overTiles(func, input.channels, (position, width) => {
            clearTile(func, registers, width);
            overWindow(func, output, rows, columns, source!, position, (at) => {
              join(func, registers, width, at, f.add);
            });
            scale(func, registers, width, 1 / (size[0] * size[1]));
            const pixel = func.let("pixel", add(mul(i, input.width), j));
            storeTile(func, registers, channelAt(func, target!, pixel, input.channels, position), width);
          });
        });
      });
    });
    return func;
  });
}

/** Kernel (x, g, dx, first block, last block): the gradient goes to the first maximum of each window. */
export function maxPoolInput(pass: Pass): Kernel {
  return kernel("maxPoolInput", pass, buildMaxPoolInput);
}

function buildMaxPoolInput(features: Features, pass: Pass): Func {
  const { input, output } = pass;
  const func = new Func("maxPoolInput", features);
  const [x, g, dx, first, last] = func.params("x", "g", "dx", "first", "last");
  const bytes = [mapBytes(input), mapBytes(output), mapBytes(input)];
  const [largest, rest, value, hit] = func.vectors("v", 4) as [
    Local<"v128">,
    Local<"v128">,
    Local<"v128">,
    Local<"v128">,
  ];
  overBlocks(func, [first, last], [x, g, dx], bytes, ([source, gradient, target]) => {
    nest(func, [{ count: bytes[0]! / f.vectorBytes, steps: [f.vectorBytes] }], [target!], ([at]) => {
      func.store(at!, f.splat(0));
    });
    const distance = func.let("distance", sub(target!, source!));
    overPixels(func, pass, ([rows, columns], pixel) => {
      func.for("half channel", 0, 2 * input.channels, (half) => {
        const shifted = func.let("shifted", add(source!, mul(half, f.vectorBytes)));
        func.set(largest, f.splat(-Infinity));
        overWindow(func, input, rows, columns, shifted, 0, (at) => func.set(largest, f.max(largest, f.load(at))));
        const place = add(mul(pixel, output.channels * laneBytes), mul(half, f.vectorBytes));
        func.set(rest, f.load(add(gradient!, place)));
        overWindow(func, input, rows, columns, shifted, 0, (at) => {
          const to = func.let("to", add(at, distance));
          func.set(hit, f.eq(f.load(at), largest));
          func.set(value, f.load(to));
          func.store(to, f.add(value, f.and(rest, hit)));
          func.set(rest, f.andNot(rest, hit));
        });
      });
    });
  });
  return func;
}

function overPixels(
  func: Func,
  pass: Pass,
  body: (ranges: readonly [TapRange, TapRange], pixel: Local<"i32">) => void,
): void {
  func.for("row", 0, pass.count[0], (i) => {
    const rows = tapRange(func, pass, 0, i);
    func.for("column", 0, pass.count[1], (j) => {
      body([rows, tapRange(func, pass, 1, j)], func.let("pixel", outputPixel(pass, i, j)));
    });
  });
}

/** Runs `body` for every tap inside the map, with the address of a tile of channels there. */
function overWindow(
  func: Func,
  { width, channels }: MapSize,
  rows: TapRange,
  columns: TapRange,
  source: Local<"i32">,
  position: Int,
  body: (at: Local<"i32">) => void,
): void {
  overTaps(func, rows, (row) => {
    const line = func.let("line", mul(add(rows.origin, row), width));
    overTaps(func, columns, (column) => {
      const pixel = add(line, add(columns.origin, column));
      body(channelAt(func, source, pixel, channels, position));
    });
  });
}

function channelAt(func: Func, map: Local<"i32">, pixel: Code<"i32">, channels: number, position: Int): Local<"i32"> {
  return func.let("at", add(map, mul(add(mul(pixel, channels), mul(position, tile)), laneBytes)));
}

function start(func: Func, { sums }: Micro, width: number, value: number): void {
  for (const sum of sums.slice(0, 2 * width)) func.set(sum, f.splat(value));
}

function join(
  func: Func,
  { sums }: Micro,
  width: number,
  at: Local<"i32">,
  by: (a: f.Vector, b: f.Vector) => f.Vector,
): void {
  sums.slice(0, 2 * width).forEach((sum, i) => func.set(sum, by(sum, f.load(at, i * f.vectorBytes))));
}

function scale(func: Func, { sums }: Micro, width: number, factor: number): void {
  for (const sum of sums.slice(0, 2 * width)) func.set(sum, f.mul(sum, f.splat(factor)));
}
