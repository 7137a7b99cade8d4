import { assert, assertEquals, assertRejects } from "@std/assert";
import type { BenchLine } from "../../cli/bench.ts";
import { run } from "../../cli/bench.ts";

/** What the bench printed. */
async function bench(...args: readonly string[]): Promise<string> {
  const { log } = console;
  const lines: string[] = [];
  console.log = (line: unknown) => void lines.push(String(line));
  try {
    assertEquals(await run(args, { signal: new AbortController().signal }), 0);
    return lines.join("\n");
  } finally {
    console.log = log;
  }
}

for (const what of ["step", "ffsd", "dml"]) {
  Deno.test(`bench ${what} --json prints one line with the keys of the PyTorch scripts`, async () => {
    const line: BenchLine = JSON.parse(
      await bench(what, "--net", "resnet8", "--batch", "4", "--steps", "2", "--json"),
    );
    assertEquals(Object.keys(line), ["engine", "layout", "threads", "net", "batch", "min_ms", "median_ms"]);
    const { engine, layout, threads, net, batch } = line;
    assert(engine.startsWith("cohort wasm: "), engine);
    assertEquals({ layout, threads, net, batch }, { layout: "n8", threads: 1, net: "resnet8", batch: 4 });
    assert(line.min_ms > 0 && line.median_ms >= line.min_ms);
  });
}

Deno.test("bench prints a line for people without --json", async () => {
  const text = await bench("step", "--blocks", "1", "--batch", "2", "--steps", "1");
  assert(/^step resnet8, batch 2: median [\d.]+ ms, fastest [\d.]+ ms a step\ncohort wasm/.test(text), text);
});

Deno.test("bench times as many students as were asked for", async () => {
  const text = await bench("dml", "--net", "resnet8", "--students", "3", "--batch", "2", "--steps", "1");
  assert(text.startsWith("dml resnet8, batch 2: median "), text);
});

const REFUSED: Readonly<Record<string, readonly [args: readonly string[], message: string]>> = {
  "an unknown bench": [["stp"], 'Cannot bench "stp": there is no such bench. Did you mean "step"?'],
  "an unknown net": [
    ["step", "--net", "resnt32"],
    `Cannot use --net: no built-in net is called 'resnt32'. Did you mean "resnet32"?`,
  ],
  "two nets": [
    ["step", "--net", "resnet8", "--blocks", "1"],
    "Cannot use --net with --blocks: both say which net, got resnet8 and 1. Say one.",
  ],
  "a misspelt tool": [["kernel"], 'Cannot bench "kernel": there is no such bench. Did you mean "kernels"?'],
  "students of a net alone": [
    ["step", "--students", "3"],
    "Cannot use --students: step is one net alone, got 3. Bench ffsd or dml.",
  ],
  "a single student": [
    ["dml", "--students", "1"],
    "Cannot use --students: it is a whole number of at least 2, got 1.",
  ],
  "no steps": [["step", "--steps", "0"], "Cannot use --steps: it is a whole number of at least 1, got 0."],
  "a batch of one": [
    ["step", "--net", "resnet8", "--batch", "1"],
    "Cannot train student with a batch of 1: batch norm needs at least 2 images, got 1. Use batch: 2 or more.",
  ],
  "threads that are not there": [
    ["step", "--threads", "2", "--backend", "reference"],
    "Cannot use --threads: only wasm has threads, got 2 for reference. Say 1.",
  ],
};

for (const [what, [args, message]] of Object.entries(REFUSED)) {
  Deno.test(`bench refuses ${what}`, async () => {
    const error = await assertRejects(() => bench(...args), Error);
    assertEquals((error as Error).message, message);
  });
}
