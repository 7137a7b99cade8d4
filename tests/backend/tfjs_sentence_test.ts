import { assert } from "@std/assert";
import { cohort } from "../../dsl/cohort.ts";
import { ffsd } from "../../methods/ffsd.ts";
import type { Backend, Numbers } from "../../runtime/backend/backend.ts";
import { reference } from "../../runtime/backend/reference/reference.ts";
import { tfjs } from "../../runtime/backend/tfjs/tfjs.ts";
import { compileTiny, feed, inSession, plain, type Sentence, stateOf, tiny } from "../runtime/fixtures.ts";

const sentences: Readonly<Record<string, Sentence>> = {
  "FFSD": cohort(tiny, 3).leader().use(ffsd()),
  "mutual learning": cohort(plain, 2).mutual(),
};

/** Terms of three steps of different sizes, the state after them, and class scores. */
function trained(sentence: Sentence, backend: Backend): Promise<Record<string, Numbers>> {
  const compiled = compileTiny(sentence);
  return inSession(compiled, async (session) => {
    const all: Record<string, Numbers> = {};
    for (const [step, count] of [5, 3, 5].entries()) {
      const { terms } = await session.step(feed(compiled, { count, seed: step }));
      for (const [name, value] of Object.entries(terms)) all[`step ${step}, ${name}`] = Float64Array.of(value);
    }
    return {
      ...all,
      ...await stateOf(session),
      ...await session.evaluate(feed(compiled, { count: 4 }).images[0]!, 4),
    };
  }, { backend });
}

// Three steps in float32 through some forty layers; the floor is for gradients that are zero but for rounding, such as
// those of a bias before batch norm.
const [RELATIVE, FLOOR] = [2e-4, 1e-2];

for (const [name, sentence] of Object.entries(sentences)) {
  Deno.test(`tfjs-cpu trains a compiled sentence as the reference does: ${name}`, async () => {
    const [ours, theirs] = [
      await trained(sentence, await tfjs({ engine: "cpu" })),
      await trained(sentence, reference()),
    ];
    for (const [what, numbers] of Object.entries(theirs)) {
      const expected = [...numbers];
      const largest = expected.reduce((most, x) => Math.max(most, Math.abs(x)), FLOOR);
      const worst = expected.reduce((most, x, i) => Math.max(most, Math.abs(x - ours[what]![i]!)), 0) / largest;
      assert(worst <= RELATIVE, `${what} differs by ${worst} of its largest number ${largest}`);
    }
  });
}
