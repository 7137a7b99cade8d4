import { assertEquals, assertThrows } from "@std/assert";
import { cohort, OptionError, resnet8, trainSpec } from "../../dsl/mod.ts";

Deno.test("train() fills in FFSD's CIFAR recipe", () => {
  assertEquals(trainSpec({ epochs: 300 }), {
    epochs: 300,
    batch: 128,
    seed: 1,
    optimizer: {
      kind: "sgd",
      learningRate: 0.1,
      momentum: 0.9,
      nesterov: true,
      weightDecay: 1e-4,
      beta1: 0.9,
      beta2: 0.999,
      epsilon: 1e-8,
    },
    schedule: { milestones: [150, 225], gamma: 0.1, warmup: 0 },
    groups: {},
  });
});

Deno.test("train() puts milestones at half and three quarters of any number of epochs, each once", () => {
  assertEquals([1, 2, 3, 4, 5, 10].map((epochs) => trainSpec({ epochs }).schedule.milestones), [
    [1],
    [1, 2],
    [2, 3],
    [2, 3],
    [3, 4],
    [5, 8],
  ]);
  assertEquals(trainSpec({ epochs: 10, schedule: { gamma: 0.2 } }).schedule.milestones, [5, 8]);
  assertEquals(trainSpec({ epochs: 10, schedule: { milestones: [] } }).schedule.milestones, []);
});

Deno.test("train() gives Adam a rate of its own", () => {
  assertEquals(trainSpec({ optimizer: { kind: "adam" } }).optimizer.learningRate, 1e-3);
  assertEquals(trainSpec({ optimizer: { kind: "adam", learningRate: 0.01 } }).optimizer.learningRate, 0.01);
});

Deno.test("train() again replaces what was said before", () => {
  const twice = cohort(resnet8, 2).train({ epochs: 5, seed: 7 }).train({ epochs: 3 });
  assertEquals(twice.spec.train, trainSpec({ epochs: 3 }));
});

Deno.test("train() refuses what is outside its range, naming setting, rule and value", () => {
  const refused = (options: Parameters<typeof trainSpec>[0], message: string) =>
    assertThrows(() => trainSpec(options), OptionError, message);
  refused({ epochs: 0 }, "Cannot train with this epochs: it is a whole number from 1, got 0. Choose 1 or more.");
  refused({ epochs: "3" as never }, 'epochs: it is a whole number from 1, got "3"');
  refused({ schedule: { milestones: 3 as never } }, "schedule.milestones: they are a list of epochs, got 3");
  refused({ batch: 1.5 }, "batch: it is a whole number from 1, got 1.5");
  refused({ seed: -1 }, "seed: it is a whole number from 0, got -1");
  refused({ optimizer: { learningRate: 0 } }, "optimizer.learningRate: it is above 0, got 0");
  refused({ optimizer: { momentum: 1 } }, "optimizer.momentum: it is at least 0 and below 1, got 1");
  refused({ optimizer: { weightDecay: -1 } }, "optimizer.weightDecay: it is at least 0, got -1");
  refused({ optimizer: { kind: "lion" as never } }, "optimizer.kind: it is sgd or adam, got lion");
  refused({ groups: { leader: { beta2: NaN } } }, "groups.leader.beta2: it is at least 0 and below 1, got NaN");
  refused({ schedule: { milestones: [5, 3] } }, "schedule.milestones: milestones rise, got [5, 3]");
  refused({ schedule: { gamma: 2 } }, "schedule.gamma: the factor is above 0 and at most 1, got 2");
  refused({ schedule: { warmup: -1 } }, "schedule.warmup: the warm-up is a number of epochs from 0, got -1");
  refused({ epoch: 3 } as never, 'Cannot train: train() has no setting "epoch".');
});
