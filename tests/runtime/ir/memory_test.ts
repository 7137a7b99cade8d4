import { assert, assertEquals } from "@std/assert";
import { cohort } from "../../../dsl/cohort.ts";
import { ffsd } from "../../../methods/ffsd.ts";
import { planMemory } from "../../../runtime/ir/memory.ts";
import { isLeaf, type Node, sizeOf } from "../../../runtime/ir/node.ts";
import type { StepProgram } from "../../../runtime/ir/program.ts";
import { compileTiny, tiny } from "../fixtures.ts";

/** When each computed node is made and last needed, counted in nodes and effects as they run. */
function lives(program: StepProgram): Map<number, readonly [from: number, to: number]> {
  const events: (readonly number[])[] = [];
  const made = new Map<number, number>();
  for (const segment of program.segments) {
    if (segment.gate !== undefined) events.push([segment.gate]);
    for (const id of segment.nodes) {
      made.set(id, events.length);
      events.push([id, ...program.nodes[id]!.inputs]);
    }
    for (const effect of segment.effects) events.push([effect.kind === "assign" ? effect.node : effect.gradient]);
  }
  events.push(Object.values(program.outputs));
  return new Map([...made].map(([id, from]) => [id, [from, events.findLastIndex((ids) => ids.includes(id))]]));
}

const bytes = (node: Node): number => 4 * sizeOf(node.shape);

for (
  const [name, sentence] of Object.entries({
    FFSD: cohort(tiny, 3).leader().use(ffsd()),
    "nets one after the other": cohort(tiny, 2).mutual({ order: "sequential" }),
  })
) {
  Deno.test(`planMemory() never gives one place to two numbers that are needed at once: ${name}`, () => {
    const { step } = compileTiny(sentence);
    for (const align of [1, 16]) {
      const plan = planMemory(step, bytes, align);
      const all = [...lives(step)].map(([id, [from, to]]) => {
        const start = plan.offsets[id]!;
        return { id, from, to, start, end: start + Math.ceil(bytes(step.nodes[id]!) / align) * align };
      });
      for (const [i, a] of all.entries()) {
        assert(a.start >= 0 && a.end <= plan.total && a.start % align === 0, `node ${a.id}`);
        for (const b of all.slice(i + 1)) {
          const together = a.from <= b.to && b.from <= a.to;
          assert(!together || a.end <= b.start || b.end <= a.start, `nodes ${a.id} and ${b.id} share bytes`);
        }
      }
      assertEquals(plan.unshared, all.reduce((sum, { start, end }) => sum + end - start, 0));
      assert(plan.total < 0.8 * plan.unshared, `${plan.total} of ${plan.unshared}`);
      for (const node of step.nodes.filter(isLeaf)) assertEquals(plan.offsets[node.id], -1);
    }
  });
}
