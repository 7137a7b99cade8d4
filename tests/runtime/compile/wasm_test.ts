import { assertEquals } from "@std/assert";
import { cohort, teacher } from "../../../dsl/cohort.ts";
import { add } from "../../../dsl/expr.ts";
import { mergeGraphs, type Term } from "../../../dsl/graph.ts";
import { crossEntropy, kl } from "../../../dsl/losses.ts";
import { live, logits, measured, run, tap } from "../../../dsl/value.ts";
import { ffsd } from "../../../methods/ffsd.ts";
import { kd } from "../../../methods/kd.ts";
import { wasm } from "../../../runtime/backend/wasm/wasm.ts";
import {
  assertClose,
  compileTiny,
  feed,
  inSession,
  plain,
  type Sentence,
  stepResults,
  tiny,
  written,
} from "../fixtures.ts";
import { poisoned } from "../poison.ts";

const [a, b, c] = [{ id: "a", view: 0 }, { id: "b", view: 0 }, { id: "c", view: 0 }];

function term(name: string, learners: readonly string[], loss: Term["loss"]): Term {
  return { name, learners, loss, weight: 1 };
}

const both = add(crossEntropy(logits(a)), crossEntropy(run("a", "logits", { mode: "eval" })));
const grafted = run("c", "logits", { from: "layer1", input: tap(b, "layer1") });
const entangled = [
  term("a/live", ["a", "c"], kl(logits(a), live(logits(c)))),
  term("b/graft", ["b"], crossEntropy(grafted)),
  term("c/ce", ["c"], crossEntropy(logits(c))),
];
const gated = [term("a/ce", ["a"], crossEntropy(logits(a))), term("b/kl", ["b"], kl(logits(b), logits(a)))];

const sentences: Readonly<Record<string, Sentence>> = {
  "FFSD": cohort(tiny, 3).leader().use(ffsd()),
  "a frozen teacher": teacher(tiny).student(plain).use(kd()),
  "nets one after the other": cohort(tiny, 2).views("each").mutual({ order: "sequential" }),
  "gradients through running statistics": written(["a"], mergeGraphs([{ terms: [term("a/both", ["a"], both)] }])),
  "gradients through another net's parameters": written(
    ["a", "b", "c"],
    mergeGraphs([{ terms: entangled, phases: [["a", "b", "c"]] }]),
    plain,
  ),
  "a net that pauses": written(
    ["a", "b"],
    mergeGraphs([{ terms: gated, switches: [{ pauses: "a", when: measured("gate") }] }]),
  ),
};

// Chains of a dozen float32 layers and batch norms of 8 to 324 numbers: rounding of 6e-8 grows about a thousandfold.
const FLOAT32 = 1e-4;

for (const [name, sentence] of Object.entries(sentences)) {
  Deno.test(`wasm takes the same step as reference, for batches of 2 to 9 of a program for 9: ${name}`, async () => {
    const debug = name !== "a net that pauses"; // its gradients are not there to be read
    const large = compileTiny(sentence, { batch: 9, debug });
    for (const count of [2, 5, 8, 9]) {
      const exact = compileTiny(sentence, { batch: count, debug });
      const given = feed(large, { count, measured: { gate: 1 } });
      const ours = await inSession(large, (session) => stepResults(session, given), { backend: wasm() });
      const theirs = await inSession(exact, (session) => stepResults(session, given));
      assertClose(ours, theirs, FLOAT32, `${count} images:`, 0.1); // a bias before batch norm has gradients of rounding
    }
  });
}

Deno.test("wasm lets no padding leak, whatever it holds", async () => {
  const clean = compileTiny(sentences.FFSD!, { batch: 9 });
  const hostile = { ...clean, step: poisoned(clean.step, 1) };
  for (const count of [2, 5, 9]) {
    const given = feed(clean, { count });
    const masked = { ...given, images: [...given.images, new Float32Array(count).fill(1)] };
    const backend = wasm();
    const expected = await inSession(clean, (session) => stepResults(session, given), { backend });
    const found = await inSession(hostile, (session) => stepResults(session, masked), { backend });
    // Poisoning cuts fused kernels, so last bits may differ, and a bias before batch norm has gradients of rounding; a
    // leak would be NaN.
    assertClose(found, expected, FLOAT32, `${count} images:`, 0.1);
  }
  assertEquals(wasm().precision, "float32");
});
