import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  MissingRoleError,
  mobilenet_v2,
  OptionError,
  resnet14,
  resnet8,
  SentenceError,
  solo,
  teacher,
  topology,
  UnknownSpotError,
  type Value,
} from "../../dsl/mod.ts";
import type { Method } from "../../dsl/mod.ts";
import {
  at,
  byot,
  cc,
  dkd,
  fitnet,
  kd,
  labelSmoothing,
  nst,
  pkt,
  reviewkd,
  rkd,
  sp,
  tfKd,
  vid,
} from "../../methods/mod.ts";
import { compileTiny, feed, inSession, type Sentence, tiny } from "../runtime/fixtures.ts";
import { assertGolden, learns, reach, siteWith } from "./fixtures.ts";

interface Expected {
  readonly method: Method;
  /** Terms beside `student/ce`, with their spots. */
  readonly terms: Readonly<Record<string, string | undefined>>;
  /** Parameters that the terms reach, of the net `tiny` and of modules. */
  readonly reached: readonly string[];
  readonly weight: unknown;
}

const spots = ["layer1", "layer2", "layer3"] as const;
const below: Readonly<Record<typeof spots[number], readonly string[]>> = {
  layer1: ["bn1", "bn2", "conv1", "conv2"],
  layer2: ["bn1", "bn2", "bn3", "conv1", "conv2", "conv3"],
  layer3: ["bn1", "bn2", "bn3", "bn4", "conv1", "conv2", "conv3", "conv4", "conv5"],
};
const upTo = (spot: typeof spots[number]): readonly string[] => below[spot].map((name) => `student/${name}`);
const maps = upTo("layer3");
const every = (name: string): Expected["terms"] =>
  Object.fromEntries(spots.map((spot) => [`student/${name}_${spot}`, spot]));
const review = ["0.conv1", "1.conv1", "2.conv1", "3.conv1", "0.conv2", "1.conv2", "2.conv2", "3.conv2"];

// tiny's spots have 2, 3 and 4 channels; the teacher is another tiny.
const distillers: Readonly<Record<string, Expected>> = {
  at: { method: at(), terms: every("at"), reached: maps, weight: 1000 },
  sp: { method: sp(), terms: { "student/sp": "layer3" }, reached: maps, weight: 3000 },
  rkd: { method: rkd(), terms: { "student/rkd": "embedding" }, reached: maps, weight: 1 },
  fitnet: {
    method: fitnet(),
    terms: { "student/fitnet": "layer2" },
    reached: [...upTo("layer2"), "student_fitnet/bn", "student_fitnet/conv"],
    weight: 100,
  },
  pkt: { method: pkt(), terms: { "student/pkt": "embedding" }, reached: maps, weight: 30000 },
  nst: { method: nst(), terms: every("nst"), reached: maps, weight: 50 },
  cc: {
    method: cc(),
    terms: { "student/cc": "embedding" },
    reached: [...maps, "student_cc_student/linear", "student_cc_teacher/linear"],
    weight: 0.02,
  },
  vid: {
    method: vid(),
    terms: every("vid"),
    reached: [
      ...maps,
      ...spots.flatMap((spot) => [`student_vid_${spot}/log_scale`, `student_vid_${spot}/regressor`]),
    ],
    weight: 1,
  },
  dkd: {
    method: dkd(),
    terms: { "student/dkd": "logits" },
    reached: [...maps, "student/fc"],
    weight: { ramp: "linear", to: 1, epochs: 20, from: 1 },
  },
  reviewkd: {
    method: reviewkd(),
    terms: { "student/reviewkd": undefined },
    reached: [
      ...maps,
      ...["1", "2", "3"].map((level) => `student_reviewkd/${level}.att_conv`),
      ...review.map((name) => `student_reviewkd/${name}`),
    ],
    weight: { ramp: "linear", to: 5, epochs: 20, from: 1 },
  },
};

for (const [name, { method, terms, reached, weight }] of Object.entries(distillers)) {
  Deno.test(`${name}() teaches the student at its spots and leaves the teacher alone`, () => {
    const graph = teacher(resnet14).student(resnet8).use(method).lower();
    assertEquals(learns(graph, "student"), ["student/ce", ...Object.keys(terms)]);
    assertEquals([learns(graph, "teacher"), graph.phases], [[], [["student"]]]);
    const [ce, ...own] = graph.terms;
    assertEquals(ce!.weight, 1);
    for (const term of own) {
      assertEquals([term.spot, term.weight], [terms[term.name], weight], term.name);
      assert(!reach(term.loss).open.includes("teacher") || name === "cc", "the teacher is cut");
      assertEquals([...modesOf(term.loss, "teacher")], ["eval"]);
      assertEquals([...modesOf(term.loss, "student")], ["train"]);
    }
    assert(graph.aux.every(({ group }) => group === "student"));
    assertGolden(name, graph);
  });

  Deno.test(`${name}()'s terms reach these parameters and no others`, async () => {
    assertEquals(await reachedBy(teacher(tiny).student(tiny).use(method), Object.keys(terms)), [...reached].sort());
  });
}

Deno.test("cc() leaves the teacher's embedding alone where told, as SAKD does", async () => {
  const sentence = teacher(tiny).student(tiny).use(cc({ teacherEmbedding: "random" }));
  assertEquals(await reachedBy(sentence, ["student/cc"]), [...maps, "student_cc_student/linear"].sort());
});

Deno.test("distillers look where told, at spots of two names too", () => {
  const graph = teacher(resnet14).student(mobilenet_v2).use(at({
    at: [{ teacher: "layer1", student: "layer2" }, "layer3"],
    weight: 2,
    ce: 0.5,
  })).lower();
  assertEquals(graph.terms.map(({ name, spot, weight }) => [name, spot, weight]), [
    ["student/ce", undefined, 0.5],
    ["student/at_layer2", "layer2", 2],
    ["student/at_layer3", "layer3", 2],
  ]);
  assertEquals(at({ at: ["layer3"] }).routes, ["layer3"]);
  assertEquals([at().routes, sp().routes, rkd().routes, dkd().routes], [
    ["every spot"],
    ["deepest spot"],
    ["embedding"],
    ["logits"],
  ]);
});

Deno.test("a distiller and kd() share one cross-entropy", () => {
  const { terms } = teacher(resnet14).student(resnet8)
    .use(kd({ ce: 0.1, weight: 0.9 })).use(sp({ ce: 0.1, weight: 5 })).lower();
  assertEquals(terms.map(({ name, weight }) => [name, weight]), [
    ["student/ce", 0.1],
    ["student/kd", 0.9],
    ["student/sp", 5],
  ]);
  assertThrows(
    () => teacher(resnet14).student(resnet8).use(kd()).use(sp()).lower(),
    RangeError,
    'Cannot combine clauses: every term has a name of its own, got "student/ce" twice.',
  );
});

Deno.test("a student of two teachers has terms and modules for each", () => {
  const graph = topology({ a: resnet14, b: resnet14, s: resnet8 }).teach("a -> s", "b -> s").use(fitnet()).lower();
  assertEquals(graph.terms.map(({ name }) => name), ["s/ce", "s/fitnet_a", "s/fitnet_b"]);
  assertEquals(graph.aux.map(({ id, group }) => [id, group]), [["s_fitnet_a", "s"], ["s_fitnet_b", "s"]]);
});

Deno.test("a sentence with a distiller is rebuilt from its spec's options", () => {
  for (const { method } of Object.values(distillers)) {
    const again = remake[method.name as keyof typeof remake](method.options as never);
    assertEquals(again.options, method.options);
  }
});

Deno.test("distillers refuse options out of range and sites they mean nothing on", () => {
  assertThrows(
    () => at({ at: [] }),
    OptionError,
    "Cannot say at(): it needs a spot to look at, got none. Leave it out for the default.",
  );
  assertThrows(
    () => sp({ weight: -1 }),
    OptionError,
    "Cannot say sp(): its weight is a finite number, 0 or above, got -1",
  );
  assertThrows(() => rkd({ ce: NaN }), OptionError, "Cannot say rkd(): its ce is a finite number, 0 or above, got NaN");
  assertThrows(() => vid({ variance: 0 }), OptionError, "Cannot say vid(): its variance is a finite number above 0");
  assertThrows(
    () => teacher(resnet14).student(mobilenet_v2).use(nst()).lower(),
    SentenceError,
    "Cannot lower nst(): spots of teacher and student are paired one by one, got 3 of teacher and 4 of student. " +
      'Say at: [{ teacher: "layer1", student: "layer1" }, …].',
  );
  assertThrows(
    () => teacher(resnet14).student(mobilenet_v2).use(reviewkd()).lower(),
    SentenceError,
    "Cannot lower reviewkd(): spots of teacher and student are paired one by one, got 3 of teacher and 4 of student.",
  );
  assertThrows(
    () => teacher(resnet14).student(resnet8).use(at({ at: ["layer9"] }) as Method),
    UnknownSpotError,
    "Cannot say use(at()): no spot 'layer9' in the teacher",
  );
  assertThrows(
    () => sp().lower(siteWith([["student", "student", resnet8]])),
    MissingRoleError,
    'Cannot lower sp(): every student has a teacher, got none for student. Add an edge such as "teacher -> student".',
  );
});

Deno.test("labelSmoothing() and tfKd() teach every net from the labels alone", () => {
  const smooth = solo(resnet8).use(labelSmoothing()).lower();
  assertEquals(smooth.terms.map(({ name, weight }) => [name, weight]), [["student/smoothed_ce", 1]]);
  assertGolden("label_smoothing", smooth);
  const free = solo(resnet8).use(tfKd()).lower();
  assertEquals(free.terms.map(({ name, weight }) => [name, weight]), [["student/ce", 0.9], ["student/tf_kd", 0.1]]);
  assertGolden("tf_kd", free);
  assertThrows(() => labelSmoothing({ smoothing: 2 }), OptionError, "its smoothing is a share from 0 to 1, got 2");
  assertThrows(() => tfKd({ correct: 1.1 }), OptionError, "its correct is a share from 0 to 1, got 1.1");
});

Deno.test("byot() gives every shallower spot an exit that learns from the last one", async () => {
  const graph = solo(resnet8).use(byot()).lower();
  assertEquals(graph.terms.map(({ name, weight }) => [name, weight]), [
    ["student/ce", 1],
    ["student/exit_1_ce", 0.9],
    ["student/exit_1_kd", 0.1],
    ["student/exit_1_hint", 1e-6],
    ["student/exit_2_ce", 0.9],
    ["student/exit_2_kd", 0.1],
    ["student/exit_2_hint", 1e-6],
  ]);
  assertEquals(graph.heads.map(({ name }) => name), ["student_exit_1", "student_exit_2"]);
  assertEquals(graph.aux.map(({ group }) => group), ["student", "student"]);
  assertGolden("byot", graph);
  const own = ["bn1", "bn2", "bn3", "conv1", "conv2", "conv3"].map((name) => `student_exit_1/${name}`);
  const reached = await reachedBy(solo(tiny).use(byot()), ["student/exit_1_kd"]);
  assertEquals(reached, [...below.layer1.map((name) => `student/${name}`), ...own, "student_exit_1/fc"].sort());
  assertThrows(
    () => solo({ ...resnet8, spots: ["layer3"] } as const).use(byot()).lower(),
    SentenceError,
    "Cannot lower byot(): student needs a spot above its deepest, got resnet8 with 1. Choose a net with two spots.",
  );
});

const remake = { at, sp, rkd, fitnet, pkt, nst, cc, vid, dkd, reviewkd } as const;

/** Layers of nets and modules that a gradient other than zero reaches from these terms alone. */
async function reachedBy(sentence: Sentence, terms: readonly string[]): Promise<readonly string[]> {
  const compiled = compileTiny(sentence, { debug: true });
  const given = feed(compiled, { rate: 0 });
  const weights = Object.fromEntries(Object.keys(given.weights).map((name) => [name, terms.includes(name) ? 1 : 0]));
  return await inSession(compiled, async (session) => {
    await session.step({ ...given, weights });
    const found = new Set<string>();
    for (const output of Object.keys(compiled.step.outputs).filter((name) => name.startsWith("gradient/"))) {
      const name = output.slice("gradient/".length);
      const values = await session.readStep(output);
      // The bias of a convolution before a batch norm has a gradient of rounding alone.
      if (values.some((x) => Math.abs(x) > 1e-12)) found.add(layerOf(name));
    }
    return [...found].sort();
  });
}

function layerOf(name: string): string {
  return name.replace(/\.(weight|bias)$/, "").replace(/(regressor|conv\d|att_conv)\.\d$/, "$1");
}

function modesOf(loss: Value, net: string): ReadonlySet<unknown> {
  const found = new Set<unknown>();
  const seen = new Set<Value>();
  const visit = (value: Value): void => {
    if (seen.has(value)) return;
    seen.add(value);
    if (value.op === "run" && value.attrs["net"] === net) found.add(value.attrs["mode"]);
    value.of.forEach(visit);
  };
  visit(loss);
  return found;
}
