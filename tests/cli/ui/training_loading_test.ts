import { assertEquals } from "@std/assert";
import { TrainingView } from "../../../cli/ui/training.ts";

Deno.test("TrainingView prints a download's bytes, speed and time left every tenth where there is no terminal", async () => {
  const lines: string[] = [];
  const view = new TrainingView(1, { terminal: false, print: (line) => lines.push(line) });
  const load = (what: string, fraction: number, note?: string) =>
    view.report({ kind: "loading", what, fraction, ...(note === undefined ? {} : { note }) });
  load("downloading set.zip", 0, "0 of 10 B");
  load("downloading set.zip", 0.05, "0.5 of 10 B");
  load("downloading set.zip", 0.31, "3.1 of 10 B, 1 B/s, 7 s left");
  load("downloading set.zip", 0.35, "3.5 of 10 B, 1 B/s, 7 s left");
  load("downloading set.zip", 1, "10 of 10 B");
  load("decoding set.zip", 0);
  load("decoding set.zip", 0.5);
  await view.stop();
  assertEquals(lines, [
    "Data: downloading set.zip …",
    "Data: downloading set.zip: 3.1 of 10 B, 1 B/s, 7 s left",
    "Data: downloading set.zip: 10 of 10 B",
    "Data: decoding set.zip …",
  ]);
});
