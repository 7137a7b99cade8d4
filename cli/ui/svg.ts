/**
 * Pieces of charts as SVG text.
 *
 * @module
 */

// Okabe and Ito 2008: told apart with any colour vision.
const colours = ["#0072b2", "#56b4e9", "#d55e00", "#009e73", "#000000", "#cc79a7", "#e69f00"];

/** Round numbers from `from` to `to`, at most `most` steps apart. */
export function ticks(from: number, to: number, most: number): number[] {
  const rough = (to - from) / most;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= rough - 1e-9)!;
  const first = Math.ceil(from / step - 1e-9);
  return Array.from({ length: Math.floor(to / step + 1e-9) - first + 1 }, (_, i) => (first + i) * step);
}

/** Colour of a series by its position. */
export function colour(index: number): string {
  return colours[index % colours.length]!;
}

/** Text at a point. */
export function label(x: number, y: number, text: string, anchor: "start" | "middle" | "end"): string {
  return `<text x="${px(x)}" y="${px(y)}" text-anchor="${anchor}">${escape(text)}</text>`;
}

/** A coordinate, to a tenth. */
export function px(value: number): string {
  return String(Math.round(value * 10) / 10);
}

/** Text as it may stand in SVG. */
export function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}

/** First lines of a chart: its size, title and white ground. */
export function opening(title: string, width: number, height: number): string {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" font-family="sans-serif" font-size="12">`,
    `<title>${escape(title)}</title>`,
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
  ].join("\n");
}

/** A piece of a series' line and its name, at a point of the legend. */
export function legendEntry(index: number, x: number, y: number, text: string, dashed = false): string {
  return `<path d="M${x} ${y}h22" stroke="${colour(index)}" stroke-width="2"${dash(dashed)}/>${
    label(x + 28, y + 4, text, "start")
  }`;
}

/** Attribute of a dashed line; nothing for a solid one. */
export function dash(dashed = false): string {
  return dashed ? ' stroke-dasharray="6 4"' : "";
}
