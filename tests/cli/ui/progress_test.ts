import { assertAlmostEquals, assertEquals, assertStringIncludes } from "@std/assert";
import type { ProgressState } from "../../../cli/ui/progress.ts";
import { fractionDone, Progress, progressLine, secondsLeft } from "../../../cli/ui/progress.ts";

/** Third of four epochs, half done, 20 steps each: 50 of 80 steps. */
const STATE: ProgressState = { epoch: 3, epochs: 4, step: 10, steps: 20, images: 6400 };

Deno.test("fractionDone() counts steps over all epochs", () => {
  assertEquals(fractionDone(STATE), 50 / 80);
  assertEquals(fractionDone({ ...STATE, epoch: 4, step: 20 }), 1);
});

Deno.test("secondsLeft() goes on at the speed of this process, not of the run it resumed", () => {
  // 30 of 80 steps are left.
  assertAlmostEquals(secondsLeft(STATE, 100), 60);
  // Resumed at step 40, so 10 steps took 100 s.
  assertAlmostEquals(secondsLeft(STATE, 100, 40 / 80), 300);
  assertEquals(secondsLeft(STATE, 100, 50 / 80), NaN);
});

Deno.test("progressLine() shows epoch, bar, share, throughput, time left and note", () => {
  const state = { ...STATE, note: "loss 1.25" };
  assertEquals(
    progressLine(state, { elapsed: 8 }, { bar: "██░░", label: "ffsd" }),
    "ffsd  epoch 3/4  ██░░   62 %  800 img/s  ETA 4.8 s  loss 1.25",
  );
  assertEquals(progressLine(STATE, { elapsed: 0, from: 50 / 80 }), "epoch 3/4   62 %  ETA –");
});

Deno.test("progressLine() is cut to the terminal", () => {
  assertEquals(progressLine(STATE, { elapsed: 8 }, { width: 16 }), "epoch 3/4   62 …");
});

Deno.test("Progress prints one plain line an epoch where there is no terminal", async () => {
  const lines: string[] = [];
  let clock = 100;
  const progress = new Progress({ ...STATE, epoch: 1, step: 0, images: 0 }, {
    terminal: false,
    label: "dml",
    print: (line) => lines.push(line),
    now: () => clock,
  });
  clock += 10;
  progress.update({ ...STATE, epoch: 1, step: 20, images: 2560 });
  progress.epoch("peer0 91.20 %");
  await progress.stop();
  assertEquals(lines, ["dml  epoch 1/4   25 %  256 img/s  ETA 30 s  peer0 91.20 %"]);
});

Deno.test("Progress redraws one line on a terminal and clears it at the end", async () => {
  let drawn = "";
  const decoder = new TextDecoder();
  const writable = new WritableStream<Uint8Array>({
    write: (chunk) => {
      drawn += decoder.decode(chunk, { stream: true });
    },
  });
  const lines: string[] = [];
  const progress = new Progress({ ...STATE, epoch: 1, step: 0, images: 0 }, {
    terminal: true,
    width: () => 79,
    writable,
    print: (line) => lines.push(line),
    now: () => 0,
  });
  progress.epoch("peer0 91.20 %");
  await progress.stop();
  assertEquals(lines, ["peer0 91.20 %"]);
  assertStringIncludes(drawn, "\r\u001b[Kepoch 1/4  ░░░░░░░░░░░░░░░░░░░░    0 %  ETA –");
  assertEquals(drawn.endsWith("\r\u001b[K"), true);
});
