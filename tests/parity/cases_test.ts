import { assertEquals, assertRejects } from "@std/assert";
import { outcomeLines, run } from "../../cli/parity.ts";
import { listCases, runCase } from "../../cli/parity/cases.ts";
import { expandBraces, matchesCase } from "../../cli/parity/glob.ts";
import { Report } from "../../cli/parity/report.ts";
import { CohortError } from "../../dsl/errors.ts";
import { reference } from "../../runtime/backend/reference/reference.ts";

const folder = decodeURIComponent(new URL("../golden/parity", import.meta.url).pathname);

async function inCopy(change: (copy: string) => Promise<void>, test: (copy: string) => Promise<void>): Promise<void> {
  const copy = await Deno.makeTempDir();
  try {
    for (const name of ["trace_kd.json", "trace_kd.safetensors", "batches_c10.safetensors"]) {
      await Deno.copyFile(`${folder}/${name}`, `${copy}/${name}`);
    }
    await change(copy);
    await test(copy);
  } finally {
    await Deno.remove(copy, { recursive: true });
  }
}

function runKd(copy: string): ReturnType<typeof runCase> {
  return runCase({ folder: copy, stem: "trace_kd", name: "trace_kd" }, reference(), { iterations: 0 });
}

Deno.test("matchesCase() understands stars, brace sets and cases below a file", () => {
  const pattern = "trace_{vanilla_*,kd,dml_*}";
  assertEquals(
    ["trace_kd", "trace_kd_wrn", "trace_vanilla_x", "trace_dml_pairwise"].map((name) => matchesCase(pattern, name)),
    [true, false, true, true],
  );
  assertEquals(matchesCase("loss_ffsd", "loss_ffsd/attention_map/0"), true);
  assertEquals(matchesCase("loss_ffsd/attention_*/1", "loss_ffsd/attention_map/0"), false);
  assertEquals(matchesCase("loss_*/fusion_{loss,module}/0", "loss_ffsd/fusion_module/0"), true);
  assertEquals(matchesCase("loss_*", "models_ffsd/resnet20/0"), false);
  assertEquals(matchesCase("trace.kd", "trace_kd"), false);
});

Deno.test("expandBraces() expands nested sets and leaves an open brace alone", () => {
  assertEquals(expandBraces("a{b,c{d,e}}f"), ["abf", "acdf", "acef"]);
  assertEquals(expandBraces("a{b"), ["a{b"]);
});

Deno.test("listCases() names the folder that is missing, and the pattern that matches nothing", async () => {
  await assertRejects(
    () => listCases(`${folder}/nowhere`),
    CohortError,
    "there is no such file or folder. Check the path.",
  );
  await assertRejects(() => listCases(folder, "trace_kdd"), CohortError, 'got "trace_kdd". Did you mean "trace_kd"?');
});

Deno.test("a trace cut short is refused by one sentence", async () => {
  await inCopy(
    (copy) => Deno.truncate(`${copy}/trace_kd.json`, 1000),
    async (copy) => void await assertRejects(() => runKd(copy), CohortError, "trace_kd.json: it is no whole JSON file"),
  );
  await inCopy(
    (copy) => Deno.truncate(`${copy}/batches_c10.safetensors`, 5000),
    async (copy) => void await assertRejects(() => runKd(copy), CohortError, "Fetch it again."),
  );
});

Deno.test("a trace whose method or net does not exist is TODO, never PASS", async () => {
  const edit = (from: string, to: string) => async (copy: string): Promise<void> => {
    const text = await Deno.readTextFile(`${copy}/trace_kd.json`);
    await Deno.writeTextFile(`${copy}/trace_kd.json`, text.replace(from, to));
  };
  await inCopy(edit('"method": "kd"', '"method": "later"'), async (copy) => {
    assertEquals(await runKd(copy), { state: "TODO", reason: "the method later does not exist yet" });
  });
  await inCopy(edit('"family": "resnet"', '"family": "unheard"'), async (copy) => {
    assertEquals(await runKd(copy), { state: "TODO", reason: "the net unheard does not exist yet" });
  });
});

Deno.test("a trace with other initial tensors than the formula gives fails", async () => {
  await inCopy(async (copy) => {
    const text = await Deno.readTextFile(`${copy}/trace_kd.json`);
    await Deno.writeTextFile(`${copy}/trace_kd.json`, text.replace('"seed": "dev/kd"', '"seed": "dev/other"'));
  }, async (copy) => {
    const outcome = await runKd(copy);
    assertEquals(outcome.state === "FAIL" && /^initial student\/conv1\.weight/.test(outcome.failures[0]!), true);
  });
});

Deno.test("Report counts what is compared, and an error that is no number fails", () => {
  const report = new Report();
  report.add("term ce", 1e-9, 1e-8);
  report.same("shape", [1, 2], [1, 2]);
  assertEquals(outcomeLines("trace_x", report.outcome()), "PASS trace_x 2 term-ce 1.00e-9 1.0e-8");
  report.add("update, median", NaN, 1e-5);
  assertEquals(
    outcomeLines("trace_x", report.outcome()),
    "FAIL trace_x 3 update/median NaN 1.0e-5\n  update, median: error NaN, tolerance 1.0e-5",
  );
  assertEquals(new Report().outcome().state, "FAIL");
});

Deno.test("parity refuses a backend it does not compare on, and no jobs", async () => {
  const context = { signal: new AbortController().signal };
  await assertRejects(
    () => run([folder, "--backend", "webgpu"], context),
    CohortError,
    'Cannot compare on "webgpu": choose one of reference, wasm, tfjs.',
  );
  await assertRejects(() => run([folder, "--jobs", "0"], context), CohortError, "got --jobs 0");
});
