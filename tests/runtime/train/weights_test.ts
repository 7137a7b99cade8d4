import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { synthetic } from "../../../datasets/synthetic.ts";
import { solo, teacher } from "../../../dsl/cohort.ts";
import { CheckpointError, UnknownNameError } from "../../../dsl/errors.ts";
import { kd } from "../../../methods/kd.ts";
import { reference } from "../../../runtime/backend/reference/reference.ts";
import { weightsOf } from "../../../runtime/train/run_files.ts";
import { encodeTensors, type NamedTensor } from "../../../runtime/train/safetensors.ts";
import { encodeSnapshot } from "../../../runtime/train/snapshot.ts";
import { train, type Trainable, type TrainResult, type TrainRunOptions } from "../../../runtime/train/train.ts";
import { plain, tiny } from "../fixtures.ts";

const dataset = synthetic({ classes: 3, shape: [3, 6, 6], train: 8, test: 4 });
const settings = { epochs: 1, batch: 4, seed: 5 };
const distilled = teacher(tiny).student(plain).use(kd()).on(dataset).train(settings);

type Tensors = Readonly<Record<string, NamedTensor>>;

function go(of: Trainable, options: TrainRunOptions = {}): Promise<TrainResult> {
  return train(of, { backend: reference(), runs: false, ...options });
}

/** Trains with a file of these tensors, or these bytes, as the teacher. */
async function taughtBy(content: Tensors | Uint8Array): Promise<TrainResult> {
  const path = await Deno.makeTempFile({ prefix: "cohort_weights_", suffix: ".safetensors" });
  try {
    const bytes = content instanceof Uint8Array ? content : encodeTensors({ tensors: content, metadata: {} });
    await Deno.writeFile(path, bytes);
    return await go(distilled, { weights: { teacher: path } });
  } catch (error) {
    if (error instanceof Error) error.message = error.message.replaceAll(path, "FILE");
    throw error;
  } finally {
    await Deno.remove(path);
  }
}

/** Weights and running statistics of the teacher's net, trained alone. */
async function trained(): Promise<Tensors> {
  const { snapshot } = await go(solo(tiny).on(dataset).train(settings));
  return weightsOf(snapshot, "student");
}

Deno.test("train() needs weights for a frozen teacher, and names the net that a file is for", async () => {
  await assertRejects(
    () => go(distilled),
    CheckpointError,
    "Cannot train: teacher learns nothing in this sentence, so it needs weights, got none. " +
      "Train it alone first, then give --weights teacher=FILE, or say .pretrain({ epochs: 240 }).",
  );
  await assertRejects(
    () => go(distilled, { weights: { techer: "x.safetensors" } }),
    UnknownNameError,
    'Cannot load weights: they are of a net of the sentence, got "techer". Did you mean "teacher"?',
  );
  await assertRejects(
    () => go(distilled, { weights: { teacher: "no/such.safetensors" } }),
    CheckpointError,
    "Cannot load weights of teacher: they are a file that can be read, got no/such.safetensors: No such file",
  );
});

Deno.test("train() takes a teacher's weights and running statistics from a file, and keeps them", async () => {
  const weights = await trained();
  assert("bn1.running_mean" in weights);
  assertEquals(weightsOf((await taughtBy(weights)).snapshot, "teacher"), weights);
});

Deno.test("train() reads what safetensors.torch.save_file() writes of a state dict, counters included", async () => {
  const weights = await trained();
  // PyTorch's order, and an I64 counter beside each batch norm.
  const header: Record<string, unknown> = { __metadata__: { format: "pt" } };
  const parts: Uint8Array[] = [];
  let at = 0;
  const put = (name: string, dtype: string, shape: readonly number[], bytes: Uint8Array): void => {
    header[name] = { dtype, shape, data_offsets: [at, at += bytes.length] };
    parts.push(bytes);
  };
  for (const [name, { shape, data }] of Object.entries(weights)) {
    put(name, "F32", shape, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    if (!name.endsWith(".running_var")) continue;
    put(name.replace("running_var", "num_batches_tracked"), "I64", [], new Uint8Array(BigInt64Array.of(7n).buffer));
  }
  const json = new TextEncoder().encode(JSON.stringify(header));
  const size = new Uint8Array(BigUint64Array.of(BigInt(json.length)).buffer);
  const file = new Uint8Array(await new Blob([size, json, ...parts] as BlobPart[]).arrayBuffer());
  assertEquals(weightsOf((await taughtBy(file)).snapshot, "teacher"), weights);
});

Deno.test("train() lists every tensor of a file that is missing, of another shape or not the net's", async () => {
  const { "conv1.weight": conv, "bn2.bias": _, "fc.weight": fc, ...others } = await trained();
  const wrong = {
    ...others,
    "conv1.weight": { shape: [3, 2, 3, 3], data: conv!.data },
    "module.bn2.bias": { shape: [2], data: new Float32Array(2) },
    "fc.weight": { shape: [2, 4], data: fc!.data.subarray(0, 8) },
    "head.weight": { shape: [1], data: new Float32Array(1) },
  };
  const error = await assertRejects(() => taughtBy(wrong), CheckpointError);
  assertEquals(
    error.message,
    "Cannot load weights of teacher: FILE holds its tensors and no others, got 5 differences: " +
      "conv1.weight is [3, 2, 3, 3] instead of [2, 3, 3, 3]; fc.weight is [2, 4] instead of [3, 4]; " +
      "missing bn2.bias; not the net's module.bn2.bias, head.weight. " +
      "Give the file of the same architecture and class count.",
  );
  const { "bn2.bias": moved = { shape: [], data: new Float32Array(1) }, ...left } = await trained();
  const [one, more] = [
    await assertRejects(() => taughtBy(left)),
    await assertRejects(() => taughtBy({ ...left, moved })),
  ];
  assertStringIncludes((one as Error).message, "got 1 difference: missing bn2.bias. Give");
  assertStringIncludes((more as Error).message, "got 2 differences: missing bn2.bias; not the net's moved. Give");
});

Deno.test("train() refuses a checkpoint as weights", async () => {
  const { snapshot } = await go(solo(tiny).on(dataset).train(settings));
  await assertRejects(
    () => taughtBy(encodeSnapshot(snapshot)),
    CheckpointError,
    "Cannot load weights of teacher: FILE holds those of one net, got a checkpoint of a whole run. " +
      "Give one of the weight files beside it, or go on with --resume.",
  );
});

Deno.test("train() tells a file of torch.save() from a truncated one", async () => {
  const zip = new Uint8Array(100).fill(0xff);
  zip.set([0x50, 0x4b, 3, 4]);
  const pickle = zip.with(0, 0x80).with(1, 2);
  for (const bytes of [zip, pickle]) {
    await assertRejects(
      () => taughtBy(bytes),
      CheckpointError,
      "Cannot read FILE: a safetensors file is a header and the numbers it lists, got a file of torch.save(). " +
        "Write it by safetensors.torch.save_file(net.state_dict(), FILE).",
    );
  }
  const whole = encodeTensors({ tensors: await trained(), metadata: {} });
  await assertRejects(
    () => taughtBy(whole.subarray(0, whole.length - 1)),
    CheckpointError,
    "got a file that ends within",
  );
});
