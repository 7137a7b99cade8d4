/**
 * Adapters of step traces, by the recording's name of the method.
 *
 * @module
 */

import type { Adapter } from "./adapter.ts";
import { dmlTrace } from "./adapters/dml.ts";
import { distillTrace } from "./adapters/distill.ts";
import { ffsdTrace } from "./adapters/ffsd.ts";
import { kdTrace } from "./adapters/kd.ts";
import { vanillaTrace } from "./adapters/vanilla.ts";

/** One adapter a method; a method without one is not compared yet. */
export const adapters: ReadonlyMap<string, Adapter> = new Map<string, Adapter>([
  ["vanilla", vanillaTrace],
  ["kd", kdTrace],
  ...["crd", "attention", "similarity", "rkd", "hint"].map((name) => [name, distillTrace] as const),
  ["DML", dmlTrace],
  ["FFSD", ffsdTrace],
]);
