/**
 * Trains a sentence for two steps on synthetic images of its dataset's shape and class count.
 *
 * @module
 */
import { fromImages, withSplit } from "../../datasets/mod.ts";
import type { Dataset, OpenDataset } from "../../dsl/data.ts";
import { CohortError } from "../../dsl/errors.ts";
import { stream } from "../../dsl/random.ts";
import type { Arch, Backend, Layer } from "../../mod.ts";
import { fit } from "../../runtime/train/fit.ts";
import { lasting, type NamedTensors, type Part, partsOf } from "../../runtime/train/parts.ts";
import { Session } from "../../runtime/train/session.ts";
import type { Trainable } from "../../runtime/train/train.ts";

/** Images a step. */
const BATCH = 4;

/** Steps of every part of a run. */
const STEPS = 2;

/** Epochs of a warm-up whose beginning the steps are: four random images are no reason for a long way. */
const WARM_UP = 100;

/** What a check gave. */
export interface RecipeCheck {
  /** Mean of every weighted term over the steps of the main training. */
  readonly terms: Readonly<Record<string, number>>;
  /** What is wrong, if something is. */
  readonly problem?: string;
  /** Wall time. */
  readonly seconds: number;
}

/**
 * Trains every initial stage of a sentence and then its main part for two steps, four images each, and evaluates the
 * nets, with the losses and optimizers that the sentence says, and about a hundredth of its rates. A net that nobody
 * teaches keeps its drawn weights.
 *
 * What is wrong, if something is: a sentence that does not compile, or a loss or weight that is no finite number.
 */
export async function checkRecipe(
  sentence: Trainable,
  { backend, signal }: { readonly backend: Backend; readonly signal?: AbortSignal },
): Promise<RecipeCheck> {
  const began = performance.now();
  let terms: RecipeCheck["terms"] = {};
  const done = (problem?: string): RecipeCheck => ({
    terms,
    ...(problem === undefined ? {} : { problem }),
    seconds: (performance.now() - began) / 1000,
  });
  if (sentence.dataset === undefined || sentence.spec.train === undefined) {
    return done("says no dataset or no settings of training");
  }
  try {
    const data = await imagesLike(sentence.dataset).open();
    let left: NamedTensors = {};
    for (const part of partsFor(sentence, data)) {
      if (signal?.aborted) break;
      const session = await Session.open(part.compiled, backend);
      try {
        const { history, snapshot } = await fit({
          session,
          data,
          train: { ...part.train, epochs: 1, schedule: { ...part.train.schedule, warmup: WARM_UP } },
          part: { before: part.before, tensors: left, history: [] },
          ...(signal === undefined ? {} : { signal }),
        });
        terms = history.at(-1)?.terms ?? {};
        left = { ...left, ...snapshot.carried, ...lasting(part.compiled, snapshot.tensors) };
      } finally {
        await session.close();
      }
    }
    return done();
  } catch (error) {
    if (error instanceof CohortError) return done(error.message);
    throw error;
  }
}

function partsFor(sentence: Trainable, data: OpenDataset): readonly Part[] {
  const { spec } = sentence;
  return partsOf({
    nets: spec.nets,
    archs: Object.fromEntries(Object.entries(sentence.archs).map(([name, arch]) => [name, quick(arch)])),
    graph: sentence.lower(),
    classes: data.classNames.length,
    shape: data.shape,
    batch: BATCH,
    samples: data.train.length,
  }, { ...spec.train!, batch: BATCH });
}

/**
 * The same net with running statistics that are those of the last batch: with PyTorch's, maps of a deep teacher that rests
 * after two steps are beyond all numbers.
 */
function quick(arch: Arch): Arch {
  return { ...arch, stages: arch.stages.map((stage) => ({ ...stage, layers: stage.layers.map(quickLayer) })) };
}

function quickLayer(layer: Layer): Layer {
  if (layer.kind === "batchNorm") return { ...layer, momentum: 1 };
  return "branches" in layer ? { ...layer, branches: layer.branches.map((branch) => branch.map(quickLayer)) } : layer;
}

/** Random images that look like a dataset's: its shape and classes, and a validation part where it has one. */
function imagesLike(dataset: Dataset): Dataset {
  const { classes = 10, shape = [3, 32, 32], options } = dataset;
  const validated = Object.hasOwn(options, "validation");
  const size = shape.reduce((product, side) => product * side, 1);
  const draw = (split: string, count: number) => {
    const random = stream(0, "check-recipes", split);
    return {
      pixels: Uint8Array.from({ length: count * size }, (_, i) => random.integer(i, 256)),
      // Few classes, so that each keeps an image when some are split off.
      labels: Uint16Array.from({ length: count }, (_, i) => i % Math.min(classes, BATCH)),
    };
  };
  const plain = fromImages({
    classes,
    shape,
    train: draw("train", STEPS * BATCH + (validated ? BATCH : 0)),
    test: draw("test", BATCH),
  });
  return validated ? withSplit(plain, { validation: BATCH }) : plain;
}
