import { assertAlmostEquals } from "@std/assert";
import { inputNamed, recordedInput } from "../../cli/parity/loss_adapter.ts";
import { runProbe } from "../../cli/parity/probe.ts";
import type { Stage } from "../../dsl/arch.ts";
import { mul } from "../../dsl/expr.ts";
import { resnet8, teacher } from "../../dsl/mod.ts";
import { run, type Value } from "../../dsl/value.ts";
import {
  abLoss,
  atLoss,
  ccLoss,
  dkdLoss,
  fspLoss,
  ftLoss,
  hintLoss,
  nstLoss,
  pktLoss,
  rkdLoss,
  spLoss,
  vid,
  vidLoss,
} from "../../methods/mod.ts";
import type { Backend } from "../../runtime/backend/backend.ts";
import { reference } from "../../runtime/backend/reference/reference.ts";
import { wasm } from "../../runtime/backend/wasm/wasm.ts";
import type { Shape } from "../../runtime/ir/node.ts";
import golden from "../golden/parity/golden.json" with { type: "json" };
import goldenGrads from "../golden/parity/golden_grads.json" with { type: "json" };

const MAP: Shape = [4, 6, 6, 6];
const inputs: Readonly<Record<string, { readonly shape: Shape; readonly at: (i: number) => number }>> = {
  fs: { shape: MAP, at: (i) => Math.sin(0.37 * i + 0.10) },
  ft: { shape: MAP, at: (i) => Math.cos(0.23 * i + 0.40) },
  gs2: { shape: [4, 4, 3, 3], at: (i) => Math.sin(0.41 * i + 0.2) },
  gt2: { shape: [4, 4, 3, 3], at: (i) => Math.cos(0.29 * i + 0.6) },
  zs: { shape: [4, 5], at: (i) => 3 * Math.sin(0.7 * i + 0.2) },
  zt: { shape: [4, 5], at: (i) => 3 * Math.cos(0.9 * i + 0.5) },
  es: { shape: [4, 7], at: (i) => Math.sin(0.51 * i + 0.3) },
  et: { shape: [4, 7], at: (i) => Math.cos(0.33 * i + 0.9) },
};
const labels = Uint16Array.from([0, 3, 1, 4]);

const [fs, ft] = [recordedInput("fs", "map"), recordedInput("ft", "map")];
const [gs2, gt2] = [recordedInput("gs2", "map"), recordedInput("gt2", "map")];
const [zs, zt] = [recordedInput("zs", "logits"), recordedInput("zt", "logits")];
const [es, et] = [recordedInput("es", "vector"), recordedInput("et", "vector")];
const decoupled = (target: number, others: number): Value => dkdLoss(zs, zt, { temperature: 4, target, others });

const losses: Readonly<Record<string, Value>> = {
  "AT(fs,ft)": atLoss(fs, ft),
  "SP(fs,ft)": spLoss(fs, ft),
  "CC(es,et)": ccLoss(es, et),
  "RKD(es,et) 25/50": rkdLoss(es, et, { distance: 25, angle: 50 }),
  "RKD distance only": rkdLoss(es, et, { distance: 1, angle: 0 }),
  "RKD angle only": rkdLoss(es, et, { distance: 0, angle: 1 }),
  "PKT(es,et)": pktLoss(es, et),
  "NST(fs,ft)": nstLoss(fs, ft),
  "FitNet mse(fs,ft)": hintLoss(fs, ft),
  "FT(fs,ft)": ftLoss(fs, ft),
  "AB(fs,ft) single feat": mul(abLoss(fs, ft), 0.003),
  "FSP([fs,gs2],[ft,gt2])": fspLoss([fs, gs2], [ft, gt2]),
  "DKD a=1 b=8 T=4": decoupled(1, 8),
  "DKD TCKD only": decoupled(1, 0),
  "DKD NCKD only": decoupled(0, 1),
};

const gradients: Readonly<Record<string, { readonly loss: Value; readonly of: string }>> = {
  "AT d/dfs": { loss: atLoss(fs, ft), of: "fs" },
  "SP d/dfs": { loss: spLoss(fs, ft), of: "fs" },
  "CC d/des": { loss: ccLoss(es, et), of: "es" },
  "RKD d/des": { loss: rkdLoss(es, et, { distance: 25, angle: 50 }), of: "es" },
  "PKT d/des": { loss: pktLoss(es, et), of: "es" },
  "FT d/dfs": { loss: ftLoss(fs, ft), of: "fs" },
  "AB d/dfs": { loss: mul(abLoss(fs, ft), 0.003), of: "fs" },
  "NST d/dfs": { loss: nstLoss(fs, ft), of: "fs" },
  "DKD a=1 b=8 T=4 d/dzs": { loss: decoupled(1, 8), of: "zs" },
};

interface Module {
  readonly id: string;
  readonly stages: readonly Stage[];
  readonly state: ReadonlyMap<string, Float64Array>;
}

async function compute(
  backend: Backend,
  loss: Value,
  module?: Module,
): Promise<ReadonlyMap<string, ArrayLike<number>>> {
  const rounded = (values: Float64Array): Float32Array =>
    (backend.precision === "float32" ? Float32Array.from(values) : values) as Float32Array;
  const fed = Object.entries(inputs).map(([name, { shape, at }]) => {
    const size = shape.reduce((a, b) => a * b, 1);
    return [name, rounded(Float64Array.from({ length: size }, (_, i) => at(i)))] as const;
  });
  const { outputs } = await runProbe(
    {
      modules: module === undefined ? [] : [module],
      inputs: Object.fromEntries(Object.entries(inputs).map(([name, { shape }]) => [name, shape])),
      standIn: inputNamed,
      classes: 5,
      batch: 4,
      losses: { loss },
      gradientOf: { loss: 1 },
    },
    { ...Object.fromEntries(fed), labels },
    new Map([...module?.state ?? []].map(([name, values]) => [name, rounded(values)])),
    backend,
  );
  return outputs;
}

function assertClose(actual: number, expected: number, tolerance: number): void {
  assertAlmostEquals(actual, expected, tolerance * Math.max(Math.abs(expected), 1e-6));
}

/** VID's module over six channels, its three convolutions 0.2 · sin(0.3 i + 0.1). */
function regressor(): Module {
  const [module] = teacher(resnet8).student(resnet8).use(vid({ at: ["layer1"] })).lower().aux;
  const { id, stages } = module!;
  const narrow = stages.map(({ spot, layers }) => ({
    spot,
    layers: layers.map((layer) =>
      layer.kind === "conv" ? { ...layer, out: 6 } : layer.kind === "free" ? { ...layer, width: 6 } : layer
    ),
  }));
  const weights = [0, 2, 4].map((index) =>
    [
      `${id}/regressor.${index}.weight`,
      Float64Array.from({ length: 36 }, (_, i) => 0.2 * Math.sin(0.3 * i + 0.1)),
    ] as const
  );
  const scale = Float64Array.from({ length: 6 }, () => golden["VID log_scale init"]);
  return { id, stages: narrow, state: new Map([...weights, [`${id}/log_scale`, scale]]) };
}

// float64 against float64, and float32 with sums of some hundred elements; PKT is a difference of nearly equal numbers.
const backends = [
  { name: "reference", open: () => Promise.resolve(reference()), tolerance: 1e-9 },
  { name: "wasm", open: () => wasm(), tolerance: 2e-5 },
];

for (const { name, open, tolerance } of backends) {
  Deno.test(`${name} repeats the golden losses of distillers`, async () => {
    const backend = await open();
    for (const [key, loss] of Object.entries(losses)) {
      const outputs = await compute(backend, loss);
      assertClose(outputs.get("loss/loss")![0]!, (golden as unknown as Record<string, number>)[key]!, tolerance);
    }
  });

  Deno.test(`${name} repeats the golden gradients of distillers`, async () => {
    const backend = await open();
    for (const [key, { loss, of }] of Object.entries(gradients)) {
      const recorded = goldenGrads[key as keyof typeof goldenGrads];
      const { l2, first3 } = recorded.grads[0]!;
      const outputs = await compute(backend, loss);
      const gradient = Array.from(outputs.get(`gradient/${of}`)!);
      assertClose(outputs.get("loss/loss")![0]!, recorded.loss, tolerance);
      assertClose(Math.hypot(...gradient), l2, tolerance);
      first3.forEach((expected, i) => assertAlmostEquals(gradient[i]!, expected, tolerance * l2));
    }
  });

  Deno.test(`${name} repeats VID's golden loss with its module`, async () => {
    const module = regressor();
    const mean = run(module.id, "map", { to: "mean", input: fs });
    const loss = vidLoss(mean, ft, run(module.id, "tensor", { from: "mean", to: "scale", input: mean }));
    const outputs = await compute(await open(), loss, module);
    const key = "VID(fs,ft) fixed 1x1 weights 0.2*sin(0.3i+0.1) in each of 3 convs";
    assertClose(outputs.get("loss/loss")![0]!, golden[key], tolerance);
  });
}
