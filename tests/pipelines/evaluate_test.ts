import { assertEquals, assertRejects } from "@std/assert";
import {
  CheckpointError,
  cohort,
  decodeSnapshot,
  digits,
  encodeSnapshot,
  evaluate,
  train,
  withLimit,
} from "../../mod.ts";

const SENTENCE = cohort("resnet8×2").mutual().on(withLimit(digits(), 40, { testLimit: 30 })).train({
  epochs: 1,
  batch: 20,
});

Deno.test("evaluate() measures a snapshot as the run that took it did, also after it was written and read", async () => {
  const { snapshot, history } = await train(SENTENCE, { backend: "wasm", runs: false });
  assertEquals(await evaluate(SENTENCE, snapshot, { backend: "wasm", runs: false }), history[0]!.metrics);
  const read = decodeSnapshot(encodeSnapshot(snapshot));
  assertEquals(await evaluate(SENTENCE, read, { backend: "wasm", runs: false }), history[0]!.metrics);
});

Deno.test("evaluate() refuses the snapshot of another sentence", async () => {
  const { snapshot } = await train(SENTENCE, { backend: "wasm", runs: false });
  const other = cohort("resnet14×2").mutual().on(withLimit(digits(), 40));
  await assertRejects(
    () => evaluate(other, snapshot, { backend: "wasm", runs: false }),
    CheckpointError,
    "Cannot resume: the checkpoint holds the tensors of this run, got ",
  );
});
