/**
 * DenseNet for small images (Huang et al. 2017), plain and with bottlenecks and compression (BC).
 *
 * @module
 */

import { type Arch, defineArch, type Stage } from "../arch.ts";
import { OptionError } from "../errors.ts";
import { batchNorm, conv, globalPool, join, type Layer, linear, pool, relu } from "../layers.ts";

/** Distillation spots of DenseNet: the ends of two dense blocks, and the last batch norm and ReLU. */
export type DensenetSpot = "dense1" | "dense2" | "relu";

/** Options of {@linkcode densenet}. */
export interface DensenetOptions<Name extends string = string> {
  /** Channels that each layer adds; 12. */
  readonly growth?: number;
  /** Share of channels that a transition keeps, rounded down; 1, or 0.5 with bottlenecks. */
  readonly compression?: number;
  /** Whether a 1×1 convolution to four times the growth goes before each 3×3 ("BC"); no unless said. */
  readonly bottleneck?: boolean;
  /** Name in sentences and files; made of depth, growth and kind unless said. */
  readonly name?: Name;
}

/**
 * DenseNet of depth 3n + 4 (6n + 4 with bottlenecks): a 3×3 stem of twice the growth, then three dense blocks of n
 * layers, each of which adds its channels (batch norm, ReLU, convolution) to all those before; between the blocks, batch
 * norm, ReLU, a 1×1 convolution and 2×2 average pooling.
 *
 * Reads [B, C, H, W] of any size; spots `dense1` and `dense2` in front of the transitions, `relu` behind the last batch
 * norm and ReLU (`relu_pre` between the two), `embedding` and `logits` [B, K]. Convolutions start from
 * N(0, 2 / (k² · out)), the classifier from PyTorch's default.
 *
 * @throws {OptionError} If the depth fits no number of layers, or growth or compression are outside their range.
 *
 * @example
 * ```ts
 * import { densenet } from "./densenet.ts";
 * console.log(densenet(40).name, densenet(100, { bottleneck: true }).name); // densenet_40_12 densenet_100_12_bc
 * ```
 *
 * Source: Huang, Liu, van der Maaten, Weinberger 2017, section 3; spots as in the released code of Li et al. 2022
 * (FFSD). The BC kind of 40 layers is that of Chen et al. 2020 (OKDDip). Dropout is left out: both train without.
 */
export function densenet<const Depth extends number>(depth: Depth): Arch<`densenet_${Depth}_12`, DensenetSpot>;
/** The same with another growth, compression, kind or name. */
export function densenet<const Name extends string = string>(
  depth: number,
  options: DensenetOptions<Name>,
): Arch<Name, DensenetSpot>;
export function densenet(depth: number, options: DensenetOptions = {}): Arch<string, DensenetSpot> {
  const { growth = 12, bottleneck = false, compression = bottleneck ? 0.5 : 1 } = options;
  const count = (depth - 4) / (bottleneck ? 6 : 3);
  check(depth, { count, growth, compression, bottleneck });
  let channels = 2 * growth;
  const stages: Stage[] = [{ spot: "stem", layers: [conv("conv1", channels, { init })] }];
  for (const index of [1, 2, 3]) {
    const layers = Array.from({ length: count }, (_, i) => dense(`dense${index}.${i}`, growth, bottleneck));
    channels += count * growth;
    stages.push({ spot: `dense${index}`, layers });
    if (index === 3) break;
    channels = Math.floor(channels * compression);
    stages.push({ spot: `trans${index}`, layers: transition(`trans${index}`, channels) });
  }
  stages.push(
    { spot: "relu_pre", layers: [batchNorm("bn")] },
    { spot: "relu", layers: [relu] },
    { spot: "embedding", layers: [globalPool] },
    { spot: "logits", layers: [linear("fc", "classes")] },
  );
  const keeps = compression === (bottleneck ? 0.5 : 1) ? "" : `_${compression}`;
  return defineArch(options.name ?? `densenet_${depth}_${growth}${bottleneck ? "_bc" : ""}${keeps}`, stages, {
    spots: ["dense1", "dense2", "relu"],
    preActivations: { relu: "relu_pre" },
    options: { family: "densenet", depth, growth, compression, bottleneck },
  });
}

const init = { rule: "heOut" } as const;

function dense(name: string, growth: number, bottleneck: boolean): Layer {
  const squeeze = [conv(`${name}.conv1`, 4 * growth, { kernel: 1, init }), batchNorm(`${name}.bn2`), relu];
  return join([], [
    batchNorm(`${name}.bn1`),
    relu,
    ...(bottleneck ? squeeze : []),
    conv(`${name}.conv${bottleneck ? 2 : 1}`, growth, { init }),
  ]);
}

function transition(name: string, channels: number): readonly Layer[] {
  return [batchNorm(`${name}.bn1`), relu, conv(`${name}.conv1`, channels, { kernel: 1, init }), pool("average", 2)];
}

function check(
  depth: number,
  { count, growth, compression, bottleneck }: Required<Omit<DensenetOptions, "name">> & { readonly count: number },
): void {
  if (!Number.isInteger(count) || count < 1) {
    throw new OptionError(
      `Cannot make DenseNet: its depth is ${bottleneck ? 6 : 3}n + 4 with n ≥ 1, got ${depth}. Say ${
        bottleneck ? "40 or 100" : "22 or 40"
      }.`,
    );
  }
  if (!Number.isInteger(growth) || growth < 1) {
    throw new OptionError(`Cannot make DenseNet: its growth is a positive integer, got ${growth}. Say 12.`);
  }
  if (!(compression > 0 && compression <= 1)) {
    throw new OptionError(
      `Cannot make DenseNet: a transition keeps a share above 0 and up to 1, got ${compression}. Say 0.5 or 1.`,
    );
  }
}

/** DenseNet of 40 layers and growth 12, 1.10 M parameters at 100 classes. */
export const densenet_40_12: Arch<"densenet_40_12", DensenetSpot> = densenet(40);
/** The same with bottlenecks and compression 0.5, 0.19 M parameters at 100 classes. */
export const densenet_40_12_bc: Arch<"densenet_40_12_bc", DensenetSpot> = densenet(40, {
  bottleneck: true,
  name: "densenet_40_12_bc",
});
