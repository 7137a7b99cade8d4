import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { kl } from "../../dsl/losses.ts";
import { resnet8, solo } from "../../dsl/mod.ts";
import type { Value } from "../../dsl/value.ts";
import {
  atLoss,
  ccLoss,
  dkdLoss,
  hclLoss,
  hintLoss,
  nstLoss,
  pktLoss,
  rkdLoss,
  smoothedCrossEntropy,
  spLoss,
  tfKd,
  vidLoss,
} from "../../methods/mod.ts";
import { given, probe, type Probed } from "./probe.ts";

const [s, t] = [given("s", "map"), given("t", "map")];
const [es, et] = [given("s", "vector"), given("t", "vector")];
const [zs, zt] = [given("s", "logits"), given("t", "logits")];
const angle = { distance: 0, angle: 1 } as const;
const distance = { distance: 1, angle: 0 } as const;

type Shaped = readonly [shape: readonly number[], data: readonly number[]];

interface Case {
  readonly loss: Value;
  readonly s: Shaped;
  readonly t?: Shaped;
  readonly more?: Readonly<Record<string, Shaped>>;
  readonly told?: Probed;
  readonly expected: number;
}

const { log, sqrt, SQRT2 } = Math;

const byHand: Readonly<Record<string, Case>> = {
  // Q = (3, 4) and (1, 0); unit vectors (0.6, 0.8) and (1, 0); (0.16 + 0.64) / 2.
  "atLoss() of two places": {
    loss: atLoss(s, t),
    s: [[1, 1, 1, 2], [sqrt(3), 2]],
    t: [[1, 1, 1, 2], [1, 0]],
    expected: 0.4,
  },
  // The student's 2×2 map is averaged to its mean first: one place is always the same direction.
  "atLoss() of a map and one place": {
    loss: atLoss(s, t),
    s: [[1, 1, 2, 2], [1, 2, 3, 4]],
    t: [[1, 2, 1, 1], [1, 5]],
    expected: 0,
  },
  // G_s has rows (1, 1)/√2, G_t is the unit matrix: (2 (1 − 1/√2)² + 2/2) / 4.
  "spLoss() of two samples": {
    loss: spLoss(es, et),
    s: [[2, 1], [1, 1]],
    t: [[2, 2], [1, 0, 0, 1]],
    expected: 1 - 1 / SQRT2,
  },
  // Distances 1, 3, 2 over 2 and 1, 2, 1 over 4/3: differences −1/4, 0, 1/4, each twice; 4 · (1/32) / 9.
  "rkdLoss() of distances": {
    loss: rkdLoss(es, et, distance),
    s: [[3, 1], [0, 1, 3]],
    t: [[3, 1], [0, 1, 2]],
    expected: 1 / 72,
  },
  // Cosines at the three corners 0, 1/√2, 1/√2 and 1, −1, 1; smooth L1 1/2, 1/√2 + 1/2 and (1 − 1/√2)²/2, each twice.
  "rkdLoss() of angles": {
    loss: rkdLoss(es, et, angle),
    s: [[3, 2], [0, 0, 1, 0, 0, 1]],
    t: [[3, 2], [0, 0, 1, 0, 2, 0]],
    expected: 2 * (0.5 + 1 / SQRT2 + 0.5 + (1 - 1 / SQRT2) ** 2 / 2) / 27,
  },
  "hintLoss() of two numbers": {
    loss: hintLoss(s, t),
    s: [[1, 1, 1, 2], [1, 2]],
    t: [[1, 1, 1, 2], [3, 2]],
    expected: 2,
  },
  // P_s has rows (2/3, 1/3), P_t (1/2, 1/2).
  "pktLoss() of two samples": {
    loss: pktLoss(es, et),
    s: [[2, 2], [1, 0, 0, 1]],
    t: [[2, 1], [1, 1]],
    expected: log(1.125) / 4,
  },
  // k(t, t) = k(s, s) = 1, k(s, t) = 0.6².
  "nstLoss() of one channel": {
    loss: nstLoss(s, t),
    s: [[1, 1, 1, 2], [2, 0]],
    t: [[1, 1, 1, 2], [3, 4]],
    expected: 2 - 2 * 0.36,
  },
  // u = 1, 2, 3: (2 + 6) / 2.
  "ccLoss() of three samples": {
    loss: ccLoss(es, et),
    s: [[3, 1], [1, -2, 3]],
    t: [[3, 1], [0, 0, 0]],
    expected: 4,
  },
  // ln(1 + e^ρ) = 1, so σ² = 1.00001.
  "vidLoss() of one number": {
    loss: vidLoss(s, t, given("rho", "tensor")),
    s: [[1, 1, 1, 1], [2]],
    t: [[1, 1, 1, 1], [0]],
    more: { rho: [[1, 1, 1, 1], [log(Math.E - 1)]] },
    expected: (4 / 1.00001 + log(1.00001)) / 2,
  },
  // p_t = (1/2, 1/4, 1/4), p_s = 1/3 each, y = 0: the others agree, (1/2, 1/2) against (1/3, 2/3) remains.
  "dkdLoss() of the target class": {
    loss: dkdLoss(zs, zt, { temperature: 1, target: 2, others: 100 }),
    s: [[1, 3], [0, 0, 0]],
    t: [[1, 3], [log(2), 0, 0]],
    told: { labels: [0], classes: 3 },
    expected: 2 * 0.5 * log(1.125),
  },
  // The others (3/4, 1/4) against (1/2, 1/2) at T = 1, y = 0.
  "dkdLoss() of the others": {
    loss: dkdLoss(zs, zt, { temperature: 1, target: 0, others: 3 }),
    s: [[1, 3], [5, 0, 0]],
    t: [[1, 3], [0, log(3), 0]],
    told: { labels: [0], classes: 3 },
    expected: 3 * (0.75 * log(1.5) + 0.25 * log(0.5)),
  },
  // Means of squares 1 at 2×2 and 1/4 at 1×1 with factor 1/2; over 1 + 1/2.
  "hclLoss() of a 2×2 map": {
    loss: hclLoss(s, t),
    s: [[1, 1, 2, 2], [0, 0, 0, 0]],
    t: [[1, 1, 2, 2], [1, 1, 1, -1]],
    expected: 0.75,
  },
  "hclLoss() of one place": {
    loss: hclLoss(s, t),
    s: [[1, 1, 1, 1], [1]],
    t: [[1, 1, 1, 1], [3]],
    expected: 4,
  },
  "smoothedCrossEntropy() of two classes": {
    loss: smoothedCrossEntropy(zs, 0.2),
    s: [[1, 2], [log(3), 0]],
    told: { labels: [0] },
    expected: -0.8 * log(0.75) - 0.1 * log(0.75) - 0.1 * log(0.25),
  },
};

for (const [name, { loss, s, t, more = {}, told, expected }] of Object.entries(byHand)) {
  Deno.test(`${name} is the number worked out by hand`, async () => {
    const all = Object.entries({ s, ...(t === undefined ? {} : { t }), ...more });
    const tensors = Object.fromEntries(all.map(([key, [shape, data]]) => [key, { shape, data }]));
    // PKT keeps probabilities 1e-7 away from zero.
    assertAlmostEquals((await probe(loss, tensors, told)).loss, expected, name.startsWith("pkt") ? 1e-6 : 1e-12);
  });
}

Deno.test("tfKd() imitates a teacher made up of the labels, worked out by hand", async () => {
  const { loss } = solo(resnet8).use(tfKd({ temperature: 1, correct: 0.9 })).lower().terms[1]!;
  const target = loss.of[1]!;
  // softmax(0.9, 0.1) against (1/2, 1/2).
  const p = 1 / (1 + Math.exp(-0.8));
  const { loss: value } = await probe(kl(zs, target as Value<"logits">), { s: { shape: [1, 2], data: [0, 0] } }, {
    labels: [1],
  });
  assertAlmostEquals(value, p * log(2 * p) + (1 - p) * log(2 * (1 - p)), 1e-12);
});

const relational: Readonly<Record<string, Value>> = {
  "spLoss()": spLoss(es, et),
  "rkdLoss()": rkdLoss(es, et, { distance: 25, angle: 50 }),
  "pktLoss()": pktLoss(es, et),
  "ccLoss()": ccLoss(es, et),
};

for (const [name, loss] of Object.entries(relational)) {
  Deno.test(`${name} of one sample, of zeros and of equal samples is finite, and so is its gradient`, async () => {
    const batches: readonly (readonly [rows: number, data: readonly number[]])[] = [
      [1, [1, 2]],
      [1, [0, 0]],
      [2, [0, 0, 0, 0]],
      [3, [1, 2, 1, 2, 3, 4]],
    ];
    for (const [rows, data] of batches) {
      const other = data.map((x, i) => x + Math.sin(i));
      const { loss: value, gradients } = await probe(loss, {
        s: { shape: [rows, 2], data },
        t: { shape: [rows, 2], data: other },
      });
      assert([value, ...gradients["s"]!].every((x) => Number.isFinite(x) && Math.abs(x) < 1e6), `${name} ${data}`);
      if (rows === 1 && name !== "spLoss()") {
        assertEquals([value, ...gradients["s"]!].map(Math.abs).filter((x) => x > 1e-12), [], `${name} ${data}`);
      }
    }
  });
}

Deno.test("losses of maps are finite where a student's map is zero everywhere", async () => {
  for (const loss of [atLoss(s, t), nstLoss(s, t), hclLoss(s, t), spLoss(s, t)]) {
    const { loss: value, gradients } = await probe(loss, {
      s: { shape: [1, 2, 2, 2], data: new Array<number>(8).fill(0) },
      t: { shape: [1, 2, 2, 2], data: [1, 2, 3, 4, 5, 6, 7, 8] },
    });
    assert([value, ...gradients["s"]!].every(Number.isFinite));
  }
});
