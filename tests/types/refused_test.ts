import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  ClassCountError,
  CohortError,
  MissingRoleError,
  OptionError,
  SentenceError,
  UnknownNameError,
  UnknownSpotError,
} from "../../dsl/mod.ts";
import { compile } from "./compile.ts";

const mod = new URL("../../dsl/mod.ts", import.meta.url).href;

/** What every program begins with; the values exist at run time too, so that one text is checked and run. */
const head = `
import * as okd from "../dsl/mod.ts";
const { branches, cohort, method, resnet20, resnet32, resnet8, solo, teacher, topology, withClasses, wrn_16_1 } = okd;
const ten: okd.Dataset<10> = {
  kind: "ten", name: "ten", classes: 10, shape: undefined, options: {}, open: () => Promise.reject(new Error("no files")),
};
const hundred = withClasses(resnet32, 100);
const few = withClasses(resnet20, 10);
const offline = method("at", {}, { needs: { teacher: ["layer2"], student: ["layer2"] } }, () => ({}));
const deep = method("deep", {}, { needs: { teacher: ["layer9"], student: ["layer2"] } }, () => ({}));
const led = method("led", {}, { needs: { leader: [] } }, () => ({}));
const gated = method("gated", {}, { needs: { peer: [], trunk: [] } }, () => ({}));
const ledBranches = method("ledBranches", {}, { needs: { peer: [], leader: [], trunk: [] } }, () => ({}));
`;

type Mistake = new (message: string) => CohortError;

/** Refused programs: the error at run time, and the sentence that checker and run time both say. */
const refused: Readonly<Record<string, readonly [program: string, mistake: Mistake, sentence: string]>> = {
  "leader() said twice": [
    `cohort(resnet32, 3).leader().leader();`,
    SentenceError,
    "leader() was already said: a cohort has one leader",
  ],
  "leader() without peers": [
    `teacher(resnet32).student(resnet8).leader();`,
    SentenceError,
    "leader() is promoted from the peers: start from cohort(...)",
  ],
  "leader() bound to another class count": [
    `cohort(hundred, 3).leader(few);`,
    ClassCountError,
    "class counts must agree: the leader has 10, the cohort has 100",
  ],
  "fuse() without a leader": [
    `cohort("resnet32×3").fuse();`,
    MissingRoleError,
    "fuse() teaches the leader: say leader() first",
  ],
  "fuse() on two members": [
    `cohort(resnet32, 2).leader().fuse();`,
    SentenceError,
    "fuse() needs two common students beside the leader: start from a cohort of three or more",
  ],
  "fuse() at an unknown spot": [
    `cohort(resnet32, 3).leader().fuse({ at: "layr3" });`,
    UnknownSpotError,
    "no spot 'layr3' in the cohort",
  ],
  "fuse() at a spot that only one member has": [
    `cohort([resnet32, okd.mobilenet_v2, resnet32]).leader().fuse({ at: "layer4" });`,
    UnknownSpotError,
    "no spot 'layer4' in the cohort",
  ],
  "fuse() said twice": [`cohort(resnet32, 3).leader().fuse().fuse();`, SentenceError, "fuse() was already said"],
  "pretrain() without a teacher": [
    `cohort(resnet32, 2).pretrain();`,
    MissingRoleError,
    "pretrain() trains teachers first: start from teacher(...).student(...)",
  ],
  "pretrain() said twice": [
    `teacher(resnet32).student(resnet8).pretrain().pretrain();`,
    SentenceError,
    "pretrain() was already said",
  ],
  "mutual() said twice": [`cohort(resnet32, 2).mutual().mutual();`, SentenceError, "mutual() was already said"],
  "mutual() on a net alone": [
    `solo(resnet8).mutual();`,
    SentenceError,
    "mutual() needs two nets that learn from each other: start from cohort(...) or teacher(...).student(...)",
  ],
  "diversify() without peers": [
    `teacher(resnet32).student(resnet8).diversify();`,
    SentenceError,
    "diversify() keeps peers apart: start from cohort(...)",
  ],
  "selfDistill() without peers": [
    `solo(resnet8).selfDistill();`,
    SentenceError,
    "selfDistill() adds modules to the members of a cohort: start from cohort(...)",
  ],
  "ensemble() without peers": [
    `teacher(resnet32).student(resnet8).ensemble("minLogit");`,
    SentenceError,
    "ensemble() makes one teacher of the peers: start from cohort(...)",
  ],
  "ensemble() of a single peer": [
    `cohort(resnet32, 2).leader().ensemble("minLogit");`,
    SentenceError,
    "ensemble() makes one target of two peers or more: start from a larger cohort",
  ],
  "ensemble() with the option of another target": [
    `cohort(resnet32, 2).ensemble("naive", { per: "batch" });`,
    OptionError,
    "per is an option of ensemble('linear')",
  ],
  "ensemble() of a plain target that measures": [
    `cohort(resnet32, 2).ensemble("mean", { measureOn: "batch" });`,
    OptionError,
    "measureOn is an option of ensemble('general')",
  ],
  "teacher and student of unequal class counts": [
    `teacher(hundred).student(few);`,
    ClassCountError,
    "class counts must agree: the student has 10, the teacher has 100",
  ],
  "a topology of unequal class counts": [
    `topology({ a: hundred, b: few });`,
    ClassCountError,
    "class counts must agree: these nets are bound to different ones",
  ],
  "a cohort of unequal class counts": [
    `cohort([hundred, few]);`,
    ClassCountError,
    "class counts must agree: these nets are bound to different ones",
  ],
  "a dataset of another class count": [
    `cohort(hundred, 3).leader().on(ten);`,
    ClassCountError,
    "class counts must agree: the dataset has 10, the cohort has 100",
  ],
  "switch() without teacher and student": [
    `cohort(resnet32, 3).switch();`,
    MissingRoleError,
    "switch() needs a teacher and a student: start from teacher(...).student(...)",
  ],
  "switch() of branches": [
    `branches(resnet32, 3, { from: "layer2" }).switch({ pauses: ["peer0"] });`,
    SentenceError,
    "switch() pauses nets of their own, and branches learn as one: start from cohort(...)",
  ],
  "switch() before teach()": [
    `topology({ t: resnet20, s: resnet8 }).switch("t");`,
    SentenceError,
    "switch() pauses nets that teach: say teach(...) first",
  ],
  "pausing a net that teaches nobody": [
    `topology({ t: resnet20, s: resnet8 }).teach("t -> s").switch("s");`,
    SentenceError,
    "switch() pauses nets that teach: 's' teaches nobody",
  ],
  "pausing a net that teaches nobody, with options": [
    `topology({ t: resnet20, s: resnet8 }).teach("t -> s").switch(["s"], { onlyIfBetter: false });`,
    SentenceError,
    "switch() pauses nets that teach: 's' teaches nobody",
  ],
  "pausing every net": [
    `topology({ t: resnet20, s: resnet8 }).teach("t <-> s").switch("t", "s");`,
    MissingRoleError,
    "switch() needs a teacher and a student: start from teacher(...).student(...)",
  ],
  "an edge to an unknown net": [
    `topology({ t: resnet20, s: resnet8 }).teach("t -> s", "t -> x");`,
    UnknownNameError,
    "no edge 't -> x': write 'a -> b' or 'a <-> b' over nets of this topology",
  ],
  "an edge that is none": [
    `topology({ t: resnet20, s: resnet8 }).teach("t => s");`,
    UnknownNameError,
    "no edge 't => s': write 'a -> b' or 'a <-> b' over nets of this topology",
  ],
  "an edge from a net to itself": [
    `topology({ t: resnet20, s: resnet8 }).teach("t <-> t");`,
    SentenceError,
    "'t <-> t' joins a net to itself: an edge joins two nets",
  ],
  "a method whose role is absent": [
    `cohort(resnet32, 3).use(offline);`,
    MissingRoleError,
    "this method needs a teacher, and the sentence has none",
  ],
  "a method that needs a leader": [
    `cohort(resnet32, 3).use(led);`,
    MissingRoleError,
    "this method needs a leader, and the sentence has none",
  ],
  "a method whose spot is absent": [
    `teacher(resnet32).student(resnet8).use(deep);`,
    UnknownSpotError,
    "no spot 'layer9' in the teacher",
  ],
  "a cohort of one": [
    `cohort(resnet32, 1);`,
    SentenceError,
    "a cohort has at least two members: say solo(...) for a net alone",
  ],
  "a cohort of one, in words": [
    `cohort("resnet32×1");`,
    SentenceError,
    "a cohort has at least two members: say solo(...) for a net alone",
  ],
  "a cohort of one, as a list": [
    `cohort([resnet32]);`,
    SentenceError,
    "a cohort has at least two members: say solo(...) for a net alone",
  ],
  "an unknown net in words": [`cohort("resnet33×3");`, UnknownNameError, "no built-in net is called 'resnet33'"],
  "a cohort with the letter x for ×": [
    `cohort("resnet32x3");`,
    SentenceError,
    "a cohort is a net and a number of members: write 'resnet32×3'",
  ],
  "a method of branches on nets of their own": [
    `cohort(resnet32, 3).leader().use(gated);`,
    MissingRoleError,
    "this method needs a trunk, and the sentence has none",
  ],
  "a method of branches and leader without leader": [
    `branches(resnet32, 3, { from: "layer2" }).use(ledBranches);`,
    MissingRoleError,
    "this method needs a leader, and the sentence has none",
  ],
  "a leader said twice on branches": [
    `branches(resnet32, 3, { from: "layer2" }).leader(resnet8).leader();`,
    SentenceError,
    "leader() was already said: a cohort has one leader",
  ],
  "branches from an unknown spot": [
    `branches(resnet32, 3, { from: "layer7" });`,
    UnknownSpotError,
    "no spot 'layer7' in the trunk",
  ],
};

const warm = { "": head };

Deno.test("the checker refuses each program with its sentence, and nothing else in it", () => {
  const programs = Object.fromEntries(Object.entries(refused).map(([name, [program]]) => [name, head + program]));
  const results = compile({ ...warm, ...programs });
  assertEquals(results[""]!.text, "");
  for (const [name, [, , sentence]] of Object.entries(refused)) {
    assert(results[name]!.text.includes(`"${sentence}"`), `${name}: ${results[name]!.text || "accepted"}`);
    // A refusal must cost an editor no more than an acceptance: the dearest one takes about 500, and twice that is room
    // for another compiler release.
    assert(results[name]!.instantiations < 1000, `${name}: ${results[name]!.instantiations} instantiations`);
  }
});

for (const [name, [program, mistake, sentence]] of Object.entries(refused)) {
  Deno.test(`run time refuses ${name} in the same words as the checker`, async () => {
    const text = (head + program).replace("../dsl/mod.ts", mod);
    const error = await assertRejects(() => import(`data:application/typescript,${encodeURIComponent(text)}`), mistake);
    assert(error.message.includes(sentence), error.message);
    assertEquals(error.constructor, mistake);
    assert(error.message.startsWith("Cannot "), error.message);
  });
}

Deno.test("an unknown spot, net or edge comes with the closest known one at run time", async () => {
  for (
    const [name, close] of Object.entries({
      "fuse() at an unknown spot": 'Did you mean "layer3"?',
      "an unknown net in words": 'Did you mean "resnet32"?',
      "a method whose spot is absent": "Did you mean",
      "an edge to an unknown net": "Did you mean",
    })
  ) {
    const text = (head + refused[name]![0]).replace("../dsl/mod.ts", mod);
    await assertRejects(
      () => import(`data:application/typescript,${encodeURIComponent(text)}`),
      CohortError,
      close,
    );
  }
});

Deno.test("sakd() refuses a method without spots", () => {
  const routing = `import { at, kd, sakd } from "../methods/mod.ts";`;
  const results = compile({
    good: `${head}${routing} sakd(at());`,
    own: `${head}${routing}
      sakd(method("own", {}, { needs: { student: [] }, routes: ["layer2"] }, () => ({})));`,
    bad: `${head}${routing} sakd(offline);`,
    "no spots": `${head}${routing} sakd(kd());`,
  });
  for (const name of ["good", "own"]) assertEquals(results[name]!.text, "");
  for (const name of ["bad", "no spots"]) {
    assert(results[name]!.text.includes("this method has no spots to route: choose one that works at spots"), name);
  }
});

Deno.test("Scores refuses a map where class scores are asked for, and requireScores() says it at run time", async () => {
  const use = `const net = { id: "student", view: 0 };
    function loss<V extends okd.Value>(scores: V & okd.Scores<V>): void { okd.requireScores("measure a loss", scores); }`;
  const bad = `${head}${use} loss(okd.tap(net, "layer2"));`;
  const results = compile({ good: `${head}${use} loss(okd.logits(net));`, bad });
  assertEquals(results["good"]!.text, "");
  const sentence = "a map is no class scores: read logits(net) instead of tap(net, spot)";
  assert(results["bad"]!.text.includes(sentence), results["bad"]!.text);
  await assertRejects(
    () => import(`data:application/typescript,${encodeURIComponent(bad.replace("../dsl/mod.ts", mod))}`),
    TypeError,
    sentence,
  );
});
