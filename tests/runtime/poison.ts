/** Programs whose padding is NaN: what the batch rule of `runtime/ir/node.ts` promises to survive. @module */

import { type Expr, input, value } from "../../runtime/ir/expr.ts";
import { isLeaf, type Node, type Shape } from "../../runtime/ir/node.ts";
import type { Effect, Segment, StepProgram } from "../../runtime/ir/program.ts";

/**
 * The same program, with every element that belongs to no image of the batch set to NaN after the node that computes
 * it. It reads one more input, `images/<mask>`, which is fed one 1 an image.
 */
export function poisoned(program: StepProgram, mask: number): StepProgram {
  const nodes: Node[] = [];
  const first: number[] = [];
  const renamed = new Map<number, number>();
  const follower = new Map<number, number>();
  const masks = new Map<string, number>();
  const add = (node: Omit<Node, "id">): number => {
    nodes.push({ ...node, id: nodes.length } as Node);
    return nodes.length - 1;
  };
  const { batch } = program;
  const source = add({
    op: "input",
    inputs: [],
    attrs: { name: `images/${mask}` },
    shape: [batch, 1, 1, 1],
    batch: [0],
  });
  const maskOf = (rank: number, axis: number): number => {
    const key = `${rank} ${axis}`;
    const known = masks.get(key);
    if (known !== undefined) return known;
    const ones: Shape = [batch, ...new Array<number>(rank - 1).fill(1)];
    let id = add({ op: "reshape", inputs: [source], attrs: {}, shape: ones, batch: [0] });
    first.push(id);
    if (axis > 0) {
      const axes = ones.map((_, i) => (i === axis ? 0 : i === 0 ? axis : i));
      id = add({ op: "permute", inputs: [id], attrs: { axes }, shape: axes.map((i) => ones[i]!), batch: [axis] });
      first.push(id);
    }
    masks.set(key, id);
    return id;
  };
  for (const node of program.nodes) {
    const id = add({ ...node, inputs: node.inputs.map((from) => renamed.get(from)!) } as Node);
    renamed.set(node.id, id);
    if (node.batch.length === 0) continue;
    const inputs = [id, ...node.batch.map((axis) => maskOf(node.shape.length, axis))];
    const expr = node.batch.reduce(
      (kept: Expr, _, i): Expr => ({ fn: "select", of: [input(i + 1), kept, value(NaN)] }),
      input(0),
    );
    const clean = add({ op: "elementwise", inputs, attrs: { expr }, shape: node.shape, batch: node.batch });
    renamed.set(node.id, clean);
    follower.set(id, clean);
    if (isLeaf(node)) first.push(clean);
  }
  const at = (id: number): number => renamed.get(id)!;
  const before = new Map([...follower].map(([id, clean]) => [clean, id]));
  const segments = program.segments.map((part, index): Segment => ({
    name: part.name,
    nodes: [
      ...(index === 0 ? first : []),
      ...part.nodes.flatMap((id) => before.has(at(id)) ? [before.get(at(id))!, at(id)] : [at(id)]),
    ],
    effects: part.effects.map((effect): Effect =>
      effect.kind === "assign" ? { ...effect, node: at(effect.node) } : { ...effect, gradient: at(effect.gradient) }
    ),
    ...(part.gate === undefined ? {} : { gate: at(part.gate) }),
  }));
  return {
    ...program,
    nodes,
    segments,
    outputs: Object.fromEntries(Object.entries(program.outputs).map(([name, id]) => [name, at(id)])),
  };
}
