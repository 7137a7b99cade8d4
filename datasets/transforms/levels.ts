/**
 * Changes of single sample values on planes C, H, W of bytes, in place.
 *
 * Source: Pillow, `ImageOps.py` (`posterize`, `solarize`, `autocontrast`, `equalize`).
 *
 * @module
 */

/** Keeps the highest `bits` bits. */
export function posterize(planes: Uint8Array, bits: number): void {
  const mask = 256 - 2 ** (8 - bits);
  for (let i = 0; i < planes.length; i++) planes[i] = planes[i]! & mask;
}

/** Inverts samples of at least `from`. */
export function solarize(planes: Uint8Array, from: number): void {
  for (let i = 0; i < planes.length; i++) if (planes[i]! >= from) planes[i] = 255 - planes[i]!;
}

/** Stretches each channel from its least and most to 0 and 255. */
export function autoContrast(planes: Uint8Array, channels: number): void {
  eachChannel(planes, channels, (counts) => {
    const least = counts.findIndex((count) => count > 0);
    const most = counts.findLastIndex((count) => count > 0);
    if (most <= least) return undefined;
    const scale = 255 / (most - least);
    const offset = -least * scale;
    return (value) => Math.min(255, Math.max(0, Math.trunc(value * scale + offset)));
  });
}

/** Makes every level of a channel about as frequent. */
export function equalize(planes: Uint8Array, channels: number): void {
  eachChannel(planes, channels, (counts) => {
    const present = counts.filter((count) => count > 0);
    const step = Math.floor((present.reduce((sum, count) => sum + count, 0) - present.at(-1)!) / 255);
    if (present.length <= 1 || step === 0) return undefined;
    const table: number[] = [];
    let sum = Math.floor(step / 2);
    for (const count of counts) {
      table.push(Math.min(255, Math.floor(sum / step)));
      sum += count;
    }
    return (value) => table[value]!;
  });
}

/** Replaces the values of each channel by a rule made from how often each occurs; none leaves it. */
function eachChannel(
  planes: Uint8Array,
  channels: number,
  ruleOf: (counts: Uint32Array) => ((value: number) => number) | undefined,
): void {
  const area = planes.length / channels;
  for (let channel = 0; channel < channels; channel++) {
    const plane = planes.subarray(channel * area, (channel + 1) * area);
    const counts = new Uint32Array(256);
    for (const value of plane) counts[value]!++;
    const rule = ruleOf(counts);
    if (rule === undefined) continue;
    const table = Uint8Array.from({ length: 256 }, (_, value) => rule(value));
    for (let i = 0; i < area; i++) plane[i] = table[plane[i]!]!;
  }
}
