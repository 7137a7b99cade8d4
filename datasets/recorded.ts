import type { Dataset } from "../dsl/data.ts";
import { withLimit } from "./limit.ts";
import { type SplitOptions, withSplit } from "./split.ts";
import { withSampling } from "./with_sampling.ts";
import { withTransforms } from "./with_transforms.ts";

/** Options of a dataset as a spec records them. */
export type Recorded = Dataset["options"];

/**
 * A dataset from its recorded options: nested ones are recorded as JSON text, and those of `withTransforms()`,
 * `withSplit()`, `withSampling()` and `withLimit()` stand beside the dataset's own.
 */
// deno-lint-ignore no-explicit-any -- recorded options are checked when they are equal to those of the value made
export function fromRecorded(make: (options: any) => Dataset, options: Recorded): Dataset {
  const { limit, testLimit, validation, heldOut, splitSeed, sampling, transforms, ...own } = options;
  const nested = Object.entries(own).map(([key, value]) => [key, isNested(key) ? JSON.parse(String(value)) : value]);
  let made = make(Object.fromEntries(nested));
  if (transforms !== undefined) made = withTransforms(made, JSON.parse(String(transforms)));
  if (splitSeed !== undefined) {
    const parts = { validation, test: heldOut, seed: splitSeed };
    const said = Object.entries(parts).filter(([, value]) => value !== undefined);
    made = withSplit(made, Object.fromEntries(said) as SplitOptions);
  }
  if (sampling !== undefined) made = withSampling(made, JSON.parse(String(sampling)));
  if (limit === undefined) return made;
  return withLimit(made, Number(limit), testLimit === undefined ? {} : { testLimit: Number(testLimit) });
}

function isNested(key: string): boolean {
  return key === "normalization" || key === "augment" || key === "evaluation";
}
