import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import type { AnyPipeline } from "../../mod.ts";
import { explain, lower } from "../../mod.ts";
import { flat, write } from "../datasets/fixtures.ts";
import { inFolder, program } from "../cli/child.ts";

const FOLDER = new URL("../../pipelines/", import.meta.url);
const FILES = [...Deno.readDirSync(FOLDER)].map(({ name }) => name).filter((name) => name.endsWith(".ts")).sort();

async function load(file: string): Promise<AnyPipeline> {
  return (await import(new URL(file, FOLDER).href)).default;
}

/** Methods with a teacher that rests, or none, whose recipes are on CIFAR-100. */
const offline = `ab at byot cc crd dkd fitnet fsp ft kd label_smoothing nst pkt reviewkd rkd sakd sp tf_kd vanilla vid`;

Deno.test("there is a pipeline of every offline method on CIFAR-100", () => {
  for (const name of offline.split(" ")) assert(FILES.includes(`${name}_cifar100.ts`), name);
});

Deno.test("there is a pipeline of every method, and of FFSD on every built-in dataset", () => {
  for (const name of ["ffsd_cifar100", "ffsd_fashion_mnist", "ffsd_digits", "dml_cifar100", "kd_cifar100"]) {
    assert(FILES.includes(`${name}.ts`), name);
  }
});

for (const file of FILES) {
  Deno.test(`${file} loads, explains itself, and says dataset and schedule`, async () => {
    const pipeline = await load(file);
    const { text, mermaid } = explain(pipeline);
    assertMatch(mermaid, /^flowchart LR\n/);
    assert(!text.includes("Not lowered"), text);
    assert(lower(pipeline).terms.length > 0);
    assert(pipeline.dataset !== undefined && pipeline.spec.train !== undefined);
    assertStringIncludes(file, pipeline.dataset.kind);
  });

  Deno.test(`${file} names its source and shows how it is run`, async () => {
    const source = await Deno.readTextFile(new URL(file, FOLDER));
    assertStringIncludes(source, "\n * Source: ");
    assertStringIncludes(source, `pipelines/${file}`);
  });
}

Deno.test("ffsd_cifar100.ts has the paper's settings", async () => {
  const { spec } = await load("ffsd_cifar100.ts");
  assertEquals([spec.nets.length, spec.nets[0]?.arch], [3, "resnet32"]);
  assertEquals(spec.train, {
    epochs: 299,
    batch: 128,
    seed: 1,
    optimizer: {
      kind: "sgd",
      learningRate: 0.1,
      momentum: 0.9,
      nesterov: true,
      weightDecay: 1e-4,
      beta1: 0.9,
      beta2: 0.999,
      epsilon: 1e-8,
    },
    schedule: { milestones: [150, 225], gamma: 0.1, warmup: 0 },
    groups: {},
  });
});

Deno.test("a pipeline runs on another folder with reading and runs/ allowed, whatever its class count", async () => {
  await inFolder(async (folder) => {
    const files: Record<string, Uint8Array> = {};
    for (const [name, colour] of Object.entries({ black: [10, 10, 10], red: [200, 0, 0], blue: [0, 0, 200] })) {
      const image = await flat(16, ...colour);
      for (let i = 0; i < 6; i++) files[`images/train/${name}/${i}.png`] = image;
      for (let i = 0; i < 2; i++) files[`images/test/${name}/${i}.png`] = image;
    }
    await write(folder, files);
    const words = ["--dataset", "images", "--net", "resnet8", "--epochs", "1", "--batch", "4", "--limit", "12"];
    const { code, out, err } = await program(folder, "pipelines/ffsd_cifar100.ts", words);
    assertEquals([code, err], [0, ""]);
    assertStringIncludes(out, "18 + 6 images of 3 classes".replace("18", "12"));
    assertMatch(out, /^epoch 1\/1 .*leader /m);
    assertStringIncludes(out, "Wrote leader: runs/");
  });
});

Deno.test("a pipeline answers --help, --explain and mistakes without a stack", async () => {
  await inFolder(async (folder) => {
    const ask = (...args: readonly string[]) => program(folder, "pipelines/ffsd_cifar100.ts", args);
    const [help, explained, unknown, missing] = await Promise.all([
      ask("--help"),
      ask("--explain", "--net", "resnet8", "--epochs", "10"),
      ask("--net", "resnet9"),
      ask("--net", "resnet8", "--backend", "wasm"),
    ]);
    assertEquals([help.code, help.out.slice(0, 6)], [0, "Flags:"]);
    assertStringIncludes(explained.out, 'cohort("resnet8×3").leader().fuse().selfDistill().on(cifar100)');
    assertStringIncludes(explained.out, "×0.1 after epoch 5 and 8");
    assertEquals(
      [unknown.code, unknown.err.trim()],
      [1, `Cannot use --net: no built-in net is called 'resnet9'. Did you mean "resnet8"?`],
    );
    assertEquals(missing.code, 1);
    assertMatch(missing.err, /^Cannot open CIFAR-100: [^\n]*\n$/);
  });
});

Deno.test("Ctrl-C stops a pipeline in the middle of an epoch with 130 and a checkpoint", async () => {
  await inFolder(async (folder) => {
    const words = ["--epochs", "400", "--batch", "4", "--backend", "wasm", "--name", "x"];
    const { code, out, err } = await program(folder, "pipelines/ffsd_digits.ts", words, "Working memory");
    assertEquals([code, err], [130, ""]);
    assertStringIncludes(out, "Stopping after this step");
    assertStringIncludes(out, "Stopped before the first epoch was finished.");
    assertStringIncludes(out, "Wrote checkpoint: runs/x/checkpoint.safetensors");
  });
});
