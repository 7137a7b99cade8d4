import { assertAlmostEquals, assertEquals } from "@std/assert";
import { cohort, solo, teacher } from "../../dsl/cohort.ts";
import type { MutualOptions } from "../../dsl/verbs/mutual.ts";
import { dml } from "../../methods/dml.ts";
import { ffsd } from "../../methods/ffsd.ts";
import { kd } from "../../methods/kd.ts";
import { vanilla } from "../../methods/vanilla.ts";
import type { Compiled } from "../../runtime/compile/compile.ts";
import type { LossGraph, Watch } from "../../dsl/graph.ts";
import { run, tap } from "../../dsl/value.ts";
import type { StepFeed } from "../../runtime/train/session.ts";
import { compileTiny, feed, inSession, plain, type Sentence, tiny } from "../runtime/fixtures.ts";
import {
  attention,
  crossEntropy,
  distance,
  divergence,
  diversityTarget,
  mean,
  meanRows,
  norm,
  type Row,
  rows,
  unit,
} from "./arithmetic.ts";

// Sums of at most some hundred numbers in float64, in another order.
const TOLERANCE = 1e-11;

interface Step {
  readonly terms: Readonly<Record<string, number>>;
  /** Rows of an output, one a sample. */
  readonly out: (name: string) => Row[];
  readonly given: StepFeed;
  readonly compiled: Compiled;
}

/** One step with weights of 1, its terms, and everything that can be read. */
async function step(sentence: Sentence, watches: readonly Watch[] = [], count = 5): Promise<Step> {
  const graph: LossGraph = { ...sentence.lower(), watches };
  const compiled = compileTiny({ ...sentence, spec: sentence.spec, archs: sentence.archs, lower: () => graph });
  const drawn = feed(compiled, { count });
  const weights = Object.fromEntries(Object.keys(drawn.weights).map((name) => [name, 1]));
  const given = { ...drawn, weights };
  return await inSession(compiled, async (session) => {
    const { terms } = await session.step(given);
    const outputs = new Map<string, Row[]>();
    for (const output of Object.keys(compiled.step.outputs)) {
      if (!output.startsWith("term/")) outputs.set(output, rows(await session.readStep(output), count));
    }
    return { terms, out: (name) => outputs.get(name)!, given, compiled };
  });
}

function assertTerms(terms: Readonly<Record<string, number>>, expected: Readonly<Record<string, number>>): void {
  assertEquals(Object.keys(terms).sort(), Object.keys(expected).sort());
  for (const [name, value] of Object.entries(expected)) {
    assertAlmostEquals(terms[name]!, value, TOLERANCE * Math.max(1, Math.abs(value)), name);
  }
}

Deno.test("vanilla() minimises the cross-entropy computed by hand", async () => {
  for (const sentence of [solo(tiny), solo(tiny).use(vanilla())]) {
    const { terms, out, given } = await step(sentence);
    const [name] = Object.keys(terms);
    const id = name!.split("/")[0]!;
    assertTerms(terms, { [`${id}/ce`]: crossEntropy(out(`logits/${id}`), given.labels) });
  }
});

Deno.test("kd() minimises T² · KL to the teacher's scores with running statistics, computed by hand", async () => {
  for (const temperature of [1, 4]) {
    const sentence = teacher(tiny).student(plain).use(kd({ temperature, weight: 0.7 }));
    const evaluated: Watch = { name: "teacher", value: run("teacher", "logits", { mode: "eval" }) };
    const { terms, out, given, compiled } = await step(sentence, [evaluated]);
    const z = out("logits/student");
    assertTerms(terms, {
      "student/ce": crossEntropy(z, given.labels),
      "student/kd": temperature ** 2 * divergence(z, out("watch/teacher"), temperature),
    });
    assertEquals(compiled.weights, { "student/ce": 0.3, "student/kd": 0.7 });
    const scores = await inSession(compiled, (session) => session.evaluate(given.images[0]!, given.count));
    assertEquals(rows(scores.teacher!, given.count), out("watch/teacher"));
  }
});

const options: readonly MutualOptions[] = [
  {},
  { temperature: 3 },
  { temperature: 3, squared: false },
  { temperature: 2, target: "mean" },
  { live: true, epsilon: 1e-7, target: "mean", temperature: 3 },
  { epsilon: 1e-7 },
];

for (const said of options) {
  Deno.test(`mutual(${JSON.stringify(said)}) minimises the divergences computed by hand`, async () => {
    const { temperature = 1, squared = true, target = "each", epsilon = 0 } = said;
    for (const sentence of [cohort(tiny, 3).mutual(said), cohort(tiny, 3).use(dml(said))]) {
      const { terms, out, given } = await step(sentence, [], 4);
      const nets = ["peer0", "peer1", "peer2"];
      const expected: Record<string, number> = {};
      for (const net of nets) {
        const [z, others] = [out(`logits/${net}`), nets.filter((id) => id !== net).map((id) => out(`logits/${id}`))];
        const each = target === "mean" ? [meanRows(others)] : others;
        const factor = squared ? temperature ** 2 : 1;
        expected[`${net}/ce`] = crossEntropy(z, given.labels);
        expected[`${net}/dml`] = factor * mean(each.map((p) => divergence(z, p, temperature, epsilon)));
      }
      assertTerms(terms, expected);
    }
  });
}

Deno.test("mutual() on a view each compares what each net says about its own view", async () => {
  const { terms, out, given } = await step(cohort(tiny, 2).views("each").mutual());
  assertEquals(given.images.length, 2);
  const [a, b] = [out("logits/peer0"), out("logits/peer1")];
  assertTerms(terms, {
    "peer0/ce": crossEntropy(a, given.labels),
    "peer0/dml": divergence(a, b),
    "peer1/ce": crossEntropy(b, given.labels),
    "peer1/dml": divergence(b, a),
  });
});

Deno.test("leader() alone imitates the mean of the peers' scores at T = 2", async () => {
  const { terms, out, given } = await step(cohort(tiny, 3).leader());
  const [a, b, z] = [out("logits/peer0"), out("logits/peer1"), out("logits/leader")];
  assertAlmostEquals(terms["leader/ensemble_kl"]!, 4 * divergence(z, meanRows([a, b]), 2), TOLERANCE);
  assertAlmostEquals(terms["leader/ce"]!, crossEntropy(z, given.labels), TOLERANCE);
  assertAlmostEquals(terms["peer0/dml"]!, 4 * divergence(a, b, 2), TOLERANCE);
});

const nets = ["peer0", "peer1", "leader"];
const spots = ["layer1", "layer2", "layer3"];
const channels: Readonly<Record<string, number>> = { layer1: 2, layer2: 3, layer3: 4 };

/** Every map that FFSD's terms read. Modules read what they read in the sentence: equal values are computed once. */
function mapsOf(graph: LossGraph): Watch[] {
  const watches = nets.flatMap((id) =>
    spots.map((spot): Watch => ({ name: `${id}/${spot}`, value: tap({ id, view: 0 }, spot) }))
  );
  const seen = new Set<string>();
  const visit = (value: Watch["value"]): void => {
    const { net, to, mode } = value.attrs as { net: string; to: string; mode: string };
    const name = `${net}/${to}/${mode}`;
    if (value.op === "run" && !nets.includes(net) && to !== "logits" && !seen.has(name)) {
      seen.add(name);
      watches.push({ name, value });
      watches.push({ name: `${name}/input`, value: value.of[0]! });
    }
    value.of.forEach(visit);
  };
  graph.terms.forEach((term) => visit(term.loss));
  return watches;
}

Deno.test("ffsd() minimises every term of the paper, computed by hand on the maps of the step", async () => {
  for (const sentence of [cohort(tiny, 3).leader().use(ffsd()), cohort(tiny, 3).leader().fuse().selfDistill()]) {
    const { terms, out, given } = await step(sentence, mapsOf(sentence.lower()));
    const map = (name: string): Row[] => out(`watch/${name}`);
    const q = (maps: readonly Row[], spot: string): Row[] => maps.map((row) => attention(row, channels[spot]!));
    const [z0, z1, zl, zf] = ["peer0", "peer1", "leader", "fusion"].map((id) => out(`logits/${id}`));
    const deep = "layer3";
    const before = q(map(`peer0/${deep}`), deep);
    const targets = before.map(diversityTarget);
    // Equation 9: the own normalised map against the target; mean over samples and places.
    const own = q(map(`peer1/${deep}`), deep).map(unit);
    const diversity = mean(own.map((row, b) => mean(row.map((x, p) => (x - targets[b]![p]!) ** 2))));
    // SD's output G^l: block 0 of the module is one step up (layer2), block 1 is the shallowest (layer1).
    const applied = (net: string, module: string): number =>
      distance(q(map(`${net}/layer2`), "layer2"), q(map(`${module}/layer0/eval`), "layer2")) +
      distance(q(map(`${net}/layer1`), "layer1"), q(map(`${module}/layer1/eval`), "layer1"));
    const feature = (net: string, module: string): number =>
      distance(map(`${net}/layer2`), map(`${module}/layer0/train`)) +
      distance(map(`${net}/layer1`), map(`${module}/layer1/train`));
    const attended = (net: string, module: string): number =>
      distance(q(map(`${net}/layer2`), "layer2"), q(map(`${module}/layer0/train`), "layer2")) +
      distance(q(map(`${net}/layer1`), "layer1"), q(map(`${module}/layer1/train`), "layer1"));
    const fused = q(map("fusion/map/train"), deep);
    const joined = map(`peer0/${deep}`).map((row, b) => [...row, ...map(`peer1/${deep}`)[b]!]);
    const decoded = map("decoder/map/train").map((row) => attention(row, 8));
    assertTerms(terms, {
      "peer0/ce": crossEntropy(z0!, given.labels),
      "peer0/dml": 4 * divergence(z0!, z1!, 2),
      "peer1/ce": crossEntropy(z1!, given.labels),
      "peer1/dml": 4 * divergence(z1!, z0!, 2),
      "peer1/diversity": diversity,
      "peer1/self_distillation": applied("peer1", "sd1"),
      "fusion/ce": crossEntropy(zf!, given.labels),
      "fusion/ensemble_kl": 4 * divergence(zf!, meanRows([z0!, z1!]), 2),
      "leader/ce": crossEntropy(zl!, given.labels),
      "leader/ensemble_kl": 4 * divergence(zl!, zf!, 2),
      "leader/fusion_attention": distance(q(map(`leader/${deep}`), deep), fused),
      "leader/trans_fusion": distance(decoded, joined.map((row) => attention(row, 8))),
      "leader/self_distillation": applied("leader", "sd_leader"),
      "sd1/feature": feature("peer1", "sd1"),
      "sd1/attention": attended("peer1", "sd1"),
      "sd_leader/feature": feature("leader", "sd_leader"),
      "sd_leader/attention": attended("leader", "sd_leader"),
    });
    // What the modules read: F̃ = F + (t − q) n / C for the second student, the fused map for the leader.
    const changed = map(`peer0/${deep}`).map((row, b) => {
      const [n, unitMap, area] = [norm(before[b]!), unit(before[b]!), before[b]!.length];
      return row.map((x, i) => x + (targets[b]![i % area]! - unitMap[i % area]!) * n / 4);
    });
    const read = map("sd1/layer0/eval/input");
    read.forEach((row, b) => row.forEach((x, i) => assertAlmostEquals(x, changed[b]![i]!, TOLERANCE)));
    assertEquals(map("sd_leader/layer0/eval/input"), map("fusion/map/train"));
    assertEquals(map("sd1/layer0/train/input"), map(`peer1/${deep}`));
    assertEquals(map("fusion/map/train/input"), joined);
  }
});

Deno.test("ffsd() with L2 diversity moves the two normalised attention maps apart", async () => {
  const sentence = cohort(tiny, 3).leader().use(ffsd({ diversity: "l2" }));
  const { terms, out } = await step(sentence, mapsOf(sentence.lower()));
  const q = (id: string): Row[] => out(`watch/${id}/layer3`).map((row) => attention(row, 4));
  assertAlmostEquals(terms["peer1/diversity"]!, -distance(q("peer1"), q("peer0")), TOLERANCE);
});
