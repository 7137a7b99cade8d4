/**
 * Frozen JSON: what specs are made of.
 *
 * @module
 */

import { OptionError } from "./errors.ts";
import type { Json } from "./spec.ts";

/**
 * A frozen deep copy of `value` as JSON; keys that are `undefined` are left out.
 *
 * @throws {OptionError} If something in it is not JSON, e.g. a function or NaN; `place` names where.
 */
export function frozenJson(value: unknown, place: string): Json {
  if (value === null || typeof value === "string" || typeof value === "boolean") return value;
  if (typeof value === "number" && Number.isFinite(value)) return value;
  if (Array.isArray(value)) return Object.freeze(value.map((item, i) => frozenJson(item, `${place}[${i}]`)));
  if (typeof value === "object" && isPlain(value)) {
    const entries = Object.entries(value).filter(([, item]) => item !== undefined);
    return Object.freeze(
      Object.fromEntries(entries.map(([key, item]) => [key, frozenJson(item, `${place}.${key}`)])),
    );
  }
  const got = typeof value === "number" ? String(value) : typeof value;
  throw new OptionError(`Cannot record ${place}: a sentence holds JSON only, got ${got}. Pass a plain value.`);
}

/** Like {@linkcode frozenJson}, for an object of options. */
export function frozenOptions(options: object, place: string): { readonly [key: string]: Json } {
  return frozenJson(options, place) as { readonly [key: string]: Json };
}

/** Whether two JSON values are equal; the order of keys does not matter. */
export function equalJson(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const [left, right] = [a as Record<string, unknown>, b as Record<string, unknown>];
  const keys = Object.keys(left);
  return keys.length === Object.keys(right).length &&
    keys.every((key) => Object.hasOwn(right, key) && equalJson(left[key], right[key]));
}

function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
