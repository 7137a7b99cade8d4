import { assert, assertEquals } from "@std/assert";
import { convolutionCases, errorCases, lossCase, normCase, reductionCase } from "../../cli/bench/error_cases.ts";
import { errorsOf, errorTable } from "../../cli/bench/errors.ts";

/** Float32 rounds by 6e-8; Winograd's transforms multiply that. */
const BOUNDS = { l2: 2e-5, largest: 5e-5 } as const;

Deno.test("errorsOf() measures all parts of a convolution, Winograd and direct, against float64", async () => {
  const cases = [
    ...convolutionCases(8, { channels: [16, 16], size: 8 }),
    ...convolutionCases(8, { channels: [4, 6], size: 8, stride: 2 }),
    ...convolutionCases(8, { channels: [6, 6], size: 6, groups: 6 }),
  ];
  const lines = (await Promise.all(cases.map((one) => errorsOf(one, false)))).flat();
  assertEquals(
    lines.map(({ kernels, output }) => `${output}: ${kernels}`),
    ["Winograd 3×3", "direct k×k", "depthwise"].flatMap((kind) => [
      `y: ${kind}, forward`,
      `dx: ${kind}, input gradient`,
      `dw: ${kind}, filter gradient`,
    ]),
  );
  for (const { l2, largest, name } of lines) {
    assert(l2 > 0 && l2 < BOUNDS.l2 && largest > 0 && largest < BOUNDS.largest, name);
  }
});

Deno.test("errorsOf() measures batch norm, sums and losses", async () => {
  const lines = (await Promise.all(
    [normCase(8, 4, 6), reductionCase(8, 4, 6), lossCase(8, 10)].map((one) => errorsOf(one, false)),
  )).flat();
  assertEquals(lines.map(({ output }) => output).length, 13);
  for (const { l2, largest, output } of lines) {
    assert(l2 < BOUNDS.l2 && largest < BOUNDS.largest, `${output} ${l2} ${largest}`);
  }
  assertEquals(errorTable(lines.slice(0, 1)).split("\n")[0]!.split(/ {2,}/), [
    "kernels",
    "of",
    "result",
    "l2 error",
    "largest error",
  ]);
});

Deno.test("errorCases() has Winograd at 16, 32, 64 and 128 channels", () => {
  const names = errorCases(1).map(({ name }) => name);
  for (const channels of [16, 32, 64, 128]) {
    assertEquals(
      names.filter((name) => name.startsWith(`${channels} to ${channels} channels`) && name.endsWith("3×3")).length,
      3,
    );
  }
});
