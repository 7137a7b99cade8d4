import { assert, assertEquals, assertRejects } from "@std/assert";
import { BackendError, UnknownNameError } from "../../dsl/errors.ts";
import { type BackendRequest, pick } from "../../runtime/backend/pick.ts";
import { findAdapter } from "../../runtime/backend/tfjs/adapter.ts";

/** WebGPU whose adapter is `real`, renamed. */
function gpuOf(info: Partial<GPUAdapterInfo>, real?: GPUAdapter): GPU {
  const named = { description: "", device: "", architecture: "", vendor: "", isFallbackAdapter: false, ...info };
  const adapter = {
    info: named,
    features: real?.features ?? new Set(),
    limits: real?.limits ?? {},
    requestDevice: (descriptor: GPUDeviceDescriptor) =>
      real?.requestDevice(descriptor) ?? Promise.reject(new Error("no device")),
  };
  return { requestAdapter: () => Promise.resolve(adapter) } as unknown as GPU;
}

const none = { requestAdapter: () => Promise.resolve(null) } as unknown as GPU;
const software = gpuOf({ description: "llvmpipe (LLVM 15.0.6, 256 bits)", isFallbackAdapter: true });
const unflagged = gpuOf({ architecture: "swiftshader" });

Deno.test("pick() loads no library that was not chosen", async () => {
  assertEquals((await pick("reference")).name, "reference");
  assertEquals("_tfengine" in globalThis, false);
});

Deno.test("pick() names the reason in its description", async () => {
  const picked = await pick("reference");
  assertEquals(picked.reason, "it was asked for");
  assert(picked.description.startsWith("reference: "), picked.description);
  assert(picked.description.endsWith("; chosen because it was asked for"), picked.description);
  const engine = await picked.open([{ name: "w", kind: "parameter", shape: [2] }]);
  assertEquals([...await engine.read("w")], [0, 0]);
  await engine.close();
});

Deno.test("pick() takes wasm where there is no GPU, and says what it found", async () => {
  const found = [
    [none, "WebGPU found no adapter"],
    [software, "the only WebGPU adapter computes on the processor (llvmpipe (LLVM 15.0.6, 256 bits))"],
    [unflagged, "the only WebGPU adapter computes on the processor (swiftshader)"],
  ] as const;
  for (const [gpu, reason] of found) {
    const picked = await pick("auto", { gpu });
    assertEquals([picked.name, picked.reason], ["wasm", reason]);
  }
});

Deno.test("pick() refuses webgpu where there is no GPU instead of taking another backend", async () => {
  await assertRejects(
    () => pick("webgpu", { gpu: none }),
    BackendError,
    'Cannot use backend webgpu: it needs a GPU, but WebGPU found no adapter. Ask for "wasm" or "auto".',
  );
  await assertRejects(() => pick("webgpu", { gpu: software }), BackendError, "computes on the processor (llvmpipe");
  await assertRejects(
    () => pick({ name: "tfjs", engine: "webgpu" }, { gpu: software }),
    BackendError,
    "Cannot start tfjs-webgpu: the only WebGPU adapter computes on the processor",
  );
});

Deno.test("pick() refuses an unknown backend with the closest name", async () => {
  await assertRejects(
    () => pick("wsam" as BackendRequest),
    UnknownNameError,
    'Cannot use backend "wsam": it is unknown. Did you mean "wasm"?',
  );
});

Deno.test("pick() runs tfjs on the engine that is named, or on its cpu engine where there is no GPU", async () => {
  const named = await pick({ name: "tfjs", engine: "wasm" });
  assertEquals(named.name, "tfjs");
  assert(named.description.startsWith("tfjs-wasm 4.22.0"), named.description);
  const unnamed = await pick("tfjs", { gpu: none });
  assert(unnamed.description.startsWith("tfjs-cpu 4.22.0"), unnamed.description);
  assertEquals(unnamed.reason, "tfjs was asked for and WebGPU found no adapter; its cpu engine is slow");
});

const machine = await findAdapter({ allowSoftware: true });
const why = machine.adapter === undefined ? `, ignored because ${machine.why}` : "";
const gpuTest = { ignore: machine.adapter === undefined, sanitizeOps: false, sanitizeResources: false };

Deno.test({
  ...gpuTest,
  name: `pick() takes webgpu through tfjs where there is a GPU${why}`,
  fn: async () => {
    const picked = await pick("auto", { gpu: gpuOf({ description: "Some Card 9000" }, machine.adapter) });
    assertEquals([picked.name, picked.reason], ["webgpu", "a GPU is there"]);
    assert(picked.description.startsWith("webgpu (through tfjs): tfjs-webgpu 4.22.0 (GPU Some Card 9000)"));
  },
});

Deno.test({
  ...gpuTest,
  name: `pick() takes a software adapter only when it is allowed${why}`,
  fn: async () => {
    const gpu = gpuOf({ description: "llvmpipe", isFallbackAdapter: true }, machine.adapter);
    assertEquals((await pick("auto", { gpu })).name, "wasm");
    const picked = await pick("auto", { gpu, allowSoftware: true });
    assertEquals([picked.name, picked.reason], ["webgpu", "a software adapter was allowed as a GPU"]);
    assert(picked.description.includes("software adapter llvmpipe"), picked.description);
  },
});
