import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { barChart } from "../../../cli/ui/bars.ts";

Deno.test("barChart() draws one bar each, a whisker where values spread, and escapes names", () => {
  const svg = barChart("a < b", [
    { group: "dml", name: "peer0", value: 0.95, spread: 0.01 },
    { group: "dml", name: "peer1", value: 0.91, spread: 0 },
    { group: "kd", name: "student", value: 1, spread: 0.02 },
  ]);
  assertMatch(svg, /^<svg /);
  assertStringIncludes(svg, "a &lt; b");
  assertEquals(svg.match(/<rect x="210"/g)?.length, 3);
  assertEquals(svg.match(/stroke="#333"/g)?.length, 2);
  assertStringIncludes(svg, ">dml: peer0<");
  assertStringIncludes(svg, ">peer1<");
  // The axis begins at 90 %, so 95 % is half of the width of 460.
  assertMatch(svg, /width="230"/);
});
