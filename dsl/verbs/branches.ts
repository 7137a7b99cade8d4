/**
 * `branches()`: nets that share everything up to a spot.
 *
 * @module
 */

import { SentenceError } from "../errors.ts";
import type { InitialStage, LossGraph, Trunk } from "../graph.ts";
import type { Site } from "../method.ts";
import type { Clause, Json, NetSpec } from "../spec.ts";
import { requireOneOf } from "./options.ts";

/** Options of `branches()` beside the spot. */
export interface BranchesOptions {
  /**
   * Whether gradients that enter the trunk are divided by the number of branches, so that it learns at the pace of a
   * single net; no. Song & Chai 2018 call it backpropagation rescaling.
   */
  readonly rescale?: boolean;
}

/** What `branches()` means when nothing more is said; `from` is always said. */
export const branchesDefaults: Required<BranchesOptions> = Object.freeze({ rescale: false });

/**
 * The options with everything filled in.
 *
 * @throws {OptionError} If `rescale` is neither true nor false.
 */
export function branchesOptions<O extends BranchesOptions>(options: O): O & Required<BranchesOptions> {
  const settings = { ...branchesDefaults, ...options };
  requireOneOf("branches()", "rescale", settings.rescale, [true, false]);
  return settings;
}

/** The trunk of a sentence; `undefined` where every net stands alone. A leader with a net of its own is outside. */
export function trunkOf(nets: readonly Pick<NetSpec, "id" | "role">[], clauses: readonly Clause[]): Trunk | undefined {
  const said = clauses.find(({ verb }) => verb === "branches")?.options;
  if (said === undefined) return undefined;
  const inside = nets.filter(({ role }) => !(role === "leader" && isOutside(said))).map(({ id }) => id);
  return Object.freeze({ id: "trunk", nets: Object.freeze(inside), from: String(said["from"]) });
}

/** Whether the options of `branches()` record that the leader has a net of its own. */
export function isOutside(options: { readonly [key: string]: Json }): boolean {
  return options["leader"] === "outside";
}

/** The trunk of `branches()`; its branches have no terms by it. */
export function lowerBranches({ trunk }: Site, { rescale }: BranchesOptions): Partial<LossGraph> {
  if (trunk === undefined) return {};
  return { trunks: [rescale === true ? rescaled(trunk) : trunk] };
}

/** A trunk that learns at the pace of a single net. */
export function rescaled(trunk: Trunk): Trunk {
  return Object.freeze({ ...trunk, scale: 1 / trunk.nets.length });
}

/**
 * The graph with trunks as learners in the place of their branches: what teaches a branch teaches the whole trunk,
 * wherever its gradient is not cut.
 *
 * @throws {SentenceError} If branches of one trunk would update one after the other.
 */
export function joinBranches(graph: LossGraph): LossGraph {
  const { trunks = [] } = graph;
  if (trunks.length === 0) return graph;
  const group = (id: string): string => trunks.find(({ nets }) => nets.includes(id))?.id ?? id;
  const groups = (ids: readonly string[]): readonly string[] => Object.freeze([...new Set(ids.map(group))]);
  const phases = graph.phases.map(groups).filter((phase) => phase.length > 0);
  for (const { id } of trunks) {
    const times = phases.filter((phase) => phase.includes(id)).length;
    if (times > 1) {
      throw new SentenceError(
        `Cannot lower branches(): branches of one trunk update together, got ${times} phases. ` +
          'Say order: "simultaneous", or start from cohort(...).',
      );
    }
  }
  return Object.freeze({
    ...graph,
    terms: Object.freeze(graph.terms.map((term) => Object.freeze({ ...term, learners: groups(term.learners) }))),
    aux: Object.freeze(graph.aux.map((module) => Object.freeze({ ...module, group: group(module.group) }))),
    switches: Object.freeze(graph.switches.map((said) => Object.freeze({ ...said, pauses: group(said.pauses) }))),
    phases: Object.freeze(phases),
    ...(graph.stages === undefined
      ? {}
      : { stages: Object.freeze(graph.stages.map((stage) => joinedStage(stage, trunks))) }),
  });
}

/** A stage whose branches share the same trunks. */
function joinedStage(stage: InitialStage, trunks: readonly Trunk[]): InitialStage {
  return Object.freeze({ ...stage, graph: joinBranches({ ...stage.graph, trunks }) });
}
