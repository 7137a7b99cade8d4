import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { MissingRoleError, OptionError, resnet14, resnet8, teacher, topology } from "../../dsl/mod.ts";
import { kd } from "../../methods/mod.ts";
import { evaluate, tensor } from "./evaluate.ts";
import { assertGolden, learns, reach, siteWith } from "./fixtures.ts";

const said = teacher(resnet14).student(resnet8).use(kd());

Deno.test("kd() teaches the student and leaves the teacher alone", () => {
  const graph = said.lower();
  assertEquals(learns(graph, "student"), ["student/ce", "student/kd"]);
  assertEquals([learns(graph, "teacher"), graph.phases], [[], [["student"]]]);
  assertEquals(reach(graph.terms[1]!.loss), { cut: ["teacher"], open: ["student"] });
  assertGolden("kd", graph);
});

Deno.test("kd() runs the teacher with its running statistics", () => {
  const target = said.lower().terms[1]!.loss.of[1]!.of[0]!;
  assertEquals([target.attrs["net"], target.attrs["mode"]], ["teacher", "eval"]);
});

Deno.test("kd() is (1 − w) · CE + w · T² · KL", () => {
  const leaves = {
    student: tensor([4, 5], (i) => 3 * Math.sin(0.7 * i + 0.2)),
    teacher: tensor([4, 5], (i) => 3 * Math.cos(0.9 * i + 0.5)),
    labels: tensor([4, 5], (i) => [0, 3, 1, 4][Math.floor(i / 5)] === i % 5 ? 1 : 0),
  };
  const total = said.lower().terms.reduce(
    (sum, { loss, weight }) => sum + (weight as number) * evaluate(loss, leaves),
    0,
  );
  // Recorded: CE 1.59901306188, T² · KL at T = 4 4.0304605742, printed with 12 digits.
  assertAlmostEquals(total, 0.1 * 1.59901306188 + 0.9 * 4.0304605742, 1e-9);
});

Deno.test("kd() shares the loss between labels and teacher as told", () => {
  const { terms } = teacher(resnet14).student(resnet8).use(kd({ weight: 0.3, temperature: 2 })).lower();
  assertEquals(terms.map(({ weight }) => weight), [0.7, 0.3]);
  assertEquals(terms[1]!.loss.attrs["temperature"], 2);
});

Deno.test("kd() has a student imitate the mean of its teachers", () => {
  const { terms } = topology({ a: resnet14, b: resnet14, s: resnet8 }).teach("a -> s", "b -> s").use(kd()).lower();
  assertEquals(terms.map(({ name }) => name), ["s/ce", "s/kd"]);
  assertEquals(reach(terms[1]!.loss), { cut: ["a", "b"], open: ["s"] });
});

Deno.test("kd() refuses options out of range and a student without teacher", () => {
  assertThrows(
    () => kd({ temperature: 0 }),
    OptionError,
    "Cannot say kd(): its temperature is a finite number above 0, got 0. Leave it out for 4.",
  );
  assertThrows(
    () => kd({ weight: 1.5 }),
    OptionError,
    "Cannot say kd(): its weight is a share from 0 to 1, got 1.5. Leave it out for 0.9.",
  );
  assertThrows(
    () => kd().lower(siteWith([["student", "student", resnet8]])),
    MissingRoleError,
    'Cannot lower kd(): every student has a teacher, got none for student. Add an edge such as "teacher -> student".',
  );
});
