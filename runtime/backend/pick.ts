/**
 * Chooses a backend and says why. A request that cannot be met is an error; nothing falls back without a word.
 *
 * @module
 */

import { BackendError, didYouMean, UnknownNameError } from "../../dsl/errors.ts";
import type { Backend, BackendName } from "./backend.ts";
import { findAdapter } from "./tfjs/adapter.ts";
import type { TfjsEngine } from "./tfjs/device.ts";
import type { WasmOptions } from "./wasm/wasm.ts";

/** What may be asked for: a choice by what the machine has, a backend by name, or one engine of tfjs. */
export type BackendRequest = "auto" | BackendName | { readonly name: "tfjs"; readonly engine: TfjsEngine };

/** What a choice depends on besides the request. */
export interface PickOptions {
  /** Counts a WebGPU adapter that computes on the processor (llvmpipe, SwiftShader) as a GPU. Default false. */
  readonly allowSoftware?: boolean;
  /** Handed to the wasm backend. */
  readonly wasm?: WasmOptions;
  /** WebGPU to ask for an adapter. Default `navigator.gpu`. */
  readonly gpu?: GPU;
}

/** A backend, and why it is this one. */
export interface Picked extends Backend {
  /** Reason of the choice, for people; `description` ends with it. */
  readonly reason: string;
}

const names = ["reference", "wasm", "webgpu", "tfjs"] as const satisfies readonly BackendName[];

/**
 * Picks a backend: with `"auto"` a GPU where there is a real one, else wasm. Only what is chosen is loaded.
 *
 * @example
 * ```ts
 * import { pick } from "./pick.ts";
 * const backend = await pick("reference");
 * backend.description; // "reference: plain TypeScript in float64, … ; chosen because it was asked for"
 * ```
 *
 * @throws {BackendError} If the machine lacks what was asked for.
 * @throws {UnknownNameError} If there is no backend of that name.
 */
export async function pick(request: BackendRequest = "auto", options: PickOptions = {}): Promise<Picked> {
  if (typeof request === "object") return await throughTfjs(request.engine, asked, options);
  switch (request) {
    case "auto":
      return await automatic(options);
    case "reference": {
      const { reference } = await import("./reference/reference.ts");
      return picked(reference(), asked);
    }
    case "wasm":
      return await ownWasm(asked, options);
    case "webgpu": {
      const found = await findAdapter(options);
      if (found.adapter !== undefined) return await webgpu(asked, options);
      throw new BackendError(`Cannot use backend webgpu: it needs a GPU, but ${found.why}. Ask for "wasm" or "auto".`);
    }
    case "tfjs": {
      const found = await findAdapter(options);
      if (found.adapter !== undefined) {
        return await throughTfjs("webgpu", "it was asked for and a GPU is there", options);
      }
      return await throughTfjs("cpu", `tfjs was asked for and ${found.why}; its cpu engine is slow`, options);
    }
    default:
      request satisfies never;
      throw new UnknownNameError(
        `Cannot use backend "${request}": it is unknown.${didYouMean(request, ["auto", ...names])}`,
      );
  }
}

const asked = "it was asked for";

async function automatic(options: PickOptions): Promise<Picked> {
  const found = await findAdapter(options);
  if (found.adapter === undefined) return await ownWasm(found.why, options);
  return await webgpu(found.software ? "a software adapter was allowed as a GPU" : "a GPU is there", options);
}

async function ownWasm(reason: string, options: PickOptions): Promise<Picked> {
  const { wasm } = await import("./wasm/wasm.ts");
  return picked(wasm(options.wasm), reason);
}

/** Kernels of tfjs under the name that own WGSL kernels will have. */
async function webgpu(reason: string, options: PickOptions): Promise<Picked> {
  const through = await throughTfjs("webgpu", reason, options);
  return { ...through, name: "webgpu", description: `webgpu (through tfjs): ${through.description}` };
}

async function throughTfjs(engine: TfjsEngine, reason: string, options: PickOptions): Promise<Picked> {
  const { tfjs } = await import("./tfjs/tfjs.ts");
  const { allowSoftware = false, gpu } = options;
  return picked(await tfjs({ engine, allowSoftware, ...(gpu === undefined ? {} : { gpu }) }), reason);
}

function picked(backend: Backend, reason: string): Picked {
  return {
    name: backend.name,
    description: `${backend.description}; chosen because ${reason}`,
    precision: backend.precision,
    open: (state) => backend.open(state),
    reason,
  };
}
