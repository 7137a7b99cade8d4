/** Which WebGPU adapter there is, asked without loading any backend. @module */

const softwareNames = /llvmpipe|lavapipe|swiftshader|softpipe|software|basic render|warp/i;

/** A usable adapter, or the reason there is none. */
export type Found =
  | { readonly adapter: GPUAdapter; readonly label: string; readonly software: boolean }
  | { readonly adapter?: undefined; readonly why: string };

/**
 * Asks for the fastest adapter.
 *
 * A software adapter (llvmpipe, SwiftShader) computes on the processor, slower than the wasm backend, so it counts as
 * no GPU unless `allowSoftware` is set.
 *
 * @param gpu `navigator.gpu` unless a test hands in another.
 */
export async function findAdapter(
  options: { readonly allowSoftware?: boolean; readonly gpu?: GPU } = {},
): Promise<Found> {
  const gpu = options.gpu ?? globalThis.navigator?.gpu;
  if (gpu === undefined) return { why: "this runtime has no WebGPU" };
  quietMesa();
  let adapter: GPUAdapter | null;
  try {
    adapter = await gpu.requestAdapter({ powerPreference: "high-performance" });
  } catch (error) {
    return { why: `WebGPU failed to start (${error instanceof Error ? error.message : error})` };
  }
  if (adapter === null) return { why: "WebGPU found no adapter" };
  const { description, device, architecture, vendor, isFallbackAdapter } = adapter.info;
  const label = [description, device, architecture, vendor].find((text) => text !== "") ?? "unnamed adapter";
  const software = isFallbackAdapter || softwareNames.test(`${description} ${device} ${architecture}`);
  if (software && options.allowSoftware !== true) {
    return { why: `the only WebGPU adapter computes on the processor (${label})` };
  }
  return { adapter, label, software };
}

/** Asks for a device with everything tfjs makes use of. */
export async function openDevice(adapter: GPUAdapter): Promise<GPUDevice> {
  const features = (["timestamp-query", "shader-f16"] as const).filter((name) => adapter.features.has(name));
  const limits = [
    "maxComputeWorkgroupStorageSize",
    "maxComputeWorkgroupsPerDimension",
    "maxStorageBufferBindingSize",
    "maxBufferSize",
    "maxComputeWorkgroupSizeX",
    "maxComputeInvocationsPerWorkgroup",
    "maxStorageBuffersPerShaderStage",
  ] as const;
  return await adapter.requestDevice({
    requiredFeatures: features,
    requiredLimits: Object.fromEntries(limits.map((name) => [name, adapter.limits[name]])),
  });
}

/** Mesa complains on stderr when this variable is unset; any folder will do. Only where the program may set it. */
function quietMesa(): void {
  if (typeof Deno === "undefined" || Deno.build.os !== "linux") return;
  const variable = { name: "env", variable: "XDG_RUNTIME_DIR" } as const;
  if (Deno.permissions.querySync(variable).state !== "granted") return;
  if (Deno.env.get("XDG_RUNTIME_DIR") === undefined) Deno.env.set("XDG_RUNTIME_DIR", "/tmp");
}
