import { assertEquals } from "@std/assert";
import {
  type AnyPipeline,
  branches,
  cohort,
  method,
  normalize,
  resnet20,
  resnet32,
  resnet8,
  solo,
  teacher,
  topology,
} from "../../dsl/mod.ts";
import { dml, ffsd } from "../../methods/mod.ts";

const verbs = (pipeline: AnyPipeline): readonly string[] => normalize(pipeline).spec.clauses.map(({ verb }) => verb);
const meaning = (pipeline: AnyPipeline) => normalize(pipeline).spec;
const option = (pipeline: AnyPipeline, verb: string, name: string) =>
  meaning(pipeline).clauses.find((clause) => clause.verb === verb)?.options[name];

Deno.test("leader() makes its peers mutual at T = 2, unless another peer method is said", () => {
  assertEquals(verbs(cohort(resnet8, 3).leader()), ["mutual", "leader"]);
  assertEquals(option(cohort(resnet8, 3).leader(), "mutual", "temperature"), 2);
  assertEquals(option(cohort(resnet8, 3).mutual().leader(), "mutual", "temperature"), 1);
  assertEquals(verbs(cohort(resnet8, 3).leader().ensemble()), ["ensemble", "leader"]);
  const peers = method("peers", {}, { needs: { peer: [] } }, () => ({}));
  assertEquals(verbs(cohort(resnet8, 3).leader().use(peers)), ["use", "leader"]);
});

Deno.test("leader() over one peer makes nobody mutual", () => {
  assertEquals(verbs(cohort(resnet8, 2).leader()), ["leader"]);
});

Deno.test("mutual() alone is DML: T = 1, T², targets cut, every other net, simultaneous", () => {
  const { clauses, edges } = meaning(cohort(resnet8, 2).mutual());
  assertEquals(clauses, [{
    verb: "mutual",
    options: {
      temperature: 1,
      squared: true,
      target: "each",
      live: false,
      epsilon: 0,
      order: "simultaneous",
      weight: 1,
    },
  }]);
  assertEquals(edges, [["peer0", "peer1"], ["peer1", "peer0"]]);
});

Deno.test('fuse() with selfDistill() means diversify("attention"), unless another is said', () => {
  const both = cohort(resnet8, 3).leader().fuse().selfDistill();
  assertEquals(verbs(both), ["mutual", "diversify", "fuse", "leader", "selfDistill"]);
  assertEquals(option(both, "diversify", "by"), "attention");
  assertEquals(option(both.diversify("none"), "diversify", "by"), "none");
  assertEquals(verbs(cohort(resnet8, 3).leader().fuse()), ["mutual", "fuse", "leader"]);
  assertEquals(verbs(cohort(resnet8, 3).leader().selfDistill()), ["mutual", "leader", "selfDistill"]);
});

Deno.test("the order in which verbs are said changes nothing", () => {
  assertEquals(
    meaning(cohort(resnet8, 3).selfDistill().leader().fuse()),
    meaning(cohort(resnet8, 3).leader().fuse().selfDistill()),
  );
});

Deno.test("normalising twice changes nothing", () => {
  for (
    const pipeline of [
      cohort("resnet32×3").leader().fuse().selfDistill(),
      teacher(resnet20).student(resnet8).mutual().switch(),
      topology({ a: resnet20, b: resnet8 }).teach("a -> b"),
      branches(resnet8, 3, { from: "layer2" }),
      solo(resnet8),
    ]
  ) {
    const once = normalize(pipeline);
    assertEquals(normalize(once).spec, once.spec);
    assertEquals(normalize(once).notes.filter(({ what }) => !what.startsWith("the leader")), []);
  }
});

Deno.test("ffsd() and the verbs mean the same", () => {
  assertEquals(
    meaning(cohort(resnet32, 3).leader().use(ffsd())),
    meaning(cohort("resnet32×3").leader().fuse().selfDistill()),
  );
});

Deno.test("what the sentence says goes before what a method stands for", () => {
  const spoken = cohort(resnet8, 3).leader().mutual({ temperature: 4 }).use(ffsd());
  assertEquals(option(spoken, "mutual", "temperature"), 4);
  assertEquals(option(spoken, "leader", "temperature"), 2);
});

Deno.test("shorthands and topology() have equal specs where they mean the same", () => {
  assertEquals(
    meaning(topology({ peer0: resnet8, peer1: resnet8 }).teach("peer0 <-> peer1")),
    meaning(cohort(resnet8, 2).mutual()),
  );
  assertEquals(meaning(topology({ peer0: resnet8, peer1: resnet8 }).use(dml())), meaning(cohort(resnet8, 2).mutual()));
  assertEquals(
    meaning(topology({ teacher: resnet20, student: resnet8 }).teach("student <-> teacher")),
    meaning(teacher(resnet20).student(resnet8).mutual()),
  );
  assertEquals(
    meaning(topology({ teacher: resnet20, student: resnet8 }).teach("teacher <-> student").switch("teacher")),
    meaning(teacher(resnet20).student(resnet8).mutual().switch()),
  );
  assertEquals(
    meaning(teacher(resnet20).student(resnet8).switch()),
    meaning(teacher(resnet20).student(resnet8).mutual().switch()),
  );
  assertEquals(
    meaning(
      topology({ peer0: resnet8, peer1: resnet8, leader: resnet8 }).teach("peer0 <-> peer1").fuse().selfDistill(),
    ),
    meaning(cohort("resnet8×3").leader().fuse().selfDistill()),
  );
  assertEquals(meaning(topology({ student: resnet8 })), meaning(solo(resnet8)));
});

Deno.test("the same edge said twice, or both ways one by one, is there once", () => {
  const nets = { a: resnet20, b: resnet8 };
  assertEquals(
    meaning(topology(nets).teach("a -> b").teach("b -> a", "a -> b")),
    meaning(topology(nets).teach("a <-> b")),
  );
});

Deno.test("a method over teacher and student leaves mutual() out and knows who teaches whom", () => {
  const offline = method("offline", {}, { needs: { teacher: [], student: [] } }, () => ({}));
  const { clauses, edges } = meaning(teacher(resnet20).student(resnet8).use(offline));
  assertEquals(clauses.map(({ verb }) => verb), ["use"]);
  assertEquals(edges, [["teacher", "student"]]);
});
