/**
 * Residual blocks, for the families that are made of them.
 *
 * @module
 */

import { batchNorm, conv, type Init, type Layer, padChannels, pool, relu, sum } from "../layers.ts";

/** Two 3×3 convolutions, or 1×1, 3×3 and 1×1 with four times the width at the end. */
export type BlockKind = "basic" | "bottleneck";

/** Channels at the end of a block over the width of its stage. */
export const expansion: Readonly<Record<BlockKind, number>> = Object.freeze({ basic: 1, bottleneck: 4 });

/** What a block is made of. */
export interface BlockOptions {
  /** Its kind. */
  readonly block: BlockKind;
  /** PyTorch's name of the block. */
  readonly name: string;
  /** Channels it reads. */
  readonly inputs: number;
  /** Width of its stage. */
  readonly width: number;
  /** Step of its 3×3 convolution, the first of a basic block. */
  readonly stride: number;
  /** Rule that fills its convolutions. */
  readonly init: Init;
  /**
   * Way around it where the shape changes: the name of a strided 1×1 convolution and batch norm (type B of He et al.
   * 2016), or `"A"`, which has no parameters: every second row and column, and channels of zeros, half of them on either
   * side.
   */
  readonly shortcut: { readonly projection: string } | "A";
}

/** The sum of a residual block, without the ReLU behind it. */
export function residualSum(options: BlockOptions): Layer {
  const { block, name, inputs, width, stride, init } = options;
  const path = block === "basic"
    ? [
      conv(`${name}.conv1`, width, { stride, init }),
      batchNorm(`${name}.bn1`),
      relu,
      conv(`${name}.conv2`, width, { init }),
      batchNorm(`${name}.bn2`),
    ]
    : [
      conv(`${name}.conv1`, width, { kernel: 1, init }),
      batchNorm(`${name}.bn1`),
      relu,
      conv(`${name}.conv2`, width, { stride, init }),
      batchNorm(`${name}.bn2`),
      relu,
      conv(`${name}.conv3`, width * expansion.bottleneck, { kernel: 1, init }),
      batchNorm(`${name}.bn3`),
    ];
  const changes = stride !== 1 || inputs !== width * expansion[block];
  return sum(path, changes ? around(options) : []);
}

function around({ block, name, inputs, width, stride, init, shortcut }: BlockOptions): readonly Layer[] {
  const out = width * expansion[block];
  if (shortcut !== "A") {
    const { projection } = shortcut;
    return [
      conv(`${name}.${projection}.0`, out, { kernel: 1, stride, init }),
      batchNorm(`${name}.${projection}.1`),
    ];
  }
  const before = (out - inputs) >> 1;
  return [
    ...(stride === 1 ? [] : [pool("average", 1, { stride })]),
    ...(out === inputs ? [] : [padChannels(before, out - inputs - before)]),
  ];
}

/** What the blocks of a stage have in common. */
export interface StageOptions extends Omit<BlockOptions, "name" | "stride"> {
  /** PyTorch's name of the stage. */
  readonly stage: string;
  /** Number of blocks. */
  readonly blocks: number;
  /** Step of the first block. */
  readonly stride: number;
}

/** The blocks of a stage, up to the last sum: the ReLU behind it is left out. */
export function residualStage({ stage, blocks, stride, inputs, ...block }: StageOptions): readonly Layer[] {
  return Array.from({ length: blocks }, (_, i) => {
    const first = i === 0;
    const sums = residualSum({
      ...block,
      name: `${stage}.${i}`,
      inputs: first ? inputs : block.width * expansion[block.block],
      stride: first ? stride : 1,
    });
    return i === blocks - 1 ? [sums] : [sums, relu];
  }).flat();
}
