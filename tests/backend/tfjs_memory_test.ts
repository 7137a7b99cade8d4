import { assertEquals } from "@std/assert";
import type { Backend } from "../../runtime/backend/backend.ts";
import { backendSuite } from "../../runtime/backend/suite.ts";
import { findAdapter } from "../../runtime/backend/tfjs/adapter.ts";
import { tfjs, type TfjsEngine } from "../../runtime/backend/tfjs/tfjs.ts";

const tf = await import("@tensorflow/tfjs-core");
const suite = backendSuite();
const adapter = await findAdapter({ allowSoftware: true });

/** Tensors alive after each of several steps of a case, and after everything was closed. */
async function counts(backend: Backend, topic: string): Promise<{ each: number[]; closed: number }> {
  const subject = suite.find((one) => one.topic === topic)!;
  const before = tf.memory().numTensors;
  const engine = await backend.open(subject.state);
  for (const [name, values] of Object.entries(subject.initial)) await engine.write(name, values);
  const [program] = subject.programs;
  const runner = await engine.load(program!);
  const each: number[] = [];
  for (let step = 0; step < 6; step++) {
    await runner.run(subject.runs[step % subject.runs.length]!.feed);
    for (const output of Object.keys(program!.outputs)) await runner.read(output);
    await engine.read(subject.state[0]!.name);
    each.push(tf.memory().numTensors - before);
  }
  await engine.close();
  return { each, closed: tf.memory().numTensors - before };
}

const engines: readonly (readonly [TfjsEngine, string, string | undefined])[] = [
  ["cpu", "training step", undefined],
  ["cpu", "gates", undefined],
  ["wasm", "assign", undefined],
  ["webgpu", "training step", adapter.adapter === undefined ? adapter.why : undefined],
];

for (const [engine, topic, missing] of engines) {
  const name = `tfjs-${engine} holds the same number of tensors after every run of "${topic}", and none at the end`;
  Deno.test({
    name: missing === undefined ? name : `${name}, ignored because ${missing}`,
    ignore: missing !== undefined,
    sanitizeOps: false,
    sanitizeResources: false,
    fn: async () => {
      const { each, closed } = await counts(await tfjs({ engine, allowSoftware: true }), topic);
      assertEquals(each, each.map(() => each[0]));
      assertEquals(closed, 0);
    },
  });
}
