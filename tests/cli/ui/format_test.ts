import { assertEquals } from "@std/assert";
import { count, duration, meanStd, percent } from "../../../cli/ui/format.ts";

Deno.test("percent() takes a fraction of one and says nothing about what is not a number", () => {
  assertEquals([percent(0.5), percent(1, 0), percent(NaN)], ["50.00 %", "100 %", "–"]);
});

Deno.test("count() parts thousands", () => {
  assertEquals([0, 999, 1000, 12345.6].map(count), ["0", "999", "1,000", "12,346"]);
});

Deno.test("duration() never shows sixty of anything", () => {
  assertEquals([0, 9.94, 9.96, 59.4, 59.6, 119.7, 3599.7, NaN, Infinity].map(duration), [
    "0.0 s",
    "9.9 s",
    "10 s",
    "59 s",
    "1 m 00 s",
    "2 m 00 s",
    "1 h 00 m",
    "–",
    "–",
  ]);
});

Deno.test("meanStd() divides by n − 1, and gives one value alone", () => {
  assertEquals([meanStd([0.9, 0.94]), meanStd([0.9])], ["92.00 ± 2.83 %", "90.00 %"]);
});
