/**
 * Architectures that start from other weights.
 *
 * @module
 */

import type { Arch, Stage } from "../arch.ts";
import type { Init, Layer } from "../layers.ts";

/**
 * The same architecture under another name, with all weights of its convolutions and linear layers filled by one rule.
 * Biases and batch norms start as before.
 *
 * @example
 * ```ts
 * import { mobilenet_v1 } from "./mobilenet.ts";
 * import { withInit } from "./with_init.ts";
 * console.log(withInit(mobilenet_v1, { rule: "inverseFanIn" }, "mobilenet_v1_switokd").spots);
 * ```
 */
export function withInit<const Name extends string, Spot extends string, Classes extends number>(
  arch: Arch<string, Spot, Classes>,
  init: Init,
  name: Name,
): Arch<Name, Spot, Classes> {
  const stages = arch.stages.map(({ spot, layers }): Stage => Object.freeze({ spot, layers: started(layers, init) }));
  return Object.freeze({ ...arch, name, stages: Object.freeze(stages) });
}

function started(layers: readonly Layer[], init: Init): readonly Layer[] {
  return Object.freeze(layers.map((layer): Layer => {
    switch (layer.kind) {
      case "conv":
      case "transposedConv":
      case "linear":
        return Object.freeze({ ...layer, init: Object.freeze({ ...init, ...biasOf(layer.init) }) });
      case "sum":
      case "product":
      case "join":
        return Object.freeze({
          ...layer,
          branches: Object.freeze(layer.branches.map((branch) => started(branch, init))),
        });
      default:
        return layer;
    }
  }));
}

function biasOf({ bias }: Init): Pick<Init, "bias"> {
  return bias === undefined ? {} : { bias };
}
