import { assert, assertEquals, assertThrows } from "@std/assert";
import { type Method, OptionError, resnet14, resnet8, SentenceError, teacher, wrn_16_2 } from "../../dsl/mod.ts";
import { ab, abLoss, fsp, fspLoss, ft, ftLoss } from "../../methods/mod.ts";
import { compile } from "../../runtime/compile/compile.ts";
import { stageTrain } from "../../runtime/train/parts.ts";
import { compileTiny, tiny, train } from "../runtime/fixtures.ts";
import { assertGolden, learns, reach } from "./fixtures.ts";
import { given, probe } from "./probe.ts";

const [s, t] = [given("s", "map"), given("t", "map")];
const [s2, t2] = [given("s2", "map"), given("t2", "map")];

Deno.test("abLoss() asks for the side of zero that the teacher is on, beyond the margin", async () => {
  // t ≤ 0: (−0.5 + 1)², 0 (s is below −1), (2 + 1)²; t > 0: (0.5 − 1)², 0 (s is above 1), (−3 − 1)².
  const { loss, gradients } = await probe(abLoss(s, t), {
    s: { shape: [1, 1, 2, 3], data: [-0.5, -2, 2, 0.5, 3, -3] },
    t: { shape: [1, 1, 2, 3], data: [-1, 0, -2, 1, 2, 0.1] },
  });
  assertEquals(loss, 0.25 + 9 + 0.25 + 16);
  assertEquals(gradients["s"], [1, 0, 6, -1, 0, -8]);
});

Deno.test("fspLoss() compares how one map follows from another", async () => {
  // Student: 1/2 (1·3 + 2·4) = 5.5, teacher: 1/2 (1·1 + 1·0) = 0.5.
  const { loss } = await probe(fspLoss([s, s2], [t, t2]), {
    s: { shape: [1, 1, 1, 2], data: [1, 2] },
    s2: { shape: [1, 1, 1, 2], data: [3, 4] },
    t: { shape: [1, 1, 1, 2], data: [1, 1] },
    t2: { shape: [1, 1, 1, 2], data: [1, 0] },
  });
  assertEquals(loss, 25);
});

Deno.test("ftLoss() compares the directions of attention maps", async () => {
  // Q = (3, 4) and (1, 0): |0.6 − 1| and 0.8, over two places.
  const { loss } = await probe(ftLoss(s, t), {
    s: { shape: [1, 1, 1, 2], data: [Math.sqrt(3), 2] },
    t: { shape: [1, 1, 1, 2], data: [1, 0] },
  });
  assert(Math.abs(loss - 0.6) < 1e-12);
});

interface Expected {
  readonly method: Method;
  readonly main: readonly string[];
  readonly stage: Readonly<Record<string, readonly string[]>>;
  /** Modules whose parameters the stage moves, of tiny nets. */
  readonly moved: readonly string[];
}

const upTo3 = ["bn1", "bn2", "bn3", "bn4", "conv1", "conv2", "conv3", "conv4", "conv5"].map((name) =>
  `student/${name}`
);
const spots = ["layer1", "layer2", "layer3"];

const methods: Readonly<Record<string, Expected>> = {
  ab: {
    method: ab() as unknown as Method,
    main: ["student/ce"],
    stage: { ab: spots.map((spot) => `student/ab_${spot}`) },
    moved: upTo3,
  },
  fsp: {
    method: fsp() as unknown as Method,
    main: ["student/ce"],
    stage: { fsp: ["student/fsp_stem_layer1", "student/fsp_layer1_layer2", "student/fsp_layer2_layer3"] },
    moved: upTo3,
  },
  ft: {
    method: ft() as Method,
    main: ["student/ce", "student/ft"],
    stage: { student_ft: ["student_ft_paraphraser/reconstruction"] },
    moved: [0, 3, 6].flatMap((i) => ["decoder", "encoder"].map((part) => `student_ft_paraphraser/${part}.${i}`)).sort(),
  },
};

for (const [name, { method, main, stage, moved }] of Object.entries(methods)) {
  Deno.test(`${name}() has a stage of its own, and the teacher never learns`, () => {
    const graph = teacher(resnet14).student(resnet8).use(method).lower();
    assertEquals(learns(graph, "student"), main);
    assertEquals(learns(graph, "teacher"), []);
    assertEquals(
      Object.fromEntries(graph.stages!.map(({ name, graph }) => [name, graph.terms.map((term) => term.name)])),
      stage,
    );
    for (const { graph: own, epochs } of graph.stages!) {
      assertEquals([epochs, learns(own, "teacher")], [30, []]);
      for (const { loss } of own.terms) assert(!reach(loss).open.includes("teacher"), "the teacher is cut");
    }
    assertGolden(name, graph);
  });

  Deno.test(`${name}()'s stage moves these parameters and no others`, () => {
    const sentence = teacher(tiny).student(tiny).use(method);
    const graph = sentence.lower();
    const [first] = graph.stages!;
    const { step } = compile(
      { nets: sentence.spec.nets, archs: sentence.archs, graph: first!.graph, classes: 3, shape: [3, 6, 6], batch: 4 },
      stageTrain(first!, train()),
      { debug: true },
    );
    const names = Object.keys(step.outputs).filter((output) => output.startsWith("gradient/"))
      .map((output) => output.slice(9, output.lastIndexOf(".")));
    assertEquals([...new Set(names)].sort(), moved);
    compileTiny(sentence);
  });
}

Deno.test("ab() puts connectors where channels differ, and looks in front of activations", () => {
  const graph = teacher(wrn_16_2).student(resnet8).use(ab({ weight: 2, margin: 0.5, epochs: 3 })).lower();
  const [{ graph: own, epochs }] = graph.stages as [NonNullable<typeof graph.stages>[0]];
  assertEquals([epochs, own.aux.map(({ id }) => id)], [3, spots.map((spot) => `student_ab_${spot}`)]);
  assert(JSON.stringify(own.terms).includes("layer2_pre"));
  assertEquals(own.terms.map(({ weight }) => weight), [2, 2, 2]);
});

Deno.test("fsp() refuses nets of other widths, and all refuse options out of range", () => {
  assertThrows(
    () => teacher(wrn_16_2).student(resnet8).use(fsp()).lower(),
    SentenceError,
    "the spots of teacher and student have the same channels, got 32, 64, 128 of teacher and 16, 32, 64 of student.",
  );
  assertThrows(() => ab({ margin: 0 }), OptionError, "its margin is a finite number above 0, got 0.");
  assertThrows(() => fsp({ epochs: 0 }), OptionError, "its epochs is a whole number from 1, got 0.");
  assertThrows(() => ft({ share: 2 }), OptionError, "its share is a share from 0 to 1, got 2.");
});
