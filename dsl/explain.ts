/**
 * What a sentence means, for people: as text and as a Mermaid diagram.
 *
 * @module
 */

import { SentenceError } from "./errors.ts";
import { type InitialStage, learnersOf, type LossGraph, type Term, type Trunk, type Weight } from "./graph.ts";
import { equalJson } from "./json.ts";
import { lower } from "./lower.ts";
import { normalize, type Normalized } from "./normalize.ts";
import type { AnyPipeline } from "./pipeline.ts";
import { literal, sourceOf } from "./source.ts";
import type { Clause, Json, OptimizerSpec, Spec } from "./spec.ts";
import type { Value } from "./value.ts";

/** A sentence explained; as a string it is its text. */
export interface Explanation {
  /** What was said and filled in, each learner's terms, modules, switches, order of updates, optimizer settings. */
  readonly text: string;
  /** Who learns from whom, as a Mermaid flowchart. */
  readonly mermaid: string;
  /** The text. */
  toString(): string;
}

/**
 * Explains a sentence. Of one that cannot be lowered it says why in the place of its terms.
 *
 * @example
 * ```ts
 * import { cohort, explain } from "./mod.ts";
 * const { text, mermaid } = explain(cohort("resnet8×3").leader().fuse().selfDistill());
 * console.log(text);
 * console.log(mermaid);
 * ```
 */
export function explain(pipeline: AnyPipeline): Explanation {
  const normal = normalize(pipeline);
  const graph = lowered(pipeline);
  const text = [
    sourceOf(pipeline.spec),
    section(
      "Nets",
      normal.spec.nets.map(({ id, arch, role, view }) => [id, arch, role, view > 0 ? `view ${view}` : ""]),
    ),
    section("Filled in", normal.notes.map(({ what, why }) => [what, why])),
    section("Verbs", normal.spec.clauses.map((clause) => clauseRow(clause, pipeline.spec))),
    section(
      "Who teaches whom",
      [...normal.spec.edges, ...leaderEdges(normal)].map(([from, to]) => [`${from} -> ${to}`]),
    ),
    ...(graph instanceof SentenceError ? [section("Not lowered", [[graph.message]])] : graphSections(graph)),
    graph instanceof SentenceError ? "" : section("Needs weights", unlearned(normal.spec, graph)),
    section("Training", trainRows(normal.spec)),
    section("Dataset", [datasetRow(normal)]),
  ].filter((part) => part !== "").join("\n\n") + "\n";
  const mermaid = graph instanceof SentenceError ? netsOnly(normal.spec) : flowchart(normal.spec, graph);
  return Object.freeze({ text, mermaid, toString: () => text });
}

/** Who teaches the leader, where leader() decides it. */
function leaderEdges({ spec, methods }: Normalized): Spec["edges"] {
  const leader = spec.nets.find(({ role }) => role === "leader");
  if (leader === undefined || methods.some(({ needs }) => needs.leader !== undefined)) return [];
  const fused = spec.clauses.some(({ verb }) => verb === "fuse");
  const peers = spec.nets.filter(({ role }) => role === "peer").map(({ id }) => id);
  return fused
    ? [...peers.map((id) => [id, "fusion"] as const), ["fusion", leader.id]]
    : peers.map((id) => [id, leader.id] as const);
}

function lowered(pipeline: AnyPipeline): LossGraph | SentenceError {
  try {
    return lower(pipeline);
  } catch (error) {
    if (error instanceof SentenceError) return error;
    throw error;
  }
}

type Row = readonly string[];

/** A heading and rows with aligned columns; nothing where there are no rows. */
function section(title: string, rows: readonly Row[]): string {
  if (rows.length === 0) return "";
  const widths = rows.reduce<number[]>(
    (most, row) => row.map((cell, i) => Math.max(most[i] ?? 0, i < row.length - 1 ? cell.length : 0)),
    [],
  );
  const lines = rows.map((row) => `  ${row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join("  ")}`.trimEnd());
  return [title, ...lines].join("\n");
}

/** A verb with all its options; those that nobody said are in brackets. */
function clauseRow(clause: Clause, { clauses }: Spec): Row {
  if (clause.verb === "loss") {
    const terms = clause.options["terms"] as unknown as readonly Term[];
    return ["loss", terms.map(({ name }) => name).join(", ")];
  }
  const said = clauses.find(({ verb, method }) => verb === clause.verb && equalJson(method, clause.method));
  const options = Object.entries(clause.options).map(([key, value]) => {
    const text = `${key} ${optionText(value)}`;
    return said !== undefined && Object.hasOwn(said.options, key) ? text : `[${text}]`;
  });
  return [clause.method === undefined ? clause.verb : `use ${clause.method.name}`, options.join(", ")];
}

function graphSections(graph: LossGraph): readonly string[] {
  const order = graph.phases.flat();
  const width = Math.max(...graph.terms.map(({ name }) => name.length));
  const learners = order.map((group) => {
    const terms = graph.terms.filter(({ learners }) => learners.includes(group));
    return [`  ${group}`, ...terms.map(({ name, weight }) => `    ${name.padEnd(width)}  ${weightText(weight)}`)];
  });
  return [
    ["Learners and their terms, with weights", ...learners.flat()].join("\n"),
    section(
      "Shared",
      (graph.trunks ?? []).map(({ id, nets, from, scale }) => [
        id,
        `up to ${from}, by ${nets.join(", ")}`,
        scale === undefined ? "" : `gradients enter it divided by ${Number((1 / scale).toPrecision(6))}`,
      ]),
    ),
    section(
      "Modules",
      graph.aux.map(({ id, group, optimizer }) => [
        id,
        group !== id ? `learns with ${group}` : order.includes(id) ? "its own learner" : "rests",
        optimizer === undefined ? "" : settings(optimizer),
      ]),
    ),
    section(
      "Further optimizers",
      (graph.groups ?? []).map(({ id, of, optimizer = {} }) => [id, `of ${of}`, settings(optimizer)]),
    ),
    section("Evaluated beside the members", graph.heads.map(({ name }) => [name])),
    section("Watched", graph.watches.map(({ name }) => [name])),
    section(
      "Measured after each epoch, on validation images",
      (graph.measures ?? []).flatMap(({ nets, names }) => names.map((name, i) => [name, `weight of ${nets[i]}`])),
    ),
    section("Switches", graph.switches.map(({ pauses }) => [`${pauses} pauses where its rule holds`])),
    section("Kept from step to step", (graph.state ?? []).map(({ name, shape }) => [name, `[${shape.join(", ")}]`])),
    ...(graph.stages ?? []).map(stageSection),
    section("Order of updates", graph.phases.map((phase, i) => [`phase ${i + 1}`, phase.join(", ")])),
  ];
}

/** A training before the main one. */
function stageSection({ name, epochs, graph, optimizer, schedule }: InitialStage): string {
  const own = optimizer === undefined ? "" : settings(optimizer);
  const falls = schedule?.milestones ?? [];
  return section(`First, stage ${name}`, [
    ["length", `${epochs} ${epochs === 1 ? "epoch" : "epochs"}`],
    ["optimizer", own === "" ? "the run's" : `the run's with ${own}`],
    ["schedule", falls.length === 0 ? "constant" : `×${schedule?.gamma ?? 1} after epoch ${falls.join(" and ")}`],
    ...graph.terms.map((term): Row => [term.name, `${weightText(term.weight)}, teaches ${term.learners.join(", ")}`]),
  ]);
}

/** Nets that no term teaches, in no stage: they are useless without weights. */
function unlearned({ nets }: Spec, graph: LossGraph): readonly Row[] {
  const graphs = [graph, ...(graph.stages ?? []).map((stage) => stage.graph)];
  const taught = new Set(graphs.flatMap((part) => [...learnersOf(part)]));
  return nets.filter(({ id }) => !taught.has(id)).map(({ id, role }): Row => [
    id,
    `learns nothing here: give --weights ${id}=FILE${role === "teacher" ? " or say pretrain()" : ""}`,
  ]);
}

/** An option; a ramp is told in words. */
function optionText(value: Json): string {
  const isRamp = typeof value === "object" && value !== null && "ramp" in value;
  return isRamp ? weightText(value as unknown as Weight) : literal(value);
}

function weightText(weight: Weight): string {
  if (typeof weight === "number") return String(Number(weight.toPrecision(6)));
  if ("measured" in weight) return `measured: ${weight.measured}`;
  return `${
    weight.ramp === "linear" ? "linear " : ""
  }ramp to ${weight.to} over ${weight.epochs} epochs from epoch ${weight.from}`;
}

function settings(change: object): string {
  return Object.entries(change).map(([key, value]) => `${key} ${value}`).join(", ");
}

function trainRows({ train }: Spec): readonly Row[] {
  const { epochs, batch, seed, optimizer, schedule, groups } = train!;
  const after = schedule.milestones.length === 0
    ? "constant"
    : `×${schedule.gamma} after epoch ${schedule.milestones.join(" and ")}`;
  const warmup = schedule.warmup === 0 ? "" : `, warm-up over ${schedule.warmup} epochs`;
  return [
    ["length", `${epochs} ${epochs === 1 ? "epoch" : "epochs"}, batch ${batch}, seed ${seed}`],
    ["optimizer", optimizerText(optimizer)],
    ["schedule", after + warmup],
    ...Object.entries(groups).map(([group, change]): Row => [group, settings(change)]),
  ];
}

function optimizerText({ kind, learningRate, momentum, nesterov, weightDecay, beta1, beta2 }: OptimizerSpec): string {
  const own = kind === "sgd" ? `momentum ${momentum}${nesterov ? ", Nesterov" : ""}` : `beta1 ${beta1}, beta2 ${beta2}`;
  return `${kind}, rate ${learningRate}, ${own}, weight decay ${weightDecay}`;
}

function datasetRow({ dataset, spec }: Normalized): Row {
  if (spec.dataset === undefined) return ["none yet: say on(dataset)"];
  const classes = dataset?.classes === undefined ? "" : `${dataset.classes} classes`;
  return [spec.dataset.kind, classes, settings(spec.dataset.options)].filter((cell) => cell !== "");
}

function netsOnly({ nets }: Spec): string {
  return ["flowchart LR", ...nets.map(({ id, arch }) => `  ${id}["${id}: ${arch}"]`)].join("\n") + "\n";
}

/**
 * Nets are boxes, modules hexagons; an arrow goes from what a term reads to whom it teaches. Terms of branches are drawn
 * at the branch they are named after.
 */
function flowchart(spec: Spec, graph: LossGraph): string {
  const { trunks = [] } = graph;
  const base = new Map((graph.groups ?? []).map(({ id, of }) => [id, of]));
  const terms = graph.terms.map((term) => ({ ...term, learners: term.learners.map((id) => base.get(id) ?? id) }));
  const groupOf = new Map(graph.aux.map(({ id, group }) => [id, group]));
  const lines = ["labels([labels])"];
  for (const { id, arch, role } of spec.nets) lines.push(`${id}["${id}: ${arch} (${role})"]`);
  for (const { id, group } of graph.aux) if (id === group) lines.push(`${id}{{${id}}}`);
  for (const { id, nets, from } of trunks) {
    lines.push(`${id}[["${id}: up to ${from}"]]`, `${id} --- ${nets.join(" & ")}`);
  }
  const arrows = new Map<string, string[]>();
  for (const term of terms.map((said) => ({ ...said, learners: drawnAt(said, trunks) }))) {
    for (const learner of term.learners) {
      for (const source of sourcesOf(term, groupOf)) {
        const names = arrows.get(`${source} ${learner}`) ?? [];
        arrows.set(`${source} ${learner}`, [...names, term.name.replace(`${learner}/`, "")]);
      }
    }
  }
  for (const [ends, names] of arrows) {
    const [from, to] = ends.split(" ");
    lines.push(`${from} -->|"${names.join(", ")}"| ${to}`);
  }
  return ["flowchart LR", ...lines.map((line) => `  ${line}`)].join("\n") + "\n";
}

/** Learners of a term, the branch it is named after in the place of the trunk. */
function drawnAt({ name, learners }: Term, trunks: readonly Trunk[]): readonly string[] {
  const [owner = ""] = name.split("/");
  const trunk = trunks.find(({ nets }) => nets.includes(owner));
  return learners.map((learner) => learner === trunk?.id ? owner : learner);
}

/** What a term reads besides its learners; what other nets and modules read in turn is drawn at their own terms. */
function sourcesOf({ loss, learners }: Term, groupOf: ReadonlyMap<string, string>): readonly string[] {
  const sources = new Set<string>();
  const seen = new Set<Value>();
  const visit = (value: Value): void => {
    if (seen.has(value)) return;
    seen.add(value);
    if (value.op === "labels") sources.add("labels");
    if (value.op === "run") {
      const net = String(value.attrs["net"]);
      const group = groupOf.get(net) ?? net;
      if (!learners.includes(group)) {
        sources.add(group);
        return;
      }
    }
    value.of.forEach(visit);
  };
  visit(loss);
  return [...sources];
}
