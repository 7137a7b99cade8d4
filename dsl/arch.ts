/**
 * Architectures as data: an ordered list of stages, each ending at a named spot.
 *
 * A spot is where a distillation loss may look (tap) and where a forward may start again (restart). The last stage
 * ends at `"logits"` for a classifier; the stage that pools ends at `"embedding"`.
 *
 * @module
 */

import { didYouMean, UnknownSpotError } from "./errors.ts";
import type { Layer } from "./layers.ts";

/** A run of layers that ends at a named place. */
export interface Stage {
  /** Name of the place after the last layer. */
  readonly spot: string;
  /** Layers, in order. */
  readonly layers: readonly Layer[];
}

/**
 * An architecture. `Spot` are the names of its distillation spots, shallow first; `Classes` is `number` while the
 * class count is not bound.
 */
export interface Arch<Name extends string = string, Spot extends string = string, Classes extends number = number> {
  /** Name in sentences and files. */
  readonly name: Name;
  /** All stages in order, taps and others. */
  readonly stages: readonly Stage[];
  /** The spots methods use when none is said, shallow first; the last is the deepest map. */
  readonly spots: readonly Spot[];
  /**
   * For spots behind an activation, the stage that ends in front of it; for spots in front of one, the stage that adds
   * what normalises them. Other spots are their own: {@linkcode preActivation} reads this.
   */
  readonly preActivations: Readonly<Record<string, string>>;
  /** Class count, or `undefined` until a dataset binds it. */
  readonly classes: Classes | undefined;
  /** Options that rebuild it: family and numbers, JSON-safe. */
  readonly options: Readonly<Record<string, string | number | boolean | readonly number[]>>;
}

/** What {@linkcode defineArch} is told. */
export interface ArchOptions<Spot extends string> {
  /** Distillation spots, shallow first; each the name of a stage. */
  readonly spots: readonly Spot[];
  /** Stages whose ends are spots before their activation, by spot; none unless said. */
  readonly preActivations?: Readonly<Partial<Record<NoInfer<Spot>, string>>>;
  /** Numbers that describe this member of its family. */
  readonly options?: Arch["options"];
}

/**
 * Declares an architecture from its stages.
 *
 * @throws {UnknownSpotError} If a spot is not the end of a stage.
 *
 * @example
 * ```ts
 * import { defineArch } from "./arch.ts";
 * import { batchNorm, conv, globalPool, linear, relu } from "./layers.ts";
 * const tiny = defineArch("tiny", [
 *   { spot: "layer1", layers: [conv("conv1", 8), batchNorm("bn1"), relu] },
 *   { spot: "embedding", layers: [globalPool] },
 *   { spot: "logits", layers: [linear("fc", "classes")] },
 * ], { spots: ["layer1"] });
 * ```
 */
export function defineArch<const Name extends string, const Spot extends string>(
  name: Name,
  stages: readonly Stage[],
  options: ArchOptions<Spot>,
): Arch<Name, Spot> {
  const known = stages.map((stage) => stage.spot);
  const preActivations = { ...options.preActivations } as Record<string, string>;
  for (const spot of [...options.spots, ...Object.entries(preActivations).flat()]) {
    if (!known.includes(spot)) {
      throw new UnknownSpotError(
        `Cannot declare ${name}: every spot is the end of a stage, got "${spot}".${didYouMean(spot, known)}`,
      );
    }
  }
  return Object.freeze({
    name,
    stages: Object.freeze(stages.map((s) => Object.freeze({ spot: s.spot, layers: Object.freeze([...s.layers]) }))),
    spots: Object.freeze([...options.spots]),
    preActivations: Object.freeze(preActivations),
    classes: undefined,
    options: Object.freeze({ ...options.options }),
  });
}

/** The same architecture with its class count bound. */
export function withClasses<Name extends string, Spot extends string, const C extends number>(
  arch: Arch<Name, Spot>,
  classes: C,
): Arch<Name, Spot, C> {
  return Object.freeze({ ...arch, classes });
}

/**
 * Where a net has the map of a spot as it is before its activation, which AB (Heo et al. 2019) compares: in front of the
 * last ReLU of a residual stage, behind the batch norm that follows a stage of a wide residual net, the spot itself
 * where no ReLU follows (MobileNetV2's linear bottlenecks).
 *
 * @example
 * ```ts
 * import { preActivation } from "./arch.ts";
 * import { mobilenet_v2, resnet8, wrn_16_2 } from "./archs/mod.ts";
 * console.log(preActivation(resnet8, "layer1"), preActivation(wrn_16_2, "layer1")); // layer1_pre layer1_pre
 * console.log(preActivation(mobilenet_v2, "layer1")); // layer1
 * ```
 */
export function preActivation({ preActivations }: Pick<Arch, "preActivations">, spot: string): string {
  return Object.hasOwn(preActivations, spot) ? preActivations[spot]! : spot;
}

/** Index of the stage that ends at `spot` of a net called `name`. @throws {UnknownSpotError} If there is none. */
export function stageIndex(name: string, stages: readonly Stage[], spot: string): number {
  const index = stages.findIndex((stage) => stage.spot === spot);
  if (index < 0) {
    const known = stages.map((stage) => stage.spot);
    throw new UnknownSpotError(
      `Cannot tap ${name}: it has no spot "${spot}", only ${known.join(", ")}.${didYouMean(spot, known)}`,
    );
  }
  return index;
}
