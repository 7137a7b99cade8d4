/**
 * The language: sentences, the vocabulary of their loss graphs, and architectures as data. No tensors, no I/O.
 *
 * @example
 * ```ts
 * import { cohort, resnet32 } from "./mod.ts";
 * const sentence = cohort(resnet32, 3).leader().fuse().selfDistill();
 * console.log(String(sentence.explain()));
 * ```
 *
 * @module
 */

export * from "./arch.ts";
export * from "./archs/mod.ts";
export * from "./cohort.ts";
export * from "./connectors.ts";
export * from "./data.ts";
export * from "./distill.ts";
export * from "./errors.ts";
export * from "./explain.ts";
export * from "./expr.ts";
export * from "./graph.ts";
export * from "./known.ts";
export * from "./layers.ts";
export * from "./losses.ts";
export { lower } from "./lower.ts";
export * from "./method.ts";
export { normalize, type Normalized, type Note } from "./normalize.ts";
export * from "./parse_spec.ts";
export * from "./pipeline.ts";
export * from "./random.ts";
export * from "./refused.ts";
export { siteOf } from "./site.ts";
export * from "./spec.ts";
export * from "./staged.ts";
export * from "./topology.ts";
export * from "./train.ts";
export * from "./value.ts";
export * from "./verbs/diversify.ts";
export * from "./verbs/ensemble.ts";
export * from "./verbs/fuse.ts";
export * from "./verbs/leader.ts";
export * from "./verbs/mutual.ts";
export * from "./verbs/pretrain.ts";
export * from "./verbs/self_distill.ts";
export * from "./verbs/switch.ts";
export * from "./verbs/views.ts";
