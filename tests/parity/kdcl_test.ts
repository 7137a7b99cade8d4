import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { listCases, runCase } from "../../cli/parity/cases.ts";
import { runProbe } from "../../cli/parity/probe.ts";
import { crossEntropy } from "../../dsl/losses.ts";
import { logits, type Value } from "../../dsl/value.ts";
import { findValue, runs } from "../../cli/parity/loss_adapter.ts";
import { soften, type TargetOptions } from "../../dsl/verbs/ensemble_target.ts";
import type { Backend } from "../../runtime/backend/backend.ts";
import { reference } from "../../runtime/backend/reference/reference.ts";
import { wasm } from "../../runtime/backend/wasm/wasm.ts";
import golden from "../golden/parity/golden.json" with { type: "json" };

const nets = [{ id: "zs", view: 0 }, { id: "zt", view: 0 }];
const labels = Uint16Array.from([0, 3, 1, 4]);
const scores = {
  zs: Float64Array.from({ length: 20 }, (_, i) => 3 * Math.sin(0.7 * i + 0.2)),
  zt: Float64Array.from({ length: 20 }, (_, i) => 3 * Math.cos(0.9 * i + 0.5)),
};

/** Values over the golden class scores of two nets. */
async function compute(
  backend: Backend,
  outputs: Readonly<Record<string, Value>>,
): Promise<ReadonlyMap<string, readonly number[]>> {
  const single = backend.precision === "float32";
  const { outputs: found } = await runProbe(
    {
      modules: [],
      inputs: { zs: [4, 5], zt: [4, 5] },
      standIn: (value) => nets.find(({ id }) => runs(value, id, "logits"))?.id,
      classes: 5,
      batch: 4,
      losses: {},
      outputs,
    },
    {
      zs: single ? Float32Array.from(scores.zs) : scores.zs,
      zt: single ? Float32Array.from(scores.zt) : scores.zt,
      labels,
    },
    new Map(),
    backend,
  );
  return new Map([...found].map(([name, values]) => [name.replace("output/", ""), Array.from(values)]));
}

function target(options: Partial<TargetOptions>): Value<"logits"> {
  return soften(nets, { target: "mean", per: "sample", measureOn: "batch", ...options });
}

function weightsIn(value: Value): Value {
  return findValue(value, ({ op }) => op === "weigh")!;
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

const folder = decodeURIComponent(new URL("../golden/parity", import.meta.url).pathname);
const backends = [["reference", reference, 1e-9], ["wasm", () => wasm(), 2e-5]] as const;

for (const [name, open, tolerance] of backends) {
  Deno.test(`${name} repeats the recorded soft targets and losses of KDCL, of two and three nets`, async () => {
    const cases = await listCases(folder, "loss_kdcl");
    assertEquals(cases.length, 15);
    for (const ref of cases) {
      const outcome = await runCase(ref, open());
      assertEquals([outcome.state, outcome.state === "FAIL" ? outcome.failures : []], ["PASS", []], ref.name);
    }
  });

  Deno.test(`${name} repeats KDCL's golden targets`, async () => {
    const [naive, least] = [target({ target: "naive" }), target({ target: "minLogit" })];
    const [linear, general] = [target({ target: "linear", per: "batch" }), target({ target: "general" })];
    const found = await compute(open(), {
      "net 1": crossEntropy(logits(nets[0]!)),
      "net 2": crossEntropy(logits(nets[1]!)),
      naive,
      least,
      "least loss": crossEntropy(least),
      "linear loss": crossEntropy(linear),
      alpha: weightsIn(linear),
      w: weightsIn(general),
    });
    const of = (key: string): readonly number[] => found.get(key)!;
    [of("net 1"), of("net 2")].forEach((losses, i) => {
      losses.forEach((loss, b) => assertAlmostEquals(loss, golden["KDCL CE per sample"][i]![b]!, 1e-8 + 5 * tolerance));
    });
    assertAlmostEquals(mean(of("net 1")), golden["KDCL CE net1"], 5 * tolerance);
    assertAlmostEquals(mean(of("net 2")), golden["KDCL CE net2"], 5 * tolerance);
    golden["KDCL naive argmin per sample"].forEach((index, b) => {
      const chosen = [scores.zs, scores.zt][index]!.slice(5 * b, 5 * b + 5);
      const made = of("naive").slice(5 * b, 5 * b + 5);
      made.forEach((value, k) => assertAlmostEquals(value, chosen[k]!, tolerance));
    });
    const sum = of("least").reduce((total, value) => total + value, 0);
    assertAlmostEquals(sum, golden["KDCL minlogit target sum"], 60 * tolerance);
    assertAlmostEquals(mean(of("least loss")), golden["KDCL minlogit CE"], tolerance);
    assertAlmostEquals(of("alpha")[0]!, golden["KDCL linear (one alpha for the batch) alpha_1"], 1e-4); // four places
    assertAlmostEquals(mean(of("linear loss")), golden["KDCL linear CE"], 1e-8 + tolerance);
    of("w").forEach((weight, i) => assertAlmostEquals(weight, golden["KDCL general w"][i]!, tolerance));
    assertEquals([of("alpha").length, of("w").length], [2, 2]);
    assert(of("alpha")[0]! + of("alpha")[1]! - 1 < 1e-6);
  });
}
