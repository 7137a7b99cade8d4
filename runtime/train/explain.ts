/**
 * What a sentence means for the backend: a section for the end of an explanation.
 *
 * It stands here and not in the language, which knows no backends.
 *
 * @module
 */

import { CohortError } from "../../dsl/errors.ts";
import { trainSpec } from "../../dsl/train.ts";
import { type Choice, type ConvolutionChoice, explainConvolutions } from "../backend/wasm/explain.ts";
import { hasRelaxedSimd } from "../backend/wasm/features.ts";
import { compile } from "../compile/compile.ts";
import type { Trainable } from "./train.ts";

/** Images and classes where the sentence does not say: those of CIFAR-100. */
const assumed = { shape: [3, 32, 32], classes: 100, samples: 50_000 } as const;

/**
 * The section "Convolutions (wasm)": for each shape of convolution in a training step, whether the convolution, its
 * input gradient and its filter gradient are computed by Winograd F(4×4, 3×3) or directly, and the expected time of
 * Winograd over that of the direct method by which this was chosen, on this machine's SIMD features.
 *
 * A sentence that cannot be compiled has no section but the reason.
 *
 * @example
 * ```ts
 * import { resnet8, solo } from "../../dsl/mod.ts";
 * import { explainKernels } from "./explain.ts";
 * console.log(explainKernels(solo(resnet8)));
 * ```
 */
export function explainKernels(sentence: Trainable): string {
  const title = "Convolutions (wasm)";
  const { dataset, spec, archs } = sentence;
  const { shape = assumed.shape } = dataset ?? {};
  const known = dataset?.classes ??
    spec.nets.map(({ arch }) => archs[arch]?.classes).find((count) => count !== undefined);
  const train = spec.train ?? trainSpec();
  try {
    const input = {
      samples: assumed.samples,
      nets: spec.nets,
      archs,
      graph: sentence.lower(),
      classes: known ?? assumed.classes,
      shape,
    };
    const { step } = compile({ ...input, batch: Math.max(2, train.batch) }, train);
    const relaxed = hasRelaxedSimd();
    const rows = explainConvolutions(step, { relaxed }).map(rowOf);
    const head = ["shape", "times", "convolution", "input gradient", "filter gradient"];
    const images = `images of ${shape.join("×")}, SIMD${relaxed ? " with relaxed multiply-add" : ""}`;
    return [
      `${title} of a training step, ${images}`,
      ...aligned([head, ...rows]).map((line) => `  ${line}`),
      "  The number is the time expected of Winograd F(4×4, 3×3) over that of the direct method: below 1 it is chosen.",
      "  Shape and SIMD features alone decide, so that every run on such a machine gives the same bits.",
      "",
    ].join("\n");
  } catch (error) {
    if (!(error instanceof CohortError)) throw error;
    return `${title}\n  ${error.message}\n`;
  }
}

function rowOf({ input, output, kernel, attrs, count, choices }: ConvolutionChoice): readonly string[] {
  const { stride, pad, groups } = attrs;
  const map = ({ channels, height, width }: typeof input): string => `${channels}×${height}×${width}`;
  const details = [
    kernel.join("×"),
    ...(stride.every((size) => size === 1) ? [] : [`stride ${pairText(stride)}`]),
    ...(pad.every((size) => size === 0) ? [] : [`pad ${pairText(pad)}`]),
    ...(groups === 1 ? [] : [groups === input.channels ? "depthwise" : `${groups} groups`]),
  ];
  const shape = `${map(input)} to ${map(output)}, ${details.join(", ")}`;
  return [shape, String(count), ...([choices.forward, choices.input, choices.filter].map(choiceText))];
}

function choiceText(choice: Choice | undefined): string {
  if (choice === undefined) return "–";
  return choice.ratio === undefined ? choice.method : `${choice.method} ${choice.ratio.toFixed(2)}`;
}

function pairText([rows, columns]: readonly [number, number]): string {
  return rows === columns ? String(rows) : `${rows}×${columns}`;
}

/** Rows with columns of one width. */
function aligned(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column]!)).join("  ").trimEnd());
}
