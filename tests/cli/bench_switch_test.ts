import { assert, assertEquals } from "@std/assert";
import { switchTable, timeSwitch } from "../../cli/bench/switch.ts";
import { resnet8 } from "../../dsl/mod.ts";
import { wasm } from "../../runtime/backend/wasm/wasm.ts";

Deno.test("timeSwitch() times mutual learning and SwitOKD that pauses never, always and by its rule", async () => {
  const subject = { teacher: resnet8, student: resnet8, batch: 8, steps: 3, classes: 4 };
  const lines = await timeSwitch(subject, await wasm());
  assertEquals(lines.map(({ what }) => what), [
    "mutual learning",
    "SwitOKD, learning in every batch",
    "SwitOKD, expert in every batch",
    "SwitOKD",
  ]);
  assertEquals(lines.slice(0, 3).map(({ expert }) => expert), [0, 0, 1]);
  assertEquals(lines[0]!.ratio, 1);
  assert(lines.every(({ median_ms }) => median_ms > 0));
  // A third of the work is gone; on a busy machine it still has to show.
  assert(lines[2]!.ratio < 1, `${lines[2]!.ratio}`);
  assertEquals(switchTable(lines).split("\n")[0]!.split(/ {2,}/), [
    "training",
    "fastest step",
    "median",
    "of mutual learning",
    "expert batches",
  ]);
});
