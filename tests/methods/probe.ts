/** Losses of numbers given by hand, in float64. @module */

import { inputNamed, recordedInput } from "../../cli/parity/loss_adapter.ts";
import { runProbe } from "../../cli/parity/probe.ts";
import type { Kind, Value } from "../../dsl/value.ts";
import { reference } from "../../runtime/backend/reference/reference.ts";
import type { Tensor } from "./evaluate.ts";

/** A tensor that {@linkcode probe} is given by this name. */
export function given<K extends Kind>(name: string, kind: K): Value<K> {
  return recordedInput(name, kind);
}

/** What {@linkcode probe} is told besides tensors. */
export interface Probed {
  /** Labels of the samples. */
  readonly labels?: readonly number[];
  /** Class count. */
  readonly classes?: number;
}

/** A loss, and its gradient with respect to every tensor that it reaches. */
export interface ProbedLoss {
  readonly loss: number;
  readonly gradients: Readonly<Record<string, readonly number[]>>;
}

/** Computes a loss of tensors by name. */
export async function probe(
  loss: Value,
  tensors: Readonly<Record<string, Tensor>>,
  { labels, classes = 2 }: Probed = {},
): Promise<ProbedLoss> {
  const entries = Object.entries(tensors);
  const { outputs } = await runProbe(
    {
      modules: [],
      inputs: Object.fromEntries(entries.map(([name, { shape }]) => [name, shape])),
      standIn: inputNamed,
      classes,
      batch: entries[0]![1].shape[0]!,
      losses: { loss },
      gradientOf: { loss: 1 },
    },
    {
      ...Object.fromEntries(
        entries.map(([name, { data }]) => [name, Float64Array.from(data) as unknown as Float32Array]),
      ),
      ...(labels === undefined ? {} : { labels: Uint16Array.from(labels) }),
    },
    new Map(),
    reference(),
  );
  const gradients = entries.flatMap(([name]) => {
    const values = outputs.get(`gradient/${name}`);
    return values === undefined ? [] : [[name, Array.from(values)] as const];
  });
  return { loss: outputs.get("loss/loss")![0]!, gradients: Object.fromEntries(gradients) };
}
