import { assert, assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import { synthetic } from "../../../datasets/synthetic.ts";
import { cohort, teacher } from "../../../dsl/cohort.ts";
import type { BatchOptions, OpenDataset } from "../../../dsl/data.ts";
import { CheckpointError, DatasetError, DivergenceError, SentenceError } from "../../../dsl/errors.ts";
import { mergeGraphs } from "../../../dsl/graph.ts";
import { crossEntropy } from "../../../dsl/losses.ts";
import { meanAll, square, sub } from "../../../dsl/expr.ts";
import { logits } from "../../../dsl/value.ts";
import type { TrainOptions } from "../../../dsl/train.ts";
import { afd } from "../../../methods/afd.ts";
import { ffsd } from "../../../methods/ffsd.ts";
import type { Backend } from "../../../runtime/backend/backend.ts";
import { reference } from "../../../runtime/backend/reference/reference.ts";
import { wasm } from "../../../runtime/backend/wasm/wasm.ts";
import { fit, type FitEvent, type FitResult, stepsPerEpoch } from "../../../runtime/train/fit.ts";
import { decodeSnapshot, encodeSnapshot, type Snapshot } from "../../../runtime/train/snapshot.ts";
import { compileTiny, inSession, plain, type Sentence, stateOf, tiny, train, written } from "../fixtures.ts";

/** 14 training images: three batches of 4 and one of 2. */
function images(count = 14): Promise<OpenDataset> {
  const augment = [{ kind: "crop", pad: 1, mode: "reflect" }, { kind: "flip", probability: 0.5 }] as const;
  return synthetic({ classes: 3, shape: [3, 6, 6], train: count, test: 7, augment }).open();
}

interface Given {
  readonly sentence?: Sentence;
  readonly data?: OpenDataset;
  readonly backend?: Backend;
  readonly train?: TrainOptions;
  readonly resume?: Snapshot;
  /** Stops after this many steps. */
  readonly stopAfter?: number;
  readonly save?: (snapshot: Snapshot) => Promise<void>;
  readonly report?: (event: FitEvent) => void;
  /** Looks at the session afterwards. */
  readonly after?: (state: Awaited<ReturnType<typeof stateOf>>) => void;
}

const ffsdSentence: Sentence = cohort(tiny, 3).leader().use(ffsd());

/** A run of three epochs in batches of 4. */
async function run(given: Given = {}): Promise<FitResult> {
  const setting = { batch: 4, train: { epochs: 3, schedule: { milestones: [1], warmup: 0.5 }, ...given.train } };
  const compiled = compileTiny(given.sentence ?? ffsdSentence, setting);
  const data = given.data ?? await images();
  const stop = new AbortController();
  let steps = 0;
  return await inSession(compiled, async (session) => {
    try {
      return await fit({
        session,
        data,
        train: train(setting),
        signal: stop.signal,
        report: (event) => {
          if (event.kind === "step" && ++steps === given.stopAfter) stop.abort();
          given.report?.(event);
        },
        ...(given.resume === undefined ? {} : { resume: given.resume }),
        ...(given.save === undefined ? {} : { save: given.save }),
      });
    } finally {
      given.after?.(await stateOf(session));
    }
  }, { seed: 99, backend: given.backend ?? reference() });
}

/** What has to be the same bit for bit: all but wall times. */
function essence({ history, snapshot }: FitResult): unknown {
  const position = { ...snapshot.position, history: undefined };
  return { tensors: snapshot.tensors, position, history: history.map((record) => ({ ...record, seconds: undefined })) };
}

/** Two nets of which the second pauses while it is far from the first. */
function pausing(): Sentence {
  const [a, b] = [{ id: "a", view: 0 }, { id: "b", view: 1 }];
  const terms = [a, b].map((net) => ({
    name: `${net.id}/ce`,
    learners: [net.id],
    loss: crossEntropy(logits(net)),
    weight: 1,
  }));
  const when = sub(meanAll(square(sub(logits(a), logits(b)))), 0.15);
  return written(["a", "b"], mergeGraphs([{ terms, switches: [{ pauses: "b", when }] }]), plain);
}

const backends: Readonly<Record<string, () => Backend>> = { reference, wasm };
const sentences: Readonly<Record<string, Sentence>> = {
  "FFSD with SGD and Adam": ffsdSentence,
  "a switch, a view each": pausing(),
  "two optimizers of one net": cohort(tiny, 2).use(afd({ width: 4 })),
  "nets one after the other": cohort(plain, 2).mutual({ order: "sequential" }),
};

for (const [name, backend] of Object.entries(backends)) {
  for (const [what, sentence] of Object.entries(sentences)) {
    Deno.test(`fit() goes on bit for bit from a checkpoint on ${name}: ${what}`, async () => {
      const whole = essence(await run({ sentence, backend: backend() }));
      // In the middle of an epoch, before its evaluation, at its first step, and after the last step of all.
      for (const stopAfter of [6, 8, 1, 12]) {
        const first = await run({ sentence, backend: backend(), stopAfter });
        assertEquals(first.stopped, true);
        const { epoch, step } = first.snapshot.position;
        assertEquals([epoch, step], [Math.ceil(stopAfter / 4), (stopAfter - 1) % 4 + 1]);
        const resume = decodeSnapshot(encodeSnapshot(first.snapshot));
        const second = await run({ sentence, backend: backend(), resume });
        assertEquals(second.stopped, false);
        assertEquals(essence(second), whole, `stopped after ${stopAfter} steps`);
      }
    });
  }

  Deno.test(`fit() gives the same bits for the same seed on ${name}, and others for another`, async () => {
    const [one, two] = [await run({ backend: backend() }), await run({ backend: backend() })];
    assertEquals(essence(one), essence(two));
    const other = await run({ backend: backend(), train: { seed: 2 } });
    assertNotEquals(other.snapshot.tensors["leader/fc.weight"]!.data, one.snapshot.tensors["leader/fc.weight"]!.data);
  });
}

Deno.test("fit() pauses in some steps, and counts in which share of each epoch", async () => {
  const { history } = await run({ sentence: pausing() });
  for (const { paused } of history) assertEquals(Object.keys(paused), ["b"]);
  const shares = history.map(({ paused }) => paused.b!);
  assert(shares.every((share) => share >= 0 && share <= 1 && share * 4 % 1 === 0), `${shares}`);
  const sum = shares.reduce((total, share) => total + share, 0);
  assert(sum > 0 && sum < 3, `${shares}`); // else resuming it would prove nothing
});

Deno.test("fit() does not depend on how many batches are prepared ahead", async () => {
  const data = await images();
  const ahead = (prefetch: number): OpenDataset => ({
    ...data,
    batches: (options: BatchOptions) => data.batches({ ...options, prefetch }),
  });
  const plain = essence(await run());
  for (const prefetch of [0, 1, 5]) assertEquals(essence(await run({ data: ahead(prefetch) })), plain);
});

Deno.test("fit() shows other images in another epoch, and augments them", async () => {
  const seen: string[] = [];
  const data = await images();
  const watched: OpenDataset = {
    ...data,
    async *batches(options: BatchOptions) {
      for await (const batch of data.batches(options)) {
        if (options.split === "train") seen.push(`${batch.index}`);
        yield batch;
      }
    },
  };
  await run({ data: watched });
  assertEquals(seen.length, 12);
  assertEquals(new Set(seen).size, 12);
});

Deno.test("fit() reports every step and epoch, and saves after each", async () => {
  const events: string[] = [];
  const saved: number[] = [];
  const { history, snapshot } = await run({
    report: (event) =>
      void events.push(event.kind === "step" ? `${event.epoch}.${event.step}/${event.steps}` : event.kind),
    save: (kept) => Promise.resolve(void saved.push(kept.position.epoch)),
  });
  const epoch = (e: number): string[] => [1, 2, 3, 4].map((step) => `${e}.${step}/4`).concat("epoch");
  assertEquals(events, [...epoch(1), ...epoch(2), ...epoch(3)]);
  assertEquals(saved, [2, 3, 4]);
  assertEquals(history.map((record) => record.epoch), [1, 2, 3]);
  assertEquals(Object.keys(history[0]!.metrics.members), ["peer0", "peer1", "leader", "fusion"]);
  assertEquals(history[0]!.metrics.images, 7);
  assertEquals([snapshot.position.epoch, snapshot.position.step, snapshot.position.totals], [4, 0, {}]);
});

Deno.test("fit() leaves out a last batch of one image with a note", async () => {
  const notes: string[] = [];
  const { history } = await run({
    data: await images(13),
    report: (event) => event.kind === "note" && notes.push(event.text),
  });
  assertEquals(notes, ["The last image of each epoch is left out: batch norm cannot use a batch of one."]);
  assertEquals(history.length, 3);
  assertEquals([12, 13, 14, 16].map((count) => stepsPerEpoch(count, 4)), [3, 3, 4, 4]);
});

Deno.test("fit() reports terms as means over the steps, with their weights of that epoch", async () => {
  const { history } = await run({ train: { optimizer: { learningRate: 1e-12 } } });
  // Weights hardly move, so the ramp of FFSD shows: its second value over its first is e^(−1.8) / e^(−3.2).
  const ratio = history[1]!.terms["leader/trans_fusion"]! / history[0]!.terms["leader/trans_fusion"]!;
  assert(Math.abs(ratio / Math.exp(1.4) - 1) < 0.2, `${ratio}`); // other augmentation gives other losses
  const names = ffsdSentence.lower().terms.map(({ name }) => name);
  assertEquals(Object.keys(history[0]!.terms).sort(), names.sort());
});

Deno.test("fit() refuses fewer images than a batch", async () => {
  await assertRejects(
    async () => run({ data: await images(3) }),
    DatasetError,
    "Cannot cut synthetic into batches: a training pass needs at least one full batch of 4 images, got 3.",
  );
});

/** The dataset with one pixel of one batch of one epoch replaced. */
async function spoiled(epoch: number, step: number, value: number): Promise<OpenDataset> {
  const data = await images();
  return {
    ...data,
    async *batches(options: BatchOptions) {
      for await (const batch of data.batches(options)) {
        if (options.split === "train" && options.epoch === epoch && batch.step === step) {
          batch.images[0]!.fill(value, 0, 9);
        }
        yield batch;
      }
    },
  };
}

for (const value of [Infinity, NaN]) {
  Deno.test(`fit() stops at a pixel of ${value}, names net, term, epoch and step, and keeps the last good state`, async () => {
    const saved: Snapshot[] = [];
    let state: Awaited<ReturnType<typeof stateOf>> = {};
    const error = await assertRejects(
      async () =>
        await run({
          data: await spoiled(2, 2, value),
          save: (snapshot) => Promise.resolve(void saved.push(snapshot)),
          after: (found) => state = found,
        }),
      DivergenceError,
    );
    assertEquals(
      (error as Error).message,
      "Cannot go on training peer0: every loss is a finite number, got NaN for peer0/ce in epoch 2, step 3. " +
        "The weights of the last finished epoch are kept; try a smaller learning rate or a warm-up.",
    );
    assertEquals(saved.length, 1);
    for (const [name, { data }] of Object.entries(saved[0]!.tensors)) assertEquals(state[name], data, name);
  });
}

Deno.test("fit() stops at a learning rate that is far too large", async () => {
  await assertRejects(
    () => run({ train: { optimizer: { learningRate: 1e160 }, schedule: { warmup: 0 } } }),
    DivergenceError,
    "in epoch 1, step 2. No epoch was finished, so nothing learned is lost; try a smaller learning rate or a warm-up.",
  );
});

Deno.test("fit() saves no weights that the last step of an epoch broke", async () => {
  const a = { id: "a", view: 0 };
  const terms = [{ name: "a/ce", learners: ["a"], loss: crossEntropy(logits(a)), weight: 1e10 }];
  const saved: Snapshot[] = [];
  const error = await assertRejects(
    async () =>
      await run({
        sentence: written(["a"], mergeGraphs([{ terms }]), plain),
        data: await images(4),
        train: { optimizer: { learningRate: 1e300 }, schedule: { warmup: 0 } },
        save: (snapshot) => Promise.resolve(void saved.push(snapshot)),
        after: (state) => {
          for (const numbers of Object.values(state)) assert(numbers.every(Number.isFinite));
        },
      }),
    DivergenceError,
  );
  assertEquals(
    (error as Error).message,
    "Cannot go on training a: every weight is a finite number, got another in a/conv1.weight after epoch 1, step 1. " +
      "No epoch was finished, so nothing learned is lost; try a smaller learning rate or a warm-up.",
  );
  assertEquals(saved, []);
});

Deno.test("fit() refuses the checkpoint of another sentence and lists every difference", async () => {
  const { snapshot } = await run({ sentence: cohort(plain, 2).mutual(), train: { epochs: 1 } });
  const error = await assertRejects(
    () => run({ sentence: teacher(tiny).student(plain).mutual({ temperature: 3 }), resume: snapshot }),
    CheckpointError,
  );
  const { message } = error as Error;
  const count = Number(/got (\d+) differences/.exec(message)![1]);
  const [, all] = /differences: (.*)\. Resume with the sentence that wrote it\.$/.exec(message)!;
  const listed = all!.split("; ");
  assertEquals(listed.length, count);
  for (
    const part of [
      "term teacher/ce is missing",
      "term peer0/ce is not known here",
      "the phases are others",
      "teacher/bn1.weight is missing",
      "peer1/fc.bias#velocity is not known here",
    ]
  ) {
    assert(listed.includes(part), `${part} is not in: ${message}`);
  }
  assert(message.startsWith("Cannot resume: the checkpoint was written by the same run, got "));
});

Deno.test("fit() refuses a checkpoint of another seed, temperature or width", async () => {
  const sentence = (temperature: number): Sentence => cohort(plain, 2).mutual({ temperature });
  const { snapshot } = await run({ sentence: sentence(1), train: { epochs: 1 } });
  const refused = (given: Given, differences: string): Promise<unknown> =>
    assertRejects(
      () => run({ resume: snapshot, ...given }),
      CheckpointError,
      `Cannot resume: the checkpoint was written by the same run, got ${differences}. Resume with the sentence that wrote it.`,
    );
  await refused({ sentence: sentence(1), train: { seed: 4 } }, "1 difference: the seed is 1 instead of 4");
  await refused(
    { sentence: sentence(2) },
    "2 differences: term peer0/dml is another one; term peer1/dml is another one",
  );
  const tensors = { ...snapshot.tensors, "peer0/fc.bias": { shape: [2], data: new Float64Array(2) } };
  await refused(
    { sentence: sentence(1), resume: { ...snapshot, tensors } },
    "1 difference: peer0/fc.bias is [2] instead of [3]",
  );
});

Deno.test("fit() goes on to more epochs than the run was first told", async () => {
  const sentence = cohort(plain, 2).mutual();
  const schedule = { milestones: [1], warmup: 0 };
  const whole = essence(await run({ sentence, train: { epochs: 3, schedule } }));
  const { snapshot } = await run({ sentence, train: { epochs: 1, schedule } });
  assertEquals(essence(await run({ sentence, train: { epochs: 3, schedule }, resume: snapshot })), whole);
});

Deno.test("fit() refuses a sentence whose weight nothing measures", async () => {
  const sentence = cohort(tiny, 2).loss(({ peers: [a, b] }) => [{
    name: "peer0/near",
    learners: ["peer0"],
    loss: meanAll(square(sub(logits(a!), logits(b!)))),
    weight: { measured: "distance" },
  }]);
  await assertRejects(
    () => run({ sentence }),
    SentenceError,
    'Cannot train: every measured value has something that measures it, got "distance". Use a number or a ramp instead.',
  );
});
