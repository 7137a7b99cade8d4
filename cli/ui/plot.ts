/**
 * Plots of one number over another as an SVG file, several below each other.
 *
 * @module
 */
import { colour, dash, escape, label, legendEntry, opening, px, ticks } from "./svg.ts";

/** One line of a {@linkcode Panel}. */
export interface PlotSeries {
  /** Name in the legend. */
  readonly name: string;
  /** Points by rising x. */
  readonly points: readonly (readonly [x: number, y: number])[];
  /** Dashes tell a baseline from what is compared with it. */
  readonly dashed?: boolean;
}

/** One plot; its y axis begins at 0, so that heights can be compared. */
export interface Panel {
  readonly title: string;
  /** What the axes are, with units. */
  readonly x: string;
  readonly y: string;
  readonly series: readonly PlotSeries[];
  /** Doubling x moves as far everywhere. */
  readonly logarithmic?: boolean;
}

const size = { width: 760, height: 340, left: 64, right: 190, top: 44, bottom: 52 };

/**
 * Panels below each other as SVG text; the numbers on an x axis are those at which something was measured.
 *
 * @example
 * ```ts
 * import { plots } from "./plot.ts";
 * const series = [{ name: "a net alone", points: [[8, 5.5], [16, 5.1]] }] as const;
 * const svg = plots("Scaling", [{ title: "Time", x: "batch", y: "ms an image", series, logarithmic: true }]);
 * console.log(svg.startsWith("<svg"));
 * ```
 */
export function plots(title: string, panels: readonly Panel[]): string {
  const { width, height } = size;
  const drawn = panels.map((panel, i) => `<g transform="translate(0 ${i * height})">\n${panelText(panel)}\n</g>`);
  return [opening(title, width, panels.length * height), ...drawn, "</svg>", ""].join("\n");
}

function panelText({ title, x, y, series, logarithmic = false }: Panel): string {
  const { width, height, left, right, top, bottom } = size;
  const values = [...new Set(series.flatMap(({ points }) => points.map(([at]) => at)))].sort((a, b) => a - b);
  const most = Math.max(Number.MIN_VALUE, ...series.flatMap(({ points }) => points.map(([, value]) => value)));
  const marks = ticks(0, most * 1.1, 6);
  const place = (value: number): number => (logarithmic ? Math.log2(value) : value);
  const [first, last] = [place(values[0] ?? 1), place(values.at(-1) ?? 1)];
  const across = (value: number): number =>
    left + (place(value) - first) / Math.max(last - first, 1e-9) * (width - left - right);
  const up = (value: number): number => height - bottom - value / (most * 1.1) * (height - top - bottom);
  const middle = (height - bottom + top) / 2;
  return [
    `<text x="${left}" y="24" font-size="15" font-weight="bold">${escape(title)}</text>`,
    ...marks.map((value) =>
      `<path d="M${left} ${px(up(value))}H${width - right}" stroke="#ddd"/>` +
      label(left - 8, up(value) + 4, String(Number(value.toPrecision(3))), "end")
    ),
    ...values.map((value) => label(across(value), height - bottom + 20, String(value), "middle")),
    label((left + width - right) / 2, height - 12, x, "middle"),
    `<text transform="translate(16 ${middle}) rotate(-90)" text-anchor="middle">${escape(y)}</text>`,
    ...series.map(({ points, dashed }, i) => {
      const line = points.map(([at, value]) => `${px(across(at))},${px(up(value))}`).join(" ");
      return `<polyline points="${line}" fill="none" stroke="${colour(i)}" stroke-width="2"${dash(dashed)}/>`;
    }),
    ...series.flatMap(({ points }, i) =>
      points.map(([at, value]) => `<circle cx="${px(across(at))}" cy="${px(up(value))}" r="3" fill="${colour(i)}"/>`)
    ),
    ...series.map(({ name, dashed }, i) => legendEntry(i, width - right + 14, top + 16 + 22 * i, name, dashed)),
  ].join("\n");
}
