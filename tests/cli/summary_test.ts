import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { main } from "../../cli/main.ts";
import { run } from "../../cli/summary.ts";
import { builtinArchs } from "../../mod.ts";
import { cohortCommand, inFolder } from "./child.ts";

/** Status and what the command printed on either stream. */
async function printed(...args: readonly string[]): Promise<readonly [code: number, out: string, err: string]> {
  const { log, error } = console;
  const [out, err]: [string[], string[]] = [[], []];
  console.log = (line: unknown) => void out.push(String(line));
  console.error = (line: unknown) => void err.push(line instanceof Error ? String(line.stack) : String(line));
  try {
    const table = { summary: () => Promise.resolve({ about: "", run }) };
    return [await main(["summary", ...args], undefined, table), out.join("\n"), err.join("\n")];
  } finally {
    Object.assign(console, { log, error });
  }
}

/** Lines of a table as words, without the spaces between columns. */
function words(text: string): readonly string[] {
  return text.split("\n").map((line) => line.trim().replace(/ {2,}/g, " | "));
}

Deno.test("summary tells layers, spots, parameters, multiply-adds and memory of a net", async () => {
  const [code, out] = await printed("resnet8", "--backend", "reference", "--batch", "4");
  assertEquals(code, 0);
  const lines = words(out);
  assertEquals(lines[0], "resnet8 on images of 3×32×32, 100 classes");
  for (
    const line of [
      "stage | module | layer | output | parameters | multiply-adds",
      "stem | conv1 | conv 3×3, batch norm, relu | 16×32×32 | 464 | 0.44 M",
      "layer2_pre | layer2.0.conv1 | conv 3×3, stride 2, batch norm, relu | 32×16×16 | 4,672 | 1.18 M",
      "layer2.0.downsample.0 | conv 1×1, stride 2, batch norm | 32×16×16 | 576 | 0.13 M",
      "sum | 32×16×16",
      "logits | fc | linear | 100 | 6,500 | 0.01 M",
      "spot | map | before activation",
      "layer3 | 64×8×8 | layer3_pre",
      "Parameters: 83,892, and 672 running statistics",
      "Multiply-adds of convolutions and linear layers: 12.51 M an image",
    ]
  ) assert(lines.includes(line), line);
  assertMatch(
    lines.at(-1)!,
    /^Memory of a training step with 4 images on reference: [\d.]+ MiB, and 1\.3 MiB of weights, momentum and running statistics$/,
  );
});

Deno.test("summary follows --input, with × too, and --classes", async () => {
  const [code, out] = await printed("resnet20", "--input", "1×64×48", "--classes", "10", "--batch", "2");
  assertEquals(code, 0);
  assertStringIncludes(out, "resnet20 on images of 1×64×48, 10 classes");
  assert(words(out).includes("layer3 | 64×16×12 | layer3_pre"), out);
});

Deno.test("summary tells layers that move channels in words", async () => {
  const [, shuffled] = await printed("shufflenet_v2", "--batch", "2");
  const [, padded] = await printed("resnet8_a", "--batch", "2");
  assertStringIncludes(shuffled, "shuffle 2 groups of channels");
  assertStringIncludes(shuffled, "part 2 of 2 of the channels");
  assertStringIncludes(shuffled, "conv 3×3, stride 2, depthwise, batch norm");
  assertStringIncludes(padded, "average pool 1×1, stride 2");
  assertStringIncludes(padded, "8 + 8 channels of zeros");
});

Deno.test("summary says where a step has no room, and how many images have", async () => {
  const [code, out] = await printed("resnet50_imagenet", "--input", "3x224x224", "--classes", "1000");
  assertEquals(code, 0);
  const last = out.split("\n").at(-1)!;
  const start = "Memory of a training step with 128 images on wasm: it has no room. Cannot load training step ";
  assertEquals(last.slice(0, start.length), start);
  assertMatch(last, /Use a smaller batch\. It fits with \d+ images\.$/);
});

Deno.test("summary reads every net of a pipeline once, with the shape and classes of its data", async () => {
  const kd = new URL("../../pipelines/kd_cifar100.ts", import.meta.url).pathname;
  const [, two] = await printed(kd, "--batch", "2");
  assertEquals(two.match(/^resnet\d+ on images of 3×32×32, 100 classes$/gm)?.length, 2);
  const own = new URL("../../pipelines/squeeze_excite_digits.ts", import.meta.url).pathname;
  const [code, out] = await printed(own, "--batch", "2");
  assertEquals([code, out.match(/on images of/g)?.length], [0, 1]);
  assertStringIncludes(out, "se_resnet8 on images of 1×8×8, 10 classes");
  assert(words(out).includes("layer1.se.fc2 | linear, sigmoid | 16 | 80 | 0.00 M"), out);
});

Deno.test("summary without a net lists every built-in one", async () => {
  const [code, out] = await printed();
  const lines = words(out);
  assertEquals([code, lines.length], [0, Object.keys(builtinArchs).length + 4]);
  assert(lines.includes("resnet8 | 83,892 | 12.51 M | layer1 16×32×32, layer2 32×16×16, layer3 64×8×8"), out);
});

const REFUSED: Readonly<Record<string, readonly [args: readonly string[], message: string]>> = {
  "an unknown net": [["resnt20"], `Cannot summarize: no built-in net is called 'resnt20'. Did you mean "resnet20"?`],
  "half a name": [
    ["resnet18"],
    `Cannot summarize: no built-in net is called 'resnet18'. Did you mean "resnet18_cifar" or "resnet18_imagenet"?`,
  ],
  "images of one number": [
    ["resnet20", "--input", "32"],
    'Cannot use --input: images are channels×height×width in whole numbers, got "32". Say 3x32x32.',
  ],
  "images without rows": [
    ["resnet20", "--input", "3x0x32"],
    'Cannot use --input: images are channels×height×width in whole numbers, got "3x0x32". Say 3x32x32.',
  ],
  "images of halves": [
    ["resnet20", "--input", "3x1.5x32"],
    'Cannot use --input: images are channels×height×width in whole numbers, got "3x1.5x32". Say 3x32x32.',
  ],
  "images that are too small": [
    ["densenet_40_12", "--input", "3x2x2"],
    "Cannot apply pool of densenet_40_12: windows of 2×2 need a larger map, got 1×1. Use larger images.",
  ],
  "no classes": [
    ["resnet20", "--classes", "0"],
    "Cannot use --classes: it is a whole number of at least 1, got 0. Say 100.",
  ],
  "a batch of one": [
    ["resnet20", "--batch", "1"],
    "Cannot train student with a batch of 1: batch norm needs at least 2 images, got 1. Use batch: 2 or more.",
  ],
  "an unknown backend": [
    ["resnet20", "--backend", "wsm"],
    'Cannot use backend "wsm": it is unknown. Did you mean "wasm"?',
  ],
};

for (const [what, [args, message]] of Object.entries(REFUSED)) {
  Deno.test(`summary refuses ${what} in one sentence, status 1`, async () => {
    const [code, out, err] = await printed(...args);
    assertEquals([code, out, err], [1, "", message]);
  });
}

Deno.test("summary runs with the permissions of deno task cohort", async () => {
  await inFolder(async (folder) => {
    const { code, out, err } = await cohortCommand(folder, ["summary", "resnet8", "--batch", "2"]);
    assertEquals([code, err], [0, ""]);
    assertStringIncludes(out, "Parameters: 83,892");
  });
});
