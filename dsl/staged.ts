/**
 * Distillers that prepare a student in a stage of its own and leave it to the labels afterwards.
 *
 * @module
 */

import { type LossGraph, mergeGraphs } from "./graph.ts";
import type { Method, Needs, Site } from "./method.ts";
import type { OptimizerSpec } from "./spec.ts";

/** The stage of a method, as its options say it. */
export interface StageOptions {
  /** Passes over the training images of the stage; 30 (Tian et al. 2020). */
  readonly epochs?: number;
  /** Changes to the run's optimizer in the stage; none unless said. */
  readonly optimizer?: Partial<OptimizerSpec>;
}

/**
 * The method with its own terms and modules in a stage called by its name, before cross-entropy alone: two trainings in
 * the place of one.
 */
export function beforehand<N extends Needs>(
  method: Method<N, string>,
  { epochs, optimizer = {} }: StageOptions & { readonly epochs: number },
): Method<N, never> {
  return Object.freeze({
    ...method,
    routes: Object.freeze([]),
    lower: (site: Site): Partial<LossGraph> => {
      const { terms = [], aux = [] } = method.lower(site);
      const own = terms.filter(({ name }) => !name.endsWith("/ce"));
      return {
        terms: terms.filter((term) => !own.includes(term)),
        stages: [Object.freeze({ name: method.name, epochs, graph: mergeGraphs([{ terms: own, aux }]), optimizer })],
      };
    },
  });
}
