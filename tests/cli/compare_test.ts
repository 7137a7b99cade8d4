import { assert, assertEquals, assertMatch, assertStringIncludes, assertThrows } from "@std/assert";
import { contestant, contestantNames, partingSpot } from "../../cli/compare/contestants.ts";
import {
  comparisonBars,
  comparisonCsv,
  comparisonTable,
  resultOf,
  rowsOf,
  type RunResult,
} from "../../cli/compare/results.ts";
import { OptionError } from "../../dsl/errors.ts";
import { lower, resnet20, resnet8, vgg8 } from "../../mod.ts";
import { cohortCommand, inFolder } from "./child.ts";

const CONTEST = { net: resnet8, teacher: resnet20, epochs: 3 };

const RUNS: readonly RunResult[] = [
  { method: "dml", seed: 1, members: [{ member: "peer0", net: "resnet8", last: 0.8, best: 0.9 }], secondsPerEpoch: 2 },
  { method: "kd", seed: 1, members: [{ member: "a, b", last: 0.5, best: 0.5 }], secondsPerEpoch: 1 },
  { method: "dml", seed: 2, members: [{ member: "peer0", net: "resnet8", last: 0.9, best: 0.9 }], secondsPerEpoch: 4 },
];

Deno.test("every contestant lowers, and the net is that of all its students", () => {
  for (const name of contestantNames) {
    const sentence = contestant(name, CONTEST);
    assert(lower(sentence).terms.length > 0, name);
    const students = sentence.spec.nets.filter(({ role }) => role !== "teacher");
    assertEquals(new Set(students.map(({ arch }) => arch)), new Set(["resnet8"]), name);
  }
  assertThrows(() => contestant("dlm", CONTEST), OptionError, 'Did you mean "dml"?');
});

Deno.test("branches part behind the last spot but one", () => {
  assertEquals([partingSpot(resnet8), partingSpot(vgg8)], ["layer2", vgg8.spots.at(-2)!]);
});

Deno.test("rowsOf() gathers seeds, and the table has mean and sample deviation", () => {
  const rows = rowsOf(RUNS);
  assertEquals(rows.map(({ method, member, last }) => [method, member, last]), [
    ["dml", "peer0", [0.8, 0.9]],
    ["kd", "a, b", [0.5]],
  ]);
  const lines = comparisonTable(rows).split("\n").map((line) => line.trim().replace(/ {2,}/g, " | "));
  assertEquals(lines.slice(2), [
    "dml | peer0 | resnet8 | 85.00 ± 7.07 % | 90.00 ± 0.00 % | 3.0 s",
    "kd | a, b | 50.00 % | 50.00 % | 1.0 s",
  ]);
  assertEquals(comparisonCsv(rows).split("\r\n").slice(1), [
    "dml,peer0,resnet8,2,85.000,7.071,90.000,0.000,3.00",
    'kd,"a, b",,1,50.000,,50.000,,1.00',
    "",
  ]);
  assertEquals(comparisonBars(rows).map(({ value, spread }) => [value.toFixed(2), spread.toFixed(4)]), [
    ["0.85", "0.0707"],
    ["0.50", "0.0000"],
  ]);
});

Deno.test("resultOf() takes the last and the best epoch of members and of the mean of the peers", () => {
  const accuracy = (top1: number) => ({ top1, top5: 1 });
  const record = (epoch: number, one: number, all: number) => ({
    epoch,
    metrics: { images: 10, members: { peer0: accuracy(one) }, ensemble: accuracy(all) },
    seconds: { train: 1, evaluate: epoch },
  });
  const history = [record(1, 0.7, 0.9), record(2, 0.6, 0.8)] as unknown as Parameters<typeof resultOf>[3]["history"];
  const result = resultOf("dml", 1, { peer0: "resnet8" }, { history, best: { peer0: { epoch: 1, top1: 0.7 } } });
  assertEquals(result, {
    method: "dml",
    seed: 1,
    members: [
      { member: "peer0", net: "resnet8", last: 0.6, best: 0.7 },
      { member: "mean logits", last: 0.8, best: 0.9 },
    ],
    secondsPerEpoch: 2.5,
  });
});

Deno.test("compare trains, prints one table and writes CSV, SVG and runs", async () => {
  await inFolder(async (folder) => {
    const words = [
      "--methods",
      "vanilla,dml",
      "--limit",
      "40",
      "--batch",
      "20",
      "--epochs",
      "1",
      "--seeds",
      "2",
      "--backend",
      "wasm",
    ];
    const { code, out, err } = await cohortCommand(folder, ["compare", ...words]);
    assertEquals([code, err], [0, ""]);
    assertMatch(out, /^dml +peer0 +resnet8 +[\d.]+ ± [\d.]+ % /m);
    const [made = ""] = [...Deno.readDirSync(`${folder}/runs`)].map(({ name }) => name).filter((name) =>
      name.startsWith("compare-resnet8-digits")
    );
    const csv = await Deno.readTextFile(`${folder}/runs/${made}/table.csv`);
    assertEquals(csv.split("\r\n").map((line) => line.split(",").slice(0, 4).join(",")), [
      "method,member,net,seeds",
      "vanilla,student,resnet8,2",
      "dml,peer0,resnet8,2",
      "dml,peer1,resnet8,2",
      "dml,mean logits,,2",
      "",
    ]);
    assertStringIncludes(await Deno.readTextFile(`${folder}/runs/${made}/table.svg`), "dml: peer0");
    assertEquals((await Deno.readTextFile(`${folder}/runs/${made}/results.jsonl`)).trim().split("\n").length, 4);
  });
});

Deno.test("compare tells wrong words in a sentence", async () => {
  await inFolder(async (folder) => {
    const ask = async (...words: readonly string[]) => {
      const { code, err } = await cohortCommand(folder, ["compare", ...words]);
      return [code, err.trim()] as const;
    };
    const answers = await Promise.all([ask("--methods", "nobody"), ask("--seeds", "0"), ask("--net", "resnet9")]);
    for (const [code, message] of answers) {
      assertEquals(code, 1);
      assertMatch(message, /^Cannot [^\n]*[.?]$/);
    }
  });
});
