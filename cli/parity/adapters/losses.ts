/**
 * Losses over class scores and maps, each with free inputs.
 *
 * @module
 */

import { cohort } from "../../../dsl/cohort.ts";
import { flatten, normalize } from "../../../dsl/expr.ts";
import {
  attentionLoss,
  attentionMap,
  crossEntropy,
  diversityFeatures,
  diversityLoss,
  kl,
} from "../../../dsl/losses.ts";
import { live, stop, type Value } from "../../../dsl/value.ts";
import { dml } from "../../../methods/dml.ts";
import {
  type LossAdapter,
  lossOf,
  type LossReplay,
  recordedInput,
  runs,
  shapeOf,
  tapsOnly,
  termOf,
} from "../loss_adapter.ts";
import type { LossFiles } from "../loss_format.ts";
import { ROUNDED_INPUTS } from "../rules.ts";
import { numberIn } from "../trace_format.ts";

/** Adapters of cases that are one function of their inputs. */
export const plainLosses: Readonly<Record<string, LossAdapter>> = {
  CE: (files) => ({
    ...single(crossEntropy(recordedInput("z", "logits"))),
    labels: "y",
    classes: shapeOf(files, "z")[1]!,
  }),
  KL: (files) => divergence(files, {}),
  OKDDip_KL_Loss: (files) => divergence(files, { open: true, epsilon: 1e-7 }),
  ONE_KLLoss: (files) => divergence(files, { epsilon: 1e-7 }),
  DML_two_nets: twoNets,
  attention_map: () => ({
    losses: {},
    outputs: {
      raw: attentionMap(recordedInput("x", "map")),
      normalized: normalize(flatten(attentionMap(recordedInput("x", "map"))), [1]),
    },
  }),
  attention_loss: () => ofMaps(attentionLoss(attentionMap(x), attentionMap(y))),
  feature_loss: () => ofMaps(attentionLoss(x, y)),
  fusion_loss: () => ofMaps(attentionLoss(attentionMap(x), stop(attentionMap(y)))),
  diversity_loss: () => ofMaps(diversityLoss(attentionMap(x), attentionMap(y))),
  diversity_target: () => ({ losses: {}, outputs: { target: diversityFeatures(y) } }),
};

const x = recordedInput("x", "map");
const y = recordedInput("y", "map");

function single(value: Value): LossReplay {
  return { losses: { loss: { value, factor: 1 } } };
}

/** A loss of maps, which the recordings hold rounded. */
function ofMaps(value: Value): LossReplay {
  return { ...single(value), exactness: ROUNDED_INPUTS };
}

function divergence(
  { recorded }: LossFiles,
  { open = false, epsilon = 0 }: { readonly open?: boolean; readonly epsilon?: number },
): LossReplay {
  const [student, target] = [recordedInput("s", "logits"), recordedInput("t", "logits")];
  return single(kl(student, open ? live(target) : target, { temperature: numberIn(recorded.config, "T"), epsilon }));
}

function twoNets(files: LossFiles): LossReplay {
  const arch = tapsOnly([1]);
  const { terms } = cohort(arch, 2).use(dml({ temperature: numberIn(files.recorded.config, "T") })).lower();
  const graph = { terms } as Parameters<typeof termOf>[0];
  return {
    losses: Object.fromEntries(terms.map(({ name }) => [name, lossOf(termOf(graph, name))])),
    scalars: { kl_0_from_1: "peer0/dml", kl_1_from_0: "peer1/dml" },
    labels: "y",
    classes: shapeOf(files, "z0")[1]!,
    standIn: (value) => [0, 1].map((i) => (runs(value, `peer${i}`, "logits") ? `z${i}` : undefined)).find(Boolean),
  };
}
