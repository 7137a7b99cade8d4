/**
 * Sums for batch norm that a convolution took while it wrote its output, brought into the form of chunks.
 *
 * @module
 */

import { type Features, Func } from "../../assembler/func.ts";
import * as f from "../../assembler/f32x4.ts";
import { add, mul } from "../../assembler/i32.ts";
import { chunkBlocks, horizontalSum, type Kernel, kernel, laneBytes, numberBytes, presentMasks } from "../kernel.ts";

/** Numbers of the sums of one block: [channels][2][8], of y − shift and of its square, for each sample. */
export function winogradSumsSize(channels: number): number {
  return channels * 2 * laneBytes / numberBytes;
}

/** Kernel (sums [blocks][channels][2][8], partial [chunks][2][channels], first chunk, last chunk, count). */
export function winogradStatistics(constants: { readonly channels: number; readonly chunk: number }): Kernel {
  return kernel("winogradStatistics", constants, build);
}

function build(
  features: Features,
  { channels, chunk }: { readonly channels: number; readonly chunk: number },
): Func {
  const func = new Func("winogradStatistics", features);
  const [sums, partial, first, last, count] = func.params("sums", "partial", "first", "last", "count");
  const block = winogradSumsSize(channels) * numberBytes;
  const total = func.local("v128", "total");
  func.for("chunk", first, last, (position) => {
    const [firstBlock, lastBlock] = chunkBlocks(func, position, chunk, count);
    const target = func.let("target", add(partial, mul(position, 2 * channels * numberBytes)));
    func.for("channel", 0, channels, (channel) => {
      for (const power of [0, 1]) {
        func.set(total, f.splat(0));
        func.for("block", firstBlock, lastBlock, (index) => {
          const at = func.let("at", add(sums, add(mul(index, block), mul(channel, 2 * laneBytes))));
          presentMasks(func, index, count).forEach((mask, half) => {
            func.set(total, f.add(total, f.and(f.load(at, power * laneBytes + half * f.vectorBytes), mask)));
          });
        });
        func.store(
          add(target, mul(channel, numberBytes)),
          horizontalSum(func, total),
          power * channels * numberBytes,
        );
      }
    });
  });
  return func;
}
