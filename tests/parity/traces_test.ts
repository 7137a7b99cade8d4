import { assertEquals } from "@std/assert";
import { listCases, runCase } from "../../cli/parity/cases.ts";
import { runCases } from "../../cli/parity/pool.ts";
import type { Outcome } from "../../cli/parity/report.ts";
import type { TraceOptions } from "../../cli/parity/trace.ts";
import { reference } from "../../runtime/backend/reference/reference.ts";
import { wasm } from "../../runtime/backend/wasm/wasm.ts";
import type { Backend } from "../../runtime/backend/backend.ts";

const folder = decodeURIComponent(new URL("../golden/parity", import.meta.url).pathname);

async function assertPasses(stem: string, backend: Backend, options: TraceOptions = {}): Promise<void> {
  const outcome = await runCase({ folder, stem, name: stem }, backend, options);
  assertEquals([outcome.state, failuresOf(outcome)], ["PASS", []]);
}

function failuresOf(outcome: Outcome): readonly string[] {
  return outcome.state === "TODO" ? [outcome.reason] : outcome.failures;
}

// The float64 oracle is slow: of the larger traces it replays what proves formulas and the first updates.
const proofs: readonly (readonly [stem: string, what: string, options: TraceOptions])[] = [
  ["trace_vanilla_resnet8", "five recorded steps of plain training", {}],
  ["trace_dml_pairwise", "a recorded step of DML with live targets", { iterations: 1 }],
  ["trace_ffsd_resnet8", "two recorded steps of FFSD", { iterations: 2 }],
  ["trace_distill_hint", "a recorded step of FitNets", { iterations: 1 }],
  ["trace_reviewkd", "a recorded step of knowledge review", { iterations: 1 }],
];

for (const [stem, what, options] of proofs) {
  Deno.test(`reference repeats ${what} in float64`, () => assertPasses(stem, reference(), options));
}

const kernels: readonly (readonly [stem: string, what: string])[] = [
  ["trace_vanilla_resnet8", "five recorded steps of plain training"],
  ["trace_kd", "two recorded steps of distillation from a frozen teacher"],
  ["trace_dml_pairwise", "five recorded steps of DML with live targets"],
  ["trace_ffsd_resnet8", "five recorded steps of FFSD"],
  ["trace_ffsd_wrn10_1", "two recorded steps of FFSD with wide residual nets"],
  ["trace_distill_hint", "three recorded steps of FitNets"],
  ["trace_reviewkd", "three recorded steps of knowledge review"],
];

for (const [stem, what] of kernels) {
  Deno.test(`wasm repeats ${what} in float32`, async () => assertPasses(stem, await wasm()));
}

Deno.test("runCases() runs every case in a worker of its own and keeps their order", async () => {
  const refs = await listCases(folder, "trace_{kd,vanilla_*}");
  const states: string[] = [];
  for await (const { ref, outcome } of runCases(refs, { backend: "wasm", jobs: 2 })) {
    states.push(`${outcome.state} ${ref.name}`);
  }
  assertEquals(states, ["PASS trace_kd", "PASS trace_vanilla_resnet8"]);
});

const given = Deno.env.get("COHORT_PARITY");

Deno.test({
  name: "reference repeats every recording of COHORT_PARITY whose method exists",
  ignore: given === undefined,
  async fn(test) {
    for await (const { ref, outcome } of runCases(await listCases(given!), { backend: "reference", jobs: 2 })) {
      if (outcome.state === "TODO") continue;
      await test.step(ref.name, () => assertEquals([outcome.state, outcome.failures], ["PASS", []]));
    }
  },
});
