import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import {
  cohort,
  embedding,
  logits,
  type LossGraph,
  meanAll,
  OptionError,
  parseSpec,
  perSample,
  resnet8,
  SentenceError,
  type Site,
  square,
  stop,
  sub,
  synthetic,
  tap,
  teacher,
  type Term,
  train,
  UnknownSpotError,
  type Weight,
} from "../../mod.ts";
import { compileTiny, feed, inSession, tiny } from "../runtime/fixtures.ts";
import { mean } from "./arithmetic.ts";
import { assertGolden } from "./fixtures.ts";

/** Peer 1 follows peer 0's maps, ever more; both keep their embeddings small. */
const said = cohort(tiny, 2).mutual().loss(({ peers: [a, b] }) => [
  {
    name: "peer1/maps",
    learners: ["peer1"],
    loss: perSample(square(sub(tap(b!, "layer2"), stop(tap(a!, "layer2"))))),
    weight: { ramp: "linear", to: 3, epochs: 4, from: 1 },
  },
  {
    name: "both/small",
    learners: ["peer0", "peer1"],
    loss: meanAll(square(sub(embedding(a!), embedding(b!)))),
    weight: 0.5,
  },
]);

Deno.test("loss() has its terms beside those of the verbs", () => {
  assertGolden("loss", said.lower());
});

Deno.test("loss() minimises what is computed by hand from maps and embeddings, with weight and ramp", async () => {
  const [a, b] = [{ id: "peer0", view: 0 }, { id: "peer1", view: 0 }];
  const graph: LossGraph = {
    ...said.lower(),
    watches: [a, b].flatMap((net) => [
      { name: `${net.id} map`, value: tap(net, "layer2") },
      { name: `${net.id} embedding`, value: embedding(net) },
    ]),
  };
  const compiled = compileTiny({ spec: said.spec, archs: said.archs, lower: () => graph });
  await inSession(compiled, async (session) => {
    for (const [epoch, ramp] of [[1, 0.75], [2, 1.5], [4, 3], [9, 3]] as const) {
      const { terms } = await session.step(feed(compiled, { epoch, rate: 0 }));
      const distance = async (what: string): Promise<number> => {
        const [one, other] = [
          await session.readStep(`watch/peer0 ${what}`),
          await session.readStep(`watch/peer1 ${what}`),
        ];
        return mean(Array.from(one, (x, i) => (x - other[i]!) ** 2));
      };
      // Means of a few hundred float64 squares, in another order.
      assertAlmostEquals(terms["peer1/maps"]!, ramp * await distance("map"), 1e-12);
      assertAlmostEquals(terms["both/small"]!, 0.5 * await distance("embedding"), 1e-12);
    }
  });
});

Deno.test("loss() gives gradient to a term's learners, behind what they compute and nothing that is cut", async () => {
  assertEquals(await reached("peer1/maps"), [
    "peer1/bn1",
    "peer1/bn2",
    "peer1/bn3",
    "peer1/conv1",
    "peer1/conv2",
    "peer1/conv3",
  ]);
  const both = await reached("both/small");
  assert(both.includes("peer0/conv5") && both.includes("peer1/conv1"));
  assertEquals(both.filter((layer) => layer.endsWith("/fc")), []);
});

Deno.test("a sentence with loss() is told, read from its spec, and trained", async () => {
  const sentence = said.on(synthetic({ classes: 3, shape: [3, 6, 6], train: 16, test: 8 })).train({
    epochs: 2,
    batch: 8,
  });
  assertEquals(
    sentence.explain().text.split("\n").filter((line) => /maps|small/.test(line)).length > 2,
    true,
    sentence.explain().text,
  );
  const again = parseSpec(JSON.stringify(said.spec), { archs: said.archs });
  assertEquals(again.lower(), said.lower());
  const { history } = await train(sentence, { backend: "reference", runs: false });
  const [first, second] = history.map(({ terms }) => terms["peer1/maps"]!);
  assert(Number.isFinite(first) && first! > 0 && Number.isFinite(second));
});

Deno.test("loss() sees teachers, students and what they are called", () => {
  let seen: Site | undefined;
  teacher(tiny).student(tiny).loss((site) => {
    seen = site;
    return [];
  });
  assertEquals([seen!.teachers[0]!.id, seen!.students[0]!.spots], ["teacher", ["layer1", "layer2", "layer3"]]);
});

/** A term of peer 0 with these changes. */
function changed(change: object): () => readonly Term[] {
  const own = logits({ id: "peer0", view: 0 });
  return () => [{ name: "peer0/x", learners: ["peer0"], loss: meanAll(own), weight: 1, ...change }];
}

function refused(build: unknown, mistake: new (message: string) => Error, message: string): void {
  assertThrows(() => cohort(resnet8, 2).loss(build as () => readonly Term[]), mistake, message);
}

Deno.test("loss() refuses what is no list of terms", () => {
  refused(
    () => meanAll(logits({ id: "peer0", view: 0 })),
    SentenceError,
    "Cannot say loss(): it takes a function that returns a list of terms, got {",
  );
  refused(() => undefined, SentenceError, "got undefined. Return [{ name, learners, loss, weight }].");
  refused(changed({ name: "" }), SentenceError, 'Call term 1 "learner/what".');
  refused(
    changed({ learners: [] }),
    SentenceError,
    '"peer0/x" has a list of learners, got []. Say learners: ["peer0"].',
  );
});

Deno.test("loss() refuses a loss that is no value, in the checker and at run time", () => {
  assertThrows(
    // @ts-expect-error: a number is no value
    () => cohort(resnet8, 2).loss(() => [{ name: "peer0/x", learners: ["peer0"], loss: 3, weight: 1 }]),
    SentenceError,
    'Cannot say loss(): the loss of "peer0/x" is made of values, got 3. Make one from logits(net), tap(net, spot), …',
  );
  refused(
    changed({ loss: { ...meanAll(logits({ id: "peer0", view: 0 })), of: [() => 1] } }),
    SentenceError,
    "got a function",
  );
  assertThrows(
    () =>
      // @ts-expect-error: class scores are no loss
      cohort(resnet8, 2).loss(({ peers: [a] }) => {
        return [{ name: "x", learners: ["peer0"], loss: logits(a!), weight: 1 }];
      }),
    SentenceError,
    'the loss of "x" is one number or one a sample, got logits. Wrap it in perSample(…) or meanAll(…).',
  );
});

Deno.test("loss() refuses an unknown spot at once, and an unknown net when the sentence is lowered", () => {
  const at = (spot: string) => changed({ loss: meanAll(tap({ id: "peer0", view: 0 }, spot)) });
  refused(at("layr3"), UnknownSpotError, 'Cannot tap peer0: it has no spot "layr3"');
  refused(at("layr3"), UnknownSpotError, 'Did you mean "layer3"?');
  const stranger = changed({ loss: meanAll(logits({ id: "peer7", view: 0 })) });
  assertThrows(
    () => cohort(resnet8, 2).loss(stranger).lower(),
    SentenceError,
    'Cannot lower term "peer0/x": it names nets and modules of the sentence, got "peer7". Known: peer0, peer1.',
  );
  assertThrows(() => cohort(resnet8, 2).loss(changed({ learners: ["peer7"] })).lower(), SentenceError, 'got "peer7"');
});

Deno.test("loss() refuses weights that mean nothing", () => {
  const weights: readonly unknown[] = [
    NaN,
    "1",
    undefined,
    {},
    { ramp: "cubic", to: 1, epochs: 5, from: 1 },
    { ramp: "linear", to: 1, epochs: 0, from: 1 },
  ];
  for (const weight of weights) {
    refused(
      changed({ weight }),
      OptionError,
      'the weight of "peer0/x" is a finite number, a ramp or a measured value, got',
    );
  }
  for (const weight of [-1, 0, { measured: "mood" }, { ramp: "sigmoid", to: 1, epochs: 80, from: 0 }] as Weight[]) {
    cohort(resnet8, 2).loss(changed({ weight }));
  }
});

/** Layers that gradient reaches from one term alone. */
async function reached(term: string): Promise<readonly string[]> {
  const compiled = compileTiny(said, { debug: true });
  const given = feed(compiled, { rate: 0 });
  const weights = Object.fromEntries(Object.keys(given.weights).map((name) => [name, Number(name === term)]));
  return await inSession(compiled, async (session) => {
    await session.step({ ...given, weights });
    const found = new Set<string>();
    for (const output of Object.keys(compiled.step.outputs).filter((name) => name.startsWith("gradient/"))) {
      // The bias of a convolution before a batch norm has a gradient of rounding alone.
      if ((await session.readStep(output)).some((x) => Math.abs(x) > 1e-12)) {
        found.add(output.slice("gradient/".length).replace(/\.(weight|bias)$/, ""));
      }
    }
    return [...found].sort();
  });
}
