import { assertEquals } from "@std/assert";
import { Sketch } from "../../../runtime/backend/suite/sketch.ts";
import { simplify } from "../../../runtime/compile/simplify.ts";
import { call, input } from "../../../runtime/ir/expr.ts";
import type { StepProgram } from "../../../runtime/ir/program.ts";

const [copy, exp] = [input(0), call("exp", input(0))] as const;

/** Operations of every segment, in order. */
function operations({ segments, nodes }: StepProgram): string[][] {
  return segments.map((part) => part.nodes.map((id) => nodes[id]!.op));
}

Deno.test("simplify() drops a copy and computes once what follows from a value and from its copy", () => {
  const sketch = new Sketch(4);
  const x = sketch.images("x", [4, 2, 1, 1]);
  const y = sketch.sum(x, [1]);
  const stopped = sketch.elementwise(copy, [y]);
  sketch.output("a", sketch.elementwise(exp, [y])).output("b", sketch.elementwise(exp, [stopped]));
  const simple = simplify(sketch.program());
  assertEquals(operations(simple), [["sum", "elementwise"]]);
  assertEquals(simple.outputs.a, simple.outputs.b);
});

Deno.test("simplify() keeps a copy of state: it is the value before an update", () => {
  const sketch = new Sketch(4);
  const w = sketch.parameter("w", [3]);
  const before = sketch.elementwise(copy, [w]);
  const viewed = sketch.elementwise(copy, [sketch.reshape(w, [1, 3])]);
  sketch.effect({ kind: "assign", state: "w", node: sketch.elementwise(exp, [w]) });
  sketch.segment("after").output("before", before).output("viewed", viewed);
  assertEquals(operations(simplify(sketch.program()))[0]!.filter((op) => op === "elementwise").length, 3);
});

Deno.test("simplify() reads no value from a segment that may be skipped", () => {
  const sketch = new Sketch(4);
  const x = sketch.images("x", [4, 2, 1, 1]);
  const gate = sketch.uniform("gate");
  sketch.segment("gated", gate).output("inside", sketch.elementwise(exp, [x]));
  sketch.output("again", sketch.elementwise(exp, [x]));
  sketch.segment("behind").output("outside", sketch.elementwise(exp, [x]));
  const simple = simplify(sketch.program());
  assertEquals(operations(simple), [["elementwise"], ["elementwise"]]);
  assertEquals(simple.outputs.inside, simple.outputs.again);
});
