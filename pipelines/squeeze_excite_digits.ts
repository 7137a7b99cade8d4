/**
 * A net of one's own in FFSD: residual blocks with squeeze and excitation, on the embedded handwritten digits.
 *
 * ```sh
 * deno run --allow-read --allow-write=runs pipelines/squeeze_excite_digits.ts
 * ```
 *
 * An architecture is data: stages that end at named places, each a list of layers of the vocabulary (`dsl/layers.ts`).
 * Names of convolutions, batch norms and linear layers become the names of their tensors in weight files. The places
 * `embedding` and `logits` are those of every classifier; `spots` are where methods look unless told otherwise, shallow
 * first, and `preActivations` tells where their maps are in front of the ReLU. A width of `"classes"` is bound by the
 * dataset. `deno task cohort summary pipelines/squeeze_excite_digits.ts` tells what became of it.
 *
 * Three blocks as in ResNet-8 (He et al. 2016), each with a gate of its channels; reduction 4, as the nets are small.
 * Batch 32 and 24 epochs as in `ffsd_digits.ts`.
 *
 * Source: Hu, Shen, Sun 2018, section 3, for the blocks; Li et al. 2022 (FFSD) for the method.
 *
 * @module
 */

import {
  type AnyPipeline,
  type Arch,
  batchNorm,
  cohort,
  conv,
  defineArch,
  digits,
  globalPool,
  type Layer,
  linear,
  product,
  relu,
  run,
  sigmoid,
  sum,
} from "../mod.ts";

const net: Arch<"se_resnet8", "layer1" | "layer2" | "layer3"> = defineArch("se_resnet8", [
  { spot: "stem", layers: [conv("conv1", 16), batchNorm("bn1"), relu] },
  { spot: "layer1_pre", layers: [excitedBlock("layer1", { inputs: 16, out: 16 })] },
  { spot: "layer1", layers: [relu] },
  { spot: "layer2_pre", layers: [excitedBlock("layer2", { inputs: 16, out: 32 })] },
  { spot: "layer2", layers: [relu] },
  { spot: "layer3_pre", layers: [excitedBlock("layer3", { inputs: 32, out: 64 })] },
  { spot: "layer3", layers: [relu] },
  { spot: "embedding", layers: [globalPool] },
  { spot: "logits", layers: [linear("fc", "classes")] },
], {
  spots: ["layer1", "layer2", "layer3"],
  preActivations: { layer1: "layer1_pre", layer2: "layer2_pre", layer3: "layer3_pre" },
});

/** A residual block whose path is multiplied, channel by channel, by what its own channel means say. */
function excitedBlock(name: string, { inputs, out }: { readonly inputs: number; readonly out: number }): Layer {
  const stride = inputs === out ? 1 : 2;
  const gate = [
    globalPool,
    linear(`${name}.se.fc1`, out / 4),
    relu,
    linear(`${name}.se.fc2`, out),
    sigmoid,
  ];
  const path = [
    conv(`${name}.conv1`, out, { stride }),
    batchNorm(`${name}.bn1`),
    relu,
    conv(`${name}.conv2`, out),
    batchNorm(`${name}.bn2`),
    product([], gate),
  ];
  const around = stride === 1 ? [] : [
    conv(`${name}.downsample.0`, out, { kernel: 1, stride }),
    batchNorm(`${name}.downsample.1`),
  ];
  return sum(path, around);
}

const pipeline: AnyPipeline = cohort(net, 3).leader().fuse().selfDistill()
  .on(digits())
  .train({ epochs: 24, batch: 32 });

export default pipeline;

if (import.meta.main) await run(pipeline);
