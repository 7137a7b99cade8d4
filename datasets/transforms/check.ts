import type { ImageSize, Transform } from "../../dsl/data.ts";
import { DatasetError, didYouMean } from "../../dsl/errors.ts";
import { mostTransforms } from "./draw.ts";
import { type Extent, extentOf } from "./frame.ts";
import { isMix, isRandom } from "./plan.ts";
import { fitted } from "./resize.ts";

/** A list of transforms and where it is used. */
export interface TransformList {
  /** Kind of dataset, for messages. */
  readonly kind: string;
  readonly transforms: readonly Transform[];
  /** Height and width the list begins with; `undefined` where files differ. */
  readonly from: Extent | undefined;
  /** Height and width it has to end at. */
  readonly to: Extent;
  /** Whether random changes are refused, as for held-out images. */
  readonly fixed: boolean;
}

/**
 * Refuses transforms whose numbers are out of range, that cannot follow one another, or end at another size.
 *
 * @throws {DatasetError} Saying which.
 */
export function requireTransforms({ kind, transforms, from, to, fixed }: TransformList): void {
  const refuse = (rule: string, got: unknown, next: string): never => {
    throw new DatasetError(`Cannot augment ${kind}: ${rule}, got ${got}. ${next}`);
  };
  if (transforms.length > mostTransforms) {
    refuse(`there are at most ${mostTransforms} transforms`, transforms.length, "Leave some out.");
  }
  let extent = from;
  transforms.forEach((transform, i) => {
    requireRange(transform, extent, refuse);
    if (fixed && isRandom(transform)) {
      refuse("images that are not augmented take fixed transforms only", transform.kind, "Put it into augment.");
    }
    const next = transforms[i + 1];
    if (transform.kind === "cutout" && next !== undefined && next.kind !== "cutout" && !isMix(next)) {
      refuse(
        "only mixing may come after a cutout, which fills with the mean colour",
        next.kind,
        "Put cutout behind it.",
      );
    }
    if (isMix(transform) && next !== undefined) {
      refuse(`${transform.kind} comes last and once, since it mixes finished images`, next.kind, "Reorder them.");
    }
    extent = after(transform, extent);
  });
  if (extent === undefined || extent[0] === to[0] && extent[1] === to[1]) return;
  refuse(
    `transforms must end at ${to[0]}×${to[1]}`,
    `${extent[0]}×${extent[1]}`,
    'Add a "resize", "centerCrop" or "resizedCrop".',
  );
}

type Refuse = (rule: string, got: unknown, next: string) => never;

function requireRange(transform: Transform, extent: Extent | undefined, refuse: Refuse): void {
  switch (transform.kind) {
    case "crop":
      return requireCrop(transform, extent, refuse);
    case "flip":
      if (inside(transform.probability, 0, 1)) return;
      return refuse("the flip probability must be from 0 to 1", transform.probability, "Use 0.5.");
    case "resizedCrop": {
      const { size, scale = [0.08, 1], ratio = [3 / 4, 4 / 3] } = transform;
      requireSize(transform.kind, size, refuse);
      if (!rising(scale, 1)) {
        refuse("the scale must be two rising shares above 0 up to 1", `[${scale}]`, "Use [0.08, 1].");
      }
      if (!rising(ratio, Infinity)) {
        refuse("the ratio must be two rising numbers above 0", `[${ratio}]`, "Use [0.75, 1.33].");
      }
      return;
    }
    case "resize":
    case "centerCrop":
      return requireSize(transform.kind, transform.size, refuse);
    case "colorJitter":
      for (const property of ["brightness", "contrast", "saturation", "hue"] as const) {
        const most = property === "hue" ? 0.5 : Number.MAX_VALUE;
        const { [property]: value = 0 } = transform;
        if (inside(value, 0, most)) continue;
        refuse(
          `${property} must be ${property === "hue" ? "from 0 to 0.5" : "a finite number of at least 0"}`,
          value,
          "Use 0.4, or 0.1 for the hue.",
        );
      }
      return;
    case "randAugment": {
      const { operations = 2, magnitude = 9, bins = 31 } = transform;
      requireInteger("operations", operations, 1, 100, refuse);
      requireInteger("bins", bins, 2, 1000, refuse);
      return requireInteger("magnitude", magnitude, 0, bins - 1, refuse);
    }
    case "cutout":
      requireInteger("the cutout's size", transform.size, 1, 2 ** 16, refuse);
      return requireInteger("the cutout's count", transform.count ?? 1, 1, 2 ** 10, refuse);
    case "mixup":
    case "cutmix":
      if (transform.alpha > 0 && Number.isFinite(transform.alpha)) return;
      return refuse(`the alpha of ${transform.kind} must be positive`, transform.alpha, "Use 1.");
    default: {
      const { kind } = transform satisfies never as { readonly kind: string };
      return refuse(`it is one of ${kinds.join(", ")}`, kind, didYouMean(kind, kinds).trim());
    }
  }
}

const kinds: readonly Transform["kind"][] = [
  "crop",
  "flip",
  "resizedCrop",
  "resize",
  "centerCrop",
  "colorJitter",
  "randAugment",
  "cutout",
  "mixup",
  "cutmix",
];

function requireCrop(
  { pad, mode, size }: Extract<Transform, { readonly kind: "crop" }>,
  extent: Extent | undefined,
  refuse: Refuse,
): void {
  if (size !== undefined) requireSize("crop", size, refuse);
  const [height, width] = extent ?? [2 ** 16, 2 ** 16];
  const most = mode === "reflect" ? Math.min(height, width) - 1 : Math.max(height, width);
  if (!Number.isInteger(pad) || !inside(pad, 0, most)) {
    refuse(
      `a ${mode} crop of ${
        extent === undefined ? "" : `${height}×${width} `
      }images pads by an integer from 0 to ${most}`,
      pad,
      "Use a smaller pad.",
    );
  }
  const [h, w] = size === undefined ? [height, width] : extentOf(size);
  if (h <= height + 2 * pad && w <= width + 2 * pad) return;
  refuse(
    `a crop must fit into the padded ${height + 2 * pad}×${width + 2 * pad} image`,
    `${h}×${w}`,
    "Resize it first.",
  );
}

function requireSize(kind: string, size: ImageSize, refuse: Refuse): void {
  const sizes = typeof size === "number" ? [size, size] : size;
  if (sizes.length === 2 && sizes.every((edge) => Number.isInteger(edge) && inside(edge, 1, 2 ** 14))) return;
  refuse(`the size of ${kind} must be one or two integers from 1 to ${2 ** 14}`, JSON.stringify(size), "Use 224.");
}

function requireInteger(name: string, value: number, least: number, most: number, refuse: Refuse): void {
  if (Number.isInteger(value) && inside(value, least, most)) return;
  refuse(`${name} must be an integer from ${least} to ${most}`, value, "Use another.");
}

function after(transform: Transform, extent: Extent | undefined): Extent | undefined {
  if (!("size" in transform) || transform.size === undefined || transform.kind === "cutout") return extent;
  if (transform.kind !== "resize" || typeof transform.size !== "number") return extentOf(transform.size);
  return extent && fitted(extent, transform.size);
}

function inside(value: number, least: number, most: number): boolean {
  return value >= least && value <= most;
}

function rising(range: readonly number[], most: number): boolean {
  const [least = NaN, end = NaN] = range;
  return range.length === 2 && least > 0 && least <= end && end <= most && Number.isFinite(end);
}
