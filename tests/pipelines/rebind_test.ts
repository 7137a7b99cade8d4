import { assertEquals, assertThrows } from "@std/assert";
import {
  builtins,
  cifar100,
  cohort,
  digits,
  explain,
  fashionMnist,
  ffsd,
  OptionError,
  parseSpec,
  rebind,
  resnet8,
  solo,
  synthetic,
  teacher,
  topology,
  UnknownNameError,
  UnknownSpotError,
  withClasses,
  withLimit,
  withSplit,
} from "../../mod.ts";
import type { AnyPipeline, PretrainOptions } from "../../mod.ts";

const SENTENCES: Readonly<Record<string, AnyPipeline>> = {
  "a cohort": cohort("resnet8×3").leader().fuse().selfDistill().on(digits()).train({ epochs: 8 }),
  "a method with options": cohort(resnet8, 3).leader().use(ffsd({ diversity: "l2" })).on(cifar100()),
  "teacher and student": teacher(resnet8).student(resnet8).mutual({ temperature: 3 }).views("each"),
  "a topology": topology({ a: resnet8, b: resnet8 }).teach("a -> b").on(withLimit(digits(), 50)),
  "a net alone": solo(resnet8).train({ seed: 9 }),
};

for (const [what, sentence] of Object.entries(SENTENCES)) {
  Deno.test(`rebind() without flags says ${what} again`, () => {
    assertEquals(rebind(sentence).spec, sentence.spec);
    assertEquals(String(rebind(sentence).explain()), String(explain(sentence)));
  });
}

Deno.test("rebind() gives every net the architecture that is asked for", () => {
  const sentence = cohort(resnet8, 3).leader().use(ffsd({ temperature: 4 })).on(digits());
  const { spec, archs } = rebind(sentence, { net: "wrn_16_1" });
  assertEquals(spec.nets.map(({ arch }) => arch), ["wrn_16_1", "wrn_16_1", "wrn_16_1"]);
  assertEquals(Object.keys(archs), ["wrn_16_1"]);
  assertEquals(spec.clauses, sentence.spec.clauses);
});

Deno.test("rebind() releases class counts when the dataset changes", () => {
  const bound = cohort(withClasses(resnet8, 100), 2).mutual().on(cifar100());
  const free = rebind(bound, { dataset: "digits" });
  assertEquals([free.spec.dataset?.kind, free.dataset?.classes], ["digits", 10]);
  assertEquals(free.archs["resnet8"]?.classes, undefined);
  assertEquals(rebind(bound).archs["resnet8"]?.classes, 100);
});

Deno.test("rebind() records a limit in the spec and keeps the smaller of two", async () => {
  const limited = rebind(cohort("resnet8×2").mutual().on(withLimit(digits(), 100)), { limit: 30 });
  assertEquals(limited.spec.dataset, { kind: "digits", options: { limit: 30 } });
  assertEquals((await limited.dataset!.open()).train.length, 30);
});

Deno.test("rebind() keeps the place of milestones when the number of epochs changes", () => {
  const milestones = (said: AnyPipeline, epochs: number): readonly number[] | undefined =>
    rebind(said, { epochs }).spec.train?.schedule.milestones;
  const usual = solo(resnet8).train({ epochs: 300 });
  const own = solo(resnet8).train({ epochs: 300, schedule: { milestones: [140, 200, 250], warmup: 5 } });
  assertEquals(milestones(usual, 3), [2, 3]);
  assertEquals(milestones(usual, 1), [1]);
  assertEquals(milestones(own, 30), [14, 20, 25]);
  assertEquals(milestones(own, 1), [1]);
  assertEquals(rebind(own, { epochs: 30 }).spec.train?.schedule.warmup, 5);
});

Deno.test("rebind() keeps the share of epochs that teachers are trained for", () => {
  const pretrained = (options: PretrainOptions, epochs: number) => {
    const sentence = teacher(resnet8).student(resnet8).pretrain(options).train({ epochs: 240 });
    return rebind(sentence, { epochs }).lower().stages?.map(({ epochs, schedule }) => [epochs, schedule?.milestones]);
  };
  const schedule = { milestones: [150, 180, 210] };
  assertEquals(pretrained({ epochs: 240, schedule }, 24), [[24, [15, 18, 21]]]);
  assertEquals(pretrained({ epochs: 120 }, 24), [[12, [6, 9]]]);
  assertEquals(pretrained({ epochs: 240, schedule }, 1), [[1, [1]]]);
});

Deno.test("rebind() changes batch and seed and nothing else of the schedule", () => {
  const said = solo(resnet8).train({ epochs: 7, optimizer: { kind: "adam" }, groups: { student: { momentum: 0.5 } } });
  assertEquals(rebind(said, { batch: 16, seed: 4 }).spec.train, { ...said.spec.train!, batch: 16, seed: 4 });
});

Deno.test("rebind() gives a sentence without a schedule the usual one when a flag needs it", () => {
  assertEquals(rebind(solo(resnet8)).spec.train, undefined);
  assertEquals(rebind(solo(resnet8), { epochs: 4 }).spec.train?.schedule.milestones, [2, 3]);
});

Deno.test("rebind() refuses an unknown net, a spot that the new net lacks, and a download of what has no address", () => {
  const fused = cohort("mobilenet_v2×3").leader().fuse({ at: "layer4" }).on(digits());
  assertThrows(() => rebind(fused, { net: "resnt8" }), UnknownNameError, "Cannot use --net: no built-in net is called");
  assertThrows(() => rebind(fused, { net: "resnet8" }), UnknownSpotError, "Cannot say fuse(): no spot 'layer4'");
  assertThrows(() => rebind(fused, { download: true }), OptionError, "Cannot use --download: it fetches fashion_mnist");
  assertEquals(rebind(fused, { dataset: "cifar10", download: true }).spec.dataset, { kind: "cifar10", options: {} });
});

Deno.test("builtins give back every dataset a spec can record, with its options", () => {
  const datasets = [
    digits(),
    withLimit(fashionMnist({ folder: "x" }), 10, { testLimit: 5 }),
    cifar100({ path: "y", augment: [{ kind: "flip", probability: 0.5 }], normalization: { mean: [0], std: [1] } }),
    synthetic({ classes: 4, shape: [1, 6, 6], train: 32 }),
  ];
  for (const dataset of datasets) {
    const { spec } = solo(resnet8).on(dataset);
    assertEquals(parseSpec(JSON.stringify(spec), builtins).spec, spec);
  }
});

Deno.test("rebind() to another dataset splits off a validation part where the sentence does", () => {
  const options = (validation: number) => {
    const said = cohort("resnet8×2").mutual().on(withSplit(synthetic({ classes: 10 }), { validation, seed: 4 }));
    const { validation: share, splitSeed } = rebind(said, { dataset: "digits" }).dataset!.options;
    return [share, splitSeed];
  };
  assertEquals([options(0.2), options(50)], [[0.2, 4], [0.1, 4]]);
  assertEquals(rebind(cohort("resnet8×2").mutual(), { dataset: "digits" }).dataset!.options["validation"], undefined);
});
