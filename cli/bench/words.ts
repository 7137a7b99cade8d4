/**
 * Words of the bench commands: lists, counts, nets.
 *
 * @module
 */
import { didYouMean, OptionError, UnknownNameError } from "../../dsl/errors.ts";
import { noNet } from "../../dsl/refused.ts";
import { type Arch, builtinArchs } from "../../mod.ts";

/**
 * The items of `--name`, with commas between.
 *
 * @throws {OptionError} If one of them is empty.
 */
export function listOf(name: string, text: string): readonly string[] {
  const items = text.split(",").map((item) => item.trim());
  if (items.includes("")) {
    throw new OptionError(`Cannot use --${name}: it is a list with commas between, got "${text}". Say it as in a,b.`);
  }
  return items;
}

/**
 * The value of `--name`.
 *
 * @throws {OptionError} If it is not a whole number of at least 1.
 */
export function requirePositive(name: string, value: number): number {
  if (!Number.isInteger(value) || value < 1) {
    throw new OptionError(`Cannot use --${name}: it is a whole number of at least 1, got ${value}. Say 1 or more.`);
  }
  return value;
}

/**
 * The built-in architecture that `--net` says.
 *
 * @throws {UnknownNameError} If there is none of that name.
 */
export function archNamed(name: string): Arch {
  if (Object.hasOwn(builtinArchs, name)) return builtinArchs[name as keyof typeof builtinArchs];
  throw new UnknownNameError(`Cannot use --net: ${noNet(name)}.${didYouMean(name, Object.keys(builtinArchs))}`);
}
