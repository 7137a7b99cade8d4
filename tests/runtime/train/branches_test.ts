import { assert, assertEquals, assertRejects } from "@std/assert";
import { synthetic } from "../../../datasets/synthetic.ts";
import { branches, cohort, solo } from "../../../dsl/cohort.ts";
import { CheckpointError } from "../../../dsl/errors.ts";
import { cl } from "../../../methods/cl.ts";
import { ffl } from "../../../methods/ffl.ts";
import { okddip } from "../../../methods/okddip.ts";
import { one } from "../../../methods/one.ts";
import { reference } from "../../../runtime/backend/reference/reference.ts";
import { decodeTensors } from "../../../runtime/train/safetensors.ts";
import { weightsOf } from "../../../runtime/train/run_files.ts";
import { evaluate, train, type Trainable } from "../../../runtime/train/train.ts";
import { tiny } from "../fixtures.ts";

const dataset = synthetic({ classes: 3, shape: [3, 6, 6], train: 14, test: 7 });
const settings = { epochs: 2, batch: 4, seed: 5 } as const;
const from = { from: "layer2" } as const;
const reduction = { reduction: 2 } as const;

const sentences: Readonly<Record<string, Trainable>> = {
  "branches alone": branches(tiny, 2, from).on(dataset).train(settings),
  "ONE": branches(tiny, 3, from).use(one()).on(dataset).train(settings),
  "ONE and a leader of its own": branches(tiny, 3, from).leader(tiny).use(one()).on(dataset).train(settings),
  "CL-ILR": branches(tiny, 3, from).use(cl()).on(dataset).train(settings),
  "CL-ILR and a leader of its own": branches(tiny, 3, from).leader(tiny).use(cl()).on(dataset).train(settings),
  "OKDDip on branches": branches(tiny, 3, from).leader().use(okddip(reduction)).on(dataset).train(settings),
  "OKDDip on nets": cohort(tiny, 3).leader().use(okddip(reduction)).on(dataset).train(settings),
  "FFL": branches(tiny, 2, from).use(ffl()).on(dataset).train(settings),
  "mutual branches and a leader": branches(tiny, 3, from).leader(tiny).on(dataset).train(settings),
};

async function inFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "cohort_branches_" });
  try {
    await use(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

for (const [name, sentence] of Object.entries(sentences)) {
  Deno.test(`train() resumes ${name} bit by bit and evaluates it from its checkpoint`, async () => {
    const whole = await train(sentence, { backend: reference(), runs: false });
    assertEquals(whole.history.length, 2);
    assert(whole.history.every(({ terms }) => Object.values(terms).every(Number.isFinite)));
    const { members } = await evaluate(sentence, whole.snapshot, { backend: reference(), runs: false });
    assertEquals(members, whole.history[1]!.metrics.members);
    const stop = new AbortController();
    const half = await train(sentence, {
      backend: reference(),
      runs: false,
      signal: stop.signal,
      report: (event) => void (event.kind === "epoch" && stop.abort()),
    });
    assertEquals([half.stopped, half.history.length], [true, 1]);
    const rest = await train(sentence, { backend: reference(), runs: false, resume: half.snapshot });
    assertEquals(rest.snapshot.tensors, whole.snapshot.tensors);
  });
}

Deno.test("train() writes each branch as a whole net, which classifies alone as it did in the trunk", async () => {
  await inFolder(async (runs) => {
    const sentence = branches(tiny, 2, from).use(one()).on(dataset).train(settings);
    const { files, snapshot, history, compiled } = await train(sentence, { backend: reference(), runs });
    const alone = solo(tiny).on(dataset).train({ ...settings, epochs: 1, optimizer: { learningRate: 1e-30 } });
    for (const id of ["peer0", "peer1"]) {
      const { tensors } = decodeTensors(await Deno.readFile(files[id]!), id);
      assertEquals(tensors, weightsOf(snapshot, id));
      const own = compiled.plan.state[id]!.map(({ name }) => name.slice(name.indexOf("/") + 1));
      assertEquals(Object.keys(tensors).sort(), own.sort());
      assertEquals(tensors["conv1.weight"]!.data, Float32Array.from(snapshot.tensors["trunk/conv1.weight"]!.data));
      assertEquals(tensors["fc.weight"]!.data, Float32Array.from(snapshot.tensors[`${id}/fc.weight`]!.data));
      const state = { ...snapshot.tensors };
      for (const [name, tensor] of Object.entries(tensors)) state[`student/${name}`] = tensor;
      const first = await train(alone, { backend: reference(), runs: false, weights: { student: files[id]! } });
      const kept = Object.fromEntries(
        Object.entries(first.snapshot.tensors).map(([name, tensor]) => [name, state[name] ?? tensor]),
      );
      const { members } = await evaluate(alone, { ...first.snapshot, tensors: kept }, { backend: reference() });
      assertEquals(members["student"], history.at(-1)!.metrics.members[id]);
    }
  });
});

Deno.test("a branch starts from the file of a whole net, trunk and all", async () => {
  await inFolder(async (runs) => {
    const whole = await train(solo(tiny).on(dataset).train(settings), { backend: reference(), runs });
    const sentence = branches(tiny, 2, from).on(dataset).train({ ...settings, optimizer: { learningRate: 1e-30 } });
    const { snapshot } = await train(sentence, {
      backend: reference(),
      runs: false,
      weights: { peer1: whole.files["student"]! },
    });
    const given = weightsOf(whole.snapshot, "student");
    for (const name of ["conv1.weight", "conv3.bias"]) {
      assertEquals(Float32Array.from(snapshot.tensors[`trunk/${name}`]!.data), given[name]!.data);
    }
    assertEquals(Float32Array.from(snapshot.tensors["peer1/fc.weight"]!.data), given["fc.weight"]!.data);
    assert(snapshot.tensors["peer0/fc.weight"]!.data.some((x, i) => x !== given["fc.weight"]!.data[i]));
  });
});

Deno.test("files of two branches have to agree on their trunk", async () => {
  await inFolder(async (runs) => {
    const trained = async (seed: number, name: string): Promise<Readonly<Record<string, string>>> =>
      (await train(branches(tiny, 2, from).on(dataset).train({ ...settings, seed }), {
        backend: reference(),
        runs,
        name,
      })).files;
    const [first, second] = [await trained(1, "first"), await trained(2, "second")];
    const go = (peer0: string, peer1: string): ReturnType<typeof train> =>
      train(branches(tiny, 2, from).on(dataset).train({ ...settings, epochs: 1 }), {
        backend: reference(),
        runs: false,
        weights: { peer0, peer1 },
      });
    await go(first["peer0"]!, first["peer1"]!);
    await assertRejects(
      () => go(first["peer0"]!, second["peer1"]!),
      CheckpointError,
      "Cannot load weights of peer1: branches share trunk/conv1.weight, got one in",
    );
  });
});

Deno.test("a checkpoint of one trunk is refused by another", async () => {
  const one = branches(tiny, 2, from).on(dataset).train(settings);
  const { snapshot } = await train(one, { backend: reference(), runs: false });
  const other = branches(tiny, 2, { ...from, rescale: true }).on(dataset).train(settings);
  await assertRejects(
    () => train(other, { backend: reference(), runs: false, resume: snapshot }),
    CheckpointError,
    "the trunks are others",
  );
});
