/** tfjs set up for one engine: loading, choosing, losing. @module */

import { BackendError } from "../../../dsl/errors.ts";
import { findAdapter, openDevice } from "./adapter.ts";
import type { Tensor, Tf } from "./layout.ts";

/** Engines of tfjs. */
export type TfjsEngine = "webgpu" | "cpu" | "wasm";

/** tfjs with one of its engines. */
export interface Device {
  readonly tf: Tf;
  /** `tfjs-cpu` and the like. */
  readonly label: string;
  /** The device in words. */
  readonly details: string;
  /**
   * Makes this engine the one that tfjs's next calls run on; to be called after every `await`.
   *
   * @throws {BackendError} If the device was lost.
   */
  use(doing: string): void;
  /** Numbers of a tensor, which is freed. @throws {BackendError} If the device was lost. */
  download(tensor: Tensor): Promise<Float32Array>;
}

/** What {@linkcode openTfjs} goes by. */
export interface DeviceRequest {
  readonly engine: TfjsEngine;
  readonly allowSoftware?: boolean;
  readonly gpu?: GPU;
}

/** Loads tfjs and starts an engine. @throws {BackendError} If this machine cannot. */
export async function openTfjs(request: DeviceRequest): Promise<Device> {
  const { engine } = request;
  const tf: Tf = await import("@tensorflow/tfjs-core");
  if (engine === "webgpu") return await openGpu(tf, request);
  if (engine === "cpu") {
    await import("@tensorflow/tfjs-backend-cpu");
    await start(tf, "cpu");
    // Its first use prints a banner that advises another package.
    (tf.findBackend("cpu") as { firstUse?: boolean }).firstUse = false;
    return device(tf, "cpu", "plain JavaScript", () => undefined);
  }
  await import("@tensorflow/tfjs-backend-wasm");
  await start(tf, "wasm");
  return device(tf, "wasm", "WebAssembly, forward passes only", () => undefined);
}

async function start(tf: Tf, name: TfjsEngine): Promise<void> {
  if (await tf.setBackend(name)) return;
  const next = name === "wasm" ? "Its .wasm file has to be readable (--allow-read); or choose" : "Choose";
  throw new BackendError(`Cannot start tfjs-${name}: its set-up failed. ${next} another backend.`);
}

/**
 * Registers an own device: tfjs's factory fails on a missing adapter and then turns to the cpu without a word.
 *
 * tfjs holds one GPU for the whole process, so a device that still works is kept.
 */
async function openGpu(tf: Tf, request: DeviceRequest): Promise<Device> {
  const found = await findAdapter(request);
  if (found.adapter === undefined) {
    throw new BackendError(
      `Cannot start tfjs-webgpu: ${found.why}. Use the wasm backend, or set allowSoftware to compute on a software adapter.`,
    );
  }
  const { WebGPUBackend } = await import("@tensorflow/tfjs-backend-webgpu");
  await import("@tensorflow/tfjs-backend-cpu");
  const held = (tf.engine().registry as Record<string, unknown>)["webgpu"] as { device: GPUDevice } | undefined;
  let gpu = held?.device;
  if (gpu === undefined || await isLost(gpu)) {
    gpu = await openDevice(found.adapter);
    const backend = new WebGPUBackend(gpu as never, found.adapter.info as never);
    refuseBlockingReads(backend as unknown as Readable);
    tf.removeBackend("webgpu");
    tf.registerBackend("webgpu", () => backend);
  }
  await start(tf, "webgpu");
  const trouble = watch(gpu);
  const kind = found.software ? "software adapter" : "GPU";
  return device(tf, "webgpu", `${kind} ${found.label}`, trouble);
}

async function isLost(gpu: GPUDevice): Promise<boolean> {
  const soon = new Promise<false>((resolve) => setTimeout(() => resolve(false), 0));
  return await Promise.race([gpu.lost.then(() => true), soon]);
}

/** What went wrong on a device, if anything did. */
function watch(gpu: GPUDevice): () => string | undefined {
  let trouble: string | undefined;
  gpu.lost.then(({ reason, message }) => {
    trouble = `the GPU device was lost (${[reason, message].filter((text) => text !== "").join(": ")})`;
  });
  gpu.addEventListener("uncapturederror", (event) => {
    event.preventDefault();
    trouble ??= `the GPU reported an error (${(event as GPUUncapturedErrorEvent).error.message})`;
  });
  return () => trouble;
}

interface Readable {
  readSync(id: unknown): unknown;
  readonly tensorMap: { get(id: unknown): { readonly values?: unknown; readonly dtype: string } | undefined };
}

/** Blocking reads of the GPU go through a canvas that Deno lacks, and break later reads in browsers. */
function refuseBlockingReads(backend: Readable): void {
  const read = backend.readSync.bind(backend);
  backend.readSync = (id) => {
    const entry = backend.tensorMap.get(id);
    if (entry?.values !== undefined && entry.values !== null) return read(id);
    throw new BackendError("Cannot read a tensor of tfjs-webgpu at once: the GPU answers later. Use `await x.data()`.");
  };
}

function device(tf: Tf, name: TfjsEngine, details: string, trouble: () => string | undefined): Device {
  const label = `tfjs-${name}`;
  const requireAlive = (doing: string): void => {
    const text = trouble();
    if (text === undefined) return;
    throw new BackendError(`Cannot ${doing} on ${label}: ${text}. Open a new backend and resume from a checkpoint.`);
  };
  return {
    tf,
    label,
    details,
    use(doing) {
      requireAlive(doing);
      const engine = tf.engine();
      // A started engine is switched to at once; the promise only matters for one that is not.
      if (engine.backendName !== name || engine.backend !== tf.findBackend(name)) void engine.setBackend(name);
    },
    async download(tensor) {
      try {
        return (await tensor.data<"float32">()).slice();
      } catch (cause) {
        // The loss is announced by another promise, which may settle a little later.
        await new Promise((resolve) => setTimeout(resolve, 20));
        requireAlive("read numbers");
        const text = cause instanceof Error ? cause.message : String(cause);
        throw new BackendError(`Cannot read numbers on ${label}: tfjs says "${text}".`, { cause });
      } finally {
        tensor.dispose();
      }
    },
  };
}
