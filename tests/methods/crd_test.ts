import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { inputNamed } from "../../cli/parity/loss_adapter.ts";
import { runProbe } from "../../cli/parity/probe.ts";
import { synthetic } from "../../datasets/synthetic.ts";
import { OptionError, resnet14, resnet8, teacher } from "../../dsl/mod.ts";
import { crd, crdContrast, crdMemories } from "../../methods/mod.ts";
import { reference } from "../../runtime/backend/reference/reference.ts";
import { wasm } from "../../runtime/backend/wasm/wasm.ts";
import { compile } from "../../runtime/compile/compile.ts";
import { train as trainSettings } from "../runtime/fixtures.ts";
import { train } from "../../runtime/train/train.ts";
import { decodeSnapshot, encodeSnapshot } from "../../runtime/train/snapshot.ts";
import goldenGrads from "../golden/parity/golden_grads.json" with { type: "json" };
import { tiny } from "../runtime/fixtures.ts";
import { unit } from "./arithmetic.ts";
import { assertGolden, learns } from "./fixtures.ts";
import { given } from "./probe.ts";

const constants = { negatives: 2, temperature: 0.5, momentum: 0.5 } as const;
const student = [[1, 2], [0.5, -1]];
const ofTeacher = [[2, -1], [1, 1]];
const memory = {
  student: [[1, 0], [0, 1], [0.6, 0.8], [-0.8, 0.6]],
  teacher: [[0, 1], [1, 0], [-0.6, 0.8], [0.8, 0.6]],
};
const index = [2, 0];
const others = [[0, 1], [3, 2]];

/** Both memories, both Z, the loss and its gradients after one call of the loss of these embeddings. */
function call(z: readonly [number, number] = [0, 0]) {
  const contrast = crdContrast("m", { student: given("s", "vector"), teacher: given("t", "vector") }, constants);
  return runProbe(
    {
      modules: [],
      inputs: { s: [2, 2], t: [2, 2] },
      standIn: inputNamed,
      classes: 0,
      batch: 2,
      samples: 4,
      kept: { state: crdMemories("m", 2), updates: contrast.updates },
      losses: { loss: contrast.loss },
      gradientOf: { loss: 1 },
    },
    {
      s: Float32Array.from(student.flat()),
      t: Float32Array.from(ofTeacher.flat()),
      index: Float32Array.from(index),
      "negatives/2": Float32Array.from(others.flat()),
    },
    new Map([
      ["state/m/student", Float64Array.from(memory.student.flat())],
      ["state/m/teacher", Float64Array.from(memory.teacher.flat())],
      ["state/m/z_student", Float64Array.of(z[0])],
      ["state/m/z_teacher", Float64Array.of(z[1])],
    ]),
    reference(),
  );
}

/** Z and the loss of one direction, by plain arithmetic. */
function direction(anchors: readonly number[][], rows: readonly number[][], known = 0): readonly [number, number] {
  const scores = anchors.map((anchor, b) => {
    const v = unit(anchor);
    return [index[b]!, ...others[b]!].map((row) => Math.exp((v[0]! * rows[row]![0]! + v[1]! * rows[row]![1]!) / 0.5));
  });
  const z = known > 0 ? known : scores.flat().reduce((a, b) => a + b) / 6 * 4;
  const noise = 2 / 4;
  const losses = scores.map(([positive, ...negative]) => {
    const near = Math.log(positive! / z / (positive! / z + noise + 1e-7));
    return -near - negative.reduce((sum, score) => sum + Math.log(noise / (score / z + noise + 1e-7)), 0);
  });
  return [z, (losses[0]! + losses[1]!) / 2];
}

Deno.test("crdContrast() is the loss by hand; the first batch fixes Z, later ones use it", async () => {
  const first = await call();
  const [zs, ls] = direction(student, memory.teacher);
  const [zt, lt] = direction(ofTeacher, memory.student);
  assertAlmostEquals(first.outputs.get("loss/loss")![0]!, ls + lt, 1e-12);
  assertAlmostEquals(first.state.get("state/m/z_student")![0]!, zs, 1e-12);
  assertAlmostEquals(first.state.get("state/m/z_teacher")![0]!, zt, 1e-12);
  const later = await call([3, 5]);
  const known = direction(student, memory.teacher, 3)[1] + direction(ofTeacher, memory.student, 5)[1];
  assertAlmostEquals(later.outputs.get("loss/loss")![0]!, known, 1e-12);
  assertEquals([later.state.get("state/m/z_student")![0], later.state.get("state/m/z_teacher")![0]], [3, 5]);
});

Deno.test("crdContrast() renews the rows of the batch, normalised exactly, and no other", async () => {
  const { state } = await call();
  for (const [side, anchors] of [["student", student], ["teacher", ofTeacher]] as const) {
    const after = Array.from(state.get(`state/m/${side}`)!);
    memory[side].forEach((row, i) => {
      const b = index.indexOf(i);
      const wanted = b < 0 ? row : unit(row.map((x, d) => 0.5 * x + 0.5 * unit(anchors[b]!)[d]!));
      wanted.forEach((x, d) => assertAlmostEquals(after[2 * i + d]!, x, 1e-12));
    });
  }
});

Deno.test("crdContrast() repeats the golden gradients", async () => {
  const name = Object.keys(goldenGrads).find((key) => key.startsWith("CRD tiny"))! as keyof typeof goldenGrads;
  const golden = goldenGrads[name];
  const rows = (at: (i: number) => number): Float64Array =>
    Float64Array.from(
      Array.from({ length: 10 }, (_, row) => unit(Array.from({ length: 7 }, (_, d) => at(7 * row + d)))).flat(),
    );
  const told = { negatives: 4, temperature: 0.07, momentum: 0.5 };
  const contrast = crdContrast("m", { student: given("es", "vector"), teacher: given("et", "vector") }, told);
  const numbers = (at: (i: number) => number): Float32Array =>
    Float64Array.from({ length: 28 }, (_, i) => at(i)) as unknown as Float32Array;
  const { outputs } = await runProbe(
    {
      modules: [],
      inputs: { es: [4, 7], et: [4, 7] },
      standIn: inputNamed,
      classes: 0,
      batch: 4,
      samples: 10,
      kept: { state: crdMemories("m", 7), updates: contrast.updates },
      losses: { loss: contrast.loss },
      gradientOf: { loss: 1 },
    },
    {
      es: numbers((i) => Math.sin(0.51 * i + 0.3)),
      et: numbers((i) => Math.cos(0.33 * i + 0.9)),
      index: Float32Array.of(3, 1, 7, 5),
      "negatives/4": Float32Array.of(0, 2, 4, 6, 8, 9, 0, 2, 1, 3, 5, 9, 6, 4, 2, 0),
    },
    new Map([
      ["state/m/student", rows((i) => Math.sin(0.61 * i + 0.2))],
      ["state/m/teacher", rows((i) => Math.cos(0.47 * i + 0.8))],
    ]),
    reference(),
  );
  assertAlmostEquals(outputs.get("loss/loss")![0]!, golden.loss, 1e-9);
  ["es", "et"].forEach((input, i) => {
    const { l2, first3 } = golden.grads[i]!;
    const gradient = Array.from(outputs.get(`gradient/${input}`)!);
    assertAlmostEquals(Math.hypot(...gradient), l2, 1e-9);
    first3.forEach((x, d) => assertAlmostEquals(gradient[d]!, x, 1e-9));
  });
});

Deno.test("crd() teaches the student with two embeddings and keeps two memories", () => {
  const graph = teacher(resnet14).student(resnet8).use(crd()).lower();
  assertEquals([learns(graph, "student"), learns(graph, "teacher")], [["student/ce", "student/crd"], []]);
  assertEquals(graph.aux.map(({ id, group }) => [id, group]), [
    ["student_crd_student", "student"],
    ["student_crd_teacher", "student"],
  ]);
  assertEquals(graph.terms[1]!.spot, "embedding");
  assertGolden("crd", graph);
});

Deno.test("crd() reaches the student below its embedding and both embeddings, never the teacher", () => {
  const sentence = teacher(tiny).student(tiny).use(crd({ negatives: 3, width: 5 }));
  const input = { nets: sentence.spec.nets, archs: sentence.archs, classes: 3, shape: [3, 6, 6], batch: 4 } as const;
  const graph = sentence.lower();
  const own = { ...graph, terms: graph.terms.filter(({ name }) => name === "student/crd") };
  const compiled = compile({ ...input, graph: own, samples: 20 }, trainSettings(), { debug: true });
  const reached = Object.keys(compiled.step.outputs).filter((name) => name.startsWith("gradient/"))
    .map((name) => name.slice(9, name.lastIndexOf(".")));
  assertEquals([...new Set(reached)].sort(), [
    ...["bn1", "bn2", "bn3", "bn4", "conv1", "conv2", "conv3", "conv4", "conv5"].map((name) => `student/${name}`),
    "student_crd_student/linear",
    "student_crd_teacher/linear",
  ]);
  assertThrows(
    () => compile({ ...input, graph }, trainSettings()),
    OptionError,
    "it has a row for each training image, got no number of them. Say samples, the number of training images.",
  );
});

const dataset = synthetic({ classes: 3, shape: [3, 6, 6], train: 14, test: 7 });

/** A run over 14 images with a teacher that is trained first. */
function run(backend: ReturnType<typeof reference>, options: Parameters<typeof train>[1] = {}) {
  const sentence = teacher(tiny).student(tiny).pretrain({ epochs: 1 }).use(crd({ negatives: 4, width: 5 }))
    .on(dataset).train({ epochs: 2, batch: 4, seed: 5 });
  return train(sentence, { backend, runs: false, ...options });
}

Deno.test("crd() resumes bit for bit from a checkpoint with its memories", async () => {
  const whole = await run(reference());
  const memory = whole.snapshot.tensors["state/student_crd/student"]!;
  assertEquals(memory.shape, [14, 5]);
  assert(whole.snapshot.tensors["state/student_crd/z_student"]!.data[0]! > 0);
  for (const stopAfter of [2, 6, 10]) {
    const stop = new AbortController();
    let steps = 0;
    const report = ({ kind }: { readonly kind: string }) => {
      if (kind === "step" && ++steps === stopAfter) stop.abort();
    };
    const { snapshot, stopped } = await run(reference(), { signal: stop.signal, report });
    assert(stopped);
    const saved = decodeSnapshot(encodeSnapshot(snapshot));
    const rest = await run(reference(), { resume: { ...saved, tensors: snapshot.tensors } });
    assertEquals(rest.snapshot.tensors, whole.snapshot.tensors);
  }
});

Deno.test("crd() gives the same bits with any number of threads", async () => {
  const [one, three] = await Promise.all([1, 3].map(async (threads) => await run(await wasm({ threads }))));
  assertEquals(one!.snapshot.tensors, three!.snapshot.tensors);
});

Deno.test("crd() refuses options out of range", () => {
  assertThrows(() => crd({ negatives: 0 }), OptionError, "its negatives is a whole number from 1, got 0.");
  assertThrows(() => crd({ temperature: 0 }), OptionError, "its temperature is a finite number above 0, got 0.");
  assertThrows(() => crd({ momentum: 2 }), OptionError, "its momentum is a share from 0 to 1, got 2.");
});
