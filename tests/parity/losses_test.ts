import { assertAlmostEquals, assertEquals } from "@std/assert";
import { inputNamed, recordedInput } from "../../cli/parity/loss_adapter.ts";
import { runProbe } from "../../cli/parity/probe.ts";
import { attentionLoss, attentionMap, crossEntropy, diversityFeatures, diversityLoss, kl } from "../../dsl/losses.ts";
import { resnet8 } from "../../dsl/archs/mod.ts";
import type { Role } from "../../dsl/graph.ts";
import { stop, type Value } from "../../dsl/value.ts";
import { type SwitchedPair, switchedPairs } from "../../dsl/verbs/switch.ts";
import { warmUp } from "../../dsl/verbs/options.ts";
import type { Backend } from "../../runtime/backend/backend.ts";
import { reference } from "../../runtime/backend/reference/reference.ts";
import { wasm } from "../../runtime/backend/wasm/wasm.ts";
import type { Shape } from "../../runtime/ir/node.ts";
import { weightIn } from "../../runtime/train/schedule.ts";
import { siteWith } from "../methods/fixtures.ts";
import golden from "../golden/parity/golden.json" with { type: "json" };
import goldenGrads from "../golden/parity/golden_grads.json" with { type: "json" };

const MAP: Shape = [4, 6, 6, 6];
const SCORES: Shape = [4, 5];

/** The inputs of the golden values, by formula over the row-major index. */
const inputs: Readonly<Record<string, { readonly shape: Shape; readonly at: (i: number) => number }>> = {
  fs: { shape: MAP, at: (i) => Math.sin(0.37 * i + 0.10) },
  fp: { shape: MAP, at: (i) => Math.sin(0.37 * i + 0.10) ** 2 + 0.05 },
  gp: { shape: MAP, at: (i) => Math.abs(Math.cos(0.23 * i + 0.40) + 1.2) },
  zs: { shape: SCORES, at: (i) => 3 * Math.sin(0.7 * i + 0.2) },
  zt: { shape: SCORES, at: (i) => 3 * Math.cos(0.9 * i + 0.5) },
};
const labels = Uint16Array.from([0, 3, 1, 4]);

const map = (name: string): Value<"map"> => recordedInput(name, "map");
const scores = (name: string): Value<"logits"> => recordedInput(name, "logits");
const divergence = (student: string, target: string, temperature: number, epsilon = 0): Value<"sample"> =>
  kl(scores(student), scores(target), { temperature, epsilon });

const losses: Readonly<Record<string, Value>> = {
  "ce(zs,y)": crossEntropy(scores("zs")),
  "KD T=1 (includes T^2, batchmean)": divergence("zs", "zt", 1),
  "KD T=2 (includes T^2, batchmean)": divergence("zs", "zt", 2),
  "KD T=3 (includes T^2, batchmean)": divergence("zs", "zt", 3),
  "KD T=4 (includes T^2, batchmean)": divergence("zs", "zt", 4),
  "ONE/FFL KLLoss(pred=zs,label=zt) T=3": divergence("zs", "zt", 3, 1e-7),
  "SwitOKD KL(pt||ps) T=1": divergence("zs", "zt", 1),
  "SwitOKD KL(ps||pt) T=1": divergence("zt", "zs", 1),
  "SwitOKD G": pair("zt", "zs").gap,
  "SwitOKD ||ps-y||": pair("zt", "zs").student_error,
  "SwitOKD ||pt-y||": pair("zt", "zs").teacher_error,
  "SwitOKD eps": pair("zt", "zs").epsilon,
  "SwitOKD delta": pair("zt", "zs").threshold,
  "SwitOKD swapped roles delta": pair("zs", "zt").threshold,
  "FFSD attention_loss(at(fp),at(gp))": attentionLoss(attentionMap(map("fp")), attentionMap(map("gp"))),
  "FFSD attention_loss(fp,gp) (feature form)": attentionLoss(map("fp"), map("gp")),
  "FFSD diversity_loss(x=at(fp), y=at(gp))": diversityLoss(attentionMap(map("fp")), attentionMap(map("gp"))),
};

const gradients: Readonly<Record<string, { readonly loss: Value; readonly of: string }>> = {
  "CE d/dzs": { loss: crossEntropy(scores("zs")), of: "zs" },
  "T^2 KL T=1 d/dzs (target zt detached)": { loss: divergence("zs", "zt", 1), of: "zs" },
  "T^2 KL T=2 d/dzs (target zt detached)": { loss: divergence("zs", "zt", 2), of: "zs" },
  "T^2 KL T=4 d/dzs (target zt detached)": { loss: divergence("zs", "zt", 4), of: "zs" },
  "FFSD att(Q(fs),Q(gp)) d/dfs": {
    loss: attentionLoss(attentionMap(map("fs")), stop(attentionMap(map("gp")))),
    of: "fs",
  },
  "FFSD diversity d/dfs (prev gp)": {
    loss: diversityLoss(attentionMap(map("fs")), attentionMap(map("gp"))),
    of: "fs",
  },
};

/** What a switch measures of recorded class scores. */
function pair(teacher: string, student: string): SwitchedPair["values"] {
  const net = (name: string, role: Role) => [String(scores(name).attrs["net"]), role, resnet8] as const;
  const clauses = [{ verb: "switch", options: {} }];
  return switchedPairs(siteWith([net(teacher, "teacher"), net(student, "student")], { clauses }))[0]!.values;
}

interface Computed {
  readonly loss: number;
  readonly gradient: ArrayLike<number>;
  readonly output: ArrayLike<number>;
}

async function compute(backend: Backend, loss: Value, of?: string, output?: Value): Promise<Computed> {
  const fed = Object.fromEntries(
    Object.entries(inputs).map(([name, { shape, at }]) => [
      name,
      Float64Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => at(i)),
    ]),
  );
  const single = backend.precision === "float32" ? mapValues(fed, (values) => Float32Array.from(values)) : fed;
  const { outputs } = await runProbe(
    {
      modules: [],
      inputs: mapValues(inputs, ({ shape }) => shape),
      standIn: inputNamed,
      classes: 5,
      batch: 4,
      losses: { loss },
      ...(of === undefined ? {} : { gradientOf: { loss: 1 } }),
      ...(output === undefined ? {} : { outputs: { output } }),
    },
    { ...single, labels },
    new Map(),
    backend,
  );
  return {
    loss: outputs.get("loss/loss")![0]!,
    gradient: outputs.get(`gradient/${of}`) ?? [],
    output: outputs.get("output/output") ?? [],
  };
}

function mapValues<T, U>(of: Readonly<Record<string, T>>, change: (value: T) => U): Record<string, U> {
  return Object.fromEntries(Object.entries(of).map(([key, value]) => [key, change(value)]));
}

function assertClose(actual: number, expected: number, tolerance: number): void {
  assertAlmostEquals(actual, expected, tolerance * Math.max(Math.abs(expected), 1e-6));
}

// float64 against float64, and float32 with sums of some hundred elements.
const backends = [
  { name: "reference", open: () => Promise.resolve(reference()), tolerance: 1e-9 },
  { name: "wasm", open: () => wasm(), tolerance: 2e-5 },
];

for (const { name, open, tolerance } of backends) {
  Deno.test(`${name} repeats the golden losses that exist`, async () => {
    const backend = await open();
    for (const [key, loss] of Object.entries(losses)) {
      assertClose((await compute(backend, loss)).loss, (golden as unknown as Record<string, number>)[key]!, tolerance);
    }
  });

  Deno.test(`${name} repeats the golden gradients that exist`, async () => {
    const backend = await open();
    for (const [key, { loss, of }] of Object.entries(gradients)) {
      const recorded = goldenGrads[key as keyof typeof goldenGrads];
      const { l2, first3 } = recorded.grads[0]!;
      const { loss: value, gradient } = await compute(backend, loss, of);
      assertClose(value, recorded.loss, tolerance);
      assertClose(Math.hypot(...Array.from(gradient)), l2, tolerance);
      // Single elements are compared against the size of the whole gradient.
      first3.forEach((expected, i) => assertAlmostEquals(gradient[i]!, expected, tolerance * l2));
    }
  });

  Deno.test(`${name} repeats SwitOKD's golden modes`, async () => {
    const modeOf = async (teacher: string, student: string): Promise<string> =>
      (await compute(await open(), pair(teacher, student).expert)).loss > 0 ? "expert" : "learning";
    assertEquals(await modeOf("zt", "zs"), golden["SwitOKD mode (zt=teacher)"]);
    assertEquals(await modeOf("zs", "zt"), golden["SwitOKD mode swapped (zs=teacher)"]);
  });

  Deno.test(`${name} repeats FFSD's golden diversity target`, async () => {
    const { output } = await compute(await open(), crossEntropy(scores("zs")), undefined, diversityFeatures(map("gp")));
    const values = Array.from(output);
    assertClose(values.reduce((sum, value) => sum + value, 0), golden["FFSD diversity_target(gp).sum"], tolerance);
    assertClose(values[0]!, golden["FFSD diversity_target(gp)[0,0,0,0]"], tolerance);
    assertClose(values[((1 * 6 + 2) * 6 + 3) * 6 + 4]!, golden["FFSD diversity_target(gp)[1,2,3,4]"], tolerance);
  });
}

Deno.test("warmUp() gives the golden coefficients of FFSD's epochs 1 and 3", () => {
  assertClose(weightIn(warmUp(10), 1, {}), golden["FFSD warmup(10.0, epoch=1)"], 1e-12);
  assertClose(weightIn(warmUp(10), 3, {}), golden["FFSD warmup(10.0, epoch=3)"], 1e-12);
  assertEquals(weightIn(warmUp(10), 5, {}), 10);
});
