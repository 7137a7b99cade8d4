import type { Transform } from "../../dsl/data.ts";
import type { RandomStream } from "../../dsl/random.ts";
import { colorJitter } from "./color.ts";
import { type Draw, drawsOf } from "./draw.ts";
import { centerCrop, crop, cutout, extentOf, mirrored, randomPart } from "./frame.ts";
import { randAugment } from "./rand_augment.ts";
import { planesOf, type Raster, replaced } from "./raster.ts";
import { fitted, resize } from "./resize.ts";

/** Changes one image; without `random` nothing random happens. */
export interface Change {
  (raster: Raster, index: number, random?: RandomStream): Raster;
}

/**
 * All transforms of a list in order, from place `from` on. Mixing is left out: it needs a whole batch.
 *
 * Random numbers are addressed by image index and place, so neither the order of images nor the number of threads can
 * change a result.
 */
export function changes(transforms: readonly Transform[], from: number = 0): Change {
  const rest = transforms.slice(from);
  return (raster, index, random) => {
    let now = raster;
    rest.forEach((transform, i) => {
      if (!isRandom(transform)) now = fixed(now, transform);
      else if (random !== undefined) now = changed(now, transform, drawsOf(random, from + i, index));
    });
    return now;
  };
}

/** Whether a transform draws random numbers. */
export function isRandom({ kind }: Transform): boolean {
  return kind !== "resize" && kind !== "centerCrop";
}

/** Whether a transform mixes two images. */
export function isMix(transform: Transform): transform is Transform & { readonly kind: "mixup" | "cutmix" } {
  return transform.kind === "mixup" || transform.kind === "cutmix";
}

/** Whether a transform computes samples, and does not only move them: some ten times the work. */
export function isCostly({ kind }: Transform): boolean {
  return kind === "resize" || kind === "resizedCrop" || kind === "colorJitter" || kind === "randAugment";
}

/** How many transforms at the start of a list are fixed, so that what they make can be kept. */
export function fixedCount(transforms: readonly Transform[]): number {
  const first = transforms.findIndex(isRandom);
  return first < 0 ? transforms.length : first;
}

function fixed(raster: Raster, transform: Transform): Raster {
  if (transform.kind === "centerCrop") return centerCrop(raster, extentOf(transform.size));
  if (transform.kind !== "resize") return raster;
  const { size } = transform;
  return resize(
    raster,
    typeof size === "number" ? fitted([raster.rows.length, raster.columns.length], size) : size,
  );
}

function changed(raster: Raster, transform: Transform, draw: Draw): Raster {
  const extent = [raster.rows.length, raster.columns.length] as const;
  switch (transform.kind) {
    case "crop": {
      const { pad, mode, size } = transform;
      return crop(raster, pad, mode === "reflect", size === undefined ? extent : extentOf(size), draw);
    }
    case "flip":
      return draw.uniform(0) < transform.probability ? mirrored(raster) : raster;
    case "resizedCrop": {
      const { size, scale = [0.08, 1], ratio = [3 / 4, 4 / 3] } = transform;
      return resize(randomPart(raster, scale, ratio, draw), extentOf(size));
    }
    case "colorJitter": {
      const { brightness = 0, contrast = 0, saturation = 0, hue = 0 } = transform;
      const planes = planesOf(raster);
      colorJitter(planes, raster.planes.length, { brightness, contrast, saturation, hue }, draw);
      return replaced(raster, planes, ...extent);
    }
    case "randAugment": {
      const { operations = 2, magnitude = 9, bins = 31 } = transform;
      const [height, width] = extent;
      const image = { samples: planesOf(raster), channels: raster.planes.length, height, width };
      return replaced(raster, randAugment(image, operations, magnitude, bins, draw).samples, height, width);
    }
    case "cutout":
      return cutout(raster, transform.size, transform.count ?? 1, draw);
    case "resize":
    case "centerCrop":
    case "mixup":
    case "cutmix":
      return raster;
    default:
      return transform satisfies never;
  }
}
