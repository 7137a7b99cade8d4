import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { stream } from "../../dsl/random.ts";
import type { Backend } from "../../runtime/backend/backend.ts";
import { reference } from "../../runtime/backend/reference/reference.ts";
import { backendSuite, type Case, runCase } from "../../runtime/backend/suite.ts";
import { Sketch } from "../../runtime/backend/suite/sketch.ts";
import { call, input, value } from "../../runtime/ir/expr.ts";
import { findAdapter } from "../../runtime/backend/tfjs/adapter.ts";
import { tfjs } from "../../runtime/backend/tfjs/tfjs.ts";
import { BackendError } from "../../dsl/errors.ts";

/** A backend under test; `missing` says why this machine cannot run it. */
interface Entry {
  readonly title: string;
  readonly open: () => Promise<Backend>;
  readonly missing?: string;
  /** Cases that are not offered, by design. */
  readonly refuses?: (subject: Case) => boolean;
}

const adapter = await findAdapter({ allowSoftware: true });

const entries: readonly Entry[] = [
  {
    title: "wasm",
    open: async () => {
      const { wasm } = await import("../../runtime/backend/wasm/wasm.ts");
      return wasm();
    },
  },
  { title: "tfjs-cpu", open: () => tfjs({ engine: "cpu" }) },
  { title: "tfjs-wasm", open: () => tfjs({ engine: "wasm" }), refuses: trains },
  {
    title: "tfjs-webgpu",
    open: async () => {
      const backend = await tfjs({ engine: "webgpu", allowSoftware: true });
      // Else tfjs computes tensors as small as these on the processor, and no shader is tested.
      (await import("@tensorflow/tfjs-core")).env().set("WEBGPU_CPU_FORWARD", false);
      return backend;
    },
    ...(adapter.adapter === undefined ? { missing: adapter.why } : {}),
  },
];

const trainingOnly: readonly string[] = [
  "conv2dFilter",
  "averagePoolInput",
  "maxPoolInput",
  "batchNormSums",
  "batchNormInput",
  "sgd",
  "adam",
];

/** Whether a case needs gradients, which tfjs's wasm engine lacks in part and computes wrongly in part. */
function trains(subject: Case): boolean {
  const depthwise = subject.programs.some(({ nodes }) =>
    nodes.some((node) => node.op === "conv2dInput" && node.attrs.groups > 1 && node.attrs.groups === node.shape[1])
  );
  return depthwise || subject.primitives.some((primitive) => trainingOnly.includes(primitive));
}

const cases = backendSuite();
const topics = [...new Set(cases.map((subject) => subject.topic))];
const opened = new Map<string, Backend>();

async function open(entry: Entry): Promise<Backend> {
  const backend = opened.get(entry.title) ?? await entry.open();
  opened.set(entry.title, backend);
  return backend;
}

for (const entry of entries) {
  for (const topic of topics) {
    const offered = cases.filter((subject) => subject.topic === topic && entry.refuses?.(subject) !== true);
    if (offered.length === 0) continue;
    const name = `${entry.title} agrees with the reference: ${topic} (${offered.length} cases)`;
    Deno.test({
      name: entry.missing === undefined ? name : `${name}, ignored because ${entry.missing}`,
      ignore: entry.missing !== undefined,
      // The device and its readbacks outlive the test that opens it.
      sanitizeOps: false,
      sanitizeResources: false,
      fn: async () => {
        const backend = await open(entry);
        const failures: string[] = [];
        for (const subject of offered) failures.push(...(await runCase(subject, backend, reference())).failures);
        assertEquals(failures, []);
      },
    });
  }

  const refused = cases.filter((subject) => entry.refuses?.(subject) === true);
  if (refused.length === 0) continue;
  Deno.test(`${entry.title} refuses the ${refused.length} cases that train, naming what it lacks`, async () => {
    const backend = await open(entry);
    for (const subject of refused) {
      const error: unknown = await runCase(subject, backend, reference()).then(() => undefined, (error) => error);
      assert(error instanceof BackendError, `${subject.topic}, ${subject.name} was not refused`);
      assert(/runs forward passes only, got .+\. Train on the wasm backend/.test(error.message), error.message);
    }
  });
}

Deno.test("backendSuite() covers every primitive and effect, and names each case once", () => {
  const found = new Set(cases.flatMap((subject) => subject.primitives));
  const all = "elementwise sum reduceMax matmul conv2d conv2dInput conv2dFilter averagePool averagePoolInput maxPool " +
    "maxPoolInput batchStats batchNorm batchNormSums batchNormInput oneHot kthSmallest weigh gatherDot gatherSum compact expand concat slice padAxis reshape " +
    "permute assign sgd adam gate";
  assertEquals([...found].sort(), all.split(" ").sort());
  const names = cases.map((subject) => `${subject.topic}: ${subject.name}`);
  assertEquals(new Set(names).size, names.length);
});

Deno.test("runCase() finds a wrong number, a wrong padding row, a leaking gate and a missing row", async () => {
  const pick = (topic: string, name: string): Case =>
    cases.find((subject) => subject.topic === topic && subject.name.includes(name))!;
  const broken = async (
    subject: Case,
    spoil: (numbers: Float64Array, name: string) => Float64Array,
  ): Promise<string> => {
    const inner = reference();
    const backend: Backend = {
      ...inner,
      open: async (state) => {
        const engine = await inner.open(state);
        return {
          write: (name, values) => engine.write(name, values),
          close: () => engine.close(),
          read: async (name) => spoil(Float64Array.from(await engine.read(name)), name),
          load: async (program) => {
            const runner = await engine.load(program);
            return {
              bytes: 0,
              run: (feed) => runner.run(feed),
              skipped: () => runner.skipped(),
              close: () => runner.close(),
              read: async (name) => spoil(Float64Array.from(await runner.read(name)), name),
            };
          },
        };
      },
    };
    const { passed, failures } = await runCase(subject, backend, reference());
    assertEquals(passed, failures.length === 0);
    return failures.join("\n");
  };
  const conv = pick("conv2d", "3×3, stride 2");
  assertEquals(await broken(conv, (numbers) => numbers), "");
  assert((await broken(conv, (n) => n.map((x, i) => i === 3 ? x + 1e-3 : x))).includes('output "y"'));
  assert((await broken(conv, (n) => n.map((x, i) => i === 3 ? NaN : x))).includes("NaN"));
  assert((await broken(conv, (n) => n.slice(1))).includes("its shape asks for"));
  let reads = 0;
  const gate = pick("gates", "a paused learner");
  assert(
    (await broken(gate, (n) => n.map((x) => x + 1e-12 * reads++))).includes("though no segment that ran writes it"),
  );
});

// The oracle itself, against formulas that share nothing with it.

/** Outputs of a sketch with one run; inputs in the order of their names in `fed`. */
async function computed(
  sketch: Sketch,
  fed: Readonly<Record<string, readonly number[]>>,
  state: Readonly<Record<string, readonly number[]>> = {},
  count = sketch.batch,
): Promise<(output: string) => Promise<number[]>> {
  const engine = await reference().open(sketch.states.map(({ entry }) => entry));
  for (const [name, values] of Object.entries(state)) await engine.write(name, Float64Array.from(values));
  const runner = await engine.load(sketch.program());
  const inputs = Object.fromEntries(Object.entries(fed).map(([name, values]) => [name, Float64Array.from(values)]));
  await runner.run({ count, inputs, uniforms: { rate: 0.1 } });
  return async (output) =>
    Array.from(
      sketch.states.some(({ entry }) => entry.name === output) ? await engine.read(output) : await runner.read(output),
    );
}

function random(label: string, length: number): number[] {
  const numbers = stream(3, label);
  return Array.from({ length }, (_, i) => numbers.normal(i));
}

function dot(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, x, i) => sum + x * b[i]!, 0);
}

Deno.test("the reference convolves a map worked out by hand", async () => {
  const sketch = new Sketch(1);
  const [x, w] = [sketch.images("x", [1, 1, 3, 3]), sketch.parameter("w", [1, 1, 2, 2])];
  sketch.output("y", sketch.conv2d(x, w, { stride: [1, 1], pad: [0, 0], groups: 1 }));
  const read = await computed(sketch, { "images/x": [1, 2, 3, 4, 5, 6, 7, 8, 9] }, { w: [1, 2, 3, 4] });
  assertEquals(await read("y"), [37, 47, 67, 77]);
});

Deno.test("the reference's convolution gradients are adjoint to its convolution, groups and strides included", async () => {
  for (const [stride, pad, groups] of [[1, 1, 1], [2, 1, 2], [2, 0, 4], [1, 2, 1]] as const) {
    const attrs = { stride: [stride, stride], pad: [pad, pad], groups } as const;
    const sketch = new Sketch(2);
    const [x, w] = [sketch.images("x", [2, 4, 6, 5]), sketch.parameter("w", [8, 4 / groups, 3, 3])];
    const y = sketch.conv2d(x, w, attrs);
    const g = sketch.images("g", sketch.shape(y));
    sketch.output("y", y).output("dx", sketch.conv2dInput(g, w, attrs, [6, 5]));
    sketch.output("dw", sketch.conv2dFilter(x, g, attrs, [3, 3]));
    const [xs, ws] = [random("x", 240), random("w", 288 / groups)];
    const gs = random("g", sketch.shape(y).reduce((a, b) => a * b, 1));
    const read = await computed(sketch, { "images/x": xs, "images/g": gs }, { w: ws });
    const expected = dot(await read("y"), gs);
    assertAlmostEquals(dot(xs, await read("dx")), expected, 1e-9); // float64 sums of a few hundred terms
    assertAlmostEquals(dot(ws, await read("dw")), expected, 1e-9);
  }
});

Deno.test("the reference counts padding as zeros in means and sends gradients to the first maximum", async () => {
  const sketch = new Sketch(1);
  const x = sketch.images("x", [1, 1, 2, 2]);
  const attrs = { kernel: [3, 3], stride: [1, 1], pad: [1, 1] } as const;
  sketch.output("mean", sketch.pool("averagePool", x, attrs)).output("largest", sketch.pool("maxPool", x, attrs));
  sketch.output("dx", sketch.add("maxPoolInput", [x, sketch.images("g", [1, 1, 2, 2])], attrs, [1, 1, 2, 2]));
  const read = await computed(sketch, { "images/x": [-1, -3, -1, -2], "images/g": [1, 2, 3, 4] });
  assertEquals(await read("mean"), [-7 / 9, -7 / 9, -7 / 9, -7 / 9]);
  assertEquals(await read("largest"), [-1, -1, -1, -1]);
  assertEquals(await read("dx"), [10, 0, 0, 0]);
});

Deno.test("the reference's batch norm gradient equals finite differences, rows beyond the count left out", async () => {
  const loss = async (xs: readonly number[], output: string): Promise<number[]> => {
    const sketch = new Sketch(4);
    const [x, g] = [sketch.images("x", [4, 2, 3, 1], { poisoned: true }), sketch.images("g", [4, 2, 3, 1])];
    const [gamma, beta] = [sketch.parameter("gamma", [2]), sketch.parameter("beta", [2])];
    const stats = sketch.add("batchStats", [x], {}, [2, 2], []);
    const y = sketch.add("batchNorm", [x, stats, gamma, beta], { epsilon: 1e-3 }, [4, 2, 3, 1]);
    const sums = sketch.add("batchNormSums", [g, x, stats], { epsilon: 1e-3 }, [2, 2], []);
    const dx = sketch.add("batchNormInput", [g, x, stats, gamma, sums], { epsilon: 1e-3 }, [4, 2, 3, 1]);
    sketch.output("loss", sketch.sum(sketch.elementwise(call("mul", input(0), input(1)), [y, g]), [0, 1, 2, 3]));
    const fed = { "images/x": xs, "images/g": random("g", 18) };
    return await (await computed(sketch.output("dx", dx), fed, { gamma: [1.5, -0.5], beta: [0.1, 0.2] }, 3))(output);
  };
  const xs = random("x", 18);
  const gradient = await loss(xs, "dx");
  for (const i of xs.keys()) {
    const moved = (by: number): number[] => xs.map((x, at) => at === i ? x + by : x);
    const slope = ((await loss(moved(1e-5), "loss"))[0]! - (await loss(moved(-1e-5), "loss"))[0]!) / 2e-5;
    assertAlmostEquals(gradient[i]!, slope, 1e-8); // central differences: error of order h² = 1e-10
  }
});

Deno.test("the reference finds ranks, products, sums and moves worked out by hand", async () => {
  const sketch = new Sketch(3);
  const x = sketch.images("x", [3, 3], { poisoned: true });
  sketch.output("second", sketch.add("kthSmallest", [x], { k: 2 }, [3, 1]));
  sketch.output("gram", sketch.sum(sketch.matmul(x, x, false, true), [0, 1]));
  sketch.output("columns", sketch.sum(x, [0])).output("turned", sketch.permute(sketch.slice(x, 1, 1, 2), [1, 0]));
  sketch.output("padded", sketch.padAxis(sketch.concat([x, sketch.slice(x, 1, 0, 1)], 1), 1, 1, 0));
  const read = await computed(sketch, { "images/x": [3, 1, 3, 2, 5, 4] }, {}, 2);
  assertEquals(await read("second"), [3, 4]);
  assertEquals(await read("gram"), [19 + 2 * 23 + 45]);
  assertEquals(await read("columns"), [5, 6, 7]);
  assertEquals((await read("turned")).filter((_, i) => i % 3 < 2), [1, 5, 3, 4]);
  assertEquals(await read("padded"), [0, 3, 1, 3, 3, 0, 2, 5, 4, 2]);
});

Deno.test("the reference's optimizers make the first step worked out by hand", async () => {
  const sketch = new Sketch(1);
  const [a, b] = [sketch.parameter("a", [1]), sketch.parameter("b", [1])];
  const twice = call("mul", input(0), value(2));
  const sgd = { kind: "sgd", parameter: "a", rate: "rate", weightDecay: 0.5, momentum: 0.9, nesterov: true } as const;
  sketch.effect({ ...sgd, gradient: sketch.elementwise(twice, [a]), velocity: sketch.slot("a#velocity", [1]) });
  const slots = { first: sketch.slot("m", [1]), second: sketch.slot("v", [1]), step: sketch.slot("t", []) };
  const betas = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0 };
  const gradient = sketch.elementwise(twice, [b]);
  sketch.effect({ kind: "adam", parameter: "b", gradient, rate: "rate", ...betas, ...slots });
  const read = await computed(sketch, {}, { a: [1], b: [3] });
  assertAlmostEquals((await read("a"))[0]!, 1 - 0.1 * (2.5 + 0.9 * 2.5), 1e-12);
  assertAlmostEquals((await read("b"))[0]!, 3 - 0.1, 1e-8); // Adam's first step is the rate, up to ε
  assertEquals(await read("t"), [1]);
});
