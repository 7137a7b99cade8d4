/**
 * Encodes a module of functions over one imported memory.
 *
 * @module
 */

import { typeByte, unsigned } from "./code.ts";

/** An encoded function. */
export interface EncodedFunction {
  /** Name shown by profilers; also its export if `exported`. */
  readonly name: string;
  /** Number of integer parameters. */
  readonly parameters: number;
  /** Size, locals and instructions, as `Func.body()` gives them. */
  readonly body: readonly number[] | Uint8Array;
  /** Whether the host may call it. */
  readonly exported: boolean;
}

/** Most pages of 64 KiB a memory may have: 4 GiB. */
export const maximumPages = 65536;

/**
 * Fewest pages a memory may have: 1 MiB. V8 checks the bounds of an access whose constant offset is larger twice.
 */
export const minimumPages = 16;

/** Bytes of a module that imports `env.memory`, shared or not; functions call each other by position. */
export function encodeModule(functions: readonly EncodedFunction[], shared = false): Uint8Array<ArrayBuffer> {
  const arities = [...new Set(functions.map((f) => f.parameters))];
  const exported = functions.flatMap((f, i) => (f.exported ? [[...text(f.name), 0x00, ...unsigned(i)]] : []));
  const parts: (readonly number[] | Uint8Array)[] = [
    [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
    section(1, vector(arities.map((n) => [0x60, ...unsigned(n), ...Array(n).fill(typeByte.i32), 0x00]))),
    section(
      2,
      vector([[
        ...text("env"),
        ...text("memory"),
        0x02,
        shared ? 0x03 : 0x01,
        ...unsigned(minimumPages),
        ...unsigned(maximumPages),
      ]]),
    ),
    section(3, vector(functions.map((f) => unsigned(arities.indexOf(f.parameters))))),
    section(7, vector(exported)),
    ...codeSection(functions),
    section(0, [...text("name"), ...functionNames(functions)]),
  ];
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.length;
  }
  return bytes;
}

function codeSection(functions: readonly EncodedFunction[]): (readonly number[] | Uint8Array)[] {
  const head = unsigned(functions.length);
  const size = functions.reduce((sum, f) => sum + f.body.length, head.length);
  return [[10, ...unsigned(size), ...head], ...functions.map((f) => f.body)];
}

function functionNames(functions: readonly EncodedFunction[]): number[] {
  const names = vector(functions.map((f, i) => [...unsigned(i), ...text(f.name)]));
  return [0x01, ...unsigned(names.length), ...names];
}

function section(id: number, content: readonly number[]): number[] {
  return [id, ...unsigned(content.length), ...content];
}

function vector(items: readonly (readonly number[])[]): number[] {
  return [...unsigned(items.length), ...items.flat()];
}

function text(value: string): number[] {
  const bytes = new TextEncoder().encode(value);
  return [...unsigned(bytes.length), ...bytes];
}
