/**
 * What kernels do with the memory they are given: the ground on which steps are spread over threads.
 *
 * @module
 */

import type { Epilogue } from "../kernels/epilogue.ts";
import type { Place, Step } from "./site.ts";

/**
 * `i`: read. `o`: written, each number once and from nothing in there, so that writing it again changes nothing.
 * `u`: read and written, or written more than once. `r`: read wherever, also samples beyond the slice. `s`: scratch, worth nothing before and after the call.
 */
export type Role = "i" | "o" | "u" | "r" | "s";

/** An operand that is an address, and what its kernel does with the memory there. */
export interface Access {
  readonly place: Place;
  readonly role: Role;
}

/**
 * Roles of the addresses that each kernel takes, in order, by the name its key starts with; for a kernel whose
 * constants decide what it takes, by them.
 */
const roles: Readonly<Record<string, string | ((constants: Constants) => string)>> = {
  copy: "io",
  oneHot: "io",
  kthSmallest: "io",
  weighSamples: "iio",
  weighBatch: "iio",
  weighErrors: "iio",
  fillZero: "o",
  gatherDot: "iiios",
  gatherSum: "iiios",
  assignRows: "uii",
  convolve: directRoles,
  depthwise: directRoles,
  pool: "io",
  averagePoolInput: "io",
  maxPoolInput: "iiu",
  filterProduct: ({ normalize }) => `iiso${normalize ? "ii" : ""}`,
  filterLanes: ({ normalize }) => `iiso${normalize ? "ii" : ""}`,
  filterCombine: "io",
  winograd: ({ normalize, epilogue }) => `iios${normalize ? "ii" : ""}${epilogueRoles(epilogue)}`,
  winogradFilters: "io",
  winogradFilter: ({ normalize }) => `iiso${normalize ? "ii" : ""}`,
  winogradStatistics: "io",
  reduceSamples: "io",
  reduceChunks: "io",
  combineChunks: "io",
  reduceRows: "io",
  statsShift: "io",
  statsCombine: ({ shifted }) => shifted ? "iio" : "io",
  normTables: "iiio",
  sumsCombine: "iio",
  gradientTables: "iiio",
  pointwise: (constants) => `${inputsOf(constants)}o`,
  pointwiseSums: (constants) => `${inputsOf(constants)}${constants.stored ? "o" : ""}so`,
  product: "iio",
  sampleProduct: "iio",
  sgd: "uiui",
  adam: "uiuuii",
  advance: "u",
  chosenSamples: "io",
  moveSamples: "rio",
};

type Constants = Readonly<Record<string, unknown>>;

/** A direct convolution: input, weights, output; scratch, scale and shift; what its epilogue takes. */
function directRoles({ normalize, epilogue }: Constants): string {
  return `iio${normalize ? "sii" : ""}${epilogueRoles(epilogue)}`;
}

/** Roles of what an epilogue of a convolution reads, and of its sums, which it clears first. */
function epilogueRoles(epilogue: unknown): string {
  if (epilogue === undefined) return "";
  const { maps, tables, sums } = epilogue as Epilogue;
  return `${"i".repeat(maps + tables)}${sums ? "u" : ""}`;
}

function inputsOf({ maps, tables }: Constants): string {
  return "i".repeat(Number(maps) + Number(tables));
}

/** Name of a step's kernel. */
export function kernelName({ kernel }: Step): string {
  return kernel.key.slice(0, kernel.key.indexOf(" "));
}

/**
 * The memory a step works on.
 *
 * @throws {RangeError} If the table above does not fit the step: a mistake of whoever wrote the kernel.
 */
export function accessesOf(step: Step): Access[] {
  const places = step.operands.filter((operand) => typeof operand === "object");
  const name = kernelName(step);
  const known = name === "elementwise" ? `${"i".repeat(places.length - 1)}o` : rolesOf(name, step);
  if (known?.length !== places.length) {
    throw new RangeError(
      `Cannot spread ${name} over threads: its ${places.length} addresses have a role each, got "${
        known ?? "none"
      }". ` +
        "Say in access.ts what it does with them.",
    );
  }
  return places.map((place, i) => ({ place, role: known[i] as Role }));
}

function rolesOf(name: string, { kernel: { key } }: Step): string | undefined {
  const found = roles[name];
  return typeof found === "function" ? found(JSON.parse(key.slice(name.length + 1)) as Constants) : found;
}
