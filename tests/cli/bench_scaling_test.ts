import { assertAlmostEquals, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { run } from "../../cli/bench/scaling.ts";
import { type Curve, curves, panels, scalingTables, timeOf } from "../../cli/bench/scaling_results.ts";
import { CohortError, OptionError, UnknownNameError } from "../../dsl/errors.ts";
import { inFolder } from "./child.ts";

const CONTEXT = { signal: new AbortController().signal };
const OPTIONS = { net: "resnet32", batches: [8, 16], student: "resnet20", students: [2, 3], batch: 128 };

/** Curves as if every step took a millisecond for each image and net, and one did not fit. */
function timed(): readonly Curve[] {
  return curves(OPTIONS).map((curve, i) => ({
    ...curve,
    points: curve.points.map((point, j) => ({ ...point, ms: i === 1 && j === 1 ? null : point.batch * point.nets })),
  }));
}

Deno.test("curves() time a net alone and FFSD over the batch, FFSD and DML over the students", () => {
  assertEquals(
    curves(OPTIONS).map(({ points }) =>
      points.map(({ words, net, batch, nets }) => [...words, net, batch, nets].join(" "))
    ),
    [
      ["step resnet32 8 1", "step resnet32 16 1"],
      ["ffsd resnet32 8 3", "ffsd resnet32 16 3"],
      ["ffsd --students 2 resnet20 128 3", "ffsd --students 3 resnet20 128 4"],
      ["dml --students 2 resnet20 128 2", "dml --students 3 resnet20 128 3"],
    ],
  );
});

Deno.test("timeOf() is a time of an image, over students also of a net", () => {
  const [alone, _, together] = timed() as [Curve, Curve, Curve];
  assertEquals(timeOf(alone, { ...alone.points[0]!, ms: 20 }), 2.5);
  assertAlmostEquals(timeOf(together, { ...together.points[0]!, ms: 3 * 128 * 0.5 }), 0.5);
});

Deno.test("scalingTables() and panels() leave out what does not fit in memory", () => {
  const [batches, students] = scalingTables(timed()).split("\n\n").map((text) => text.split("\n"));
  assertEquals(batches!.slice(2).map((row) => row.trim().split(/ {2,}/)), [["8", "1.000", "3.000"], [
    "16",
    "1.000",
    "–",
  ]]);
  assertEquals(students!.slice(2).map((row) => row.trim().split(/ {2,}/)), [["2", "1.000", "1.000"], [
    "3",
    "1.000",
    "1.000",
  ]]);
  const [first, second] = panels(timed(), "1 thread");
  assertEquals(first!.series.map(({ points }) => points), [[[8, 1], [16, 1]], [[8, 3]]]);
  assertEquals([first!.logarithmic, second!.logarithmic, second!.x], [true, false, "students"]);
});

Deno.test("bench scaling times every point, prints a line a curve and draws them", async () => {
  await inFolder(async (folder) => {
    const { log, error } = console;
    const lines: string[] = [];
    console.log = (line: unknown) => void lines.push(String(line));
    console.error = () => {};
    try {
      const words = ["--net", "resnet8", "--batches", "2", "--student", "resnet8", "--students", "2", "--batch", "2"];
      const code = await run(
        [...words, "--rounds", "1", "--steps", "1", "--json", "--plot", `${folder}/s.svg`],
        CONTEXT,
      );
      assertEquals(code, 0);
    } finally {
      Object.assign(console, { log, error });
    }
    const found: Curve[] = lines.map((line) => JSON.parse(line));
    assertEquals(found.map(({ points }) => points.map(({ ms }) => typeof ms)), [["number"], ["number"], ["number"], [
      "number",
    ]]);
    assertStringIncludes(await Deno.readTextFile(`${folder}/s.svg`), "FFSD, 3 × resnet8");
  });
});

Deno.test("bench scaling refuses unknown nets and counts that are none", async () => {
  await assertRejects(() => run(["--net", "resnt32"], CONTEXT), UnknownNameError, "Cannot use --net: no built-in net");
  await assertRejects(
    () => run(["--batches", "8,no"], CONTEXT),
    OptionError,
    "Cannot use --batches: it is a whole number",
  );
  await assertRejects(() => run(["--rounds", "0"], CONTEXT), CohortError, "Cannot use --rounds");
});
