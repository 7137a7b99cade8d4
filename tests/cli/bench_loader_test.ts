import { assert, assertEquals, assertRejects } from "@std/assert";
import { loaderTable, run, waitTable } from "../../cli/bench/loader.ts";
import type { LoaderTimes } from "../../cli/bench/loader_measure.ts";
import { parse } from "../../cli/bench/loader_pytorch.ts";
import { OptionError } from "../../dsl/errors.ts";
import { inFolder, jpeg, write } from "../datasets/fixtures.ts";

const context = { signal: new AbortController().signal };
const ours: LoaderTimes = { engine: "cohort", read: 8, decode: 30, augment: 2, batch: 5, memory: 8, files: 25 };
const theirs: LoaderTimes = { engine: "pytorch", read: 9, decode: 48, augment: 22, batch: 23, memory: 61, files: 100 };

/** Lines that the bench printed. */
async function printed(args: readonly string[]): Promise<readonly string[]> {
  const { log, error } = console;
  const lines: string[] = [];
  console.log = (line: unknown) => void lines.push(String(line));
  console.error = () => {};
  try {
    assertEquals(await run(args, context), 0);
    return lines;
  } finally {
    Object.assign(console, { log, error });
  }
}

Deno.test("loaderTable() puts both sides beside each other, ours over theirs", () => {
  assertEquals(loaderTable(ours, theirs).split("\n").map((line) => line.trimEnd()), [
    "stage                   cohort µs  images/s  PyTorch µs  images/s  ratio",
    "────────────────────────────────────────────────────────────────────────",
    "read a file                   8.0   125,000         9.0   111,111   0.89",
    "decode JPEG                  30.0    33,333        48.0    20,833   0.63",
    "augment                       2.0   500,000        22.0    45,455   0.09",
    "normalise into a batch        5.0   200,000        23.0    43,478   0.22",
    "pass from memory              8.0   125,000        61.0    16,393   0.13",
    "pass from JPEG files         25.0    40,000       100.0    10,000   0.25",
  ]);
  assert(!loaderTable(ours, undefined).includes("PyTorch"));
});

Deno.test("waitTable() tells the share of waiting", () => {
  const line = waitTable([{ from: "memory", threads: 2, step: 99, wait: 1, bare: 98.04 }]).split("\n").at(-1);
  assertEquals(line, "memory                      2     99.0     1.00   1.00 %           98.0");
});

Deno.test("parse() takes a line of all times and no other", () => {
  assertEquals(parse(JSON.stringify(theirs)), theirs);
  for (const line of ["", "[]", "{}", JSON.stringify({ ...theirs, files: "fast" })]) {
    assertEquals(parse(line), undefined);
  }
});

Deno.test("bench loader --alone times a folder of JPEG files and the waiting", async () => {
  await inFolder(async (folder) => {
    const file = await jpeg(32, 200, 100, 50);
    await write(folder, Object.fromEntries(Array.from({ length: 9 }, (_, i) => [`a/${i}.jpg`, file])));
    const words = "--alone --images 8 --batch 4 --rounds 1 --steps 2 --threads 1 --workers 1".split(" ");
    const [first, ...waits] = (await printed(["--data", folder, ...words, "--json"])).map((line) => JSON.parse(line));
    assertEquals([first.images, Object.keys(first.cohort)], [8, Object.keys(ours)]);
    assertEquals(waits.map(({ from }) => from), ["memory", "JPEG files"]);
    assert(waits.every(({ step, wait, bare }) => step > 0 && wait >= 0 && bare > 0));
    const table = await printed(["--data", folder, ...words]);
    assert(table.join("\n").includes("8 files, batch 4, workers 1, least of 1 rounds. cohort, Deno "));
  });
});

const REFUSED: Readonly<Record<string, readonly [words: string, message: string]>> = {
  "no files": [
    "--alone",
    "Cannot use --alone: without Python there are no files, got no --data. Name a folder of JPEG.",
  ],
  "other transforms": [
    "--transforms mnist",
    'Cannot use --transforms: it is cifar or imagenet, got "mnist". Say one of them.',
  ],
  "no images": ["--images 0", "Cannot use --images: it is a whole number of at least 1, got 0."],
  "a folder that is not there": [
    "--data no/such/folder",
    'Cannot use --data: it is a folder that can be read, got "no/such/folder" (No such file or directory',
  ],
  "a folder without JPEG": [
    "--data dsl",
    'Cannot use --data: it is a folder of .jpg files, got none in "dsl". Name another.',
  ],
};

for (const [name, [words, message]] of Object.entries(REFUSED)) {
  Deno.test(`bench loader refuses ${name}`, async () => {
    await assertRejects(() => run(words.split(" "), context), OptionError, message);
  });
}
