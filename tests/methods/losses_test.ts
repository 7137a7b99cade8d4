import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import {
  attentionLoss,
  attentionMap,
  crossEntropy,
  diversityFeatures,
  diversityLoss,
  diversityTarget,
  kl,
  live,
  logits,
  run,
  stop,
  supervision,
} from "../../dsl/mod.ts";
import { evaluate, tensor, tensorOf } from "./evaluate.ts";
import { reach } from "./fixtures.ts";

// Values of the reference loss modules in float64, printed with 12 digits: the tolerance is their rounding.
const digits = 1e-9;
const shape = [4, 6, 6, 6];
const leaves = {
  s: tensor(shape, (i) => Math.sin(0.37 * i + 0.1) ** 2 + 0.05),
  t: tensor(shape, (i) => Math.abs(Math.cos(0.23 * i + 0.4) + 1.2)),
  zs: tensor([4, 5], (i) => 3 * Math.sin(0.7 * i + 0.2)),
  zt: tensor([4, 5], (i) => 3 * Math.cos(0.9 * i + 0.5)),
  labels: tensor([4, 5], (i) => [0, 3, 1, 4][Math.floor(i / 5)] === i % 5 ? 1 : 0),
};
const [s, t] = [run("s", "map"), run("t", "map")];
const [zs, zt] = [logits({ id: "zs", view: 0 }), logits({ id: "zt", view: 0 })];

Deno.test("crossEntropy() is the recorded number", () => {
  assertAlmostEquals(evaluate(crossEntropy(zs), leaves), 1.59901306188, digits);
});

for (const [temperature, expected] of [[1, 2.33404941542], [2, 3.44580294962], [4, 4.0304605742]] as const) {
  Deno.test(`kl() at T = ${temperature} is the recorded number`, () => {
    assertAlmostEquals(evaluate(kl(zs, zt, { temperature }), leaves), expected, digits);
  });
}

Deno.test("kl() with 1e-7 in the target is ONE's recorded number", () => {
  assertAlmostEquals(evaluate(kl(zs, zt, { temperature: 3, epsilon: 1e-7 }), leaves), 3.85249050613, digits);
});

Deno.test("kl() without T² is smaller by T²", () => {
  assertAlmostEquals(evaluate(kl(zs, zt, { temperature: 2, squared: false }), leaves), 3.44580294962 / 4, digits);
});

Deno.test("kl() cuts its target unless it is live", () => {
  assertEquals(reach(kl(zs, zt)), { cut: ["zt"], open: ["zs"] });
  assertEquals(reach(kl(zs, live(zt))), { cut: [], open: ["zs", "zt"] });
});

Deno.test("kl() refuses temperatures and epsilons that are none", () => {
  assertThrows(
    () => kl(zs, zt, { temperature: 0 }),
    RangeError,
    "Cannot measure a divergence: its temperature is finite and positive, got 0. Say 1 to 10.",
  );
  assertThrows(
    () => kl(zs, zt, { epsilon: -1 }),
    RangeError,
    "Cannot measure a divergence: its epsilon is finite and not negative, got -1. Say 0.",
  );
});

Deno.test("attentionLoss() of attention maps is FFSD's recorded number", () => {
  assertAlmostEquals(evaluate(attentionLoss(attentionMap(s), attentionMap(t)), leaves), 0.00136424515145, digits);
});

Deno.test("attentionLoss() of features is FFSD's recorded number", () => {
  assertAlmostEquals(evaluate(attentionLoss(s, t), leaves), 0.00256213799463, digits);
});

Deno.test("attentionLoss() of two samples of two places is the one worked out by hand", () => {
  // (3, 4) → (0.6, 0.8), (1, 0) → (1, 0): ((−0.4)² + 0.8²) / 2 = 0.4; equal directions: 0. Mean 0.2.
  const hand = { s: { shape: [2, 2], data: [3, 4, 5, 0] }, t: { shape: [2, 2], data: [1, 0, 1, 0] } };
  assertAlmostEquals(evaluate(attentionLoss(s, t), hand), 0.2, digits);
});

Deno.test("attentionMap() is the mean of squares over channels, and keeps an axis for them", () => {
  const map = tensorOf(attentionMap(s), { s: { shape: [1, 2, 1, 2], data: [1, 2, 3, 4] } });
  assertEquals(map, { shape: [1, 1, 1, 2], data: [5, 10] });
});

Deno.test("diversityLoss() is FFSD's recorded number", () => {
  assertAlmostEquals(evaluate(diversityLoss(attentionMap(s), attentionMap(t)), leaves), 85.1320772449, 1e-7);
});

Deno.test("diversityTarget() exchanges strong and weak places, and halves the norm at the threshold", () => {
  // Q = (1, 2, 2, 4), n = 5, q = (0.2, 0.4, 0.4, 0.8); ⌊4/3⌋ = 1, so δ = 0.2: t = n/2 there, n − q elsewhere.
  const target = tensorOf(diversityTarget(s), { s: { shape: [1, 1, 2, 2], data: [1, 2, 2, 4] } });
  target.data.forEach((value, i) => assertAlmostEquals(value, [2.5, 4.6, 4.6, 4.2][i]!, digits));
});

Deno.test("diversityFeatures() are FFSD's recorded numbers", () => {
  const { shape: made, data } = tensorOf(diversityFeatures(t), leaves);
  assertEquals(made, shape);
  assertAlmostEquals(data.reduce((a, b) => a + b, 0), 13771.9334098, 1e-6);
  assertAlmostEquals(data[0]!, 23.3792460043, digits);
  assertAlmostEquals(data[((1 * 6 + 2) * 6 + 3) * 6 + 4]!, 21.7406347344, digits);
});

Deno.test("diversityLoss() cuts the previous student, attentionLoss() cuts nothing", () => {
  assertEquals(reach(diversityLoss(attentionMap(s), attentionMap(t))), { cut: ["t"], open: ["s"] });
  assertEquals(reach(attentionLoss(s, t)), { cut: [], open: ["s", "t"] });
  assertEquals(reach(attentionLoss(s, stop(t))), { cut: ["t"], open: ["s"] });
});

Deno.test("supervision() is one term with one learner", () => {
  const { name, learners, weight } = supervision({ id: "a", view: 1 }, 0.5);
  assertEquals([name, learners, weight], ["a/ce", ["a"], 0.5]);
});
