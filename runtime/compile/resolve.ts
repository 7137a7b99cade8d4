/**
 * Phase 3, resolve: a loss graph bound to shapes. Nets exist, taps exist, class counts agree, groups are known.
 *
 * @module
 */

import { type Arch, type Stage, stageIndex } from "../../dsl/arch.ts";
import { ClassCountError, CohortError, didYouMean, OptionError, UnknownNameError } from "../../dsl/errors.ts";
import type { LossGraph, OptimizerOverride, Role, Trunk } from "../../dsl/graph.ts";
import { equalJson } from "../../dsl/json.ts";
import type { Layer } from "../../dsl/layers.ts";
import type { NetSpec } from "../../dsl/spec.ts";
import { GraphBuilder } from "../ir/builder.ts";
import type { Shape } from "../ir/node.ts";
import { keptTensors } from "./kept.ts";
import { ModuleRunner, type ParameterEntry } from "./net.ts";

/** What the compiler is given. */
export interface CompileInput {
  /** Nets of the sentence. */
  readonly nets: readonly NetSpec[];
  /** Architectures by the names the nets use. */
  readonly archs: { readonly [name: string]: Arch };
  /** What to minimise. */
  readonly graph: LossGraph;
  /** Class count of the dataset. */
  readonly classes: number;
  /** Channels, height, width of an image. */
  readonly shape: readonly [number, number, number];
  /** Largest batch. */
  readonly batch: number;
  /** Number of training images, for kept tensors that have a row for each. */
  readonly samples?: number;
  /** Whether images are mixed, so that each has a second label with a weight; false unless said. */
  readonly mixed?: boolean;
}

/** A net or auxiliary module, ready to be run. */
export interface PlannedModule {
  /** Name, unique among nets and modules. */
  readonly id: string;
  /** Parameter group that trains it. */
  readonly group: string;
  /** Whether it is a member of the sentence, what members share, or stands beside them. */
  readonly kind: "net" | "trunk" | "aux";
  /** Role of a member; a module has none. */
  readonly role?: Role;
  /** Its layers, in stages that end at spots. */
  readonly stages: readonly Stage[];
  /** Module that owns the first stages of a branch, how many, and what gradients that enter it are multiplied by. */
  readonly trunk?: { readonly id: string; readonly stages: number; readonly scale: number };
  /** Whether some term teaches it. */
  readonly learns: boolean;
}

/** The bound problem. */
export interface Plan {
  /** What to minimise. */
  readonly graph: LossGraph;
  /** Nets, then modules. */
  readonly modules: readonly PlannedModule[];
  /** Parameter groups that learn, in order of update. */
  readonly groups: readonly PlannedGroup[];
  /** Class count of the dataset. */
  readonly classes: number;
  /** Channels, height, width of an image. */
  readonly shape: readonly [number, number, number];
  /** Largest batch. */
  readonly batch: number;
  /** Tensors that the graph keeps from step to step. */
  readonly kept: readonly ParameterEntry[];
  /** Whether each image has a second label with a weight. */
  readonly mixed?: boolean;
  /** Per net: shape of every spot for one batch. */
  readonly spots: { readonly [net: string]: { readonly [spot: string]: Shape } };
  /** Per net: parameters and buffers. */
  readonly state: { readonly [net: string]: readonly ParameterEntry[] };
}

/** A parameter group. */
export interface PlannedGroup {
  /** Name: a net's, a module's of its own, or a further one of either. */
  readonly id: string;
  /** Group whose parameters it updates; itself unless it is a further one. */
  readonly of: string;
  /** Nets and modules whose parameters it updates. */
  readonly modules: readonly string[];
  /** Position of its phase in the step, from 0. */
  readonly phase: number;
  /** Where its optimizer differs from the run's. */
  readonly override: OptimizerOverride;
}

/**
 * Binds a loss graph to architectures and shapes.
 *
 * @throws {OptionError} If the batch is 1 and a net has batch norm.
 * @throws {ClassCountError} If a net was built for another class count than the dataset has.
 * @throws {UnknownNameError} If a term names a group that does not exist.
 * @throws {CohortError} If nets of one trunk differ in the stages they share.
 */
export function resolve(input: CompileInput): Plan {
  const { graph, classes, shape, batch, mixed = false } = input;
  const { trunks = [] } = graph;
  const base = new Map((graph.groups ?? []).map(({ id, of }) => [id, of]));
  const learners = new Set(graph.terms.flatMap((term) => term.learners).map((id) => base.get(id) ?? id));
  const nets = input.nets.map((net): PlannedModule => {
    const arch = input.archs[net.arch];
    if (arch === undefined) {
      throw new UnknownNameError(
        `Cannot build ${net.id}: its architecture is not known, got "${net.arch}".${
          didYouMean(net.arch, Object.keys(input.archs))
        }`,
      );
    }
    if (arch.classes !== undefined && arch.classes !== classes) {
      throw new ClassCountError(
        `Cannot build ${net.id}: ${arch.name} was built for ${arch.classes} classes, got ${classes} from the dataset. ` +
          `Leave the class count open or choose another dataset.`,
      );
    }
    const trunk = trunks.find(({ nets }) => nets.includes(net.id));
    const group = trunk?.id ?? net.id;
    return {
      id: net.id,
      group,
      kind: "net",
      role: net.role,
      stages: arch.stages,
      ...(trunk === undefined ? {} : { trunk: shareOf(trunk, net.id, arch.stages) }),
      learns: learners.has(group),
    };
  });
  const shared = trunks.map((trunk): PlannedModule => ({
    id: trunk.id,
    group: trunk.id,
    kind: "trunk",
    stages: sharedStages(trunk, nets),
    learns: learners.has(trunk.id),
  }));
  const aux = graph.aux.map((module): PlannedModule => ({
    id: module.id,
    group: module.group,
    kind: "aux",
    stages: module.stages,
    learns: learners.has(module.group),
  }));
  const modules = [...nets, ...shared, ...aux];
  checkBatch(modules, batch);
  const groups = planGroups(graph, modules);
  const spots: Record<string, Record<string, Shape>> = {};
  const state: Record<string, readonly ParameterEntry[]> = {};
  for (const net of nets) {
    const probe = new ModuleRunner(new GraphBuilder(), { classes, sizeAt: () => undefined, version: () => 0 });
    const images = probe.builder.input("images/0", [batch, ...shape]);
    const shapes: Record<string, Shape> = {};
    let at = images;
    net.stages.forEach((stage, i) => {
      at = rethrow(
        `Cannot build ${net.id} at "${stage.spot}" for images of ${shape.join("×")}`,
        () => probe.stage(ownerOf(net, i), stage, at, "train"),
      );
      shapes[stage.spot] = probe.builder.shape(at);
    });
    const width = shapes.logits?.[1];
    if (width !== undefined && width !== classes) {
      throw new ClassCountError(
        `Cannot build ${net.id}: its last layer has ${width} outputs, got ${classes} classes from the dataset. ` +
          `Give that layer the width "classes".`,
      );
    }
    spots[net.id] = shapes;
    state[net.id] = probe.entries();
  }
  const kept = keptTensors(graph, input.samples);
  return Object.freeze({ graph, modules, groups, classes, shape, batch, mixed, spots, state, kept });
}

/** The module that owns a stage: of a branch's first stages the trunk. */
export function ownerOf({ id, trunk }: PlannedModule, stage: number): string {
  return trunk !== undefined && stage < trunk.stages ? trunk.id : id;
}

function shareOf(
  { id, from, scale = 1 }: Trunk,
  net: string,
  stages: readonly Stage[],
): PlannedModule["trunk"] & object {
  return { id, stages: stageIndex(net, stages, from) + 1, scale };
}

function sharedStages({ id, nets: branches }: Trunk, nets: readonly PlannedModule[]): readonly Stage[] {
  const [first, ...others] = nets.filter((net) => branches.includes(net.id)).map(({ stages, trunk }) =>
    stages.slice(0, trunk!.stages)
  );
  if (first === undefined || others.some((stages) => !equalJson(stages, first))) {
    throw new CohortError(
      `Cannot build ${id}: ${branches.join(", ")} share its stages, got ${
        first === undefined ? "no such net" : "different ones"
      }. Give them one architecture.`,
    );
  }
  return first;
}

function planGroups(graph: LossGraph, modules: readonly PlannedModule[]): PlannedGroup[] {
  const further = graph.groups ?? [];
  const own = [...new Set(modules.map((module) => module.group))];
  const known = [...own, ...further.map(({ id }) => id)];
  const listed = graph.phases.flat();
  for (
    const id of [
      ...graph.terms.flatMap((term) => term.learners),
      ...listed,
      ...graph.switches.map((s) => s.pauses),
      ...further.map(({ of }) => of),
    ]
  ) {
    if (!known.includes(id)) {
      throw new UnknownNameError(
        `Cannot train "${id}": a learner is a net or a module of the sentence.${didYouMean(id, known)}`,
      );
    }
  }
  for (const id of new Set(graph.terms.flatMap((term) => term.learners))) {
    const times = listed.filter((name) => name === id).length;
    if (times !== 1) {
      throw new CohortError(`Cannot order updates: every learner updates once a step, got "${id}" ${times} times.`);
    }
  }
  return graph.phases.flatMap((phase, index) =>
    phase.map((id): PlannedGroup => {
      const second = further.find((group) => group.id === id);
      const of = second?.of ?? id;
      return {
        id,
        of,
        phase: index,
        modules: modules.filter((module) => module.group === of).map((module) => module.id),
        override: second?.optimizer ?? (second === undefined ? overrideOf(graph, modules, id) : {}),
      };
    })
  );
}

/** Changes that a group's own module asks for, or the first of its modules that asks for any, where no net owns it. */
function overrideOf({ aux }: LossGraph, modules: readonly PlannedModule[], group: string): OptimizerOverride {
  const own = aux.find((module) => module.id === group);
  const shared = modules.some(({ id, kind }) => id === group && kind === "net");
  const first = shared ? undefined : aux.find((module) => module.group === group && module.optimizer !== undefined);
  return (own ?? first)?.optimizer ?? {};
}

function checkBatch(modules: readonly PlannedModule[], batch: number): void {
  if (!Number.isInteger(batch) || batch < 1) {
    throw new OptionError(`Cannot compile a step: batch is a whole number of at least 1, got ${batch}.`);
  }
  const normed = modules.find((module) => module.stages.some((stage) => stage.layers.some(hasBatchNorm)));
  if (batch === 1 && normed !== undefined) {
    throw new OptionError(
      `Cannot train ${normed.id} with a batch of 1: batch norm needs at least 2 images, got 1. Use batch: 2 or more.`,
    );
  }
}

function hasBatchNorm(layer: Layer): boolean {
  if ("branches" in layer) return layer.branches.some((branch) => branch.some(hasBatchNorm));
  return layer.kind === "batchNorm";
}

function rethrow<T>(what: string, body: () => T): T {
  try {
    return body();
  } catch (error) {
    if (!(error instanceof CohortError)) throw error;
    const Same = error.constructor as new (message: string) => CohortError;
    throw new Same(`${what}: ${error.message.replace(/^Cannot /, "cannot ")}`);
  }
}
