/**
 * Compiles values by themselves: named tensors in, values and gradients out. For comparing losses and nets with
 * recorded numbers; training compiles whole sentences.
 *
 * @module
 */

import { emptyGraph, type LossGraph } from "../../dsl/graph.ts";
import type { Value } from "../../dsl/value.ts";
import type { Shape } from "../ir/node.ts";
import type { Effect, StateEntry, StepProgram } from "../ir/program.ts";
import { differentiate } from "./differentiate.ts";
import { fuse } from "./fuse.ts";
import { keptTensors, updateOfState } from "./kept.ts";
import type { ParameterEntry } from "./net.ts";
import type { Plan, PlannedModule } from "./resolve.ts";
import { segment } from "./segments.ts";
import { Translator } from "./terms.ts";
import { verify } from "./verify.ts";

/** What is probed. */
export interface ProbeInput {
  /** Nets and modules that values run. */
  readonly modules: readonly Pick<PlannedModule, "id" | "stages">[];
  /** Tensors that are fed; axis 0 is the batch. `labels` and `images/0` are fed besides where values read them. */
  readonly inputs: Readonly<Record<string, Shape>>;
  /** Name of the fed tensor that takes the place of a value, if one does. */
  readonly standIn?: (value: Value) => string | undefined;
  readonly classes: number;
  readonly batch: number;
  /** Channels, height, width of `images/0`. */
  readonly shape?: readonly [number, number, number];
  /** Shapes of spots for layers that take the size of another net's map. */
  readonly spots?: Plan["spots"];
  /** Tensors kept from run to run, and what a run makes of them. */
  readonly kept?: Pick<LossGraph, "state" | "updates">;
  /** Rows of kept tensors that have one for each training image. */
  readonly samples?: number;
  /** Values that are read as they are. */
  readonly outputs?: Readonly<Record<string, Value>>;
  /** Losses that are averaged over the batch and read as one number. */
  readonly losses?: Readonly<Record<string, Value>>;
  /** Loss of {@linkcode ProbeInput.losses}, or factors of several, whose gradients are wanted. */
  readonly gradientOf?: Readonly<Record<string, number>>;
}

/** A compiled probe. */
export interface Probe {
  /** Outputs `output/<name>`, `loss/<name>`, `gradient/<input or parameter>`; absent gradients are zero. */
  readonly program: StepProgram;
  /** Parameters and buffers of the modules; a run advances buffers that a train-mode forward reads. */
  readonly parameters: readonly ParameterEntry[];
  readonly state: readonly StateEntry[];
  /** Shape of every output. */
  readonly shapes: Readonly<Record<string, Shape>>;
}

/** Compiles a probe. */
export function compileProbe(input: ProbeInput): Probe {
  const plan: Plan = Object.freeze({
    graph: { ...emptyGraph, ...input.kept },
    modules: input.modules.map(({ id, stages }): PlannedModule => ({
      id,
      group: id,
      kind: "net",
      stages,
      learns: false,
    })),
    groups: [],
    classes: input.classes,
    shape: input.shape ?? ([0, 0, 0] as const),
    batch: input.batch,
    spots: input.spots ?? {},
    state: {},
    kept: keptTensors(input.kept ?? {}, input.samples),
  });
  const translator = new StandIns(plan, input);
  const b = translator.builder;
  const outputs: Record<string, number> = {};
  for (const [name, value] of Object.entries(input.outputs ?? {})) outputs[`output/${name}`] = translator.value(value);
  for (const [name, value] of Object.entries(input.losses ?? {})) outputs[`loss/${name}`] = translator.scalar(value);
  const assigns = translator.runner.updates().map(({ buffer, node }): Effect => ({
    kind: "assign",
    state: buffer,
    node,
  }));
  for (const update of input.kept?.updates ?? []) {
    assigns.push(updateOfState(update, (value) => translator.value(value)));
  }
  const parts = Object.entries(input.gradientOf ?? {}).map(([name, factor]) =>
    b.map("mul", outputs[`loss/${name}`]!, b.constant(factor))
  );
  if (parts.length > 0) {
    const total = parts.reduce((sum, part) => b.map("add", sum, part));
    const leaves = b.nodes.flatMap((node) =>
      node.op === "parameter" || (node.op === "input" && node.attrs.name in input.inputs) ? [node] : []
    );
    for (const [leaf, gradient] of differentiate(b, total, new Set(leaves.map(({ id }) => id)))) {
      const { name } = leaves.find(({ id }) => id === leaf)!.attrs;
      outputs[`gradient/${name}`] = gradient;
    }
  }
  const parameters = [...translator.runner.entries(), ...plan.kept];
  const state = parameters.map(({ name, kind, shape }): StateEntry => ({ name, kind, shape }));
  const shapes = Object.fromEntries(Object.entries(outputs).map(([name, id]) => [name, b.shape(id)]));
  const work = { forward: Object.values(outputs), assigns, groups: [] };
  const program = fuse(segment(b, "probe", input.batch, [work], state, outputs));
  verify(program, plan);
  return Object.freeze({ program, parameters, state, shapes });
}

/** Translates with fed tensors in the place of some values. */
class StandIns extends Translator {
  readonly #input: ProbeInput;

  constructor(plan: Plan, input: ProbeInput) {
    super(plan);
    this.#input = input;
  }

  override value(value: Value): number {
    const name = this.#input.standIn?.(value);
    return name === undefined ? super.value(value) : this.builder.input(name, this.#input.inputs[name]!);
  }
}
