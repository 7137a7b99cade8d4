/**
 * The compiler's phases as text: the loss graph (phase 2), the plan (3), the tensor graph (4) and the program (5).
 *
 * @module
 */

import type { InitialStage, LossGraph, Term, Weight } from "../../dsl/graph.ts";
import type { Layer } from "../../dsl/layers.ts";
import type { Attr, Value } from "../../dsl/value.ts";
import { sizeOf } from "../ir/node.ts";
import type { Plan, PlannedModule } from "./resolve.ts";

export { printNodes, printProgram } from "../ir/print.ts";

/**
 * A loss graph: every value once, then terms, modules, switches, watches, heads and phases.
 *
 * @example
 * ```ts
 * import { cohort } from "../../dsl/mod.ts";
 * import { printGraph } from "./print.ts";
 * console.log(printGraph(cohort("resnet8×2").mutual().lower()));
 * ```
 */
export function printGraph(graph: LossGraph): string {
  const values = new ValuePrinter();
  const terms = graph.terms.map((term) => printTerm(term, values.name(term.loss)));
  const switches = graph.switches.map(({ pauses, when }) => `${pauses} pauses where ${values.name(when)} > 0`);
  const watches = graph.watches.map((watch) => `${watch.name} = ${values.name(watch.value)}`);
  const heads = graph.heads.map((head) => `${head.name} = ${values.name(head.logits)}`);
  const modules = graph.aux.flatMap((module) => [
    `${module.id}${module.group === module.id ? "" : ` of ${module.group}`}${printOptions(module.optimizer)}`,
    ...module.stages.map(({ spot, layers }) => `  ${spot}: ${layers.map(printLayer).join(", ")}`),
  ]);
  const phases = graph.phases.map((phase, index) => `${index + 1}: ${phase.join(", ")}`);
  const updates = (graph.updates ?? []).map(({ state, value, rows }) =>
    `${state}${rows === undefined ? "" : ` at ${values.name(rows)}`} ← ${values.name(value)}`
  );
  const kept = (graph.state ?? []).map(({ name, shape, init }) =>
    `${name} [${shape}], ${init.rule === "zero" ? "zeros" : `uniform ±${init.bound}`}`
  );
  const parts = { values: values.lines, terms, modules, switches, watches, heads, kept, updates, phases };
  return sections(parts) + (graph.stages ?? []).map(printStage).join("");
}

/** A training before the main one, further in. */
function printStage({ name, epochs, graph, optimizer, schedule }: InitialStage): string {
  const head = `stage ${name}, ${epochs} epochs${printOptions(optimizer)}${printOptions(schedule)}`;
  return `${head}\n${printGraph(graph).replace(/^(?=.)/gm, "  ")}`;
}

/** A plan: sizes, every net with the shapes at its spots, modules, and the order of updates. */
export function printPlan(plan: Plan): string {
  const head = `${plan.classes} classes, images of ${plan.shape.join("×")}, up to ${plan.batch} at a time\n`;
  const nets = plan.modules.filter(({ kind }) => kind === "net").flatMap((net) => [
    `${printModule(net)}, ${parametersOf(plan, net.id)} parameters`,
    ...Object.entries(plan.spots[net.id]!).map(([spot, shape]) => `  ${spot} [${shape}]`),
  ]);
  const modules = plan.modules.filter(({ kind }) => kind === "aux").map(printModule);
  const updates = plan.groups.map(({ id, phase, modules, override }) =>
    `phase ${phase + 1}: ${id}${modules.length === 1 ? "" : ` (${modules.join(", ")})`}${printOptions(override)}`
  );
  return head + sections({ nets, modules, updates });
}

function sections(parts: Readonly<Record<string, readonly string[]>>): string {
  return Object.entries(parts)
    .filter(([, lines]) => lines.length > 0)
    .map(([title, lines]) => `${title}\n${lines.map((line) => `  ${line}\n`).join("")}`)
    .join("");
}

function printTerm({ name, learners, weight, spot }: Term, loss: string): string {
  const at = spot === undefined ? "" : ` at ${spot}`;
  return `${name} = ${printWeight(weight)} · ${loss} → ${learners.join(", ")}${at}`;
}

function printWeight(weight: Weight): string {
  if (typeof weight === "number") return String(weight);
  if ("measured" in weight) return `measured ${weight.measured}`;
  return `${weight.to} after a ${
    weight.ramp === "linear" ? "linear " : ""
  }ramp of ${weight.epochs} epochs from ${weight.from}`;
}

function printModule({ id, group, role, learns }: PlannedModule): string {
  const owner = group === id ? "" : ` of ${group}`;
  return `${id}${owner}${role === undefined || role === id ? "" : `, ${role}`}${learns ? "" : ", frozen"}`;
}

function parametersOf(plan: Plan, net: string): number {
  const own = plan.state[net]!.filter(({ kind }) => kind === "parameter");
  return own.reduce((sum, { shape }) => sum + sizeOf(shape), 0);
}

function printLayer(layer: Layer): string {
  switch (layer.kind) {
    case "conv": {
      const extra = [
        layer.stride === 1 ? "" : ` stride ${layer.stride}`,
        layer.groups === 1 ? "" : ` groups ${layer.groups}`,
      ];
      return `${layer.name} ${layer.kernel}×${layer.kernel} → ${layer.out}${extra.join("")}`;
    }
    case "transposedConv":
      return `${layer.name} transposed ${layer.kernel}×${layer.kernel} → ${layer.out} stride ${layer.stride}`;
    case "connector":
      return `${layer.name} connector → ${layer.out} like ${layer.like.net} at ${layer.like.spot}`;
    case "free":
      return `${layer.name} free → ${layer.width}`;
    case "linear":
      return `${layer.name} → ${layer.out}`;
    case "batchNorm":
      return layer.name;
    case "pool":
      return `${layer.mode} pool ${layer.kernel} stride ${layer.stride}`;
    case "shuffleChannels":
      return `shuffle ${layer.groups} groups`;
    case "chunkChannels":
      return `part ${layer.index + 1} of ${layer.of}`;
    case "padChannels":
      return `${layer.before} and ${layer.after} zero channels`;
    case "sum":
    case "product":
    case "join":
      return `${layer.kind}(${
        layer.branches.map((branch) => branch.map(printLayer).join(", ") || "input").join(" | ")
      })`;
    case "leakyRelu":
      return `leakyRelu ${layer.slope}`;
    case "relu":
    case "relu6":
    case "sigmoid":
    case "globalPool":
      return layer.kind;
    default:
      return layer satisfies never;
  }
}

function printOptions(options: object | undefined): string {
  const said = Object.entries(options ?? {});
  return said.length === 0 ? "" : ` (${said.map(([name, value]) => `${name} ${value}`).join(", ")})`;
}

/** Numbers values in the order of their first use; equal values share a number. */
class ValuePrinter {
  readonly lines: string[] = [];
  readonly #known = new Map<string, string>();
  readonly #seen = new Map<Value, string>();

  name(value: Value): string {
    const seen = this.#seen.get(value);
    if (seen !== undefined) return seen;
    const text = [opOf(value), ...value.of.map((source) => this.name(source)), ...attrsOf(value)].join(" ");
    const name = this.#known.get(text) ?? `%${this.lines.length}`;
    if (!this.#known.has(text)) this.lines.push(`${name} = ${text}`);
    this.#known.set(text, name);
    this.#seen.set(value, name);
    return name;
  }
}

function opOf({ op, kind, attrs }: Value): string {
  return op === "run"
    ? `run ${attrs.net}${attrs.from === "" ? "" : ` behind ${attrs.from}`} to ${attrs.to}`
    : `${op}: ${kind}`;
}

function attrsOf({ op, attrs }: Value): string[] {
  if (op === "run") {
    const view = attrs.view === 0 ? [] : [`view ${attrs.view}`];
    return attrs.mode === "train" ? view : [String(attrs.mode), ...view];
  }
  const shown = (value: Attr): string => (Array.isArray(value) ? `[${value}]` : String(value));
  return Object.entries(attrs).flatMap(([name, value]) => (value === false ? [] : [`${name} ${shown(value)}`]));
}
