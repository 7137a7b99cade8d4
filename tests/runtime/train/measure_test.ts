import { assert, assertAlmostEquals, assertEquals, assertRejects } from "@std/assert";
import { withSplit } from "../../../datasets/split.ts";
import { synthetic } from "../../../datasets/synthetic.ts";
import { cohort } from "../../../dsl/cohort.ts";
import type { BatchOptions, OpenDataset } from "../../../dsl/data.ts";
import { CheckpointError, SentenceError } from "../../../dsl/errors.ts";
import type { Backend } from "../../../runtime/backend/backend.ts";
import { reference } from "../../../runtime/backend/reference/reference.ts";
import { wasm } from "../../../runtime/backend/wasm/wasm.ts";
import { covarianceWeights, errorCovariance } from "../../../runtime/ir/simplex.ts";
import { fit, type FitResult } from "../../../runtime/train/fit.ts";
import { Measurement } from "../../../runtime/train/measure.ts";
import { decodeSnapshot, encodeSnapshot, type Snapshot } from "../../../runtime/train/snapshot.ts";
import { compileTiny, inSession, plain, type Sentence, tiny, train } from "../fixtures.ts";

const sentence: Sentence = cohort([tiny, plain]).views("each").ensemble("general");
const names = ["ensemble/peer0", "ensemble/peer1"];

function images(validation = true): Promise<OpenDataset> {
  const augment = [{ kind: "crop", pad: 1, mode: "reflect" }, { kind: "flip", probability: 0.5 }] as const;
  const whole = synthetic({ classes: 3, shape: [3, 6, 6], train: 21, test: 7, augment });
  return (validation ? withSplit(whole, { validation: 9 }) : whole).open();
}

interface Given {
  readonly sentence?: Sentence;
  readonly data?: OpenDataset;
  readonly backend?: Backend;
  readonly resume?: Snapshot;
  readonly stopAfter?: number;
}

/** Three epochs of three batches. */
async function run({ sentence: said = sentence, data, backend = reference(), resume, stopAfter }: Given = {}) {
  const setting = { batch: 4, train: { epochs: 3 } };
  const stop = new AbortController();
  let steps = 0;
  return await inSession(compileTiny(said, setting), async (session): Promise<FitResult> =>
    await fit({
      session,
      data: data ?? await images(),
      train: train(setting),
      signal: stop.signal,
      report: (event) => {
        if (event.kind === "step" && ++steps === stopAfter) stop.abort();
      },
      ...(resume === undefined ? {} : { resume }),
    }), { seed: 99, backend });
}

function essence({ history, snapshot }: FitResult): unknown {
  const position = { ...snapshot.position, history: undefined };
  return { tensors: snapshot.tensors, position, history: history.map((record) => ({ ...record, seconds: undefined })) };
}

Deno.test("fit() weighs nets equally in the first epoch, then by their errors on the validation images", async () => {
  const { history, snapshot } = await run();
  assertEquals(history[0]!.measured, { "ensemble/peer0": 0.5, "ensemble/peer1": 0.5 });
  for (const { measured } of [...history.slice(1), snapshot.position]) {
    assertEquals(Object.keys(measured!), names);
    assertAlmostEquals(measured![names[0]!]! + measured![names[1]!]!, 1, 1e-12);
    assert(measured![names[0]!] !== 0.5);
  }
});

Deno.test("fit() measures with running statistics on the unchanged validation images, and on no others", async () => {
  const data = await images();
  const splits: string[] = [];
  const watched: OpenDataset = {
    ...data,
    batches: (options: BatchOptions) => {
      splits.push(options.split);
      return data.batches(options);
    },
  };
  const { snapshot } = await run({ data: watched });
  assertEquals(splits, ["train", "validation", "train", "validation", "train", "validation"]);
  const again = await inSession(compileTiny(sentence, { batch: 9 }), async (session) => {
    for (const [name, { data }] of Object.entries(snapshot.tensors)) await session.write(name, data);
    const tables: (readonly [Float64Array, Float64Array, ArrayLike<number>])[] = [];
    const pass = { split: "validation", batch: 9, seed: 0, epoch: 1, shuffle: false, augment: false } as const;
    for await (const { images, labels, count } of data.batches(pass)) {
      const { peer0, peer1 } = await session.evaluate(images[0]!, count);
      tables.push([Float64Array.from(peer0!), Float64Array.from(peer1!), labels]);
    }
    const [[one, two, labels]] = tables as [typeof tables[number]];
    return covarianceWeights(errorCovariance({
      members: 2,
      samples: 9,
      classes: 3,
      score: (sample, member, label) => [one, two][member]![sample * 3 + label]!,
      target: (sample, label) => Number(labels[sample] === label),
    }));
  });
  names.forEach((name, i) => assertAlmostEquals(snapshot.position.measured[name]!, again[i]!, 1e-9));
});

for (const [name, backend] of Object.entries({ reference, wasm })) {
  Deno.test(`fit() goes on bit for bit with its measured weights on ${name}`, async () => {
    const whole = essence(await run({ backend: backend() }));
    for (const stopAfter of [2, 3, 5, 7]) {
      const first = await run({ backend: backend(), stopAfter });
      const resume = decodeSnapshot(encodeSnapshot(first.snapshot));
      assertEquals(essence(await run({ backend: backend(), resume })), whole, `stopped after ${stopAfter} steps`);
    }
  });
}

Deno.test("fit() of measured weights gives the same bits on one thread and on three", async () => {
  const [one, three] = [await run({ backend: wasm({ threads: 1 }) }), await run({ backend: wasm({ threads: 3 }) })];
  assertEquals(one.snapshot.tensors, three.snapshot.tensors);
  assertEquals(one.snapshot.position.measured, three.snapshot.position.measured);
});

Deno.test("fit() refuses to measure without validation images, and says where to get them", async () => {
  const data = await images(false);
  await assertRejects(
    () => run({ data }),
    SentenceError,
    'Cannot train: "ensemble/peer0" is measured on validation images after every epoch, got no such part of synthetic. ' +
      "Say .on(withSplit(dataset, { validation: 0.1 })), which takes them from the training images.",
  );
  await run({ data, sentence: cohort([tiny, plain]).ensemble("general", { measureOn: "batch" }) });
});

Deno.test("fit() refuses a checkpoint of a sentence that measures something else", async () => {
  const { snapshot } = await run({ stopAfter: 1 });
  const graph = { ...snapshot.position.graph, measures: [] };
  const resume = { ...snapshot, position: { ...snapshot.position, graph } };
  await assertRejects(() => run({ resume }), CheckpointError, "the measured values are others");
});

Deno.test("fit() gives every net of views('each') an augmentation of its own, the same for all otherwise", async () => {
  for (const views of ["each", "shared"] as const) {
    const data = await images();
    const seen: { readonly images: readonly Float32Array[] }[] = [];
    const watched: OpenDataset = {
      ...data,
      async *batches(options: BatchOptions) {
        for await (const batch of data.batches(options)) {
          if (options.split === "train") seen.push({ images: batch.images.map((view) => view.slice()) });
          yield batch;
        }
      },
    };
    await run({ data: watched, sentence: cohort([tiny, plain]).views(views).ensemble("minLogit") });
    assertEquals(seen.length, 9);
    assert(seen.every(({ images }) => images.length === (views === "each" ? 2 : 1)));
    if (views === "each") assert(seen.every(({ images: [one, two] }) => one!.some((x, i) => x !== two![i])));
  }
});

Deno.test("Measurement of batches of any size is that of all images", () => {
  const graph = sentence.lower();
  const scores = (from: number, to: number) =>
    Object.fromEntries(["peer0", "peer1"].map((id, i) => [
      id,
      Float64Array.from({ length: 3 * (to - from) }, (_, k) => Math.sin((i + 2) * (3 * from + k))),
    ]));
  const labels = [0, 2, 1, 1, 0];
  const [whole, parts] = [new Measurement(graph), new Measurement(graph)];
  whole.add(scores(0, 5), labels);
  parts.add(scores(0, 3), labels.slice(0, 3));
  parts.add(scores(3, 5), labels.slice(3));
  names.forEach((name) => assertAlmostEquals(whole.result()[name]!, parts.result()[name]!, 1e-9));
});
