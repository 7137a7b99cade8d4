/**
 * What the benches ask of the wasm backend on this machine.
 *
 * @module
 */
import type { Backend } from "../../runtime/backend/backend.ts";
import type { Features } from "../../runtime/backend/wasm/assembler/func.ts";
import { hasRelaxedSimd } from "../../runtime/backend/wasm/features.ts";
import { wasm } from "../../runtime/backend/wasm/wasm.ts";

/** The features for which kernels are chosen and generated; `turbo` for V8's unsafe flags. */
export function featuresOf(turbo: boolean): Features {
  return { relaxed: hasRelaxedSimd(), ...(turbo ? { wide: true } : {}) };
}

/** The backend on so many threads. */
export function wasmOf(threads: number, turbo: boolean): Backend {
  return wasm({ threads, ...(turbo ? { turbo } : {}) });
}
