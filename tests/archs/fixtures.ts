import { type Arch, parameterShapes } from "../../dsl/mod.ts";

/** Parameter count, tensor count and FNV-1a of `[[name, shape], …]` as JSON, of a net with 100 classes. */
export function fingerprint(arch: Arch): readonly [parameters: number, tensors: number, hash: string] {
  const tensors = parameterShapes(arch, { classes: 100 }).map(({ name, shape }) => [name, shape] as const);
  const parameters = tensors.reduce((total, [, shape]) => total + shape.reduce((a, b) => a * b, 1), 0);
  return [parameters, tensors.length, fnv1a(JSON.stringify(tensors))];
}

function fnv1a(text: string): string {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 0x01000193);
  return (hash >>> 0).toString(16).padStart(8, "0");
}
