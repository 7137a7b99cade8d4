/**
 * What traces of branches have in common: the recorded net, its tensors' names, and targets that are looked at.
 *
 * @module
 */

import { type Arch, stageIndex } from "../../dsl/arch.ts";
import { parameterShapes } from "../../dsl/archs/mod.ts";
import type { Head, LossGraph } from "../../dsl/graph.ts";
import type { Value } from "../../dsl/value.ts";
import type { Shape } from "../../runtime/ir/node.ts";
import { archOf, type Replay, type StepView, unweighted } from "./adapter.ts";
import { branchName, branchNames } from "./branched.ts";
import { withBlocks } from "./model_nets.ts";
import type { Trace } from "./trace_format.ts";

/** Added to target probabilities in the repositories of ONE and OKDDip. */
export const EPSILON = 1e-7;

/** A recorded net of branches. */
export interface RecordedBranches {
  readonly arch: Arch;
  readonly branches: number;
  /** Last spot they share. */
  readonly from: string;
  /** Number of the first branch in names. */
  readonly first: number;
  /** Prefixes of the branches' tensors, then of the trunk's. */
  prefixes(ids: readonly string[]): Replay["prefixes"];
}

/** The branches of a trace's model, or the reason why they do not exist yet. */
export function branchesOf({ nets, init, batches }: Trace): RecordedBranches | string {
  const model = nets["model"];
  if (model?.family !== "branched" || model.base === undefined) return "only branches of one net exist";
  const arch = archOf(withBlocks(model.base, tensorsOf(init, "model/")));
  if (typeof arch === "string") return arch;
  const { branches = NaN, shared_through: from = "" } = model;
  const names = branchNames((tensor) => init.tensors[`model/${tensor}`] !== undefined);
  if (names === undefined || !(branches >= 2)) return "branches of other names do not exist yet";
  const cut = stageIndex(arch.name, arch.stages, from) + 1;
  const own = { ...arch, stages: arch.stages.slice(0, cut) };
  const shared = new Set(parameterShapes(own, { classes: batches.C }).map(({ name }) => name));
  const parts = new Set(
    parameterShapes(arch, { classes: batches.C }).filter(({ name }) => !shared.has(name)).map(({ name }) =>
      name.slice(0, name.indexOf(".") + 1)
    ),
  );
  return {
    arch,
    branches,
    from,
    first: names.from,
    prefixes: (ids) => [
      ...ids.flatMap((id, i) =>
        [...parts].map((part) => [`model/${branchName(part, names, i)}`, `${id}/${part}`] as const)
      ),
      ["model/", "trunk/"],
    ],
  };
}

/** Shapes of the initial tensors behind a prefix. */
export function tensorsOf({ tensors }: Trace["init"], prefix: string): Readonly<Record<string, Shape>> {
  return Object.fromEntries(
    Object.entries(tensors).flatMap(([name, { shape }]) =>
      name.startsWith(prefix) ? [[name.slice(prefix.length), shape]] : []
    ),
  );
}

/** The targets of terms, as heads called `target/<term>`: recordings have them beside the class scores. */
export function targetsOf({ terms }: LossGraph, names: readonly string[]): readonly Head[] {
  return names.map((name) => {
    const target = terms.find((term) => term.name === name)!.loss.of[1]!;
    return { name: `target/${name}`, logits: (target.of[0] ?? target) as Value<"logits"> };
  });
}

/** Sum of terms without their weights; `undefined` where a weight is 0 and nothing can be told. */
export function sumOf(step: StepView, terms: readonly string[]): number | undefined {
  const values = terms.map((name) => unweighted(step, name));
  return values.includes(undefined) ? undefined : values.reduce<number>((sum, value) => sum + value!, 0);
}

/** One entry for each of these, `branch0_ce` and the like. */
export function each(
  step: StepView,
  entries: readonly (readonly [recorded: string, ours: string])[],
): Readonly<Record<string, number | undefined>> {
  return Object.fromEntries(entries.map(([recorded, ours]) => [recorded, unweighted(step, ours)]));
}
