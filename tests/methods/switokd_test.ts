import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  cohort,
  type LossGraph,
  normalize,
  OptionError,
  resnet14,
  resnet20,
  resnet8,
  SentenceError,
  teacher,
  topology,
  type Value,
} from "../../dsl/mod.ts";
import { switokd } from "../../methods/mod.ts";
import { assertGolden, learns, printed, reach, siteWith } from "./fixtures.ts";

const said = teacher(resnet14).student(resnet8).use(switokd());
const wired = topology({ t1: resnet20, t2: resnet14, s: resnet8 }).teach("t1 <-> s", "t2 <-> s", "t1 <-> t2");
const twoTeachers = wired.switch("t1", "t2");
const twoStudents = topology({ teacher: resnet14, s1: resnet8, s2: resnet8 })
  .teach("teacher <-> s1", "teacher <-> s2", "s1 <-> s2");

Deno.test("switokd() and the verbs say the same", () => {
  const verbs = teacher(resnet14).student(resnet8).mutual().switch();
  assertEquals(normalize(said).spec, normalize(verbs).spec);
  assertEquals(said.lower(), verbs.lower());
  assertEquals(twoTeachers.lower(), twoTeachers.use(switokd()).lower());
});

Deno.test("switokd() lowers by itself to what it lowers to in a sentence", () => {
  const site = siteWith([["teacher", "teacher", resnet14], ["student", "student", resnet8]]);
  assertEquals(switokd().lower(site), said.lower());
});

Deno.test("switokd() has the published graph of one pair, two teachers and two students", () => {
  assertGolden("switokd", said.lower());
  assertGolden("switokd_2t1s", twoTeachers.lower());
  assertGolden("switokd_1t2s", twoStudents.use(switokd()).lower());
});

Deno.test("switokd() teaches each net its labels and those who teach it, whose scores are cut", () => {
  const graph = said.lower();
  assertEquals(learns(graph, "teacher"), ["teacher/ce", "teacher/dml"]);
  assertEquals(learns(graph, "student"), ["student/ce", "student/dml"]);
  assertEquals(reach(lossOf(graph, "teacher/dml")), { cut: ["student"], open: ["teacher"] });
  assertEquals(reach(lossOf(graph, "student/dml")), { cut: ["teacher"], open: ["student"] });
  assertEquals(graph.phases, [["teacher", "student"]]);
});

Deno.test("switokd() measures modes from values that are cut", () => {
  for (const graph of [said.lower(), twoTeachers.lower(), twoStudents.use(switokd()).lower()]) {
    for (const { when } of graph.switches) assertEquals(reach(when).open, []);
    for (const { value } of graph.watches) assertEquals(reach(value).open, []);
  }
});

Deno.test("switokd() pauses each of two teachers on its own pair", () => {
  const { switches, watches } = twoTeachers.lower();
  assertEquals(switches.map(({ pauses, when }) => [pauses, reach(when).cut]), [["t1", ["s", "t1"]], [
    "t2",
    ["s", "t2"],
  ]]);
  assertEquals(watches.map(({ name }) => name), [
    ...["gap", "threshold", "epsilon", "student_error", "teacher_error", "expert"].map((name) => `t1->s/${name}`),
    ...["gap", "threshold", "epsilon", "student_error", "teacher_error", "expert"].map((name) => `t2->s/${name}`),
  ]);
});

Deno.test("switokd() pauses a teacher of two students where both pairs are in expert mode, else drops single ones", () => {
  const graph = twoStudents.use(switokd()).lower();
  assertEquals(graph.switches.map(({ pauses, when }) => [pauses, reach(when).cut]), [["teacher", [
    "s1",
    "s2",
    "teacher",
  ]]]);
  const [toFirst, toSecond] = lossOf(graph, "teacher/dml").of;
  assertEquals([toFirst!.op, toSecond!.op], ["mul", "mul"]);
  assertEquals(printed(toFirst!.of[1]!), `sub(constant(value: 1), ${watched(graph, "teacher->s1/expert")})`);
  assertEquals(printed(toSecond!.of[1]!), `sub(constant(value: 1), ${watched(graph, "teacher->s2/expert")})`);
  assertEquals(lossOf(graph, "teacher/ce").op, "crossEntropy");
});

Deno.test("switokd() as released uses one pair's ε for both pairs", () => {
  const teachers = twoTeachers.use(switokd({ asReleased: true })).lower();
  assertEquals(watched(teachers, "t2->s/epsilon"), watched(twoTeachers.lower(), "t1->s/epsilon"));
  const students = twoStudents.use(switokd({ asReleased: true })).lower();
  const correct = twoStudents.use(switokd()).lower();
  assertEquals(watched(students, "teacher->s1/epsilon"), watched(correct, "teacher->s2/epsilon"));
  assertEquals(watched(students, "teacher->s1/gap"), watched(correct, "teacher->s1/gap"));
});

Deno.test("switokd() as released never pauses a teacher of two students, but makes all its losses 0", () => {
  const graph = twoStudents.use(switokd({ asReleased: true })).lower();
  assertEquals(graph.switches, []);
  assertEquals(lossOf(graph, "teacher/ce").op, "mul");
  assertEquals(twoTeachers.use(switokd({ asReleased: true })).lower().switches.length, 2);
});

Deno.test("switch() without the second condition is the paper's criterion", () => {
  const [pause] = teacher(resnet14).student(resnet8).mutual().switch({ onlyIfBetter: false }).lower().switches;
  assertEquals(pause!.when.op, "gt");
  assertEquals(said.lower().switches[0]!.when.op, "mul");
});

Deno.test("switch() compares at the temperature of mutual() unless told another", () => {
  const at = (temperature?: number): string =>
    printed(
      teacher(resnet14).student(resnet8).mutual({ temperature: 4 })
        .switch(temperature === undefined ? {} : { temperature }).lower().switches[0]!.when,
    );
  assert(at().includes("temperature: 4"));
  assert(at(2).includes("temperature: 2"));
  assert(!at(2).includes("temperature: 4"));
});

Deno.test("switokd() has a weight for students and one for teachers", () => {
  const graph = teacher(resnet14).student(resnet8).use(switokd({ studentWeight: 0.5, teacherWeight: 2 })).lower();
  assertEquals(graph.terms.map(({ name, weight }) => [name, weight]), [
    ["teacher/ce", 1],
    ["teacher/dml", 2],
    ["student/ce", 1],
    ["student/dml", 0.5],
  ]);
});

Deno.test("switch() takes any number of nets: each pauses for all that it teaches and that do not pause", () => {
  const graph = topology({ a: resnet20, b: resnet14, c: resnet8, d: resnet8 })
    .teach("a <-> b", "a <-> c", "a <-> d", "b <-> c").switch("a", "b").lower();
  assertEquals(graph.switches.map(({ pauses }) => pauses), ["a", "b"]);
  const pairs = graph.watches.filter(({ name }) => name.endsWith("/expert")).map(({ name }) => name.split("/")[0]);
  assertEquals(pairs, ["a->c", "a->d", "b->c"]);
});

Deno.test("switch() takes options on a topology too", () => {
  assertEquals(
    wired.switch(["t1", "t2"], { asReleased: true }).lower(),
    twoTeachers.use(switokd({ asReleased: true })).lower(),
  );
});

Deno.test("switch() refuses what it cannot mean", () => {
  assertThrows(
    () => topology({ t: resnet14, s: resnet8 }).teach("t -> s").switch("t").lower(),
    SentenceError,
    "Cannot lower switch(): it pauses nets that learn, got t, whom nobody teaches. " +
      "Add an edge that ends at it, or leave switch() out.",
  );
  assertThrows(
    () => topology({ a: resnet14, b: resnet14, c: resnet8 }).teach("a <-> b", "b <-> c").switch("a", "b").lower(),
    SentenceError,
    'Cannot lower switch(): a net that pauses teaches one that does not, got nobody for a. Add an edge such as "a -> c".',
  );
  assertThrows(
    () => teacher(resnet14).student(resnet8).mutual({ order: "sequential" }).switch().lower(),
    SentenceError,
    "Cannot lower switch(): it compares nets of one forward, got mutual() in sequential order. " +
      'Say order: "simultaneous".',
  );
  assertThrows(
    () =>
      topology({ a: resnet14, b: resnet14, c: resnet8, d: resnet8 })
        .teach("a <-> c", "a <-> d", "b <-> c").switch(["a", "b"], { asReleased: true }).lower(),
    SentenceError,
    "Cannot lower switch(): asReleased is for one teacher of one or two students and for two teachers of one student, " +
      "got 2 teachers and 2 students. Leave asReleased out.",
  );
});

Deno.test("switokd() refuses options out of range", () => {
  assertThrows(
    () => switokd({ temperature: 0 }),
    OptionError,
    "Cannot say mutual(): its temperature is a finite number above 0, got 0. Leave it out for the default.",
  );
  assertThrows(
    () => switokd({ teacherWeight: -1 }),
    OptionError,
    "Cannot say mutual(): its teacherWeight is a finite number, 0 or above, got -1. Leave it out for the default.",
  );
  assertThrows(
    () => teacher(resnet14).student(resnet8).mutual().switch({ temperature: -1 }),
    OptionError,
    "Cannot say switch(): its temperature is a finite number above 0, got -1. Leave it out for the default.",
  );
});

function lossOf({ terms }: Partial<LossGraph>, name: string): Value {
  return terms!.find((term) => term.name === name)!.loss;
}

function watched({ watches }: LossGraph, name: string): string {
  return printed(watches.find((watch) => watch.name === name)!.value);
}

Deno.test("switch() pauses named peers of a cohort, so that it goes with FFSD", () => {
  const graph = cohort([resnet20, resnet8, resnet8]).leader().fuse().selfDistill().switch({ pauses: ["peer0"] })
    .lower();
  assertEquals(graph.switches.map(({ pauses, when }) => [pauses, reach(when).cut]), [["peer0", ["peer0", "peer1"]]]);
  const without = cohort([resnet20, resnet8, resnet8]).leader().fuse().selfDistill().lower();
  assertEquals(graph.terms, without.terms);
  assertEquals(graph.phases, without.phases);
  assertThrows(
    () => cohort(resnet8, 2).switch({ pauses: ["peer0", "peer1"] }),
    SentenceError,
    "switch() leaves at least one peer to be a student: name fewer of them",
  );
  assertThrows(
    () => cohort(resnet8, 2).switch({ pauses: ["peer7"] }),
    SentenceError,
    "switch() pauses nets that teach: 'peer7' teaches nobody",
  );
});
