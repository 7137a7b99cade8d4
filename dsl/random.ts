/**
 * Counter-based random numbers: a value depends on a key and a position only, never on what was drawn before.
 *
 * So order, thread count and resuming cannot change a run: a loader at epoch 7, sample 12 draws what it would
 * have drawn had it never been interrupted.
 *
 * Source: Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3" (Philox 2x32, 10 rounds).
 *
 * @module
 */

/** A stream of random numbers addressed by position. */
export interface RandomStream {
  /** The 32-bit word at `index`, an integer in [0, 2³²). */
  word(index: number): number;
  /** Uniform in [0, 1) with 32 bits at `index`. */
  uniform(index: number): number;
  /** Standard normal at `index` (Box–Muller on the two words at `index`). */
  normal(index: number): number;
  /** Integer in [0, `bound`) at `index`. */
  integer(index: number, bound: number): number;
  /** A permutation of 0 … `length` − 1 (Fisher–Yates), as 32-bit indices. */
  permutation(length: number): Uint32Array;
}

/**
 * The stream named by a seed and any number of labels, e.g. `stream(7, "shuffle", epoch)`.
 *
 * @example
 * ```ts
 * import { stream } from "./random.ts";
 * const noise = stream(7, "init", "peer0/conv1.weight");
 * noise.uniform(0); // always the same number
 * ```
 */
export function stream(seed: number, ...labels: readonly (string | number)[]): RandomStream {
  const key = (fnv1a(labels.join("\u0000")) ^ Math.imul(seed >>> 0, 0x9e3779b9)) >>> 0;
  const high = Math.floor(seed / 0x100000000) >>> 0;
  const pair = (index: number): readonly [number, number] =>
    philox(index >>> 0, (Math.floor(index / 0x100000000) ^ high) >>> 0, key);
  const word = (index: number): number => pair(index)[0];
  return {
    word,
    uniform: (index) => word(index) / 0x100000000,
    normal: (index) => {
      const [a, b] = pair(index);
      return Math.sqrt(-2 * Math.log((a + 1) / 0x100000000)) * Math.cos(2 * Math.PI * (b / 0x100000000));
    },
    integer: (index, bound) => Math.floor((word(index) / 0x100000000) * bound),
    permutation: (length) => {
      const order = Uint32Array.from({ length }, (_, i) => i);
      for (let i = length - 1; i > 0; i--) {
        const j = Math.floor((word(i) / 0x100000000) * (i + 1));
        [order[i], order[j]] = [order[j]!, order[i]!];
      }
      return order;
    },
  };
}

/** Hash of a string's UTF-8 bytes (FNV-1a, 32 bits). */
export function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash;
}

function philox(counter: number, high: number, key: number): readonly [number, number] {
  let [x, y, k] = [counter, high, key];
  for (let round = 0; round < 10; round++) {
    [x, y] = [(multiplyHigh(0xd256d193, x) ^ k ^ y) >>> 0, Math.imul(0xd256d193, x) >>> 0];
    k = (k + 0x9e3779b9) >>> 0;
  }
  return [x, y];
}

function multiplyHigh(a: number, b: number): number {
  const [al, ah, bl, bh] = [a & 0xffff, a >>> 16, b & 0xffff, b >>> 16];
  const low = al * bl;
  const middle = ah * bl + (low >>> 16);
  const cross = al * bh + (middle & 0xffff);
  return (ah * bh + Math.floor(middle / 0x10000) + Math.floor(cross / 0x10000)) >>> 0;
}
