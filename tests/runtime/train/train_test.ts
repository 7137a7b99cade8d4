import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { synthetic } from "../../../datasets/synthetic.ts";
import { cohort } from "../../../dsl/cohort.ts";
import type { BatchOptions, Dataset, OpenDataset } from "../../../dsl/data.ts";
import { CheckpointError, ClassCountError, DatasetError, DivergenceError, SentenceError } from "../../../dsl/errors.ts";
import { reference } from "../../../runtime/backend/reference/reference.ts";
import { RunFolder } from "../../../runtime/train/run_folder.ts";
import { decodeTensors } from "../../../runtime/train/safetensors.ts";
import { decodeSnapshot } from "../../../runtime/train/snapshot.ts";
import { weightsOf } from "../../../runtime/train/run_files.ts";
import { evaluate, train, type Trainable, type TrainRunOptions } from "../../../runtime/train/train.ts";
import { plain, tiny } from "../fixtures.ts";

const dataset = synthetic({ classes: 3, shape: [3, 6, 6], train: 14, test: 7 });
const settings = { epochs: 3, batch: 4, seed: 5 };

/** FFSD without modules on 14 images, three epochs of four steps. */
function sentence(): Trainable {
  return cohort(tiny, 3).leader().fuse().on(dataset).train(settings);
}

/** Runs `use` in a fresh folder that is gone afterwards. */
async function inFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "cohort_train_" });
  try {
    await use(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function go(runs: string | false, options: TrainRunOptions = {}, of: Trainable = sentence()): ReturnType<typeof train> {
  return train(of, { backend: reference(), runs, ...options });
}

async function names(folder: string): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name).sort();
}

Deno.test("train() writes spec, log, checkpoint and the leader's weights, and only those", async () => {
  await inFolder(async (runs) => {
    const result = await go(runs, { name: "first" });
    assertEquals(await names(`${runs}/first`), [
      "checkpoint.safetensors",
      "leader.safetensors",
      "log.jsonl",
      "spec.json",
    ]);
    assertEquals(JSON.parse(await Deno.readTextFile(result.files.spec!)), JSON.parse(JSON.stringify(sentence().spec)));
    const log = (await Deno.readTextFile(result.files.log!)).trim().split("\n").map((line) => JSON.parse(line));
    assertEquals(log, JSON.parse(JSON.stringify(result.history)));
    const checkpoint = decodeSnapshot(await Deno.readFile(result.files.checkpoint!));
    assertEquals(checkpoint.tensors, result.snapshot.tensors);
    const { tensors, metadata } = decodeTensors(await Deno.readFile(result.files.leader!), "leader");
    assertEquals(tensors, weightsOf(result.snapshot, "leader"));
    assertEquals(metadata, { format: "pt", net: "leader", arch: "tiny", classes: "3", shape: "3x6x6" });
    assert(Object.keys(tensors).every((name) => !name.includes("#") && !name.includes("/")));
    assertEquals(Object.keys(result.best).sort(), ["fusion", "leader", "peer0", "peer1"]);
  });
});

Deno.test("train() overwrites no earlier run, and writes nothing where it is told so", async () => {
  await inFolder(async (runs) => {
    for (let i = 0; i < 3; i++) {
      await go(runs, { name: "same" }, cohort(plain, 2).mutual().on(dataset).train({ ...settings, epochs: 1 }));
    }
    assertEquals(await names(runs), ["same", "same-2", "same-3"]);
    assertEquals(await names(`${runs}/same-2`), [
      "checkpoint.safetensors",
      "log.jsonl",
      "peer0.safetensors",
      "peer1.safetensors",
      "spec.json",
    ]);
    const { files } = await go(false);
    assertEquals(files, {});
  });
});

Deno.test("train() that is interrupted saves where it is, and goes on from that file bit for bit", async () => {
  await inFolder(async (runs) => {
    const whole = await go(false);
    const stop = new AbortController();
    let steps = 0;
    const first = await go(runs, {
      name: "cut",
      signal: stop.signal,
      report: (event) => event.kind === "step" && ++steps === 6 && stop.abort(),
    });
    assertEquals([first.stopped, first.history.length], [true, 1]);
    const second = await go(runs, { resume: first.files.checkpoint! });
    assertEquals(second.stopped, false);
    assertEquals(second.snapshot.tensors, whole.snapshot.tensors);
    assertEquals(
      second.history.map(({ metrics, terms }) => ({ metrics, terms })),
      whole.history.map(({ metrics, terms }) => ({ metrics, terms })),
    );
    assertEquals(await names(runs), ["cut"]);
    assertEquals(second.files.checkpoint, first.files.checkpoint);
  });
});

Deno.test("train() that refuses to resume changes nothing in the run's folder", async () => {
  await inFolder(async (runs) => {
    const { files } = await go(runs, { name: "first" });
    const before = await Deno.readTextFile(files.spec!);
    const of = (part: Partial<typeof settings>, on = dataset): Trainable =>
      cohort(tiny, 3).leader().fuse().on(on).train({ ...settings, ...part });
    const refused = (sentence: Trainable, difference: string): Promise<unknown> =>
      assertRejects(
        () => go(runs, { resume: files.checkpoint! }, sentence),
        CheckpointError,
        `Cannot resume: the checkpoint was written by the same run, got 1 difference: ${difference}. ` +
          "Resume with the sentence that wrote it.",
      );
    await refused(of({ seed: 6 }), "the seed is 5 instead of 6");
    await refused(of({ batch: 5 }), "the batch is 4 instead of 5");
    const fewer = synthetic({ classes: 3, shape: [3, 6, 6], train: 12, test: 7 });
    await refused(of({}, fewer), "the number of images is 14 instead of 12");
    await refused(of({}, { ...dataset, kind: "other" }), "the dataset is synthetic instead of other");
    assertEquals(await Deno.readTextFile(files.spec!), before);
  });
});

Deno.test("train() makes no folder for a batch that the images cannot fill", async () => {
  await inFolder(async (runs) => {
    const large = cohort(tiny, 2).mutual().on(dataset).train({ ...settings, batch: 15 });
    await assertRejects(() => go(runs, {}, large), DatasetError, "needs at least one full batch of 15 images, got 14");
    assertEquals(await names(runs), []);
  });
});

Deno.test("train() that diverges leaves the checkpoint of the last good epoch on disk", async () => {
  await inFolder(async (runs) => {
    const open = await dataset.open();
    const data: OpenDataset = {
      ...open,
      async *batches(options: BatchOptions) {
        for await (const batch of open.batches(options)) {
          if (options.split === "train" && options.epoch === 3) batch.images[0]!.fill(Infinity);
          yield batch;
        }
      },
    };
    await assertRejects(
      () => go(runs, { name: "bad", data }),
      DivergenceError,
      "got NaN for peer0/ce in epoch 3, step 1. The weights of the last finished epoch are kept",
    );
    const good = await go(
      false,
      {},
      cohort(tiny, 3).leader().fuse().on(dataset).train({ ...settings, epochs: 2, schedule: { milestones: [2, 3] } }),
    );
    const kept = decodeSnapshot(await Deno.readFile(`${runs}/bad/checkpoint.safetensors`));
    assertEquals([kept.position.epoch, kept.position.step], [3, 0]);
    assertEquals(kept.tensors, good.snapshot.tensors);
    assertEquals(await names(`${runs}/bad`), ["checkpoint.safetensors", "log.jsonl", "spec.json"]);
  });
});

Deno.test("train() refuses a folder that cannot be written", async () => {
  await inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/file`, "no folder");
    const error = await assertRejects(() => go(`${folder}/file`, { name: "x" }), CheckpointError);
    const [before, after] = [
      `Cannot save ${folder}/file/x: the folder has to be writable, got `,
      "Choose another folder with --runs.",
    ];
    const { message } = error as Error;
    assert(message.startsWith(before) && message.endsWith(after), message);
  });
});

Deno.test("RunFolder.write() on a full disk says so, and keeps the earlier file", async () => {
  await inFolder(async (runs) => {
    let full = false;
    const folder = await RunFolder.create(runs, "run", async (path, bytes) => {
      await Deno.writeFile(path, full ? bytes.subarray(0, bytes.length >> 1) : bytes);
      if (full) throw new Error("No space left on device (os error 28)");
    });
    const path = await folder.write("checkpoint.safetensors", "all of it");
    full = true;
    await assertRejects(
      () => folder.write("checkpoint.safetensors", "something new"),
      CheckpointError,
      `Cannot save ${runs}/run/checkpoint.safetensors: the folder has to be writable, got a full disk. ` +
        "Free some space; what was saved before is still there.",
    );
    assertEquals(await Deno.readTextFile(path), "all of it");
    assertEquals(await names(folder.path), ["checkpoint.safetensors"]);
  });
});

Deno.test("RunFolder.write() without permission names the flag", async () => {
  await inFolder(async (runs) => {
    const folder = await RunFolder.create(
      runs,
      "run",
      () => Promise.reject(new Deno.errors.NotCapable("Requires write access")),
    );
    await assertRejects(
      () => folder.write("log.jsonl", ""),
      CheckpointError,
      `Cannot save ${runs}/run/log.jsonl: the folder has to be writable, got no permission. Run with --allow-write=${runs}.`,
    );
  });
});

Deno.test("train() refuses a sentence without dataset or settings", async () => {
  const bare = cohort(tiny, 2).mutual();
  await assertRejects(
    () => train(bare.train(settings), { runs: false, backend: reference() }),
    SentenceError,
    "Cannot train: the sentence says on what, got no dataset. Add .on(cifar100()) or another.",
  );
  await assertRejects(
    () => train(bare.on(dataset), { runs: false, backend: reference() }),
    SentenceError,
    "Cannot train: the sentence says how, got none. Add .train({ epochs: 300 }).",
  );
});

Deno.test("train() refuses a dataset whose files hold another number of classes than it promises", async () => {
  const liar: Dataset<4> = {
    ...synthetic({ classes: 4, shape: [3, 6, 6], train: 8, test: 4 }),
    open: () => dataset.open(),
  };
  await assertRejects(
    () => go(false, {}, cohort(plain, 2).mutual().on(liar).train(settings)),
    ClassCountError,
    "Cannot train on Synthetic 3×6×6: it has 4 classes, got 3 in synthetic, seed 0.",
  );
});

Deno.test("train() refuses checkpoints that are missing, no checkpoints, truncated or of another sentence", async () => {
  await inFolder(async (runs) => {
    await assertRejects(
      () => go(runs, { resume: `${runs}/nothing.safetensors` }),
      SentenceError,
      `Cannot resume: the checkpoint is a file that can be read, got ${runs}/nothing.safetensors: `,
    );
    const { files } = await go(runs, { name: "a" });
    await assertRejects(
      () => go(runs, { resume: files.leader! }),
      CheckpointError,
      `Cannot resume from ${files.leader}: it is no checkpoint of version 1, got weights only. ` +
        "Start a new run, or use a file written by train.",
    );
    const bytes = await Deno.readFile(files.checkpoint!);
    await Deno.writeFile(`${runs}/half.safetensors`, bytes.subarray(0, bytes.length - 100));
    await assertRejects(
      () => go(runs, { resume: `${runs}/half.safetensors` }),
      CheckpointError,
      "got a file that ends within ",
    );
    const other = cohort(tiny, 3).leader().on(dataset).train(settings);
    await assertRejects(
      () => go(runs, { resume: files.checkpoint! }, other),
      CheckpointError,
      "Cannot resume: the checkpoint was written by the same run, got ",
    );
    const wider = cohort(tiny, 3).leader().fuse().on(dataset).train({ ...settings, batch: 5, seed: 6 });
    await assertRejects(
      () => go(runs, { resume: files.checkpoint! }, wider),
      CheckpointError,
      "got 2 differences: the seed is 5 instead of 6; the batch is 4 instead of 5. Resume with the sentence that wrote it.",
    );
    assertEquals(await Deno.readFile(files.checkpoint!), bytes); // nothing was lost by trying
  });
});

Deno.test("evaluate() measures the members of a checkpoint as the run did", async () => {
  await inFolder(async (runs) => {
    const { files, history } = await go(runs, { name: "e" });
    const found = await evaluate(sentence(), files.checkpoint!, { backend: reference(), runs: false });
    assertEquals(found, history.at(-1)!.metrics);
  });
});

Deno.test("train() tells what it loads, where it runs, and every step", async () => {
  const kinds = new Set<string>();
  await go(false, { report: (event) => void kinds.add(event.kind) });
  assertEquals([...kinds], ["start", "step", "epoch"]);
});

Deno.test("weightsOf() is float32 under PyTorch's names, whatever the backend computes in", async () => {
  const { snapshot } = await go(false, {}, cohort(plain, 2).mutual().on(dataset).train({ ...settings, epochs: 1 }));
  const weights = weightsOf(snapshot, "peer1");
  assertEquals(Object.keys(weights), ["conv1.weight", "conv1.bias", "conv2.weight", "fc.weight", "fc.bias"]);
  assert(Object.values(weights).every(({ data }) => data instanceof Float32Array));
  assertThrows(
    () => {
      if (Object.keys(weightsOf(snapshot, "peer")).length === 0) throw new Error("no net peer");
    },
    Error,
    "no net peer",
  ); // a prefix of a name is no name
});
