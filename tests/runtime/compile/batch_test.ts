import { assert, assertEquals } from "@std/assert";
import { meanAll, mul, square, sub } from "../../../dsl/expr.ts";
import { mergeGraphs, type Term } from "../../../dsl/graph.ts";
import { crossEntropy, kl } from "../../../dsl/losses.ts";
import { cohort } from "../../../dsl/cohort.ts";
import { embedding, live, logits, type NetRef, node, stop, type Value } from "../../../dsl/value.ts";
import { ffsd } from "../../../methods/ffsd.ts";
import type { Numbers } from "../../../runtime/backend/backend.ts";
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

const MOST = 9;

/** Distances between all pairs of embeddings [B, B], over the mean distance: two batch axes and a mean over both. */
function relations(net: NetRef): Value {
  const gram = node("matmul", "tensor", [embedding(net), embedding(net)], { transposeA: false, transposeB: true });
  return node("div", "tensor", [gram, node("mean", "tensor", [square(gram)], { axes: [0, 1] })]);
}

function term(name: string, learners: readonly string[], loss: Term["loss"], weight = 1): Term {
  return { name, learners, loss, weight };
}

const [a, b] = [{ id: "a", view: 0 }, { id: "b", view: 0 }];

/** A net with max pooling, and losses that compare samples with each other. */
function relational(): Sentence {
  const graph = mergeGraphs([{
    terms: [
      term("a/ce", ["a"], crossEntropy(logits(a))),
      term("a/relations", ["a"], meanAll(square(sub(relations(a), stop(relations(b)))))),
      term("b/ce", ["b"], crossEntropy(logits(b))),
      term("b/live", ["a", "b"], kl(logits(b), live(logits(a)), { temperature: 2 })),
      term("b/most", ["b"], meanAll(mul(node("reduceMax", "tensor", [logits(b)], { axes: [0] }), 0.1))),
    ],
  }]);
  return written(["a", "b"], graph, plain);
}

const sentences: Readonly<Record<string, { readonly of: Sentence; readonly least: number }>> = {
  "FFSD with convolution, batch norm and odd maps": { of: cohort(tiny, 3).leader().use(ffsd()), least: 2 },
  "mutual learning on a view each": { of: cohort(tiny, 2).views("each").mutual({ live: true }), least: 2 },
  "pooling and relations between samples": { of: relational(), least: 1 },
};

// Both programs add the same numbers in the same order, so only the last bits could differ.
const SAME = 1e-12;

for (const [name, { of, least }] of Object.entries(sentences)) {
  Deno.test(`compile() for ${MOST} images runs ${least} to ${MOST} as if compiled for just as many: ${name}`, async () => {
    const large = compileTiny(of, { batch: MOST, debug: true });
    for (let count = least; count <= MOST; count++) {
      const exact = compileTiny(of, { batch: count, debug: true });
      const given = feed(large, { count });
      const [ours, theirs] = [
        await inSession(large, (session) => stepResults(session, given)),
        await inSession(exact, (session) => stepResults(session, given)),
      ];
      assertClose(ours, theirs, SAME, `${count} images:`);
    }
  });

  Deno.test(`compile() lets no padding leak, whatever it holds: ${name}`, async () => {
    for (const debug of [true, false]) {
      const clean = compileTiny(of, { batch: MOST, debug });
      const views = feed(clean).images.length;
      const hostile = { ...clean, step: poisoned(clean.step, views) };
      for (const count of [least, 5, MOST]) {
        const given = feed(clean, { count });
        const masked = { ...given, images: [...given.images, new Float32Array(count).fill(1)] };
        const expected = await inSession(clean, (session) => stepResults(session, given));
        const found = await inSession(hostile, (session) => stepResults(session, masked));
        assertEquals(found, expected);
        for (const [key, numbers] of Object.entries(found)) assert(numbers.every(Number.isFinite), key);
      }
    }
  });

  Deno.test(`compile() fuses element-wise nodes without changing a number: ${name}`, async () => {
    const [apart, fused] = [compileTiny(of, { debug: true }), compileTiny(of)];
    assert(fused.step.nodes.length < apart.step.nodes.length);
    const given = feed(apart);
    const withoutGradients = (all: Record<string, Numbers>): Record<string, Numbers> =>
      Object.fromEntries(Object.entries(all).filter(([key]) => !key.startsWith("gradient/")));
    assertEquals(
      await inSession(fused, (session) => stepResults(session, given)),
      withoutGradients(await inSession(apart, (session) => stepResults(session, given))),
    );
  });
}

Deno.test("compile() for 9 images evaluates 1 to 9 as if compiled for just as many", async () => {
  const of = cohort(tiny, 3).leader().fuse().selfDistill();
  const large = compileTiny(of, { batch: MOST });
  const all = await inSession(large, async (session) => {
    const { images } = feed(large);
    const found: Readonly<Record<string, Numbers>>[] = [];
    for (let count = 1; count <= MOST; count++) {
      found.push(await session.evaluate(images[0]!.slice(0, count * 108), count));
    }
    return found;
  });
  for (let count = 2; count <= MOST; count++) {
    const exact = compileTiny(of, { batch: count });
    const { images } = feed(exact);
    assertClose(
      all[count - 1]!,
      await inSession(exact, (s) => s.evaluate(images[0]!, count)),
      SAME,
      `${count} images:`,
    );
  }
  for (const [name, numbers] of Object.entries(all[0]!)) {
    assertEquals(numbers, all[MOST - 1]![name]!.slice(0, 3), `${name}: an image does not depend on its neighbours`);
  }
});

Deno.test("compile() takes one image through batch norm where its map has more than one place", async () => {
  const of = cohort(tiny, 2).mutual();
  const [nine, two] = [compileTiny(of, { batch: MOST, debug: true }), compileTiny(of, { batch: 2, debug: true })];
  const given = feed(nine, { count: 1 });
  assertClose(
    await inSession(nine, (session) => stepResults(session, given)),
    await inSession(two, (session) => stepResults(session, given)),
    SAME,
  );
});
