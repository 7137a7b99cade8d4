import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { lineChart } from "../../../cli/ui/chart.ts";

Deno.test("lineChart() draws one line a series, from epoch 1 at the left to the last at the right", () => {
  const svg = lineChart("Digits", [
    { name: "leader", values: [0.9, 0.95, 1] },
    { name: "alone", values: [0.9, 0.9, 0.9], dashed: true },
  ]);
  const lines = [...svg.matchAll(/<polyline points="([^"]+)"/g)].map(([, points]) => points!.split(" "));
  assertEquals(lines.map((points) => points.length), [3, 3]);
  assertEquals(lines[0], ["56,372", "334,208", "612,44"]);
  assertEquals(svg.match(/stroke-dasharray/g)?.length, 2);
});

Deno.test("lineChart() begins its axis at the tenth below the second half of the run", () => {
  const svg = lineChart("Digits", [{ name: "leader", values: [0.1, 0.2, 0.83, 0.85] }]);
  assertStringIncludes(svg, ">80 %<");
  assert(!svg.includes(">70 %<"));
});

Deno.test("lineChart() escapes names and survives a run of one epoch", () => {
  const svg = lineChart("a < b & c", [{ name: '"x"', values: [0.5] }]);
  assertStringIncludes(svg, "<title>a &lt; b &amp; c</title>");
  assertStringIncludes(svg, "&quot;x&quot; 50.0 %");
  assert(!svg.includes("NaN"));
});
