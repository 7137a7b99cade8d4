import { assert, assertAlmostEquals } from "@std/assert";
import { kl } from "../../../dsl/losses.ts";
import { reference } from "../../../runtime/backend/reference/reference.ts";
import { wasm } from "../../../runtime/backend/wasm/wasm.ts";
import { inputNamed, recordedInput } from "../../../cli/parity/loss_adapter.ts";
import { runProbe } from "../../../cli/parity/probe.ts";

const [BATCH, CLASSES] = [8, 100];
const inputs = Object.fromEntries(["s", "t"].map((name, seed) => [
  name,
  Float32Array.from({ length: BATCH * CLASSES }, (_, i) => 2 * Math.sin(1.7 * i + 0.4 * Math.sin(i * 3.1 + seed))),
]));

Deno.test("kl() in float32 is exact to a few roundings where it is small", async () => {
  const value = kl(recordedInput("s", "logits"), recordedInput("t", "logits"), { temperature: 20 });
  const [single, double] = await Promise.all([wasm(), reference()].map(async (backend) => {
    const { outputs } = await runProbe(
      {
        modules: [],
        inputs: { s: [BATCH, CLASSES], t: [BATCH, CLASSES] },
        standIn: inputNamed,
        classes: CLASSES,
        batch: BATCH,
        losses: { kl: value },
        gradientOf: { kl: 1 },
      },
      inputs,
      new Map(),
      backend,
    );
    return outputs.get("loss/kl")![0]!;
  }));
  assert(double! > 0);
  // It is some 1e-3, and each of 100 exponentials of about 1e-2 is rounded.
  assertAlmostEquals(single! / double!, 1, 5e-5);
});
