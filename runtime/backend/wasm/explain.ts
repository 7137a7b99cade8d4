/**
 * Which kernels the convolutions of a program get, and why.
 *
 * @module
 */

import type { ConvAttrs, Node, NodeOf, Pair, Shape } from "../../ir/node.ts";
import type { StepProgram } from "../../ir/program.ts";
import type { Features } from "./assembler/func.ts";
import { type WinogradPart, winogradRatio } from "./kernels/winograd/cost.ts";
import { type WinogradShape, winogradShape } from "./kernels/winograd/plan.ts";
import { kernelName } from "./lower/access.ts";
import { lower } from "./lower/lower.ts";

type MapSize = WinogradShape["input"];

/** How one of the three primitives of a convolution is computed. */
export interface Choice {
  /** Winograd F(4×4, 3×3), or every product by itself. */
  readonly method: "Winograd" | "direct";
  /** Names of the kernels that do the products. */
  readonly kernels: readonly string[];
  /** Expected time of Winograd over that of the direct method; absent where Winograd does not apply. */
  readonly ratio?: number;
}

/** Convolutions of one shape. */
export interface ConvolutionChoice {
  readonly input: MapSize;
  readonly output: MapSize;
  readonly kernel: Pair;
  readonly attrs: ConvAttrs;
  /** Most nodes of one primitive: how many convolutions have this shape. */
  readonly count: number;
  /** Each primitive that the program has; a transposed convolution is an input gradient. */
  readonly choices: Readonly<Partial<Record<WinogradPart, Choice>>>;
}

type Convolution = NodeOf<"conv2d"> | NodeOf<"conv2dInput"> | NodeOf<"conv2dFilter">;

/** Kernels around the products: packed, transformed and cleared numbers, and sums of chunks. */
const helpers = ["copy", "fillZero", "winogradFilters", "combineChunks", "filterCombine"];

const partOf: Readonly<Record<Convolution["op"], WinogradPart>> = {
  conv2d: "forward",
  conv2dInput: "input",
  conv2dFilter: "filter",
};

/** What is chosen for every shape of convolution in a program, in the order in which they appear. */
export function explainConvolutions(
  { nodes, segments }: StepProgram,
  features: Features,
): readonly ConvolutionChoice[] {
  const found = new Map<string, ConvolutionChoice & { readonly counts: Record<WinogradPart, number> }>();
  for (const node of segments.flatMap((segment) => segment.nodes.map((id) => nodes[id]!))) {
    if (!isConvolution(node)) continue;
    const [first, second] = node.inputs.map((id) => nodes[id]!.shape) as [Shape, Shape];
    const geometry = geometryOf(node, first, second);
    const key = JSON.stringify(geometry);
    const part = partOf[node.op];
    const known = found.get(key) ?? { ...geometry, count: 0, choices: {}, counts: { forward: 0, input: 0, filter: 0 } };
    const counts = { ...known.counts, [part]: known.counts[part] + 1 };
    const choice = known.choices[part] ?? choiceOf(node, [first, second], geometry, features);
    const choices = { ...known.choices, [part]: choice };
    found.set(key, { ...known, counts, choices, count: Math.max(...Object.values(counts)) });
  }
  return [...found.values()].map(({ counts: _, ...choice }) => choice);
}

type Geometry = Pick<ConvolutionChoice, "input" | "output" | "kernel" | "attrs">;

function geometryOf(node: Convolution, first: Shape, second: Shape): Geometry {
  const { stride, pad, groups } = node.attrs;
  const attrs = { stride, pad, groups };
  const filter = (shape: Shape): Pair => [shape[2]!, shape[3]!];
  if (node.op === "conv2d") return { input: mapOf(first), output: mapOf(node.shape), kernel: filter(second), attrs };
  if (node.op === "conv2dInput") {
    return { input: mapOf(node.shape), output: mapOf(first), kernel: filter(second), attrs };
  }
  return { input: mapOf(first), output: mapOf(second), kernel: node.attrs.kernel, attrs };
}

/** Lowers the node alone, and looks which kernels came of it. */
function choiceOf(
  node: Convolution,
  [first, second]: readonly [Shape, Shape],
  { input, output, kernel, attrs }: Geometry,
  features: Features,
): Choice {
  const batch = first[0]!;
  const leaf = (id: number, shape: Shape, sampled: boolean): Node => {
    const rest = { id, inputs: [], shape } as const;
    return sampled
      ? { ...rest, op: "input", attrs: { name: `images/${id}` }, batch: [0] }
      : { ...rest, op: "parameter", attrs: { name: "w" }, batch: [] };
  };
  const program: StepProgram = {
    name: "convolution",
    batch,
    nodes: [leaf(0, first, true), leaf(1, second, node.op === "conv2dFilter"), { ...node, id: 2, inputs: [0, 1] }],
    segments: [{ name: "forward", nodes: [2], effects: [] }],
    state: [],
    outputs: { result: 2 },
  };
  const { segments } = lower(program, () => ({ address: 0, size: 0 }), features);
  const names = segments.flatMap(({ steps }) => steps.map(kernelName)).filter((name) => !helpers.includes(name));
  const shape = winogradShape(input, output, kernel, attrs);
  return {
    method: names.some((name) => name.startsWith("winograd")) ? "Winograd" : "direct",
    kernels: [...new Set(names)],
    ...(shape === undefined ? {} : { ratio: winogradRatio(shape, features, partOf[node.op]) }),
  };
}

function isConvolution(node: Node): node is Convolution {
  return Object.hasOwn(partOf, node.op);
}

function mapOf([, channels, height, width]: Shape): MapSize {
  return { channels: channels!, height: height!, width: width! };
}
