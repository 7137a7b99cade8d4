/**
 * What this machine's WebAssembly offers, found by validating tiny modules.
 *
 * @module
 */

import { encodeModule } from "./assembler/module.ts";
import { type Features, Func } from "./assembler/func.ts";
import * as f from "./assembler/f32x4.ts";

/** Whether a module with one instruction of 128-bit SIMD is valid here. */
export function hasSimd(): boolean {
  return validates({ relaxed: false });
}

/** Whether a module with `f32x4.relaxed_madd` is valid here. */
export function hasRelaxedSimd(): boolean {
  return validates({ relaxed: true });
}

function validates(features: Features): boolean {
  const probe = new Func("probe", features);
  const one = f.splat(1);
  probe.store(0, probe.madd(one, one, one));
  return WebAssembly.validate(encodeModule([{ name: "probe", parameters: 0, body: probe.body(), exported: true }]));
}
