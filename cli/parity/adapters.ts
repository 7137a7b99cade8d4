/**
 * Adapters of step traces, by the recording's name of the method.
 *
 * @module
 */

import type { Adapter } from "./adapter.ts";
import { dmlTrace } from "./adapters/dml.ts";
import { ffsdTrace } from "./adapters/ffsd.ts";
import { kdTrace } from "./adapters/kd.ts";
import { switokdTrace } from "./adapters/switokd.ts";
import { vanillaTrace } from "./adapters/vanilla.ts";

/** One adapter a method; a method without one is not compared yet. */
export const adapters: ReadonlyMap<string, Adapter> = new Map<string, Adapter>([
  ["vanilla", vanillaTrace],
  ["kd", kdTrace],
  ["DML", dmlTrace],
  ["FFSD", ffsdTrace],
  ["SwitOKD-1T1S", switokdTrace],
  ["SwitOKD-1T2S", switokdTrace],
  ["SwitOKD-2T1S", switokdTrace],
]);
