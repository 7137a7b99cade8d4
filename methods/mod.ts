/**
 * Methods as values: one paper a file, each a pure function from a site to a loss graph.
 *
 * @example
 * ```ts
 * import { cohort, resnet8 } from "../dsl/mod.ts";
 * import { ffsd } from "./mod.ts";
 * console.log(cohort(resnet8, 3).leader().use(ffsd()).explain().text);
 * ```
 *
 * @module
 */

export { afd, afdDefaults, type AfdNeeds, type AfdOptions } from "./afd.ts";
export { amln, amlnDefaults, type AmlnNeeds, type AmlnOptions } from "./amln.ts";
export { dml, type DmlNeeds } from "./dml.ts";
export { ffsd, ffsdDefaults, type FfsdNeeds, type FfsdOptions } from "./ffsd.ts";
export { kd, type KdNeeds, type KdOptions } from "./kd.ts";
export { switokd, type SwitokdNeeds, type SwitokdOptions } from "./switokd.ts";
export { vanilla, type VanillaNeeds } from "./vanilla.ts";
