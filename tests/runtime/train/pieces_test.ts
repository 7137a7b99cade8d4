import { assert, assertAlmostEquals, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { cohort } from "../../../dsl/cohort.ts";
import { CheckpointError } from "../../../dsl/errors.ts";
import type { Init } from "../../../dsl/layers.ts";
import { warmUp } from "../../../dsl/verbs/options.ts";
import type { ParameterEntry } from "../../../runtime/compile/net.ts";
import { initialValues } from "../../../runtime/train/init.ts";
import { MetricsCounter } from "../../../runtime/train/metrics.ts";
import { rateFactor, weightIn } from "../../../runtime/train/schedule.ts";
import { decodeTensors, encodeTensors, type TensorFile } from "../../../runtime/train/safetensors.ts";
import { decodeSnapshot, encodeSnapshot, type Position } from "../../../runtime/train/snapshot.ts";
import { compileTiny, inSession, stateOf, tiny } from "../fixtures.ts";

const multiStep = { milestones: [150, 225], gamma: 0.1, warmup: 0 };

Deno.test("rateFactor() drops after the epochs that the milestones name", () => {
  const at = (epoch: number): number => rateFactor(multiStep, epoch, 0, 10);
  assertEquals([1, 150, 151, 225].map(at), [1, 1, 0.1, 0.1]);
  assertAlmostEquals(at(226), 0.01, 1e-15); // 0.1² rounds in its last bit
});

Deno.test("rateFactor() rises over the batches of the warm-up and ends at 1", () => {
  const warm = { milestones: [], gamma: 0.1, warmup: 2 };
  const all = [1, 2, 3].flatMap((epoch) => [0, 1, 2, 3].map((step) => rateFactor(warm, epoch, step, 4)));
  assertEquals(all, [1, 2, 3, 4, 5, 6, 7, 8, 8, 8, 8, 8].map((done) => done / 8));
  assertEquals(rateFactor({ ...warm, warmup: 0.5 }, 1, 0, 4), 0.5);
});

Deno.test("weightIn() ramps FFSD's coefficients over 5 epochs from 1", () => {
  const weights = [1, 2, 3, 4, 5, 6, 299].map((epoch) => weightIn(warmUp(1), epoch, {}));
  // exp(−5 (1 − e/5)²), facts of the released code rounded to four places.
  [0.0408, 0.1653, 0.4493, 0.8187, 1, 1, 1].forEach((expected, i) => assertAlmostEquals(weights[i]!, expected, 5e-5));
  assertAlmostEquals(weightIn(warmUp(1000), 2, {}), 1000 * Math.exp(-1.8), 1e-9);
});

Deno.test("weightIn() ramps from epoch 0 where the method counts so, and reads measured values", () => {
  const ramp = { ramp: "sigmoid", to: 2, epochs: 80, from: 0 } as const;
  assertAlmostEquals(weightIn(ramp, 1, {}), 2 * Math.exp(-5), 1e-15);
  assertAlmostEquals(weightIn(ramp, 41, {}), 2 * Math.exp(-5 / 4), 1e-15);
  assertEquals([weightIn(ramp, 81, {}), weightIn(ramp, 300, {})], [2, 2]);
  assertEquals([weightIn(0.5, 3, {}), weightIn({ measured: "gap" }, 3, { gap: 0.25 })], [0.5, 0.25]);
});

function entry(name: string, shape: readonly number[], init: ParameterEntry["init"], fanIn: number): ParameterEntry {
  return { name, kind: "parameter", shape, init, fanIn };
}

function moments(values: Float32Array): { mean: number; deviation: number; largest: number } {
  const mean = values.reduce((sum, x) => sum + x, 0) / values.length;
  const variance = values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / values.length;
  return { mean, deviation: Math.sqrt(variance), largest: values.reduce((most, x) => Math.max(most, Math.abs(x)), 0) };
}

const big = [64, 32, 3, 3];
const fanIn = 32 * 9;

Deno.test("initialValues() has the bounds and moments of its rules", () => {
  const draw = (init: Init): ReturnType<typeof moments> => moments(initialValues(entry("a/w", big, init, fanIn), 1));
  // 18432 numbers: the mean of n draws has deviation σ/√n = 0.0074 σ, the deviation an error of 0.005 σ; 4 σ allowed.
  const expect = (found: ReturnType<typeof moments>, deviation: number): void => {
    assertAlmostEquals(found.mean, 0, 0.03 * deviation);
    assertAlmostEquals(found.deviation, deviation, 0.02 * deviation);
  };
  const uniform = draw({ rule: "default" });
  const bound = 1 / Math.sqrt(fanIn);
  expect(uniform, bound / Math.sqrt(3));
  assert(uniform.largest <= bound && uniform.largest > 0.999 * bound);
  expect(draw({ rule: "heOut" }), Math.sqrt(2 / (9 * 64)));
  expect(draw({ rule: "inverseFanIn" }), 1 / fanIn);
  expect(draw({ rule: "normal", std: 0.01 }), 0.01);
  const xavier = draw({ rule: "xavierUniform", gain: Math.SQRT2 });
  const edge = Math.SQRT2 * Math.sqrt(6 / (fanIn + 64 * 9));
  expect(xavier, edge / Math.sqrt(3));
  assert(xavier.largest <= edge && xavier.largest > 0.999 * edge);
  assertEquals(draw({ rule: "zero" }), { mean: 0, deviation: 0, largest: 0 });
  assertEquals(initialValues({ ...entry("a/w", [3], { rule: "one" }, 3) }, 1), new Float32Array([1, 1, 1]));
});

Deno.test("initialValues() draws normal numbers with normal tails", () => {
  const values = initialValues(entry("a/w", big, { rule: "normal", std: 1 }, fanIn), 5);
  const beyond = (limit: number): number => values.filter((x) => Math.abs(x) > limit).length / values.length;
  // Shares of a normal distribution, within 4 deviations of √(p (1 − p) / n).
  assertAlmostEquals(beyond(1), 0.3173, 0.0138);
  assertAlmostEquals(beyond(2), 0.0455, 0.0062);
  assertAlmostEquals(beyond(3), 0.0027, 0.0016);
});

Deno.test("initialValues() depends on seed and name, not on what was drawn before", () => {
  const one = (name: string, seed: number): Float32Array =>
    initialValues(entry(name, [4, 2, 3, 3], { rule: "heOut" }, 18), seed);
  const first = one("a/w", 1);
  one("b/w", 1);
  assertEquals(one("a/w", 1), first);
  assertNotEquals(one("b/w", 1), first);
  assertNotEquals(one("a/w", 2), first);
});

Deno.test("initialize() gives equal seeds equal bits, whatever else is trained, and other nets other weights", async () => {
  const weights = (compiled: ReturnType<typeof compileTiny>, seed: number) => inSession(compiled, stateOf, { seed });
  const [pair, trio] = [compileTiny(cohort(tiny, 2).mutual()), compileTiny(cohort(tiny, 3).leader().fuse())];
  const [two, again, other] = [await weights(pair, 7), await weights(pair, 7), await weights(pair, 8)];
  assertEquals(two, again);
  assertNotEquals(two["peer0/conv1.weight"], other["peer0/conv1.weight"]);
  assertNotEquals(two["peer0/conv1.weight"], two["peer1/conv1.weight"]);
  const three = await weights(trio, 7);
  for (const name of ["peer0/conv1.weight", "peer1/fc.bias"]) assertEquals(two[name], three[name]);
  assertEquals(two["peer0/bn1.running_var"], new Float64Array([1, 1]));
  assertEquals(two["peer0/bn1.weight"], new Float64Array([1, 1]));
  assertEquals(two["peer0/bn1.bias"], new Float64Array(2));
  assertEquals(two["peer0/fc.weight#velocity"], new Float64Array(12));
});

Deno.test("MetricsCounter counts top-1, top-5, ensemble, oracle and similarity by hand", () => {
  const counter = new MetricsCounter(["a", "b"]);
  const labels = [0, 1, 2];
  const a = Float64Array.of(3, 1, 0, 0, 5, 1, 9, 0, 1); // right, right, wrong
  const b = Float64Array.of(0, 2, 0, 1, 3, 0, 0, 0, 3); // wrong, right, right
  counter.add({ a, b, head: b }, labels);
  const { images, members, ensemble, oracle, similarity } = counter.result();
  assertEquals(images, 3);
  assertEquals(members.a, { top1: 2 / 3, top5: 1 });
  assertEquals(members.head, members.b!);
  // Sums are [3, 3, 0] (a tie: the earlier class counts), [1, 8, 1] and [9, 0, 4].
  assertEquals(ensemble, { top1: 2 / 3, top5: 1 });
  assertEquals(oracle, 1);
  const cosine = (x: readonly number[], y: readonly number[]): number => {
    const [p, q] = [x, y].map((z) => z.map(Math.exp)).map((e) => e.map((v) => v / e.reduce((s, w) => s + w, 0)));
    const dot = (u: readonly number[], v: readonly number[]): number => u.reduce((s, w, i) => s + w * v[i]!, 0);
    return dot(p!, q!) / Math.sqrt(dot(p!, p!) * dot(q!, q!));
  };
  const rows = [0, 1, 2].map((i) => cosine([...a.slice(3 * i, 3 * i + 3)], [...b.slice(3 * i, 3 * i + 3)]));
  assertAlmostEquals(similarity!, rows.reduce((sum, c) => sum + c, 0) / 3, 1e-14); // rounding of a few operations
});

Deno.test("MetricsCounter adds batches of different sizes image by image", () => {
  const [whole, parts] = [new MetricsCounter(["a", "b"]), new MetricsCounter(["a", "b"])];
  const a = Float32Array.of(1, 0, 0, 2, 5, 4, 1, 1);
  const b = Float32Array.of(0, 1, 3, 2, 1, 4, 0, 2);
  const labels = [0, 1, 1, 0];
  whole.add({ a, b }, labels);
  parts.add({ a: a.slice(0, 6), b: b.slice(0, 6) }, labels.slice(0, 3));
  parts.add({ a: a.slice(6), b: b.slice(6) }, labels.slice(3));
  assertEquals(parts.result(), whole.result());
});

Deno.test("MetricsCounter ranks the right class behind equal earlier ones, and counts NaN as wrong", () => {
  const rank = (scores: readonly number[], label: number): { top1: number; top5: number } => {
    const counter = new MetricsCounter([]);
    counter.add({ a: Float64Array.from(scores) }, [label]);
    return counter.result().members.a!;
  };
  assertEquals(rank([1, 1, 0], 0), { top1: 1, top5: 1 });
  assertEquals(rank([1, 1, 0], 1), { top1: 0, top5: 1 });
  assertEquals(rank([6, 5, 4, 3, 2, 1, 0], 4), { top1: 0, top5: 1 });
  assertEquals(rank([6, 5, 4, 3, 2, 1, 0], 5), { top1: 0, top5: 0 });
  assertEquals(rank([NaN, NaN, NaN, NaN, NaN, NaN], 0), { top1: 0, top5: 0 });
  assertEquals(rank([NaN, 1, 0], 1), { top1: 0, top5: 1 });
});

Deno.test("MetricsCounter has no ensemble of a single net", () => {
  const counter = new MetricsCounter(["a"]);
  counter.add({ a: Float64Array.of(1, 0), head: Float64Array.of(0, 1) }, [0]);
  assertEquals(Object.keys(counter.result()), ["images", "members"]);
});

const file: TensorFile = {
  tensors: {
    "conv.weight": { shape: [2, 1, 1, 3], data: Float32Array.of(1.5, -2, 3e-40, NaN, Infinity, -0) },
    "odd name, ünï": { shape: [], data: Float64Array.of(Math.PI) },
    empty: { shape: [0, 4], data: new Float32Array(0) },
  },
  metadata: { format: "pt", note: "ü" },
};

Deno.test("decodeTensors() gives back what encodeTensors() wrote, bit for bit", () => {
  const bytes = encodeTensors(file);
  assertEquals(decodeTensors(bytes, "it"), file);
  assertEquals(encodeTensors(decodeTensors(bytes, "it")), bytes);
  assertEquals(bytes.length % 8, 0);
  const shifted = new Uint8Array(bytes.length + 3);
  shifted.set(bytes, 3);
  assertEquals(decodeTensors(shifted.subarray(3), "it"), file);
});

/** A file with this header and some bytes behind it. */
function raw(header: unknown, body = 8): Uint8Array {
  const json = new TextEncoder().encode(typeof header === "string" ? header : JSON.stringify(header));
  const bytes = new Uint8Array(8 + json.length + body);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(json.length), true);
  bytes.set(json, 8);
  return bytes;
}

Deno.test("decodeTensors() refuses truncated and corrupt files and other types with one sentence each", () => {
  const bytes = encodeTensors(file);
  const tensor = { dtype: "F32", shape: [2], data_offsets: [0, 8] };
  const cases: readonly (readonly [Uint8Array, string])[] = [
    [new Uint8Array(0), "0 bytes"],
    [bytes.slice(0, 7), "7 bytes"],
    [bytes.slice(0, 40), "a header that ends behind the file"],
    [bytes.slice(0, -1), "a file that ends within odd name, ünï"],
    [raw("{"), "a header that is no JSON"],
    [raw("[]"), "a header that is no JSON"],
    [raw("3"), "a header that is no JSON"],
    [raw({ w: { ...tensor, dtype: "BF16" } }), "type BF16 of w"],
    [raw({ w: { ...tensor, shape: [3] } }), "a shape of w that does not fit its bytes"],
    [raw({ w: { ...tensor, shape: [-2] } }), "no tensor under w"],
    [raw({ w: { ...tensor, data_offsets: [-8, 0] } }), "no tensor under w"],
    [raw({ w: { ...tensor, data_offsets: [0] } }), "no tensor under w"],
    [raw({ w: { dtype: "F32", shape: [2] } }), "no tensor under w"],
    [raw({ w: null }), "no tensor under w"],
    [raw({ w: tensor }, 7), "a file that ends within w"],
    [raw({ __metadata__: { a: 1 } }), "metadata that are no strings"],
    [raw({ __metadata__: null, w: 3 }), "no tensor under w"],
  ];
  for (const [content, got] of cases) {
    assertThrows(
      () => decodeTensors(content, "peer0.safetensors"),
      CheckpointError,
      `Cannot read peer0.safetensors: a safetensors file is a header and the numbers it lists, got ${got}. Save it again.`,
    );
  }
});

Deno.test("decodeTensors() never fails with anything but a CheckpointError, whichever byte is wrong", () => {
  const bytes = encodeTensors(file);
  for (let at = 0; at < bytes.length; at++) {
    for (const value of [0, 34, 45, 57, 255]) {
      try {
        decodeTensors(bytes.with(at, value), "it");
      } catch (error) {
        assert(error instanceof CheckpointError, `byte ${at} = ${value}: ${error}`);
      }
    }
  }
});

const position: Position = {
  version: 1,
  graph: cohort(tiny, 3).leader().fuse().selfDistill().lower(),
  seed: 2 ** 40 + 1,
  epoch: 3,
  step: 5,
  totals: { "peer0/ce": 0.1 + 0.2, "peer0/dml": 5e-324 },
  paused: { peer0: 2 },
  seen: 20,
  measured: { gap: 1 / 3 },
  history: [],
  backend: "reference",
};

Deno.test("decodeSnapshot() gives back what encodeSnapshot() wrote, bit for bit", () => {
  const snapshot = { position, tensors: { ...file.tensors } };
  const bytes = encodeSnapshot(snapshot);
  assertEquals(decodeSnapshot(bytes), snapshot);
  assertEquals(encodeSnapshot(decodeSnapshot(bytes)), bytes);
});

Deno.test("decodeSnapshot() refuses weights, other versions and broken positions", () => {
  const refused = (metadata: Record<string, string>, message: string): void => {
    const bytes = encodeTensors({ tensors: {}, metadata });
    assertThrows(() => decodeSnapshot(bytes, "run/checkpoint.safetensors"), CheckpointError, message);
  };
  const next = "Start a new run, or use a file written by train.";
  const begin = "Cannot resume from run/checkpoint.safetensors: it is no checkpoint of version 1, got";
  refused({ format: "pt" }, `${begin} weights only. ${next}`);
  refused({ cohort: JSON.stringify({ version: 2 }) }, `${begin} version 2. ${next}`);
  refused({ cohort: "null" }, `${begin} weights only. ${next}`);
  refused(
    { cohort: "{" },
    "Cannot resume from run/checkpoint.safetensors: its position is JSON, got 1 characters that are not. Use another file.",
  );
  const parts: Readonly<Record<string, readonly [value: unknown, got: string]>> = {
    graph: [undefined, "nothing"],
    epoch: ["x", '"x"'],
    step: [-4, "-4"],
    history: [{}, "{}"],
    totals: [null, "null"],
  };
  for (const [field, [value, got]] of Object.entries(parts)) {
    refused(
      { cohort: JSON.stringify({ ...position, [field]: value }) },
      `Cannot resume from run/checkpoint.safetensors: its position says where a run is, got ${got} as ${field}. Use another file.`,
    );
  }
});
