/**
 * Adapters of step traces, by the recording's name of the method.
 *
 * @module
 */

import type { Adapter } from "./adapter.ts";
import { dmlTrace } from "./adapters/dml.ts";
import { distilled, distillTrace } from "./adapters/distill.ts";
import { ffsdTrace } from "./adapters/ffsd.ts";
import { kdTrace } from "./adapters/kd.ts";
import { mdistillerTrace } from "./adapters/mdistiller.ts";
import { sakdTrace } from "./adapters/sakd.ts";
import { vanillaTrace } from "./adapters/vanilla.ts";

/** One adapter a method; a method without one is not compared yet. */
export const adapters: ReadonlyMap<string, Adapter> = new Map<string, Adapter>([
  ["vanilla", vanillaTrace],
  ["kd", kdTrace],
  ...distilled.map((name) => [name, distillTrace] as const),
  ["DKD", mdistillerTrace],
  ["ReviewKD", mdistillerTrace],
  ...["SAKD", "SAKD-reverse", "SAKD-random"].map((name) => [name, sakdTrace] as const),
  ["DML", dmlTrace],
  ["FFSD", ffsdTrace],
]);
