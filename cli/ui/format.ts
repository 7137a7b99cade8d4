/**
 * Numbers as people read them.
 *
 * @module
 */

/**
 * A fraction of one as a percentage.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { percent } from "./format.ts";
 * assertEquals(percent(0.96125), "96.13 %");
 * ```
 */
export function percent(fraction: number, digits = 2): string {
  return Number.isFinite(fraction) ? `${(fraction * 100).toFixed(digits)} %` : "–";
}

/**
 * A whole number with its thousands apart.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { count } from "./format.ts";
 * assertEquals(count(1234567), "1,234,567");
 * ```
 */
export function count(value: number): string {
  return Math.round(value).toString().replace(/\B(?=(\d{3})+$)/g, ",");
}

/**
 * Seconds as a time a person would say.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { duration } from "./format.ts";
 * assertEquals([0.1234, 41, 84, 4000].map(duration), ["0.1 s", "41 s", "1 m 24 s", "1 h 06 m"]);
 * ```
 */
export function duration(seconds: number): string {
  if (!Number.isFinite(seconds)) return "–";
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} m ${two(whole % 60)} s`;
  return `${Math.floor(whole / 3600)} h ${two(Math.floor(whole % 3600 / 60))} m`;
}

/**
 * Mean and sample standard deviation (divisor n − 1) of fractions of one, as percentages.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { meanStd } from "./format.ts";
 * assertEquals(meanStd([0.9, 0.92, 0.94]), "92.00 ± 2.00 %");
 * ```
 */
export function meanStd(fractions: readonly number[], digits = 2): string {
  const mean = fractions.reduce((sum, x) => sum + x, 0) / fractions.length;
  if (fractions.length < 2) return percent(mean, digits);
  const variance = fractions.reduce((sum, x) => sum + (x - mean) ** 2, 0) / (fractions.length - 1);
  return `${(mean * 100).toFixed(digits)} ± ${percent(Math.sqrt(variance), digits)}`;
}

function two(value: number): string {
  return value.toString().padStart(2, "0");
}
