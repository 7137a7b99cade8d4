/** Losses by plain arithmetic on rows of numbers: what the compiled ones are compared with. @module */

/** Numbers of one sample. */
export type Row = readonly number[];

/** Rows of a flat tensor [B, …]. */
export function rows(values: ArrayLike<number>, count: number): Row[] {
  const size = values.length / count;
  return Array.from({ length: count }, (_, b) => Array.from({ length: size }, (_, i) => values[b * size + i]!));
}

/** Σ. */
export function total(values: Row): number {
  return values.reduce((sum, x) => sum + x, 0);
}

/** Mean. */
export function mean(values: Row): number {
  return total(values) / values.length;
}

/** softmax(z / T). */
export function softmax(z: Row, temperature = 1): number[] {
  const powers = z.map((x) => Math.exp(x / temperature));
  return powers.map((power) => power / total(powers));
}

/** Mean over samples of −ln softmax(z)[y]. */
export function crossEntropy(z: readonly Row[], labels: ArrayLike<number>): number {
  return mean(z.map((row, b) => -Math.log(softmax(row)[labels[b]!]!)));
}

/** Mean over samples of Σ p (ln p − ln q), p = softmax(target / T) + ε, q = softmax(student / T). */
export function divergence(student: readonly Row[], target: readonly Row[], temperature = 1, epsilon = 0): number {
  return mean(student.map((row, b) => {
    const q = softmax(row, temperature);
    return total(
      softmax(target[b]!, temperature).map((p, k) => (p + epsilon) * (Math.log(p + epsilon) - Math.log(q[k]!))),
    );
  }));
}

/** Mean of several sets of rows. */
export function meanRows(sets: readonly (readonly Row[])[]): number[][] {
  return sets[0]!.map((row, b) => row.map((_, i) => mean(sets.map((set) => set[b]![i]!))));
}

/** Q(F) = 1/C Σ_c F_c² of one sample [C, H, W]. */
export function attention(map: Row, channels: number): number[] {
  const area = map.length / channels;
  return Array.from(
    { length: area },
    (_, p) => mean(Array.from({ length: channels }, (_, c) => map[c * area + p]! ** 2)),
  );
}

/** ‖x‖₂. */
export function norm(x: Row): number {
  return Math.hypot(...x);
}

/** x / max(‖x‖₂, 1e-12). */
export function unit(x: Row): number[] {
  return x.map((value) => value / Math.max(norm(x), 1e-12));
}

/** att(a, b): mean of squared differences of normalised rows, over samples and elements. */
export function distance(a: readonly Row[], b: readonly Row[]): number {
  return mean(a.map((row, i) => mean(unit(row).map((x, p) => (x - unit(b[i]!)[p]!) ** 2))));
}

/** FFSD's diversity target of a raw attention map, equation 8 as released. */
export function diversityTarget(attentionMap: Row): number[] {
  const n = norm(attentionMap);
  const q = unit(attentionMap);
  const sorted = q.toSorted((x, y) => x - y);
  const threshold = sorted[Math.max(1, Math.floor(q.length / 3)) - 1]!;
  return q.map((x) => (x > threshold ? n - x : x < threshold ? x : n / 2));
}
