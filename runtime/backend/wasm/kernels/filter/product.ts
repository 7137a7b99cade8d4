/**
 * Filter gradient of a convolution as products of matrices: dw[o][c][r][t] = Σ over pixels and samples of g · x.
 *
 * @module
 */

import { type Features, Func, type Local } from "../../assembler/func.ts";
import * as f from "../../assembler/f32x4.ts";
import { add, int, lt, mul } from "../../assembler/i32.ts";
import { chunkBlocks, type Kernel, kernel, nest, numberBytes } from "../kernel.ts";
import { tile } from "../micro.ts";
import { multiply } from "./multiply.ts";
import { type FilterConstants, planOf, wide } from "./plan.ts";
import { type Context, overParts, overRuns, turnInputs, turnOutputs } from "./run.ts";

type Pointer = Local<"i32">;

/**
 * Kernel (x, g, scratch, partial [chunks][taps][outputs][inputs of a group], first chunk, last chunk, count[, scale,
 * shift]).
 */
export function filterProduct(constants: FilterConstants): Kernel {
  return kernel("filterProduct", constants, build);
}

/** Numbers of scratch memory of `filterProduct`, for each thread. */
export function filterProductScratch(constants: FilterConstants): number {
  const { inputTiles, outputTiles, input, output } = planOf(constants);
  return (inputTiles * input.tile + outputTiles * output.tile) / numberBytes;
}

function build(features: Features, constants: FilterConstants): Func {
  const { output, groups, kernel: [height, width], chunk, normalize } = constants;
  const plan = planOf(constants);
  const func = new Func("filterProduct", features);
  const [x, g, inputs, partial, first, last, count] = func.params(
    "x",
    "g",
    "scratch",
    "partial",
    "first",
    "last",
    "count",
  );
  const tables = normalize && func.params("scale", "shift");
  const prologue = normalize && { scale: tables![0], shift: tables![1], activation: normalize };
  const outputs = func.let("outputs", add(inputs, plan.inputTiles * plan.input.tile));
  const [result, fresh] = [func.local("i32", "result"), func.local("i32", "fresh")];
  const context: Context = { func, constants, plan, x, g, inputs, outputs, result, count, fresh, prologue };
  const size = output.channels * plan.from * height * width;
  func.for("chunk", first, last, (position) => {
    const [firstBlock, lastBlock] = chunkBlocks(func, position, chunk, count);
    func.set(result, add(partial, mul(position, size * numberBytes)));
    func.if(lt(firstBlock, lastBlock), () => {
      func.for("group", 0, groups, (group) => {
        overParts(func, plan.from, wide, plan.inputTiles, (part) => {
          func.set(fresh, int(1));
          overRuns(context, firstBlock, lastBlock, (run) => {
            turnInputs(context, run, group, part);
            overParts(func, plan.to, tile, plan.outputTiles, (outputPart) => {
              turnOutputs(context, run, group, outputPart);
              multiply(context, run, group, part, outputPart);
            });
            func.set(fresh, int(0));
          });
        });
      });
    }, () => clear(func, result, size));
  });
  return func;
}

function clear(func: Func, start: Pointer, numbers: number): void {
  const at = func.let("at", start);
  nest(func, [{ count: Math.floor(numbers / 4), steps: [f.vectorBytes] }], [at], ([to]) => {
    func.store(to!, f.splat(0));
  });
  for (let i = 0; i < numbers % 4; i++) func.store(at, int(0), (numbers - numbers % 4 + i) * numberBytes);
}
