import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { run } from "../../cli/check_nets.ts";
import { checkNet } from "../../cli/check_nets/check.ts";
import { StatusLine } from "../../cli/check_nets/status_line.ts";
import { main } from "../../cli/main.ts";
import {
  type Arch,
  batchNorm,
  builtinArchs,
  conv,
  defineArch,
  globalPool,
  linear,
  relu,
  resnet8,
  sum,
} from "../../mod.ts";
import { wasm } from "../../runtime/backend/wasm/wasm.ts";
import pipeline from "../../pipelines/squeeze_excite_digits.ts";

const backend = wasm({ threads: 1 });

/** Status and what the command printed. */
async function printed(args: readonly string[], signal?: AbortSignal): Promise<readonly [number, string, string]> {
  const { log, error } = console;
  const [out, err]: [string[], string[]] = [[], []];
  console.log = (line: unknown) => void out.push(String(line));
  console.error = (line: unknown) => void err.push(String(line));
  try {
    const table = { "check-nets": () => Promise.resolve({ about: "", run }) };
    return [await main(["check-nets", ...args], signal, table), out.join("\n"), err.join("\n")];
  } finally {
    Object.assign(console, { log, error });
  }
}

// Small ones of several families: the whole list is `deno task cohort check-nets`.
const sample: Readonly<Record<string, number>> = {
  resnet8: 16,
  resnet14_a: 16,
  wrn_10_1: 16,
  wrn_16_1_switokd: 16,
  mobilenet_v2_half: 32,
  shufflenet_v2: 16,
  densenet_40_12_bc: 8,
};

for (const [name, pixels] of Object.entries(sample)) {
  Deno.test(`${name} trains alone, as student and leader of FFSD, and teaches without learning`, async () => {
    const arch: Arch = builtinArchs[name as keyof typeof builtinArchs];
    const shape = [3, pixels, pixels] as const;
    const alone = await checkNet(arch, "alone", { backend, shape, steps: 20 });
    const led = await checkNet(arch, "ffsd", { backend, shape, steps: 2 });
    const frozen = await checkNet(arch, "teacher", { backend, shape, steps: 2 });
    assertEquals([alone.problem, led.problem, frozen.problem], [undefined, undefined, undefined]);
    assertEquals(Object.keys(led.losses), ["peer0", "peer1", "leader"]);
    assertEquals(Object.keys(frozen.losses), ["student"]);
  });
}

Deno.test("the net of squeeze_excite_digits.ts trains in every role", async () => {
  const [arch] = Object.values(pipeline.archs);
  for (const role of ["alone", "ffsd", "teacher"] as const) {
    const { problem } = await checkNet(arch!, role, { backend, shape: [1, 8, 8], steps: role === "alone" ? 20 : 2 });
    assertEquals(problem, undefined, role);
  }
});

/** A net whose convolution gets no gradient, since its classifier starts from zero, or whose scores are no numbers. */
function broken(kind: "dead" | "nan"): Arch {
  const [map, scores] = kind === "dead"
    ? [[conv("conv", 4), batchNorm("bn"), relu], linear("fc", "classes", { init: { rule: "zero" }, bias: false })]
    : [[conv("conv", 4, { init: { rule: "normal", std: Infinity } }), relu], linear("fc", "classes")];
  return defineArch("broken", [
    { spot: "map", layers: map },
    { spot: "embedding", layers: [globalPool] },
    { spot: "logits", layers: [scores] },
  ], { spots: ["map"] });
}

Deno.test("checkNet() tells a loss that is no number, and in which step", async () => {
  const { problem } = await checkNet(broken("nan"), "alone", { backend, shape: [3, 8, 8], steps: 3 });
  assertMatch(problem ?? "", /^student\/ce is (NaN|Infinity) in step 1$/);
});

Deno.test("checkNet() tells a weight that does not move", async () => {
  const { problem } = await checkNet(broken("dead"), "alone", { backend, shape: [3, 8, 8], steps: 1 });
  assertEquals(problem, "student/conv.weight did not change");
});

Deno.test("checkNet() tells a loss that does not fall", async () => {
  const slow = defineArch("slow", [
    { spot: "map", layers: [conv("conv", 1), relu] },
    { spot: "embedding", layers: [globalPool] },
    { spot: "logits", layers: [linear("fc", "classes")] },
  ], { spots: ["map"] });
  const { problem } = await checkNet(slow, "alone", { backend, shape: [3, 8, 8], steps: 20 });
  assertMatch(problem ?? "", /^the loss fell from 2\.\d{3} to 2\.\d{3} only$/);
});

Deno.test("checkNet() tells why a net cannot take a role", async () => {
  const flat = defineArch("flat", [
    { spot: "map", layers: [conv("conv", 4), sum([batchNorm("bn")], []), relu] },
    { spot: "embedding", layers: [globalPool] },
    { spot: "logits", layers: [linear("fc", "classes")] },
  ], { spots: ["map"] });
  const { problem } = await checkNet(flat, "ffsd", { backend, shape: [3, 8, 8], steps: 2 });
  assertStringIncludes(problem ?? "", "needs a spot above its deepest, got flat with 1");
  const bound = await checkNet({ ...resnet8, classes: 3 }, "alone", { backend, shape: [3, 8, 8], steps: 2 });
  assertEquals(bound.problem, undefined);
});

Deno.test("check-nets prints a row a net and a sum", async () => {
  const [code, out] = await printed(["--only", "resnet{8,14}", "--size", "8", "--steps", "2"]);
  assertEquals(code, 0);
  const rows = out.split("\n").filter((line) => line.startsWith("resnet"));
  assertEquals(rows.length, 2);
  for (const row of rows) assertMatch(row, /^resnet\d+ +3×8×8( +\d\.\d\d → \d\.\d\d){4} +[\d.]+ s$/);
  assertMatch(out.split("\n").at(-1)!, /^2 passed, 0 failed in /);
});

Deno.test("check-nets stops at Ctrl-C", async () => {
  const [code, out] = await printed(["--only", "resnet*", "--size", "8"], AbortSignal.abort());
  assertEquals([code, out.includes("→")], [130, false]);
});

const REFUSED: Readonly<Record<string, readonly [args: readonly string[], message: string]>> = {
  "a pattern that means nothing": [
    ["--only", "resnt8"],
    'Cannot check nets: a pattern means at least one built-in net, got "resnt8". Did you mean "resnet8"?',
  ],
  "one step": [["--steps", "1"], "Cannot use --steps: it is a whole number of at least 2, got 1."],
  "tiny images": [["--size", "4"], "Cannot use --size: it is a whole number of at least 8, got 4."],
};

for (const [what, [args, message]] of Object.entries(REFUSED)) {
  Deno.test(`check-nets refuses ${what} in one sentence, status 1`, async () => {
    assertEquals(await printed(args), [1, "", message]);
  });
}

Deno.test("StatusLine tells share and time left by the work that is done", () => {
  const written: string[] = [];
  let now = 100;
  const lines = (terminal: boolean): readonly string[] => {
    written.length = 0;
    now = 100;
    const status = new StatusLine(40, { terminal, write: (text) => void written.push(text), now: () => now });
    status.show("a");
    status.done(10);
    now = 103;
    status.show("b");
    status.clear();
    assert(status.seconds === 3);
    return [...written];
  };
  assertEquals(lines(false), ["a  0 %  ETA –\n", "b  25 %  ETA 9.0 s\n"]);
  assertEquals(lines(true), ["\r\u001b[Ka  0 %  ETA –", "\r\u001b[Kb  25 %  ETA 9.0 s", "\r\u001b[K"]);
});
