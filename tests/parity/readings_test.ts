import { assertEquals } from "@std/assert";
import type { Replay, StepView } from "../../cli/parity/adapter.ts";
import { adapters } from "../../cli/parity/adapters.ts";
import { readTrace, type Trace } from "../../cli/parity/trace_format.ts";

const folder = decodeURIComponent(new URL("../golden/parity", import.meta.url).pathname);

async function replayOf(stem: string, change: (trace: Trace) => Trace): Promise<Replay> {
  const { trace } = await readTrace(folder, stem);
  const replay = adapters.get(trace.method)!(change(trace));
  if (typeof replay === "string") throw new Error(replay);
  return replay;
}

/** A step whose terms and weights are these. */
function stepWith(replay: Replay, weight: number): StepView {
  const weights = Object.fromEntries(
    replay.graph.terms.map(({ name }) => [name, name.endsWith("/one") ? weight : 1] as const),
  );
  const values = () => new Float64Array(1);
  return { terms: weights, weights, paused: [], watched: () => 0, values };
}

Deno.test("a hint at feature 0 is one at the stem of both nets", async () => {
  const replay = await replayOf(
    "trace_distill_hint",
    (trace) => ({ ...trace, config: { ...trace.config, hint_layer: 0 } }),
  );
  assertEquals(replay.graph.terms.map(({ spot }) => spot).filter((spot) => spot !== undefined), ["stem"]);
});

Deno.test("whether ONE's divergences were recorded with their weight is read off the recorded sum", async () => {
  const summed = (kl: number, branch: number) => (trace: Trace): Trace => {
    const terms = {
      loss_cross: 4,
      loss_kl: kl,
      total: 4.75,
      branch1_kl: branch,
      branch2_kl: branch,
      branch3_kl: branch,
    };
    return { ...trace, iterations: [{ terms }] };
  };
  const read = async (kl: number, branch: number): Promise<readonly (number | undefined)[]> => {
    const replay = await replayOf("trace_one_original", summed(kl, branch));
    const terms = replay.terms(stepWith(replay, 0.25));
    return [terms["loss_kl"], terms["branch1_kl"]];
  };
  // Three divergences of 1 each, weighted by a quarter.
  assertEquals(await read(0.75, 1), [0.75, 1]);
  assertEquals(await read(3, 1), [3, 1]);
  assertEquals(await read(0.75, 0.25), [0.75, 0.25]);
});
