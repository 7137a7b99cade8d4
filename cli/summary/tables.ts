/**
 * Tables about nets.
 *
 * @module
 */
import { preActivation } from "../../dsl/arch.ts";
import type { Arch, ArchSummary, Layer, LayerSummary } from "../../mod.ts";
import { count } from "../ui/format.ts";
import { table } from "../ui/table.ts";

/** Layers that are told in the row of the layer before them. */
const following: ReadonlySet<Layer["kind"]> = new Set(["batchNorm", "relu", "relu6", "leakyRelu", "sigmoid"]);

/** A row of layers that follow each other. */
interface Row {
  readonly first: LayerSummary;
  readonly words: string[];
  last: LayerSummary;
  parameters: number;
}

/** Every layer of a net; activations and batch norms stand in the row of what they follow, branches are indented. */
export function layerTable({ layers }: ArchSummary): string {
  const rows: Row[] = [];
  for (const layer of layers) {
    const row = rows.at(-1);
    const joins = row !== undefined && following.has(layer.layer.kind) && row.last.depth === layer.depth &&
      row.first.stage === layer.stage;
    if (joins) {
      row.words.push(wordsOf(layer.layer));
      row.last = layer;
      row.parameters += layer.parameters;
    } else {
      rows.push({ first: layer, words: [wordsOf(layer.layer)], last: layer, parameters: layer.parameters });
    }
  }
  return table(
    [
      { name: "stage" },
      { name: "module" },
      { name: "layer" },
      { name: "output", align: "right" },
      { name: "parameters", align: "right" },
      { name: "multiply-adds", align: "right" },
    ],
    rows.map(({ first, words, last, parameters }, i) => [
      i > 0 && rows[i - 1]!.first.stage === first.stage ? "" : first.stage,
      "name" in first.layer ? first.layer.name : "",
      "  ".repeat(first.depth) + words.join(", "),
      last.shape.join("×"),
      parameters === 0 ? "" : count(parameters),
      first.multiplyAdds === 0 ? "" : millions(first.multiplyAdds),
    ]),
  );
}

/** Where methods may look: spots with their maps, and where these are before their activation. */
export function spotTable(arch: Arch, { shapes }: ArchSummary): string {
  return table(
    [{ name: "spot" }, { name: "map", align: "right" }, { name: "before activation" }],
    arch.spots.map((spot) => [spot, shapes[spot]!.join("×"), preActivation(arch, spot)]),
  );
}

/** One line a net. */
export function netTable(rows: readonly { readonly arch: Arch; readonly summary: ArchSummary }[]): string {
  return table(
    [
      { name: "net" },
      { name: "parameters", align: "right" },
      { name: "multiply-adds", align: "right" },
      { name: "spots" },
    ],
    rows.map(({ arch, summary }) => [
      arch.name,
      count(summary.parameters),
      millions(summary.multiplyAdds),
      arch.spots.map((spot) => `${spot} ${summary.shapes[spot]!.join("×")}`).join(", "),
    ]),
  );
}

/** A large number in millions. */
export function millions(value: number): string {
  return `${(value / 1e6).toFixed(2)} M`;
}

function wordsOf(layer: Layer): string {
  switch (layer.kind) {
    case "conv": {
      const groups = layer.groups === "depthwise"
        ? ", depthwise"
        : layer.groups === 1
        ? ""
        : `, ${layer.groups} groups`;
      return `conv ${layer.kernel}×${layer.kernel}${strideOf(layer)}${groups}`;
    }
    case "transposedConv":
      return `transposed conv ${layer.kernel}×${layer.kernel}${strideOf(layer)}`;
    case "connector":
      return `conv to the map of ${layer.like.net} at ${layer.like.spot}`;
    case "free":
      return `a vector of ${layer.width}`;
    case "pool":
      return `${layer.mode} pool ${layer.kernel}×${layer.kernel}${strideOf(layer)}`;
    case "batchNorm":
      return "batch norm";
    case "globalPool":
      return "global average pool";
    case "shuffleChannels":
      return `shuffle ${layer.groups} groups of channels`;
    case "chunkChannels":
      return `part ${layer.index + 1} of ${layer.of} of the channels`;
    case "padChannels":
      return `${layer.before} + ${layer.after} channels of zeros`;
    case "leakyRelu":
      return `leaky ReLU ${layer.slope}`;
    case "relu":
    case "relu6":
    case "sigmoid":
    case "linear":
    case "sum":
    case "product":
    case "join":
      return layer.kind;
    default:
      return layer satisfies never;
  }
}

function strideOf({ stride }: { readonly stride: number }): string {
  return stride === 1 ? "" : `, stride ${stride}`;
}
