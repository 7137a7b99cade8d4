/**
 * From loss graph to step programs: phases 3 to 5.
 *
 * ```text
 * LossGraph --3 resolve--> Plan --4 compile--> tensor graph --5 segment--> StepProgram
 * ```
 *
 * @module
 */

import type { Head, Weight } from "../../dsl/graph.ts";
import { didYouMean, SentenceError, UnknownNameError } from "../../dsl/errors.ts";
import type { OptimizerSpec, TrainSpec } from "../../dsl/spec.ts";
import { run, type Value } from "../../dsl/value.ts";
import type { Effect, StateEntry, StepProgram } from "../ir/program.ts";
import { sizeOf } from "../ir/node.ts";
import { differentiate } from "./differentiate.ts";
import { fuse } from "./fuse.ts";
import { phaseOfUpdate, updateOfState } from "./kept.ts";
import type { ParameterEntry } from "./net.ts";
import { type CompileInput, type Plan, type PlannedGroup, resolve } from "./resolve.ts";
import { type GroupUpdate, type PhaseWork, segment } from "./segments.ts";
import { simplify } from "./simplify.ts";
import { Translator } from "./terms.ts";
import { verify, verifyGraph, verifyPlan } from "./verify.ts";

/** Everything a trainer needs to run a sentence. */
export interface Compiled {
  /** What was bound in phase 3: modules, groups, shapes. */
  readonly plan: Plan;
  /** One training step. */
  readonly step: StepProgram;
  /** Class scores of every net and head with running statistics. */
  readonly evaluation: StepProgram;
  /** All state of both programs. */
  readonly state: readonly StateEntry[];
  /** How each parameter and buffer is filled. */
  readonly parameters: readonly ParameterEntry[];
  /** Weight of each term, for the uniforms `weight/<term>`. */
  readonly weights: { readonly [term: string]: Weight };
  /** Names of measured values the sentence reads, for the uniforms `measured/<name>`. */
  readonly measured: readonly string[];
  /** Optimizer of each group that learns. */
  readonly optimizers: { readonly [group: string]: OptimizerSpec };
}

/** Choices of the compiler. */
export interface CompileOptions {
  /** Adds outputs `gradient/<parameter>` and keeps element-wise nodes apart. */
  readonly debug?: boolean;
}

/**
 * Compiles a sentence's loss graph for one optimizer setting.
 *
 * @throws {UnknownNameError} If the setting changes the optimizer of a group that does not learn.
 */
export function compile(input: CompileInput, train: TrainSpec, options: CompileOptions = {}): Compiled {
  verifyGraph(input.graph);
  const plan = resolve(input);
  verifyPlan(plan);
  const optimizers = Object.fromEntries(plan.groups.map((group) => [group.id, optimizerOf(group, train)]));
  refuseStrangers(Object.keys(train.groups), Object.keys(optimizers));
  const training = new Translator(plan);
  const step = compileStep(plan, training, optimizers, options);
  const evaluating = new Translator(plan, "eval");
  const evaluation = compileEvaluation(plan, evaluating);
  const parameters = [
    ...new Map(
      [...Object.values(plan.state).flat(), ...training.runner.entries(), ...evaluating.runner.entries(), ...plan.kept]
        .map((entry) => [entry.name, entry] as const),
    ).values(),
  ];
  const slots = step.state.filter((entry) => entry.kind === "slot");
  const state = [...parameters.map(({ name, kind, shape }): StateEntry => ({ name, kind, shape })), ...slots];
  const measured = [...step.nodes, ...evaluation.nodes].flatMap((node) =>
    node.op === "uniform" && node.attrs.name.startsWith("measured/") ? [node.attrs.name.slice(9)] : []
  );
  const weights = Object.fromEntries(plan.graph.terms.map((term) => [term.name, term.weight]));
  verify(step, plan);
  verify(evaluation, plan);
  return Object.freeze({
    plan,
    step,
    evaluation,
    state,
    parameters,
    weights,
    measured: [...new Set(measured)],
    optimizers,
  });
}

/** A setting for nobody would do nothing. */
function refuseStrangers(said: readonly string[], groups: readonly string[]): void {
  const stranger = said.find((group) => !groups.includes(group));
  if (stranger === undefined) return;
  throw new UnknownNameError(
    `Cannot train with these groups: each is a net or module that learns, got "${stranger}".${
      didYouMean(stranger, groups)
    }`,
  );
}

function optimizerOf(group: PlannedGroup, train: TrainSpec): OptimizerSpec {
  const { learningRateFactor = 1, ...override } = group.override;
  const optimizer = { ...train.optimizer, ...override };
  const learningRate = optimizer.learningRate * learningRateFactor;
  return Object.freeze({ ...optimizer, learningRate, ...train.groups[group.id] });
}

function compileStep(
  plan: Plan,
  translator: Translator,
  optimizers: Readonly<Record<string, OptimizerSpec>>,
  options: CompileOptions,
): StepProgram {
  const { graph } = plan;
  const b = translator.builder;
  const outputs: Record<string, number> = {};
  const slots: StateEntry[] = [];
  const planned = (group: string): PlannedGroup => plan.groups.find(({ id }) => id === group)!;
  const phases = graph.phases.map((groups, index): PhaseWork => {
    const terms = graph.terms.filter((term) => term.learners.some((learner) => groups.includes(learner)));
    const losses = terms.map((term) => {
      const outside = term.learners.find((learner) => !groups.includes(learner));
      if (outside !== undefined) {
        throw new SentenceError(
          `Cannot order updates: the learners of ${term.name} update in one phase, got ${outside} in another.`,
        );
      }
      const loss = b.map("mul", translator.scalar(term.loss), b.uniform(`weight/${term.name}`));
      outputs[`term/${term.name}`] = loss;
      return { term, loss };
    });
    const heads = graph.heads.filter((head) => phaseOf(plan, head) === index);
    if (index === 0) {
      for (const [name, id] of firstLogits(translator, plan)) outputs[`logits/${name}`] = id;
    }
    for (const head of heads) outputs[`logits/${head.name}`] = translator.value(head.logits);
    if (index === 0) {
      for (const watch of graph.watches) outputs[`watch/${watch.name}`] = translator.value(watch.value);
    }
    const gates = new Map(
      graph.switches.filter((s) => groups.includes(s.pauses)).map((s) => [s.pauses, translator.scalar(s.when)]),
    );
    const forward = [
      ...losses.map(({ loss }) => loss),
      ...gates.values(),
      ...(index === 0 ? Object.values(outputs) : heads.map(({ name }) => outputs[`logits/${name}`]!)),
    ];
    const assigns = translator.runner.updates().map(({ buffer, node }): Effect => ({
      kind: "assign",
      state: buffer,
      node,
    }));
    translator.runner.clearUpdates();
    for (const update of graph.updates ?? []) {
      if (phaseOfUpdate(graph, update) === index) {
        assigns.push(updateOfState(update, (value) => translator.value(value)));
      }
    }
    const leaves = parameterLeaves(translator, plan, groups);
    const gradients = gradientsOf(translator, losses, leaves);
    const updates = groups.map((group): GroupUpdate => {
      const mine = leaves.filter((leaf) => leaf.group === group);
      const effects = mine.flatMap((leaf): Effect[] => {
        const gradient = gradients.get(leaf.id);
        if (gradient === undefined) return [];
        if (options.debug === true) outputs[`gradient/${leaf.name}`] = gradient;
        return [updateEffect(leaf.name, b.shape(leaf.id), gradient, planned(group), optimizers[group]!, slots)];
      });
      if (effects.length === 0 && terms.some((term) => term.learners.includes(group))) {
        throw new SentenceError(
          `Cannot train ${group}: some term that it learns from depends on its parameters, got none. ` +
            `Leave out the cut, or the learner.`,
        );
      }
      const gate = gates.get(group);
      return {
        id: group,
        effects,
        parameters: new Set(mine.map((leaf) => leaf.id)),
        partners: new Set(terms.flatMap((term) => (term.learners.includes(group) ? term.learners : []))),
        ...(gate === undefined ? {} : { gate }),
      };
    });
    for (const group of groups) translator.advance(planned(group).of);
    return { forward, assigns, groups: updates };
  });
  const known = [...translator.runner.entries(), ...plan.kept].map(({ name, kind, shape }): StateEntry => ({
    name,
    kind,
    shape,
  }));
  const program = segment(b, "training step", plan.batch, phases, [...known, ...slots], outputs);
  return options.debug === true ? program : fuse(simplify(program));
}

interface Leaf {
  readonly id: number;
  readonly name: string;
  readonly group: string;
}

/** Parameters of the groups, at the versions the phase reads. */
function parameterLeaves(translator: Translator, plan: Plan, groups: readonly string[]): Leaf[] {
  const owner = new Map(
    plan.groups.filter(({ id }) => groups.includes(id)).flatMap(({ id, modules }) =>
      modules.map((module) => [module, id])
    ),
  );
  const current = new Map<string, Leaf>();
  for (const node of translator.builder.nodes) {
    if (node.op !== "parameter") continue;
    const group = owner.get(node.attrs.name.slice(0, node.attrs.name.indexOf("/")));
    if (group === undefined) continue;
    current.set(node.attrs.name, { id: node.id, name: node.attrs.name, group });
  }
  return [...current.values()];
}

/**
 * Gradient of each learner's own terms; a term reaches the learners it names and nobody else. Learners of the same terms
 * share a backward pass, and nobody has two.
 */
function gradientsOf(
  translator: Translator,
  losses: readonly { readonly term: { readonly learners: readonly string[] }; readonly loss: number }[],
  leaves: readonly Leaf[],
): Map<number, number> {
  const b = translator.builder;
  const totals = new Map<number, Set<string>>();
  for (const learner of new Set(losses.flatMap(({ term }) => term.learners))) {
    const own = losses.filter(({ term }) => term.learners.includes(learner)).map(({ loss }) => loss);
    const total = own.reduce((sum, loss) => b.map("add", sum, loss));
    totals.set(total, (totals.get(total) ?? new Set()).add(learner));
  }
  const gradients = new Map<number, number>();
  for (const [total, learners] of totals) {
    const wanted = new Set(leaves.filter((leaf) => learners.has(leaf.group)).map((leaf) => leaf.id));
    for (const [leaf, gradient] of differentiate(b, total, wanted)) gradients.set(leaf, gradient);
  }
  return gradients;
}

function updateEffect(
  parameter: string,
  shape: readonly number[],
  gradient: number,
  { id, of }: PlannedGroup,
  optimizer: OptimizerSpec,
  slots: StateEntry[],
): Effect {
  const slot = (suffix: string, size = shape): string => {
    const name = `${parameter}#${id === of ? "" : `${id}.`}${suffix}`;
    slots.push({ name, kind: "slot", shape: size });
    return name;
  };
  const rate = `rate/${id}`;
  const { weightDecay, momentum, nesterov, beta1, beta2, epsilon } = optimizer;
  if (optimizer.kind === "adam") {
    const [first, second, step] = [slot("first"), slot("second"), slot("step", [])];
    return { kind: "adam", parameter, gradient, rate, weightDecay, beta1, beta2, epsilon, first, second, step };
  }
  const plain = { kind: "sgd", parameter, gradient, rate, weightDecay, momentum, nesterov } as const;
  return momentum === 0 ? plain : { ...plain, velocity: slot("velocity") };
}

/** Phase in which a head's module learns; run in an earlier one, it would see every batch twice. */
function phaseOf(plan: Plan, { logits }: Head): number {
  const module = plan.modules.find(({ id }) => id === logits.attrs.net);
  return plan.groups.find(({ id }) => id === module?.group)?.phase ?? 0;
}

/** Class scores of nets that the terms read, by id. */
function firstLogits(translator: Translator, plan: Plan): Map<string, number> {
  const found = new Map<string, number>();
  const visit = (v: Value, seen: Set<Value>): void => {
    if (seen.has(v)) return;
    seen.add(v);
    const net = v.attrs.net as string;
    const plain = v.op === "run" && v.attrs.to === "logits" && v.of.length === 0;
    if (plain && plan.spots[net] !== undefined && !found.has(net)) found.set(net, translator.value(v));
    v.of.forEach((source) => visit(source, seen));
  };
  const seen = new Set<Value>();
  for (const term of plan.graph.terms) visit(term.loss, seen);
  return found;
}

function compileEvaluation(plan: Plan, translator: Translator): StepProgram {
  const outputs: Record<string, number> = {};
  for (const module of plan.modules) {
    if (module.kind === "net") outputs[`logits/${module.id}`] = translator.value(run(module.id, "logits"));
  }
  for (const head of plan.graph.heads) outputs[`logits/${head.name}`] = translator.value(head.logits);
  const known = translator.runner.entries().map(({ name, kind, shape }): StateEntry => ({ name, kind, shape }));
  const work = { forward: Object.values(outputs), assigns: [], groups: [] };
  return fuse(simplify(segment(translator.builder, "evaluation", plan.batch, [work], known, outputs)));
}

/** Number of trainable parameters of one net or module; of a branch those of its trunk too, as it is deployed. */
export function parameterCount({ plan, parameters }: Compiled, module: string): number {
  const own = plan.state[module] ?? parameters.filter(({ name }) => name.startsWith(`${module}/`));
  return own.filter(({ kind }) => kind === "parameter").reduce((sum, { shape }) => sum + sizeOf(shape), 0);
}
