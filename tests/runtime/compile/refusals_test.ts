import { assertThrows } from "@std/assert";
import { defineArch, withClasses } from "../../../dsl/arch.ts";
import { cohort } from "../../../dsl/cohort.ts";
import {
  ClassCountError,
  CohortError,
  OptionError,
  SentenceError,
  ShapeError,
  UnknownNameError,
  UnknownSpotError,
} from "../../../dsl/errors.ts";
import { emptyGraph, type LossGraph, mergeGraphs, type Term } from "../../../dsl/graph.ts";
import { batchNorm, conv, globalPool, linear } from "../../../dsl/layers.ts";
import { crossEntropy, kl } from "../../../dsl/losses.ts";
import { flatten, perSample, sub } from "../../../dsl/expr.ts";
import { live, logits, measured, stop, tap } from "../../../dsl/value.ts";
import { compile } from "../../../runtime/compile/compile.ts";
import { compileTiny, plain, type Setting, shape, tiny, train, written } from "../fixtures.ts";

const [a, b] = [{ id: "a", view: 0 }, { id: "b", view: 0 }];
const ce: Term = { name: "a/ce", learners: ["a"], loss: crossEntropy(logits(a)), weight: 1 };

/** Asserts that a hand-written graph over two nets is refused with exactly this message. */
function refused(
  graph: Partial<LossGraph>,
  errorClass: new (message: string) => CohortError,
  message: string,
  setting: Setting = {},
): void {
  const whole = { ...emptyGraph, ...graph, phases: graph.phases ?? mergeGraphs([graph]).phases };
  assertThrows(() => compileTiny(written(["a", "b"], whole), setting), errorClass, message);
}

function term(loss: Term["loss"]): Partial<LossGraph> {
  return { terms: [{ ...ce, name: "a/l", loss }] };
}

Deno.test("compile() refuses an architecture that is not given, with the closest name", () => {
  const sentence = cohort(tiny, 2).mutual();
  const nets = sentence.spec.nets.map((net) => ({ ...net, arch: "tyny" }));
  assertThrows(
    () => compileTiny({ spec: { nets }, archs: { tiny }, lower: () => sentence.lower() }),
    UnknownNameError,
    'Cannot build peer0: its architecture is not known, got "tyny". Did you mean "tiny"?',
  );
});

Deno.test("compile() refuses to change the optimizer of a group that does not learn", () => {
  const groups = { pear0: { learningRate: 1 } };
  assertThrows(
    () => compileTiny(cohort(tiny, 2).mutual(), { train: { groups } }),
    UnknownNameError,
    'Cannot train with these groups: each is a net or module that learns, got "pear0". Did you mean "peer0"?',
  );
});

Deno.test("compile() refuses a net that is not in the sentence", () => {
  refused(
    term(crossEntropy(logits({ id: "peer", view: 0 }))),
    UnknownNameError,
    'Cannot run "peer": it is no net or module of the sentence. Known: a, b.',
  );
});

Deno.test("compile() refuses a spot that a net lacks, with the closest one", () => {
  refused(
    term(perSample(tap(a, "layr3"))),
    UnknownSpotError,
    'Cannot tap a: it has no spot "layr3", only layer1, layer2, layer3, embedding, logits. Did you mean "layer3"?',
  );
});

Deno.test("compile() refuses learners and pauses that are no net or module", () => {
  refused(
    { terms: [{ ...ce, learners: ["c"] }] },
    UnknownNameError,
    'Cannot train "c": a learner is a net or a module of the sentence. Did you mean "a"?',
  );
  refused(
    { terms: [ce], phases: [["a", "fusion"]] },
    UnknownNameError,
    'Cannot train "fusion": a learner is a net or a module of the sentence. Known: a, b.',
  );
});

Deno.test("compile() refuses learners that no phase updates", () => {
  refused(
    { terms: [ce], phases: [["b"]] },
    CohortError,
    'Cannot order updates: every learner updates once a step, got "a" 0 times.',
  );
});

Deno.test("compile() refuses a term whose learners update in different phases", () => {
  const both = { ...ce, name: "a/both", learners: ["a", "b"], loss: kl(logits(a), live(logits(b))) };
  refused(
    { terms: [both], phases: [["a"], ["b"]] },
    SentenceError,
    "Cannot order updates: the learners of a/both update in one phase, got b in another.",
  );
});

Deno.test("compile() refuses class counts that disagree", () => {
  assertThrows(
    () => compileTiny(cohort(withClasses(tiny, 10), 2).mutual(), { classes: 3 }),
    ClassCountError,
    "Cannot build peer0: tiny was built for 10 classes, got 3 from the dataset. " +
      "Leave the class count open or choose another dataset.",
  );
  const fixed = defineArch("fixed", [
    { spot: "layer1", layers: [conv("conv1", 2)] },
    { spot: "embedding", layers: [globalPool] },
    { spot: "logits", layers: [linear("fc", 7)] },
  ], { spots: ["layer1"] });
  assertThrows(
    () => compileTiny(cohort(fixed, 2).mutual(), { classes: 3 }),
    ClassCountError,
    "Cannot build peer0: its last layer has 7 outputs, got 3 classes from the dataset. " +
      'Give that layer the width "classes".',
  );
});

Deno.test("compile() refuses a batch of 1 with batch norm, and takes one without", () => {
  refused(
    { terms: [ce] },
    OptionError,
    "Cannot train a with a batch of 1: batch norm needs at least 2 images, got 1. Use batch: 2 or more.",
    { batch: 1 },
  );
  compileTiny(cohort(plain, 2).mutual(), { batch: 1 });
  const { spec, archs, lower } = written(["a"], mergeGraphs([{ terms: [ce] }]), plain);
  for (const batch of [0, 2.5, NaN]) {
    assertThrows(
      () => compile({ nets: spec.nets, archs, graph: lower(), classes: 3, shape, batch }, train()),
      OptionError,
      `Cannot compile a step: batch is a whole number of at least 1, got ${batch}.`,
    );
  }
});

Deno.test("compile() finds batch norm inside branches", () => {
  const nested = defineArch("nested", [
    {
      spot: "logits",
      layers: [
        { kind: "sum", branches: [[{ kind: "join", branches: [[batchNorm("bn")], []] }]] },
        globalPool,
        linear("fc", "classes"),
      ],
    },
  ], { spots: [] });
  assertThrows(
    () => compileTiny(written(["a"], mergeGraphs([{ terms: [ce] }]), nested), { batch: 1 }),
    OptionError,
    "Cannot train a with a batch of 1: batch norm needs at least 2 images, got 1.",
  );
});

Deno.test("compile() says where in a net a shape does not fit", () => {
  const deep = defineArch("deep", [
    { spot: "layer1", layers: [conv("conv1", 2)] },
    { spot: "layer2", layers: [conv("conv2", 2, { kernel: 9, pad: 0 })] },
    { spot: "logits", layers: [globalPool, linear("fc", "classes")] },
  ], { spots: ["layer1"] });
  assertThrows(
    () => compileTiny(cohort(deep, 2).mutual()),
    ShapeError,
    'Cannot build peer0 at "layer2" for images of 3×6×6: cannot convolve: a 9×9 filter needs a larger map, got 6×6.',
  );
});

Deno.test("compile() refuses values of different shapes in one loss", () => {
  refused(
    term(perSample(sub(tap(a, "layer1"), tap(a, "layer2")))),
    ShapeError,
    "Cannot combine element by element: sizes are equal or 1, got [5,2,6,6] and [5,3,3,3].",
  );
  refused(
    term(flatten(tap(a, "layer1")) as unknown as Term["loss"]),
    ShapeError,
    "Cannot use a vector as a loss: a loss is one number or one a sample, got [5,72].",
  );
});

Deno.test("compile() refuses two conditions for one pause", () => {
  const when = measured("gate");
  refused(
    { terms: [ce], switches: [{ pauses: "a", when }, { pauses: "a", when: measured("other") }] },
    CohortError,
    "Cannot compile the loss graph: a pauses on two conditions.",
  );
});

Deno.test("compile() refuses a learner that no gradient of its terms reaches", () => {
  const cut = { ...ce, name: "b/ce", learners: ["b"], loss: crossEntropy(stop(logits(b))) };
  refused(
    { terms: [ce, cut] },
    SentenceError,
    "Cannot train b: some term that it learns from depends on its parameters, got none. Leave out the cut, or the learner.",
  );
});
