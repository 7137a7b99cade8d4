/**
 * A line chart as an SVG file, for people who would rather look than read.
 *
 * @module
 */
import { colour, dash, escape, label, legendEntry, opening, px, ticks } from "./svg.ts";

/** One line of a {@linkcode lineChart}. */
export interface Series {
  /** Name in the legend. */
  readonly name: string;
  /** Value of each epoch, from epoch 1, as a fraction of one. */
  readonly values: readonly number[];
  /** Dashes tell a baseline from what is compared with it. */
  readonly dashed?: boolean;
}

const size = { width: 760, height: 420, left: 56, right: 148, top: 44, bottom: 48 };

/**
 * Accuracy over epochs as SVG text. The axis begins at the tenth below all values of the second half of the run, so
 * that the end can be read; a line that comes from below is cut there.
 *
 * @example
 * ```ts
 * import { lineChart } from "./chart.ts";
 * const svg = lineChart("Digits", [{ name: "leader", values: [0.5, 0.9, 0.96] }]);
 * console.log(svg.startsWith("<svg"));
 * ```
 */
export function lineChart(title: string, series: readonly Series[]): string {
  const { width, height, left, right, top, bottom } = size;
  const epochs = Math.max(2, ...series.map(({ values }) => values.length));
  const late = series.flatMap(({ values }) => values.slice(Math.floor(values.length / 2)));
  const floor = Math.min(0.9, Math.floor(Math.min(1, ...late) * 10) / 10);
  const x = (epoch: number): number => left + (epoch - 1) / (epochs - 1) * (width - left - right);
  const y = (value: number): number => top + (1 - value) / (1 - floor) * (height - top - bottom);
  const marks = ticks(floor, 1, 5).map((value) =>
    `<path d="M${left} ${px(y(value))}H${width - right}" stroke="#ddd"/>` +
    label(left - 8, y(value) + 4, `${Math.round(value * 100)} %`, "end")
  );
  const numbers = ticks(1, epochs, Math.min(epochs - 1, 10)).map((epoch) =>
    label(x(epoch), height - bottom + 20, String(Math.round(epoch)), "middle")
  );
  const lines = series.map(({ values, dashed }, i) => {
    const points = values.map((value, epoch) => `${px(x(epoch + 1))},${px(y(value))}`).join(" ");
    return `<polyline points="${points}" fill="none" stroke="${colour(i)}" stroke-width="2" stroke-linejoin="round"${
      dash(dashed)
    } clip-path="url(#plot)"/>`;
  });
  const legend = series.map(({ name, values, dashed }, i) =>
    legendEntry(
      i,
      width - right + 14,
      top + 16 + 22 * i,
      `${name} ${((values.at(-1) ?? 0) * 100).toFixed(1)} %`,
      dashed,
    )
  );
  return [
    opening(title, width, height),
    `<clipPath id="plot"><rect x="${left}" y="${top}" width="${width - left - right}" height="${
      height - top - bottom
    }"/></clipPath>`,
    `<text x="${left}" y="24" font-size="15" font-weight="bold">${escape(title)}</text>`,
    ...marks,
    ...numbers,
    label((left + width - right) / 2, height - 10, "epoch", "middle"),
    ...lines,
    ...legend,
    "</svg>",
    "",
  ].join("\n");
}
