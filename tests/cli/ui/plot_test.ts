import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { plots } from "../../../cli/ui/plot.ts";

Deno.test("plots() draws a line and a point for each measurement, y from 0, a logarithmic x in equal steps", () => {
  const svg = plots("Scaling", [{
    title: "Time",
    x: "batch",
    y: "ms an image",
    logarithmic: true,
    series: [{ name: "a < b", points: [[8, 10], [16, 5], [32, 10]] }],
  }]);
  const [points] = [...svg.matchAll(/<polyline points="([^"]+)"/g)].map(([, text]) =>
    text!.split(" ").map((pair) => pair.split(",").map(Number))
  );
  assertEquals(points!.map(([x]) => x), [64, 317, 570]);
  assertEquals(points![0]![1], points![2]![1]);
  // 0 is at 288, and twice the time is twice as high.
  assert(Math.abs((288 - points![0]![1]!) - 2 * (288 - points![1]![1]!)) < 0.2);
  assertEquals(svg.match(/<circle/g)?.length, 3);
  assertStringIncludes(svg, "a &lt; b");
});

Deno.test("plots() puts panels below each other and survives one point and none", () => {
  const panel = (points: readonly (readonly [number, number])[]) => ({
    title: "T",
    x: "x",
    y: "y",
    series: [{ name: "s", points }],
  });
  const svg = plots("Two", [panel([[2, 1]]), panel([])]);
  assertStringIncludes(svg, 'viewBox="0 0 760 680"');
  assertStringIncludes(svg, "translate(0 340)");
  assert(!svg.includes("NaN") && !svg.includes("Infinity"));
});
