import { assert, assertEquals, assertNotEquals, assertRejects, assertThrows } from "@std/assert";
import { synthetic } from "../../../datasets/synthetic.ts";
import { teacher } from "../../../dsl/cohort.ts";
import { CheckpointError, OptionError, VerificationError } from "../../../dsl/errors.ts";
import { emptyGraph, type LossGraph, mergeGraphs } from "../../../dsl/graph.ts";
import { linear } from "../../../dsl/layers.ts";
import { supervision, term } from "../../../dsl/losses.ts";
import { embedding, run as runNet } from "../../../dsl/value.ts";
import { meanAll, square, sub } from "../../../dsl/expr.ts";
import { kd } from "../../../methods/kd.ts";
import { reference } from "../../../runtime/backend/reference/reference.ts";
import { printGraph } from "../../../runtime/compile/print.ts";
import { verifyGraph } from "../../../runtime/compile/verify.ts";
import { builtins, crd, normalize, parseSpec, resnet14, resnet8 } from "../../../mod.ts";
import { reporter } from "../../../runtime/train/run.ts";
import { encodeTensors } from "../../../runtime/train/safetensors.ts";
import { decodeSnapshot, encodeSnapshot, type Snapshot } from "../../../runtime/train/snapshot.ts";
import {
  train,
  type Trainable,
  type TrainEvent,
  type TrainResult,
  type TrainRunOptions,
} from "../../../runtime/train/train.ts";
import { weightsOf } from "../../../runtime/train/run_files.ts";
import { plain, tiny } from "../fixtures.ts";

const dataset = synthetic({ classes: 3, shape: [3, 6, 6], train: 14, test: 7 });
const settings = { epochs: 2, batch: 4, seed: 5 };

/** Two epochs of four steps for the teacher, two for the student. */
function sentence(): Trainable {
  return teacher(plain).student(tiny).pretrain({ epochs: 2, optimizer: { learningRate: 0.05 } }).use(kd())
    .on(dataset).train(settings);
}

function go(options: TrainRunOptions = {}, of: Trainable = sentence()): Promise<TrainResult> {
  return train(of, { backend: reference(), runs: false, ...options });
}

/** A run that stops after so many steps. */
async function stopped(after: number, of?: Trainable): Promise<Snapshot> {
  const stop = new AbortController();
  let steps = 0;
  const report = ({ kind }: TrainEvent): void => {
    if (kind === "step" && ++steps === after) stop.abort();
  };
  return (await go({ signal: stop.signal, report }, of)).snapshot;
}

function tensorsOf({ tensors }: Snapshot, net: string): unknown {
  return Object.fromEntries(
    Object.entries(tensors).filter(([name]) => name.startsWith(`${net}/`) && !name.includes("#")),
  );
}

const without = (history: TrainResult["history"]): unknown => history.map((record) => ({ ...record, seconds: 0 }));

Deno.test("pretrain() trains the teacher first; then it rests, and the student starts anew", async () => {
  const atEnd = await stopped(8);
  assertEquals([atEnd.position.stage, atEnd.position.epoch, atEnd.position.step], ["pretrain", 2, 4]);
  const result = await go();
  assertEquals(tensorsOf(result.snapshot, "teacher"), tensorsOf(atEnd, "teacher"));
  assertNotEquals(tensorsOf(await stopped(4), "teacher"), tensorsOf(atEnd, "teacher"));
  assertNotEquals(tensorsOf(result.snapshot, "student"), tensorsOf(atEnd, "student"));
  assertEquals(tensorsOf(await stopped(1), "student"), tensorsOf(atEnd, "student"));
  assertEquals(result.stages.map(({ stage, epoch }) => [stage, epoch]), [["pretrain", 1], ["pretrain", 2]]);
  assertEquals(result.history.map(({ stage, epoch }) => [stage, epoch]), [[undefined, 1], [undefined, 2]]);
  assertEquals(Object.keys(result.stages[0]!.terms), ["teacher/ce"]);
  assert(Object.keys(atEnd.tensors).includes("teacher/fc.weight#velocity"));
  assert(!Object.keys(result.snapshot.tensors).includes("teacher/fc.weight#velocity"));
});

Deno.test("train() leaves out pretrain() for a teacher from a file, and resumes without it", async () => {
  const file = await Deno.makeTempFile({ suffix: ".safetensors" });
  try {
    const weights = weightsOf(await stopped(8), "teacher");
    await Deno.writeFile(file, encodeTensors({ tensors: weights, metadata: {} }));
    const result = await go({ weights: { teacher: file } });
    assertEquals([result.stages.length, result.history.length], [0, 2]);
    assertEquals(weightsOf(result.snapshot, "teacher"), weights);
    const stop = new AbortController();
    const report = ({ kind }: TrainEvent): void => void (kind === "step" && stop.abort());
    const { snapshot } = await go({ weights: { teacher: file }, signal: stop.signal, report });
    assertEquals((await go({ resume: snapshot })).snapshot.tensors, result.snapshot.tensors);
  } finally {
    await Deno.remove(file);
  }
});

Deno.test("train() resumes inside a stage, at its end and after it, bit for bit", async () => {
  const whole = await go();
  for (const after of [1, 4, 6, 8, 9, 13]) {
    const snapshot = await stopped(after);
    const saved = decodeSnapshot(encodeSnapshot(snapshot));
    const rest = await go({ resume: { ...saved, tensors: snapshot.tensors } });
    assertEquals(rest.snapshot.tensors, whole.snapshot.tensors, `after step ${after}`);
    assertEquals(without([...rest.stages, ...rest.history]), without([...whole.stages, ...whole.history]));
  }
});

Deno.test("train() writes stages into the log, the checkpoint, and the teacher's weights", async () => {
  const folder = await Deno.makeTempDir({ prefix: "cohort_stages_" });
  try {
    const { files } = await go({ runs: folder, name: "r" });
    const log = (await Deno.readTextFile(files.log!)).trim().split("\n").map((line) =>
      JSON.parse(line).stage ?? "main"
    );
    assertEquals(log, ["pretrain", "pretrain", "main", "main"]);
    assertEquals(Object.keys(files).sort(), ["checkpoint", "log", "spec", "student", "teacher"]);
    const again = teacher(plain).student(tiny).use(kd()).on(dataset).train(settings);
    await go({ weights: { teacher: files.teacher! } }, again);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("reporter() says which part of a run it is in", async () => {
  const lines: string[] = [];
  await go({ report: reporter(2, (line) => void lines.push(line)) });
  const told = lines.map((line) => line.split("  ")[0]);
  assertEquals(told.slice(-6), [
    "Stage pretrain, 2 epochs",
    "pretrain: epoch 1/2",
    "pretrain: epoch 2/2",
    "Main training, 2 epochs",
    "epoch 1/2",
    "epoch 2/2",
  ]);
});

/** Stage one trains a module that stage two lacks and the main training has. */
function threeParts(): Trainable {
  const [master, pupil] = [{ id: "teacher", view: 0 }, { id: "student", view: 0 }];
  const aux = [{ id: "adapter", group: "adapter", stages: [{ spot: "out", layers: [linear("linear", 4)] }] }];
  const adapted = runNet("adapter", "vector", { to: "out", input: embedding(pupil) });
  const mimic = term("adapter/mimic", ["adapter"], meanAll(square(sub(adapted, embedding(master)))));
  const graph: LossGraph = mergeGraphs([{
    terms: [supervision(pupil), term("student/mimic", ["student"], mimic.loss)],
    aux,
    stages: [
      { name: "first", epochs: 1, graph: mergeGraphs([{ terms: [mimic], aux }]) },
      { name: "second", epochs: 1, graph: mergeGraphs([{ terms: [supervision(master)] }]) },
    ],
  }]);
  const said = teacher(plain).student(tiny).on(dataset).train({ ...settings, epochs: 1 });
  return { spec: said.spec, archs: said.archs, dataset: said.dataset, lower: () => graph };
}

Deno.test("train() carries tensors over a part that has none of them, through checkpoints too", async () => {
  const first = await stopped(4, threeParts());
  const second = await stopped(6, threeParts());
  assertEquals(second.position.stage, "second");
  assertEquals(Object.keys(second.carried!).sort(), ["adapter/linear.bias", "adapter/linear.weight"]);
  assertEquals(second.carried!["adapter/linear.weight"], first.tensors["adapter/linear.weight"]);
  const whole = await go({}, threeParts());
  assertEquals(whole.snapshot.tensors["adapter/linear.weight"], first.tensors["adapter/linear.weight"]);
  const saved = decodeSnapshot(encodeSnapshot(second));
  assertEquals(Object.keys(saved.carried!), Object.keys(second.carried!));
  const rest = await go({ resume: second }, threeParts());
  assertEquals(rest.snapshot.tensors, whole.snapshot.tensors);
});

Deno.test("train() refuses a checkpoint of a stage that the sentence lacks", async () => {
  const snapshot = await stopped(2);
  const plainKd = teacher(plain).student(tiny).use(kd()).on(dataset).train(settings);
  await assertRejects(
    () => go({ resume: snapshot }, plainKd),
    CheckpointError,
    'Cannot resume: the checkpoint was written in a stage of this run, got "pretrain". Known: none.',
  );
});

Deno.test("verifyGraph() refuses stages and kept tensors that make no sense", () => {
  const graph = sentence().lower();
  const stage = graph.stages![0]!;
  const refused = (change: Partial<LossGraph>, rule: string): void =>
    void assertThrows(() => verifyGraph({ ...graph, ...change }), VerificationError, rule);
  refused({ stages: [stage, stage] }, "two stages are called pretrain");
  refused({ stages: [{ ...stage, epochs: 0 }] }, "stage pretrain has 0 epochs");
  refused({ stages: [{ ...stage, graph: emptyGraph }] }, "stage pretrain teaches nobody");
  refused({ stages: [{ ...stage, graph }] }, "stage pretrain has stages of its own");
  const value = graph.terms[0]!.loss;
  refused({ updates: [{ state: "m", value }] }, "the kept tensor m is written but not declared");
  const state = [{ name: "m", shape: [], init: { rule: "zero" } }] as const;
  refused({ state: [...state, ...state] }, "two kept tensors are called m");
  refused({ state, updates: [{ state: "m", value }, { state: "m", value }] }, "the kept tensor m is written twice");
});

Deno.test("pretrain() is read again from its spec, defaults filled in or not", () => {
  const said = teacher(resnet14).student(resnet8).pretrain({ epochs: 9, optimizer: { learningRate: 0.05 } }).use(crd());
  const read = parseSpec(JSON.stringify(said.spec), builtins);
  assertEquals([read.spec, read.lower()], [said.spec, said.lower()]);
  const { spec } = normalize(said);
  assertEquals(normalize(parseSpec(JSON.stringify(spec), builtins)).spec, spec);
  assertEquals(spec.clauses[0]!.options["schedule"], { milestones: [5, 7], gamma: 0.1, warmup: 0 });
  assertThrows(
    () => teacher(plain).student(tiny).pretrain({ batch: 3 } as never),
    OptionError,
    'Cannot say pretrain(): it has no option "batch".',
  );
});

Deno.test("explain() and printGraph() show stages", () => {
  const said = teacher(plain).student(tiny).pretrain({ epochs: 3 }).use(kd());
  const { text } = said.explain();
  assert(text.includes("First, stage pretrain\n  length      3 epochs"), text);
  assert(!text.includes("Needs weights"));
  const printed = printGraph(said.lower());
  assert(printed.includes("stage pretrain, 3 epochs"), printed);
  assert(printed.includes("    teacher/ce = 1"), printed);
});
