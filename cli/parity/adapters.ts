/**
 * Adapters of step traces, by the recording's name of the method.
 *
 * @module
 */

import type { Adapter } from "./adapter.ts";
import { branchesTrace } from "./adapters/branches.ts";
import { dmlTrace } from "./adapters/dml.ts";
import { distilled, distillTrace } from "./adapters/distill.ts";
import { ffsdTrace } from "./adapters/ffsd.ts";
import { kdTrace } from "./adapters/kd.ts";
import { okddipTrace } from "./adapters/okddip.ts";
import { mdistillerTrace } from "./adapters/mdistiller.ts";
import { kdclTrace } from "./adapters/kdcl.ts";
import { sakdTrace } from "./adapters/sakd.ts";
import { switokdTrace } from "./adapters/switokd.ts";
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
  ["Ind", branchesTrace],
  ["CL-ILR", branchesTrace],
  ["ONE", branchesTrace],
  ["OKDDip-branch", okddipTrace],
  ["OKDDip-network", okddipTrace],
  ...["naive", "linear", "minlogit", "general", "mean"].map((target) => [`KDCL-${target}`, kdclTrace] as const),
  ["SwitOKD-1T1S", switokdTrace],
  ["SwitOKD-1T2S", switokdTrace],
  ["SwitOKD-2T1S", switokdTrace],
]);
