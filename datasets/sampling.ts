import type { Sampling } from "../dsl/data.ts";
import { DatasetError } from "../dsl/errors.ts";
import { stream } from "../dsl/random.ts";

/** The images of one epoch, in order. */
export interface EpochOrder {
  /** Index of each image in its split. */
  readonly index: Uint32Array;
  /** What each image's random numbers are addressed by: its index, and another number each time it comes again. */
  readonly draws: Uint32Array;
}

/** Order of one epoch over images with these labels; depends on seed and epoch only. */
export function epochOrder(
  labels: Uint16Array,
  sampling: Sampling,
  seed: number,
  epoch: number,
): EpochOrder {
  const { length } = labels;
  const count = sampling.images ?? length;
  if (sampling.kind === "shuffle") {
    const index = stream(seed, "shuffle", epoch).permutation(length).slice(0, count);
    return { index, draws: index };
  }
  const { index, draws } = balancedEpoch(labels, count, seed, epoch);
  const order = stream(seed, "shuffle", epoch).permutation(count);
  return { index: order.map((i) => index[i]!), draws: order.map((i) => draws[i]!) };
}

/** All images as they come. */
export function straightOrder(length: number): EpochOrder {
  const index = Uint32Array.from({ length }, (_, i) => i);
  return { index, draws: index };
}

function balancedEpoch(labels: Uint16Array, count: number, seed: number, epoch: number): EpochOrder {
  const classes = [...Map.groupBy(Array.from(labels, (label, image) => ({ label, image })), ({ label }) => label)]
    .sort(([a], [b]) => a - b);
  // Which classes get one more where the count cannot be divided is drawn anew each epoch.
  const turns = stream(seed, "classes", epoch).permutation(classes.length);
  const index = new Uint32Array(count);
  const draws = new Uint32Array(count);
  let at = 0;
  classes.forEach(([label, members], i) => {
    const share = Math.floor(count / classes.length) + (turns[i]! < count % classes.length ? 1 : 0);
    let order: Uint32Array = new Uint32Array();
    for (let slot = 0; slot < share; slot++, at++) {
      const [round, place] = [Math.floor(slot / members.length), slot % members.length];
      if (place === 0) order = stream(seed, "balance", epoch, label, round).permutation(members.length);
      const { image } = members[order[place]!]!;
      index[at] = image;
      draws[at] = image + round * labels.length;
    }
  });
  return { index, draws };
}

/** Refuses to sample more images than there are. @throws {DatasetError} If that is asked for. */
export function requireEnough(kind: string, length: number, { kind: how, images }: Sampling): void {
  if (how !== "shuffle" || images === undefined || images <= length) return;
  throw new DatasetError(
    `Cannot sample ${kind}: a shuffled epoch shows each of its ${length} training images once, got ${images} images. ` +
      'Ask for fewer, or sample "balanced".',
  );
}
