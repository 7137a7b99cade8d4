import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { account, type Measurements } from "../../cli/bench/account.ts";
import { ffsdSentence } from "../../cli/bench/ffsd.ts";
import { classes, classOf, workOf } from "../../cli/bench/kernel_classes.ts";
import { reportText, run } from "../../cli/bench/kernels.ts";
import { featuresOf } from "../../cli/bench/machine.ts";
import { prepare } from "../../cli/bench/measure.ts";
import { PeakMeter } from "../../cli/bench/peak.ts";
import type { KernelReport } from "../../cli/bench/profile_step.ts";
import { roofline } from "../../cli/bench/roofline.ts";
import { stepSentence } from "../../cli/bench/step.ts";
import { mobilenet_v2_half, resnet8, wrn_16_1 } from "../../mod.ts";
import { lower } from "../../runtime/backend/wasm/lower/lower.ts";
import { callOf, type KernelCall } from "../../runtime/backend/wasm/profile.ts";

/** A call of a kernel with these constants, in a backward pass unless said. */
function call(name: string, constants: object, more: Partial<KernelCall> = {}): KernelCall {
  const values = ["firstBlock", "lastBlock"] as const;
  return { name, key: `${name} ${JSON.stringify(constants)}`, segment: "update x", memory: [], values, ...more };
}

const MAP = { height: 32, width: 32, channels: 16 };

Deno.test("kernels: Winograd does 36 products for each tile of 16 outputs, the direct method 144", () => {
  const winograd = call("winograd", { input: MAP, output: MAP, pad: [1, 1] }, { segment: "forward" });
  const { flops, direct } = workOf(winograd, 128);
  assertEquals([flops, direct], [2 * 36 * 64 * 16 * 16 * 128, 2 * 9 * 1024 * 16 * 16 * 128]);
  assertEquals(classOf(winograd), "Winograd 3×3, forward");
  assertEquals(classOf({ ...winograd, segment: "update leader" }), "Winograd 3×3, input gradient");
});

Deno.test("kernels: the direct method counts the taps that meet the input, and all of them as effective", () => {
  const convolution = {
    input: { height: 4, width: 4, channels: 3 },
    output: { height: 4, width: 4, channels: 5 },
    groups: 1,
    kernel: [3, 3],
    stride: [1, 1],
    pad: [1, 1],
  };
  const direct = (change = {}): KernelCall => call("convolve", { convolution: { ...convolution, ...change } });
  // Along each axis 2 + 3 + 3 + 2 pairs of a pixel and a tap.
  const { flops, direct: effective } = workOf(direct(), 8);
  assertEquals([flops, effective], [2 * 10 * 10 * 3 * 5 * 8, 2 * 9 * 16 * 3 * 5 * 8]);
  assertEquals(workOf(direct({ kernel: [1, 1], pad: ["-0", "-0"] }), 8).flops, 2 * 16 * 3 * 5 * 8);
  const calls = [direct(), direct({ kernel: [1, 1] }), direct({ groups: 3, output: convolution.input })];
  assertEquals(calls.map(classOf), ["direct k×k", "1×1", "depthwise"].map((kind) => `${kind}, input gradient`));
});

Deno.test("kernels: a convolution in one call, its input gradient and its filter gradient do the same products", () => {
  const convolution = {
    input: { height: 5, width: 5, channels: 4 },
    output: { height: 3, width: 3, channels: 6 },
    groups: 1,
    kernel: [3, 3],
    stride: [2, 2],
    pad: [1, 1],
  };
  const calls = [
    call("convolve", { convolution, part: "forward" }, { segment: "forward" }),
    call("convolve", { convolution, part: "input" }),
    ...["filterProduct", "filterLanes"].map((name) => call(name, { ...convolution, chunk: 1 })),
  ];
  for (const { flops, direct } of calls.map((one) => workOf(one, 8))) {
    // Along each axis 2 + 3 + 2 pairs of an output pixel and a tap.
    assertEquals([flops, direct], [2 * 7 * 7 * 4 * 6 * 8, 2 * 9 * 9 * 4 * 6 * 8]);
  }
  assertEquals([...new Set(calls.map(classOf))], [
    "direct k×k, forward",
    "direct k×k, input gradient",
    "direct k×k, filter gradient",
  ]);
});

Deno.test("kernels: a kernel without a row is named, and its traffic counts", () => {
  const memory = [{ role: "i", bytes: 10 }, { role: "u", bytes: 100 }, { role: "s", bytes: 1000 }] as const;
  const unknown = call("brandNew", {}, { memory });
  assertEquals(classOf(unknown), "other: brandNew");
  assertEquals(workOf(unknown, 8), { flops: 0, direct: 0, bytes: 210 });
});

Deno.test("kernels: every kernel of these steps has a row in cli/bench/kernel_classes.ts, with a number for its work", () => {
  for (const sentence of [...[resnet8, wrn_16_1, mobilenet_v2_half].map(stepSentence), ffsdSentence(resnet8)]) {
    const { step } = prepare(sentence, 8, 10).compiled;
    const { segments } = lower(step, () => ({ address: 0, size: 0 }), featuresOf(false));
    for (const one of segments.flatMap(({ name, steps }) => steps.map((step) => callOf(step, name)))) {
      const { flops, direct, bytes } = workOf(one, 8);
      assert(classes.includes(classOf(one)), classOf(one));
      assert([flops, direct, bytes].every((number) => Number.isFinite(number) && number >= 0), one.key);
    }
  }
});

Deno.test("roofline() adds up least times: what computes by the peak, what moves numbers by the bandwidth", () => {
  const peak = { gflops: 50, triad: 20, copy: 25 };
  const memory = [{ role: "i", bytes: 25e6 }, { role: "o", bytes: 25e6 }] as const;
  const compute = call("product", { depth: 1000, columns: 1000 });
  const times = [
    // 2 GFLOP take at least 40 ms, 50 MB at least 2 ms.
    { ...compute, ms: [99, 80] },
    { ...call("oneHot", {}, { memory }), ms: [99, 20] },
    { ...call("brandNew", {}, { memory }), ms: [99, 8] },
    { ...call("skipped", {}), ms: [] },
  ];
  const [head, other, ...more] = roofline(times, 1000, peak, 1);
  assertEquals([head!.name, other!.name, more], ["head and losses", "other: brandNew", []]);
  assertEquals([head!.calls, head!.ms, head!.bound], [2, 100, "arithmetic"]);
  assertAlmostEquals(head!.gflops, 20);
  assertAlmostEquals(head!.fraction, 0.42);
  assertEquals([other!.bound, other!.gflops], ["memory", 0]);
  assertAlmostEquals(other!.gbs, 6.25);
  assertAlmostEquals(other!.fraction, 0.25);
});

Deno.test("account() names parts that add up to the step, on one thread and on several", () => {
  const measured: Measurements = {
    step: 100,
    kernels: 90,
    segments: 93,
    feed: 2,
    read: 1,
    threads: 1,
    schedule: 90,
    barriers: 0,
    barrier: 0,
  };
  assertEquals(account(measured).map(({ ms }) => ms), [90, 3, 2, 1, 4]);
  const several = account({ ...measured, step: 60, threads: 2, schedule: 50, barriers: 100, barrier: 0.01 });
  assertEquals(several.map(({ ms }) => ms), [45, 5, 1, 2, 1, 6]);
  assertEquals(several.map(({ name }) => name).slice(0, 3), [
    "kernels, split over 2 threads",
    "threads waiting for the slowest",
    "barriers, 100 of 10.00 µs",
  ]);
});

Deno.test("PeakMeter finds that registers are faster than memory", () => {
  const meter = new PeakMeter(featuresOf(false), 2 ** 20);
  meter.round();
  meter.round();
  const { gflops, triad, copy } = meter.peak;
  assert([gflops, triad, copy].every((number) => Number.isFinite(number) && number > 0));
});

Deno.test("bench kernels --json tells classes and parts of a step, and as text the same", async () => {
  const { log } = console;
  const lines: string[] = [];
  console.log = (line: unknown) => void lines.push(String(line));
  try {
    const words = ["--net", "resnet8", "--batch", "8", "--rounds", "1", "--threads", "2", "--json"];
    assertEquals(await run(words, { signal: new AbortController().signal }), 0);
  } finally {
    console.log = log;
  }
  const report: KernelReport = JSON.parse(lines.join("\n"));
  const { net, batch, peak, classes: found, parts, step } = report;
  assertEquals([net, batch, Object.keys(peak)], ["resnet8", 8, ["gflops", "triad", "copy"]]);
  assert(found.some(({ name, gflops }) => name === "Winograd 3×3, filter gradient" && gflops > 0));
  assert(found.every(({ name, ms, calls }) => !name.startsWith("other") && ms >= 0 && calls > 0));
  assertAlmostEquals(parts.reduce((sum, { ms }) => sum + ms, 0), step, 1e-6);
  const text = reportText(report);
  for (const part of ["resnet8, batch 8", "GFLOP/s in registers", "of roofline", "whole step"]) {
    assert(text.includes(part));
  }
});
