import { assertEquals } from "@std/assert";
import {
  branches,
  cohort,
  type Dataset,
  method,
  resnet110,
  resnet20,
  resnet32,
  resnet8,
  solo,
  supervision,
  teacher,
  topology,
  wrn_16_1,
  wrn_16_8,
} from "../../dsl/mod.ts";
import { kd, one } from "../../methods/mod.ts";
import { assertGolden } from "./golden.ts";

const digits: Dataset<10> = {
  kind: "digits",
  name: "Handwritten digits",
  classes: 10,
  shape: [1, 8, 8],
  options: { fold: 4 },
  open: () => Promise.reject(new Error("not here")),
};

const sentences = {
  ffsd: cohort("resnet8×3").leader().fuse().selfDistill().on(digits).train({ epochs: 10 }),
  ablation: cohort(resnet20, 4).leader({ temperature: 3 }).fuse({ at: "layer2", attention: false }).diversify("none")
    .selfDistill({ who: "leader" }).train({
      epochs: 1,
      optimizer: { kind: "adam" },
      groups: { leader: { weightDecay: 0 } },
    }),
  dml: cohort([resnet110, resnet32]).views("each").mutual({ order: "sequential" }),
  kd: teacher(resnet110).student(resnet20).use(kd()),
  kdcl: cohort([resnet110, resnet32]).views("each").ensemble("minLogit"),
  one: branches(resnet32, 4, { from: "layer2", rescale: true }).leader(resnet20).use(one()),
  kdcl_general: cohort([resnet110, resnet32]).views("each").ensemble("general", { temperature: 3 }),
  solo: solo(resnet8),
  loss: cohort(resnet8, 2).loss(({ peers: [a] }) => [{ ...supervision(a!, 2), name: "peer0/again" }]),
  switokd: topology({ t1: wrn_16_8, t2: resnet110, s: wrn_16_1 }).teach("t1 <-> s", "t2 <-> s", "t1 <-> t2")
    .switch("t1", "t2"),
};

for (const [name, pipeline] of Object.entries(sentences)) {
  Deno.test(`explain() of ${name} says what was said, what was filled in and what it means`, async () => {
    const explanation = pipeline.explain();
    await assertGolden(`explain_${name}.txt`, `${explanation.text}\n${explanation.mermaid}`);
  });
}

Deno.test("explain() as a string is its text", () => {
  const explanation = solo(resnet8).explain();
  assertEquals(String(explanation), explanation.text);
});

Deno.test("explain() tells options of a method", () => {
  const mine = method("mine", { strength: 2 }, { needs: {} }, () => ({}));
  const { text } = cohort(resnet8, 2).use(mine).explain();
  assertEquals(text.includes("use mine"), true);
  assertEquals(text.startsWith('cohort("resnet8×2").use(mine({ strength: 2 }))\n'), true);
});
