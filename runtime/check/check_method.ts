/**
 * The conformance check of a method: what the project's own methods pass, for those of anybody.
 *
 * It imports no test library, so that a method published elsewhere runs the same check.
 *
 * @module
 */

import { lower } from "../../dsl/lower.ts";
import type { Values } from "../../dsl/parse_spec.ts";
import type { AnyPipeline } from "../../dsl/pipeline.ts";
import { trainSpec } from "../../dsl/train.ts";
import { partsOf } from "../train/parts.ts";
import { finding, messageOf, type MethodFinding } from "./finding.ts";
import { laws } from "./laws.ts";
import { drawnImages, imagesOf, viewsOf } from "./sample.ts";
import { trials } from "./trials.ts";

/** Options of {@linkcode checkMethod}. */
export interface CheckMethodOptions {
  /** Functions that make the method again from its recorded options, by its name, as `parseSpec()` takes them. */
  readonly methods?: Values["methods"];
  /** Images of a step; 6. Batch norm needs 2, the check of a short batch 4. */
  readonly batch?: number;
  /** Channels, height and width of the random images of a sentence without dataset; 3×16×16. */
  readonly shape?: readonly [number, number, number];
  /** Classes of those images; 4. */
  readonly classes?: number;
}

/**
 * Looks at a method by the rules that every method of this project keeps, on a sentence that uses it. Small nets make it
 * quick; without a dataset it sees random images.
 *
 * | rule | what is kept |
 * |---|---|
 * | data | the method is frozen JSON with a name and a version |
 * | pure | `lower` gives the same graph twice, and the graph survives JSON |
 * | spec | `parseSpec()` gives an equal spec and graph |
 * | explain | `explain()` names the method and every term |
 * | compiles | the sentence and its initial stages compile, and every measured value is measured |
 * | gradient | every module of every learner gets gradient in two steps |
 * | moves | and moves |
 * | rests | nets that are no learners stay as they are, bit for bit |
 * | finite | terms, gradients, watches and state are finite numbers |
 * | short batch | fewer images than compiled for give the numbers of a step compiled for as many |
 * | wasm | agrees with the float64 reference |
 * | threads | one and two threads give the same bits |
 * | evaluation | every net and head gives finite class scores |
 *
 * A learner that a switch pauses in both steps is not asked for gradient. Where nothing compiles, the rules behind
 * "compiles" are left out. Weights are those behind all ramps; initial stages are looked at like the main training.
 *
 * @example A method of one's own
 * ```ts
 * import { checkMethod, cohort, kl, logits, method, resnet8, supervision, term } from "../../mod.ts";
 *
 * const ring = method("ring", {}, { needs: { peer: [] } }, ({ peers }) => ({
 *   terms: peers.flatMap((peer, i) => [
 *     supervision(peer),
 *     term(`${peer.id}/ring`, [peer.id], kl(logits(peer), logits(peers.at(i - 1)!))),
 *   ]),
 * }));
 * const findings = await checkMethod(cohort(resnet8, 2).use(ring), { shape: [3, 8, 8] });
 * const broken = findings.filter(({ ok }) => !ok);
 * if (broken.length > 0) throw new Error(broken.map(({ rule, detail }) => `${rule}: ${detail}`).join("\n"));
 * ```
 */
export async function checkMethod(
  sentence: AnyPipeline,
  options: CheckMethodOptions = {},
): Promise<readonly MethodFinding[]> {
  const { methods, batch = 6, shape = [3, 16, 16], classes = 4 } = options;
  const said = laws(sentence, methods);
  try {
    const size = { batch, steps: 2, shape, classes };
    const { dataset } = sentence;
    const source = dataset === undefined ? drawnImages(size) : await imagesOf(dataset, size);
    const input = {
      nets: sentence.spec.nets,
      archs: sentence.archs,
      graph: lower(sentence),
      classes: source.classes,
      shape: source.shape,
      batch,
      samples: source.labels.length,
      mixed: source.mixed,
    };
    const parts = partsOf(input, sentence.spec.train ?? trainSpec()).map(({ stage, compiled, train }) => ({
      name: stage === undefined ? "" : `stage ${stage}: `,
      compiled,
      input: { ...input, graph: compiled.plan.graph },
      train,
    }));
    const batches = await source.batches(Math.max(...parts.map(({ compiled }) => viewsOf(compiled))));
    return [...said, ...await trials(parts, { ...source, batches })];
  } catch (error) {
    return [...said, finding("compiles", [messageOf(error)], "")];
  }
}
