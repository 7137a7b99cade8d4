/**
 * Horizontal bars as an SVG file, in groups, with the spread of each value.
 *
 * @module
 */
import { colour, escape, label, opening, px, ticks } from "./svg.ts";

/** One bar. */
export interface Bar {
  /** What it belongs to; a group has one colour. */
  readonly group: string;
  /** Its own name. */
  readonly name: string;
  /** A fraction of one. */
  readonly value: number;
  /** Drawn on both sides of the value's end; 0 draws nothing. */
  readonly spread: number;
}

const size = { width: 760, left: 210, right: 90, top: 44, bottom: 40, row: 22 };

/**
 * Bars below each other as SVG text, in per cent. The axis begins at the tenth below the lowest value, so that what
 * differs can be seen; it says so itself.
 *
 * @example
 * ```ts
 * import { barChart } from "./bars.ts";
 * const svg = barChart("Fashion-MNIST", [{ group: "dml", name: "peer0", value: 0.9, spread: 0.01 }]);
 * console.log(svg.startsWith("<svg"));
 * ```
 */
export function barChart(title: string, bars: readonly Bar[]): string {
  const { width, left, right, top, bottom, row } = size;
  const height = top + bars.length * row + bottom;
  const lowest = Math.min(1, ...bars.map(({ value, spread }) => value - spread));
  const floor = Math.min(0.9, Math.max(0, Math.floor(lowest * 10) / 10));
  const x = (value: number): number => left + (value - floor) / (1 - floor) * (width - left - right);
  const groups = [...new Set(bars.map(({ group }) => group))];
  const marks = ticks(floor, 1, 6).map((value) =>
    `<path d="M${px(x(value))} ${top}V${height - bottom}" stroke="#ddd"/>` +
    label(x(value), height - bottom + 18, `${Math.round(value * 100)} %`, "middle")
  );
  const drawn = bars.map(({ group, name, value, spread }, i) => {
    const y = top + i * row;
    const middle = y + row / 2;
    const whisker = spread === 0
      ? ""
      : `<path d="M${px(x(value - spread))} ${middle}H${px(x(Math.min(1, value + spread)))}" stroke="#333"/>`;
    return [
      label(left - 8, middle + 4, bars[i - 1]?.group === group ? name : `${group}: ${name}`, "end"),
      `<rect x="${left}" y="${y + 4}" width="${px(Math.max(0, x(value) - left))}" height="${row - 8}" fill="${
        colour(groups.indexOf(group))
      }"/>`,
      whisker,
      label(width - right + 10, middle + 4, `${(100 * value).toFixed(2)} %`, "start"),
    ].join("");
  });
  return [
    opening(title, width, height),
    `<text x="${left}" y="24" font-size="15" font-weight="bold">${escape(title)}</text>`,
    ...marks,
    ...drawn,
    "</svg>",
    "",
  ].join("\n");
}
