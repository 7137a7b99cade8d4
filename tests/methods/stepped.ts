/** One step of a sentence over tiny nets, with everything that can be read. @module */

import { assertAlmostEquals, assertEquals } from "@std/assert";
import type { LossGraph, Watch } from "../../dsl/graph.ts";
import type { Numbers } from "../../runtime/backend/backend.ts";
import type { StepFeed } from "../../runtime/train/session.ts";
import { compileTiny, feed, inSession, type Sentence, stateOf } from "../runtime/fixtures.ts";
import { type Row, rows } from "./arithmetic.ts";

/** What one step computed. */
export interface Stepped {
  readonly terms: Readonly<Record<string, number>>;
  /** Rows of an output, one a sample. */
  readonly out: (name: string) => Row[];
  readonly given: StepFeed;
  /** State before the step. */
  readonly state: Readonly<Record<string, Numbers>>;
}

/** One step in float64 with weights of 1, from seed 3. */
export async function stepped(sentence: Sentence, watches: readonly Watch[] = [], count = 5): Promise<Stepped> {
  const graph: LossGraph = { ...sentence.lower(), watches };
  const compiled = compileTiny({ spec: sentence.spec, archs: sentence.archs, lower: () => graph });
  const drawn = feed(compiled, { count });
  const given = { ...drawn, weights: Object.fromEntries(Object.keys(drawn.weights).map((name) => [name, 1])) };
  return await inSession(compiled, async (session) => {
    const state = await stateOf(session);
    const { terms } = await session.step(given);
    const outputs = new Map<string, Row[]>();
    for (const output of Object.keys(compiled.step.outputs)) {
      if (!output.startsWith("term/")) outputs.set(output, rows(await session.readStep(output), count));
    }
    return { terms, out: (name) => outputs.get(name)!, given, state };
  });
}

/** Compares terms with numbers computed by hand: 1e-11, sums of some hundred float64 numbers in another order. */
export function assertTerms(
  terms: Readonly<Record<string, number>>,
  expected: Readonly<Record<string, number>>,
): void {
  assertEquals(Object.keys(terms).sort(), Object.keys(expected).sort());
  for (const [name, value] of Object.entries(expected)) {
    assertAlmostEquals(terms[name]!, value, 1e-11 * Math.max(1, Math.abs(value)), name);
  }
}

/** For every term alone, the nets, trunks and modules whose parameters receive gradient from it, sorted. */
export async function gradients(sentence: Sentence): Promise<Record<string, string>> {
  const compiled = compileTiny(sentence, { debug: true });
  const given = feed(compiled, { rate: 0 });
  const names = Object.keys(given.weights);
  return await inSession(compiled, async (session) => {
    const found: Record<string, string> = {};
    for (const name of names) {
      const weights = Object.fromEntries(names.map((other) => [other, Number(other === name)]));
      await session.step({ ...given, weights });
      const hit = new Set<string>();
      for (const output of Object.keys(compiled.step.outputs)) {
        const [, module] = /^gradient\/([^/]+)\//.exec(output) ?? [];
        if (module === undefined || hit.has(module)) continue;
        if ((await session.readStep(output)).some((x) => x !== 0)) hit.add(module);
      }
      found[name] = [...hit].sort().join(" ");
    }
    return found;
  });
}
