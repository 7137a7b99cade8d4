/**
 * Runs values on given tensors: what loss and model cases are made of.
 *
 * @module
 */

import type { Backend, Feed, Numbers } from "../../runtime/backend/backend.ts";
import { compileProbe, type Probe, type ProbeInput } from "../../runtime/compile/probe.ts";

/** Everything a probe computed. */
export interface ProbeResult {
  readonly probe: Probe;
  /** Outputs by name: `output/<name>`, `loss/<name>`, `gradient/<input or parameter>`. */
  readonly outputs: ReadonlyMap<string, Numbers>;
  /** Parameters and buffers after the run. */
  readonly state: ReadonlyMap<string, Numbers>;
}

/** Compiles values, fills their modules, runs them once and reads everything. */
export async function runProbe(
  input: ProbeInput,
  inputs: Feed["inputs"],
  state: ReadonlyMap<string, Numbers>,
  backend: Backend,
): Promise<ProbeResult> {
  const probe = compileProbe(input);
  const engine = await backend.open(probe.state);
  try {
    for (const { name } of probe.state) {
      const values = state.get(name);
      if (values !== undefined) await engine.write(name, values);
    }
    const runner = await engine.load(probe.program);
    await runner.run({ count: input.batch, inputs, uniforms: {} });
    const outputs = new Map<string, Numbers>();
    for (const name of Object.keys(probe.program.outputs)) outputs.set(name, await runner.read(name));
    const after = new Map<string, Numbers>();
    for (const { name } of probe.state) after.set(name, await engine.read(name));
    runner.close();
    return { probe, outputs, state: after };
  } finally {
    await engine.close();
  }
}
