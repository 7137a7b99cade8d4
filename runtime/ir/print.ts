/**
 * Tensor graphs and step programs as text: one line a node.
 *
 * @module
 */

import { printExpr } from "./expr.ts";
import type { Node, Pair } from "./node.ts";
import type { Effect, StepProgram } from "./program.ts";

/**
 * A tensor graph, one line a node: `%12 = conv2d [B,16,32,32] %3 %4 stride 2 pad 1`. `B` stands for an axis indexed by
 * sample.
 *
 * @example
 * ```ts
 * import { GraphBuilder } from "./builder.ts";
 * import { printNodes } from "./print.ts";
 * const b = new GraphBuilder();
 * b.sum(b.input("images/0", [8, 3, 4, 4]), [2, 3]);
 * console.log(printNodes(b.nodes)); // %0 = input images/0 [B,3,4,4] …
 * ```
 */
export function printNodes(nodes: readonly Node[]): string {
  return nodes.map((node) => `${printNode(node)}\n`).join("");
}

/** A step program: its segments with their gates, nodes and effects, then what can be read after a run. */
export function printProgram(program: StepProgram): string {
  const { name, batch, nodes, segments, state, outputs } = program;
  const listed = new Set(segments.flatMap((segment) => segment.nodes));
  const leaves = nodes.filter((node) => !listed.has(node.id));
  const parts = segments.map((segment) => [
    `segment ${segment.name}${segment.gate === undefined ? "" : `, skipped if %${segment.gate} > 0`}${
      segment.count === undefined ? "" : `, over %${segment.count} samples`
    }`,
    ...segment.nodes.map((id) => `  ${printNode(nodes[id]!)}`),
    ...segment.effects.map((effect) => `  ${printEffect(effect)}`),
  ]);
  const lines = [
    `program ${name}, up to ${batch} images, ${state.length} tensors of state`,
    "leaves",
    ...leaves.map((node) => `  ${printNode(node)}`),
    ...parts.flat(),
    "outputs",
    ...Object.entries(outputs).map(([output, id]) => `  ${output} = %${id}`),
  ];
  return `${lines.join("\n")}\n`;
}

function printNode(node: Node): string {
  const shape = node.shape.map((size, axis) => (node.batch.includes(axis) ? "B" : size)).join(",");
  const words = [`%${node.id} = ${node.op}`, ...(leafName(node) ?? []), `[${shape}]`];
  return [...words, ...node.inputs.map((id) => `%${id}`), ...details(node)].join(" ");
}

function leafName(node: Node): string[] | undefined {
  return "name" in node.attrs ? [node.attrs.name] : undefined;
}

function details(node: Node): string[] {
  switch (node.op) {
    case "constant":
      return [String(node.attrs.value)];
    case "elementwise":
      return [printExpr(node.attrs.expr)];
    case "sum":
    case "reduceMax":
    case "permute":
      return [`axes ${node.attrs.axes}`];
    case "matmul":
      return [
        ...(node.attrs.transposeA ? ["transpose first"] : []),
        ...(node.attrs.transposeB ? ["transpose second"] : []),
      ];
    case "conv2d":
    case "conv2dInput":
    case "conv2dFilter":
      return [...sliding(node.attrs), ...(node.attrs.groups === 1 ? [] : [`groups ${node.attrs.groups}`])];
    case "averagePool":
    case "averagePoolInput":
    case "maxPool":
    case "maxPoolInput":
      return [`window ${pair(node.attrs.kernel)}`, ...sliding(node.attrs)];
    case "batchNorm":
    case "batchNormSums":
    case "batchNormInput":
      return [`epsilon ${node.attrs.epsilon}`];
    case "oneHot":
      return [`classes ${node.attrs.classes}`];
    case "kthSmallest":
      return [`k ${node.attrs.k}`];
    case "weigh":
      return [`${node.attrs.members} nets by ${node.attrs.rule} per ${node.attrs.per}`];
    case "concat":
      return [`axis ${node.attrs.axis}`];
    case "slice":
      return [`axis ${node.attrs.axis} from ${node.attrs.start} size ${node.attrs.size}`];
    case "padAxis":
      return [`axis ${node.attrs.axis} before ${node.attrs.before} after ${node.attrs.after}`];
    case "parameter":
    case "buffer":
    case "input":
    case "uniform":
    case "batchStats":
    case "reshape":
    case "compact":
    case "expand":
    case "gatherDot":
    case "gatherSum":
      return [];
    default:
      return node satisfies never;
  }
}

function sliding({ stride, pad }: { readonly stride: Pair; readonly pad: Pair }): string[] {
  return [`stride ${pair(stride)}`, `pad ${pair(pad)}`];
}

function pair([rows, columns]: Pair): string {
  return rows === columns ? String(rows) : `${rows}×${columns}`;
}

function printEffect(effect: Effect): string {
  switch (effect.kind) {
    case "assign":
      return `${effect.state}${effect.rows === undefined ? "" : ` at rows %${effect.rows}`} ← %${effect.node}`;
    case "sgd": {
      const momentum = effect.momentum === 0
        ? ""
        : `, momentum ${effect.momentum}${effect.nesterov ? " Nesterov" : ""}`;
      return `${effect.parameter} ← sgd %${effect.gradient}, ${effect.rate}${momentum}, decay ${effect.weightDecay}`;
    }
    case "adam": {
      const { beta1, beta2, epsilon, weightDecay } = effect;
      const constants = `betas ${beta1} ${beta2}, epsilon ${epsilon}, decay ${weightDecay}`;
      return `${effect.parameter} ← adam %${effect.gradient}, ${effect.rate}, ${constants}`;
    }
    default:
      return effect satisfies never;
  }
}
