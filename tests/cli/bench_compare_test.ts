import { assert, assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { cells, run } from "../../cli/bench/compare.ts";
import {
  type Cell,
  combine,
  comparisonTable,
  parseTiming,
  sidesOf,
  type Timing,
} from "../../cli/bench/compare_results.ts";
import { requirePytorch, timingCommand } from "../../cli/bench/compare_run.ts";
import { TimeLeft } from "../../cli/bench/time_left.ts";
import { CohortError, OptionError, UnknownNameError } from "../../dsl/errors.ts";

const CELL: Cell = { work: "step", net: "resnet32", threads: 2, batch: 128 };

/** A line as the PyTorch scripts print it. */
const RECORDED = '{"engine": "pytorch 1.13.0a0", "layout": "nchw", "threads": 2, "net": "resnet32", "batch": 128, ' +
  '"min_ms": 481.1, "median_ms": 493.2, "peak_mb": 653}';

function timing(layout: string, min_ms: number, median_ms: number, peak_mb?: number): Timing {
  const engine = layout === "n8" ? "cohort wasm" : "pytorch 1.13.0a0";
  const { net, threads, batch } = CELL;
  return { engine, layout, net, threads, batch, min_ms, median_ms, ...(peak_mb === undefined ? {} : { peak_mb }) };
}

Deno.test("parseTiming() reads the last line and ignores what a library printed before it", () => {
  const { engine, layout, min_ms, median_ms, peak_mb } = parseTiming(`a warning\n${RECORDED}\n`, CELL);
  assertEquals([engine, layout, min_ms, median_ms, peak_mb], ["pytorch 1.13.0a0", "nchw", 481.1, 493.2, 653]);
});

Deno.test("parseTiming() refuses output without a line of JSON, and a line that lacks a key", () => {
  for (const last of ["", "done", "[]", "null", RECORDED.replace('"min_ms": 481.1, ', "")]) {
    assertThrows(
      () => parseTiming(`first\n${last}`.trimEnd(), CELL),
      CohortError,
      `Cannot compare: a timing program ends with one line of JSON, got "${last === "" ? "first" : last}". ` +
        "Run it by itself to see why.",
    );
  }
});

Deno.test("parseTiming() refuses a timing of other work than was asked for", () => {
  assertThrows(
    () => parseTiming(RECORDED, { ...CELL, threads: 1 }),
    CohortError,
    "Cannot compare: both sides time threads 1, got 2 from pytorch 1.13.0a0. Run both from the same checkout.",
  );
});

Deno.test("combine() takes the fastest step, the median of medians, and the ratio to the better layout of each", () => {
  const found = combine(CELL, {
    cohort: [timing("n8", 310, 400), timing("n8", 300, 330), timing("n8", 305, 320)],
    nchw: [timing("nchw", 500, 510), timing("nchw", 480, 500), timing("nchw", 490, 505)],
    nhwc: [timing("nhwc", 400, 600), timing("nhwc", 410, 620), timing("nhwc", 420, 610)],
  });
  const { sides: { cohort, nchw, nhwc }, rounds, ratio_min, ratio_median, ratio_peak } = found;
  assertEquals(cohort, { engine: "cohort wasm", layout: "n8", min_ms: 300, median_ms: 330 });
  assertEquals([nchw.min_ms, nchw.median_ms, nhwc.min_ms, nhwc.median_ms], [480, 505, 400, 610]);
  // 300 / 400 is against NHWC, 330 / 505 against NCHW.
  assertEquals([rounds, ratio_min, ratio_median, ratio_peak], [3, 0.75, 0.653, undefined]);
});

Deno.test("combine() takes the mean of the middle two of an even number of medians, and the largest peak", () => {
  const found = combine(CELL, {
    cohort: [timing("n8", 300, 330, 310), timing("n8", 305, 320, 330)],
    nchw: [timing("nchw", 500, 510, 660), timing("nchw", 480, 500, 650)],
    nhwc: [timing("nhwc", 400, 600, 600), timing("nhwc", 410, 620, 550)],
  });
  assertEquals([found.sides.cohort.median_ms, found.sides.nchw.peak_mb, found.ratio_peak], [325, 660, 0.55]);
});

Deno.test("combine() compares turbo with the same rounds of PyTorch, if it was timed", () => {
  const theirs = { nchw: [timing("nchw", 500, 510)], nhwc: [timing("nhwc", 400, 600)] };
  const { sides, turbo_ratio_min, turbo_ratio_median } = combine(CELL, {
    cohort: [timing("n8", 300, 330)],
    turbo: [timing("n8", 210, 255), timing("n8", 200, 255)],
    ...theirs,
  });
  assertEquals([sides.turbo?.min_ms, turbo_ratio_min, turbo_ratio_median], [200, 0.5, 0.5]);
  assertEquals("turbo" in combine(CELL, { cohort: [timing("n8", 300, 330)], ...theirs }).sides, false);
  assertEquals([sidesOf(false), sidesOf(true)], [["cohort", "nchw", "nhwc"], ["cohort", "turbo", "nchw", "nhwc"]]);
});

Deno.test("combine() refuses a side without a round", () => {
  assertThrows(
    () => combine(CELL, { cohort: [], nchw: [], nhwc: [] }),
    RangeError,
    "Cannot compare: every side needs at least one round, got none. Say --rounds 1 or more.",
  );
});

Deno.test("comparisonTable() shows fastest and median of each side, and memory only if it was measured", () => {
  const sides = {
    cohort: [timing("n8", 300.4, 330)],
    nchw: [timing("nchw", 480, 505)],
    nhwc: [timing("nhwc", 400, 1610)],
  };
  assertEquals(comparisonTable([combine(CELL, sides)]).split("\n"), [
    "work  net       threads  cohort ms  PyTorch NCHW  PyTorch NHWC        ratio",
    "───────────────────────────────────────────────────────────────────────────",
    "step  resnet32        2  300 / 330     480 / 505   400 / 1,610  0.75 / 0.65",
  ]);
  const measured = {
    cohort: [timing("n8", 300, 330, 309)],
    nchw: [timing("nchw", 480, 505, 650)],
    nhwc: [timing("nhwc", 400, 610, 600)],
  };
  const [heading, _, row] = comparisonTable([combine(CELL, measured)]).split("\n");
  assertStringIncludes(heading!, "cohort MiB  PyTorch MiB  MiB ratio");
  assertEquals(row!.split(/ {2,}/).slice(-3), ["309", "600", "0.52"]);
});

Deno.test("comparisonTable() has columns for turbo only if it was timed", () => {
  const sides = {
    cohort: [timing("n8", 300, 330)],
    nchw: [timing("nchw", 480, 505)],
    nhwc: [timing("nhwc", 400, 610)],
  };
  const [heading, _, plain, fast] = comparisonTable([
    combine(CELL, sides),
    combine(CELL, { ...sides, turbo: [timing("n8", 200, 202)] }),
  ]).split("\n");
  assertEquals(heading!.split(/ {2,}/).slice(-3), ["ratio", "turbo ms", "turbo ratio"]);
  assertEquals(plain!.split(/ {2,}/).slice(-2), ["–", "–"]);
  assertEquals(fast!.split(/ {2,}/).slice(-2), ["200 / 202", "0.50 / 0.40"]);
});

Deno.test("TimeLeft goes by the work done", () => {
  let now = 100;
  const left = new TimeLeft(40, () => now);
  assert(Number.isNaN(left.seconds));
  now = 130;
  left.done(10);
  assertEquals(left.seconds, 90);
  left.done(30);
  assertEquals(left.seconds, 0);
});

Deno.test("cells() asks for every work, net and count of threads", () => {
  const cell = ({ work, net, threads, batch }: Cell) => `${work} ${net} ${threads} ${batch}`;
  assertEquals(cells("all", undefined, "1", 128).map(cell), [
    "step resnet32 1 128",
    "step wrn_16_2 1 128",
    "step mobilenet_v2_half 1 128",
    "ffsd resnet32 1 128",
  ]);
  assertEquals(cells("ffsd", "resnet20, wrn_16_2", "1,2", 64).map(cell), [
    "ffsd resnet20 1 64",
    "ffsd resnet20 2 64",
    "ffsd wrn_16_2 1 64",
    "ffsd wrn_16_2 2 64",
  ]);
});

Deno.test("cells() refuses unknown work, threads that are no count, and an empty name of a net", () => {
  assertThrows(
    () => cells("stap", undefined, "1", 128),
    UnknownNameError,
    'Cannot compare "stap": there is no such work. Did you mean "step"?',
  );
  assertThrows(
    () => cells("step", undefined, "1,none", 128),
    OptionError,
    "Cannot use --threads: it is a whole number of at least 1, got NaN. Say 1 or more.",
  );
  assertThrows(
    () => cells("step", "resnet32,", "1", 128),
    OptionError,
    'Cannot use --net: it is a list with commas between, got "resnet32,". Say it as in a,b.',
  );
});

Deno.test("timingCommand() gives both sides the same work", () => {
  const options = { python: "python3", steps: 3 };
  const flags = "--net resnet32 --batch 128 --threads 2 --steps 3";
  const ffsd = { ...CELL, work: "ffsd" } as const;
  const deno = `python3 -B bench/pytorch/peak.py ${Deno.execPath()} run --quiet --allow-read`;
  assertEquals(
    timingCommand("nhwc", CELL, options).join(" "),
    `python3 -B bench/pytorch/step.py ${flags} --layout nhwc --memory`,
  );
  assertEquals(
    timingCommand("nchw", ffsd, options).join(" "),
    `python3 -B bench/pytorch/ffsd_step.py ${flags} --layout nchw --memory`,
  );
  assertEquals(timingCommand("cohort", CELL, options).join(" "), `${deno} cli/main.ts bench step ${flags} --json`);
  assertEquals(
    timingCommand("turbo", ffsd, options).join(" "),
    `${deno} --v8-flags=--no-wasm-bounds-checks,--experimental-wasm-revectorize cli/main.ts bench ffsd ${flags} ` +
      "--turbo --json",
  );
});

Deno.test("bench compare without Python or PyTorch is an error that says what to install", async () => {
  const install = "Install it, on Debian with apt-get install python3-torch, or name another Python with --python.";
  await assertRejects(
    () => run(["--python", "/nowhere/python3"], { signal: new AbortController().signal }),
    CohortError,
    `Cannot compare: PyTorch has to be installed for /nowhere/python3, got no such program. ${install}`,
  );
  // Deno stands for a Python without PyTorch: "-c" is no flag of it, and it ends with a status that is not 0.
  const { message } = await assertRejects(() => requirePytorch(Deno.execPath()), CohortError);
  assertStringIncludes(message, `Cannot compare: PyTorch has to be installed for ${Deno.execPath()}, got `);
  assertStringIncludes(message, install);
});
