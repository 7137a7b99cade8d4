import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { decodeSnapshot } from "../../mod.ts";
import { cohortCommand, inFolder } from "./child.ts";

const DIGITS = new URL("../../pipelines/ffsd_digits.ts", import.meta.url).pathname;
const SMALL = ["--limit", "40", "--batch", "20", "--backend", "wasm"];

Deno.test("train trains a pipeline module, prints a table and writes the run", async () => {
  await inFolder(async (folder) => {
    const { code, out, err } = await cohortCommand(folder, ["train", DIGITS, ...SMALL, "--epochs", "2", "--name", "x"]);
    assertEquals([code, err], [0, ""]);
    assertMatch(out, /^Backend: wasm: /m);
    assertMatch(out, /^epoch 2\/2 .*leader \d/m);
    assertMatch(out, /^leader +\d+\.\d\d % +\d+\.\d\d %/m);
    assertStringIncludes(out, "Wrote leader: runs/x/leader.safetensors");
    const again = await cohortCommand(folder, ["train", "runs/x/spec.json", "--epochs", "1", "--backend", "wasm"]);
    assertEquals([again.code, again.err], [0, ""]);
    assertStringIncludes(again.out, "40 to train on");
  });
});

Deno.test("Ctrl-C saves a checkpoint and ends with 130, and --resume goes on from it", async () => {
  await inFolder(async (folder) => {
    const long = ["train", DIGITS, ...SMALL, "--epochs", "400", "--name", "x"];
    const stopped = await cohortCommand(folder, long, "epoch 2/400");
    assertEquals([stopped.code, stopped.err.trim()], [130, "Stopping; press Ctrl-C again to stop at once."]);
    assertStringIncludes(stopped.out, "Wrote checkpoint: runs/x/checkpoint.safetensors");
    const path = "runs/x/checkpoint.safetensors";
    const { position } = decodeSnapshot(await Deno.readFile(`${folder}/${path}`));
    const done = position.history.length;
    assertEquals(position.epoch, done + 1);
    const more = ["train", DIGITS, ...SMALL, "--epochs", String(done + 1), "--resume", path];
    const resumed = await cohortCommand(folder, more);
    assertEquals([resumed.code, resumed.err], [0, ""]);
    assertStringIncludes(resumed.out, `After epoch ${done + 1}, on 359 held-out images`);
    const log = (await Deno.readTextFile(`${folder}/runs/x/log.jsonl`)).trim().split("\n");
    assertEquals(log.map((line) => JSON.parse(line).epoch), Array.from({ length: done + 1 }, (_, i) => i + 1));
  });
});

const MISTAKES: Readonly<Record<string, readonly [args: readonly string[], code: number, message: string]>> = {
  "no file": [[], 2, "Cannot train: the file of a sentence comes first, got nothing. Try --help."],
  "an unknown flag": [
    [DIGITS, "--epoch", "1"],
    1,
    'Cannot read the flags: --epoch is not one of them. Did you mean "--epochs"?',
  ],
  "an unknown net": [
    [DIGITS, "--net", "resnt8"],
    1,
    `Cannot use --net: no built-in net is called 'resnt8'. Did you mean "resnet8"?`,
  ],
  "a dataset path with nothing there": [
    [DIGITS, "--dataset", "no/such/folder"],
    1,
    'Cannot open "no/such/folder": it must be a folder, a .tar, a .tar.gz or a .zip file, got nothing there. ' +
    "Check the spelling, or use a known name: digits, fashion_mnist, cifar10, cifar100, cinic10, tiny_imagenet.",
  ],
  "a batch of one": [
    [DIGITS, "--batch", "1", "--backend", "wasm"],
    1,
    "Cannot train peer0 with a batch of 1: batch norm needs at least 2 images, got 1. Use batch: 2 or more.",
  ],
  "a download of what is embedded": [
    [DIGITS, "--download"],
    1,
    "Cannot use --download: it fetches fashion_mnist, cifar10, cifar100, cinic10, tiny_imagenet, got Digits (UCI). Leave it out.",
  ],
};

Deno.test("train answers a mistake with one sentence and no stack", async () => {
  await inFolder(async (folder) => {
    const outcomes = Object.values(MISTAKES).map(async ([args, code, message]) => {
      const ended = await cohortCommand(folder, ["train", ...args]);
      assertEquals([ended.code, ended.err.trim()], [code, message]);
    });
    await Promise.all(outcomes);
  });
});

Deno.test("train refuses a spot and a role that are not there in the words of the verb", async () => {
  await inFolder(async (folder) => {
    const mod = new URL("../../mod.ts", import.meta.url).href;
    const refusal = async (sentence: string, ...flags: readonly string[]): Promise<string> => {
      await Deno.writeTextFile(`${folder}/p.ts`, `import * as c from "${mod}"; export default ${sentence};`);
      const { code, err } = await cohortCommand(folder, ["train", "p.ts", "--backend", "wasm", ...flags]);
      assertEquals(code, 1);
      return err.trim();
    };
    const led = `c.cohort("mobilenet_v2×3").leader().fuse({ at: "layer4" }).on(c.digits())`;
    const spot = await refusal(led, "--net", "resnet8");
    assertEquals(spot, `Cannot say fuse(): no spot 'layer4' in the cohort. Did you mean "layer1"?`);
    assertEquals(
      await refusal(`c.cohort("resnet8×2").use(c.kd())`),
      "Cannot say use(kd()): this method needs a teacher, and the sentence has none. Start from teacher(...).student(...).",
    );
    assertEquals(
      await refusal(`c.teacher(c.resnet8).student(c.resnet8).use(c.kd()).on(c.digits())`, "--epochs", "1"),
      "Cannot train: teacher learns nothing in this sentence, so it needs weights, got none. " +
        "Train it alone first, then give --weights teacher=FILE, or say .pretrain({ epochs: 240 }).",
    );
  });
});

Deno.test("train starts a teacher from the weights of a net trained alone", async () => {
  await inFolder(async (folder) => {
    const mod = new URL("../../mod.ts", import.meta.url).href;
    const write = (name: string, sentence: string): Promise<void> =>
      Deno.writeTextFile(`${folder}/${name}.ts`, `import * as c from "${mod}"; export default ${sentence};`);
    await write("alone", `c.solo(c.resnet8).on(c.digits())`);
    await write("kd", `c.teacher(c.resnet8).student(c.resnet14).use(c.kd()).on(c.digits())`);
    const flags = [...SMALL, "--epochs", "2"];
    const alone = await cohortCommand(folder, ["train", "alone.ts", ...flags, "--name", "a"]);
    assertEquals([alone.code, alone.err], [0, ""]);
    const weights = ["--weights", "teacher=runs/a/student.safetensors"];
    const taught = await cohortCommand(folder, ["train", "kd.ts", ...flags, "--name", "b", ...weights]);
    assertEquals([taught.code, taught.err], [0, ""]);
    const row = (text: string, member: string): string | undefined =>
      text.match(new RegExp(`^${member} +(\\d+\\.\\d\\d %)`, "m"))?.[1];
    assertEquals(row(taught.out, "teacher"), row(alone.out, "student"));
  });
});
