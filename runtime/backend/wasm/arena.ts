/**
 * Memory planning: buffers that are never alive together share addresses.
 *
 * @module
 */

/** Something that needs memory from its first to its last use, both included. */
export interface Lifetime {
  readonly bytes: number;
  readonly first: number;
  readonly last: number;
}

/** Where each buffer starts, and how much memory all of them need. */
export interface Plan {
  readonly offsets: readonly number[];
  readonly bytes: number;
}

/** Start addresses are multiples of this: one cache line. */
export const alignment = 64;

/** The next multiple of the alignment. */
export function align(bytes: number): number {
  return Math.ceil(bytes / alignment) * alignment;
}

/**
 * Places buffers by decreasing size at the lowest address where no buffer of an overlapping lifetime lies.
 *
 * Source: Pisarchyk and Lee, Efficient Memory Management for Deep Neural Net Inference, 2020, "greedy by size".
 */
export function planMemory(lifetimes: readonly Lifetime[]): Plan {
  const order = lifetimes.map((_, i) => i).sort((a, b) => lifetimes[b]!.bytes - lifetimes[a]!.bytes || a - b);
  const offsets = new Array<number>(lifetimes.length).fill(0);
  const placed: { readonly start: number; readonly end: number; readonly first: number; readonly last: number }[] = [];
  let bytes = 0;
  for (const i of order) {
    const { first, last, bytes: size } = lifetimes[i]!;
    let start = 0;
    for (const other of placed) {
      if (other.first > last || other.last < first) continue;
      if (other.start >= start + align(size)) break;
      start = Math.max(start, other.end);
    }
    const entry = { start, end: start + align(size), first, last };
    placed.splice(insertionPoint(placed, start), 0, entry);
    offsets[i] = start;
    bytes = Math.max(bytes, entry.end);
  }
  return { offsets, bytes };
}

function insertionPoint(placed: readonly { readonly start: number }[], start: number): number {
  let low = 0;
  let high = placed.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (placed[middle]!.start < start) low = middle + 1;
    else high = middle;
  }
  return low;
}
