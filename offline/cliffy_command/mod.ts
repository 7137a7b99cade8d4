/**
 * The `Command` of `@cliffy/command`, as far as this project's command line uses it, over `node:util`'s `parseArgs`.
 *
 * A repository checkout resolves `@cliffy/command` here through `links` in deno.json, so that the command line runs
 * where JSR cannot be reached. Published code uses the real package; names, types and messages are its.
 *
 * @module
 */
import { parseArgs } from "node:util";
import type { ArgumentsOf, OptionOf, OptionSettings } from "./types.ts";
export type { ArgumentsOf, OptionOf, OptionSettings } from "./types.ts";

/** Thrown when the words given do not fit what the command declares. */
export class ValidationError extends Error {
  /** Status a program that stops here should exit with. */
  readonly exitCode: number = 2;
  /** Makes an error with a sentence about the wrong word. */
  constructor(message: string) {
    super(message);
    this.name = "ValidationError";
  }
}

/** What {@linkcode Command.parse} resolves to. */
export interface CommandResult<O, A extends unknown[]> {
  /** Value of each option by its camel-case name. */
  readonly options: O;
  /** Positional arguments, in order. */
  readonly args: A;
}

interface Flag {
  readonly key: string;
  readonly long: string;
  readonly short: string | undefined;
  readonly value: Slot | undefined;
  readonly description: string;
  readonly settings: OptionSettings;
}

interface Slot {
  readonly text: string;
  readonly name: string;
  readonly type: string;
  readonly optional: boolean;
  readonly variadic: boolean;
}

/** A command: what it is called, which words it takes, and what it does with them. */
// deno-lint-ignore ban-types -- "no options yet" has to accept further properties
export class Command<O = {}, A extends unknown[] = []> {
  #name = "";
  #version: string | undefined;
  #description = "";
  #flags: Flag[] = [];
  #slots: Slot[] = [];
  #action: ((options: O, ...args: A) => unknown) | undefined;
  #exit = true;

  /** Sets the name shown in the usage line. */
  name(name: string): this {
    this.#name = name;
    return this;
  }

  /** Sets the version and adds `-V, --version`. */
  version(version: string): this {
    this.#version = version;
    return this;
  }

  /** Sets the text below the usage line. */
  description(description: string): this {
    this.#description = description;
    return this;
  }

  /** Adds an option, e.g. `"-e, --epochs <count:integer>"`. */
  option<const F extends string, const S extends OptionSettings = Record<never, never>>(
    flags: F,
    description: string,
    settings?: S,
  ): Command<O & OptionOf<F, S>, A> {
    const [, short, long = "", rest = ""] = flags.match(/^(?:-(\w), )?--([\w-]+)(?: (.+))?$/) ?? [];
    if (long === "") throw new TypeError(`Cannot add option "${flags}": it has to read "-s, --long <value:type>".`);
    const key = camel(long.replace(/^no-/, ""));
    this.#flags.push({ key, long, short, value: slots(rest)[0], description, settings: settings ?? {} });
    return this as unknown as Command<O & OptionOf<F, S>, A>;
  }

  /** Declares the positional arguments, e.g. `"<folder:string> [filter:string]"`. */
  arguments<const S extends string>(args: S): Command<O, ArgumentsOf<S>> {
    this.#slots = slots(args);
    return this as unknown as Command<O, ArgumentsOf<S>>;
  }

  /** Sets what {@linkcode Command.parse} calls with the parsed words; not called for `--help` and `--version`. */
  action(fn: (options: O, ...args: A) => unknown): this {
    this.#action = fn;
    return this;
  }

  /** Throws instead of ending the process on a wrong word, and returns after `--help` and `--version`. */
  noExit(): this {
    this.#exit = false;
    return this;
  }

  /** Parses the words and runs the action. */
  async parse(args: string[] = Deno.args): Promise<CommandResult<O, A>> {
    try {
      const given = read(args, this.#all());
      const shown = given.has("help") ? this.getHelp() : given.has("version") ? this.#version : undefined;
      if (shown !== undefined) {
        console.log(shown);
        if (this.#exit) Deno.exit(0);
        return { options: {} as O, args: [] as unknown as A };
      }
      const options = this.#options(given);
      const positional = this.#positional(given.get("") as string[]);
      await this.#action?.(options, ...positional);
      return { options, args: positional };
    } catch (error) {
      if (!this.#exit || !(error instanceof ValidationError)) throw error;
      console.error(`${this.getHelp()}\n\n  error: ${error.message}\n`);
      Deno.exit(error.exitCode);
    }
  }

  /** The help text. */
  getHelp(): string {
    const usage = [this.#name, "[options]", ...this.#slots.map(({ text }) => text.replace(/:\w+/, ""))].join(" ");
    const rows = this.#all().map(({ short, long, value, description, settings }) => {
      const flag = `${short ? `-${short}, ` : "    "}--${long}${value ? ` ${value.text.replace(/:\w+/, "")}` : ""}`;
      const hint = settings.required
        ? "  (required)"
        : settings.default === undefined
        ? ""
        : `  (Default: ${typeof settings.default === "string" ? `"${settings.default}"` : settings.default})`;
      return [flag, description + hint] as const;
    });
    const width = Math.max(...rows.map(([flag]) => flag.length));
    return [
      `Usage:   ${usage}`,
      ...(this.#version === undefined ? [] : [`Version: ${this.#version}`]),
      ...(this.#description === "" ? [] : ["", "Description:", "", `  ${this.#description.replaceAll("\n", "\n  ")}`]),
      ...["", "Options:", "", ...rows.map(([flag, text]) => `  ${flag.padEnd(width)}  - ${text}`)],
    ].join("\n");
  }

  #all(): Flag[] {
    const builtIn = (key: string, short: string, description: string): Flag => {
      return { key, long: key, short, value: undefined, description, settings: {} };
    };
    return [
      builtIn("help", "h", "Show this help."),
      ...(this.#version === undefined ? [] : [builtIn("version", "V", "Show the version number for this program.")]),
      ...this.#flags,
    ];
  }

  #options(given: ReadonlyMap<string, unknown>): O {
    const options: Record<string, unknown> = {};
    for (const { key, long, settings } of this.#flags) {
      const negated = long.startsWith("no-");
      if (given.has(long)) options[key] = negated ? false : given.get(long);
      else if (settings.required) throw new ValidationError(`Missing required option "--${long}".`);
      else if (settings.default !== undefined) options[key] = settings.default;
      else if (negated) options[key] = true;
    }
    return options as O;
  }

  #positional(words: readonly string[]): A {
    const rest = [...words];
    const args: unknown[] = [];
    for (const slot of this.#slots) {
      if (rest.length === 0 && !slot.optional) throw new ValidationError(`Missing argument(s): ${slot.name}`);
      const taken = rest.splice(0, slot.variadic ? rest.length : 1);
      args.push(...taken.map((word) => convert(word, slot.type, `Argument "${slot.name}"`)));
    }
    if (rest.length > 0) throw new ValidationError(`Too many arguments: ${rest.join(" ")}`);
    return args as A;
  }
}

/** Value of each option by its long name, and the positional words under `""`. */
function read(args: readonly string[], flags: readonly Flag[]): Map<string, unknown> {
  const { tokens, positionals } = parseArgs({
    args: [...args],
    strict: false,
    tokens: true,
    allowPositionals: true,
    options: Object.fromEntries(flags.map(({ long, short, value }) => [long, {
      type: value && !value.optional ? "string" as const : "boolean" as const,
      ...(short === undefined ? {} : { short }),
    }])),
  });
  const given = new Map<string, unknown>([["", positionals]]);
  for (const token of tokens) {
    if (token.kind !== "option") continue;
    const flag = flags.find(({ long }) => long === token.name);
    if (flag === undefined) throw new ValidationError(unknownOption(token.rawName, flags));
    const { long, value } = flag;
    // A word that looks like another flag is no value, unless it was tied on with "=" or is a negative number.
    const said = token.inlineValue || !/^-+[A-Za-z]/.test(token.value ?? "") ? token.value : undefined;
    if (value === undefined && said !== undefined) {
      throw new ValidationError(`Option "--${long}" doesn't take a value, but got "${said}".`);
    }
    if (value !== undefined && !value.optional && said === undefined) {
      throw new ValidationError(`Missing value for option "--${long}".`);
    }
    given.set(long, value === undefined || said === undefined ? true : convert(said, value.type, `Option "--${long}"`));
  }
  return given;
}

function convert(word: string, type: string, what: string): string | number | boolean {
  const value = type === "number" || type === "integer"
    ? word.trim() === "" ? NaN : Number(word)
    : type === "boolean"
    ? new Map([["true", true], ["1", true], ["false", false], ["0", false]]).get(word)
    : word;
  if (value === undefined || Number.isNaN(value) || type === "integer" && !Number.isInteger(value)) {
    throw new ValidationError(`${what} must be of type "${type}", but got "${word}".`);
  }
  return value;
}

function unknownOption(said: string, flags: readonly Flag[]): string {
  const known = flags.map(({ long }) => `--${long}`).map((flag) => [distance(said, flag), flag] as const);
  const [least, closest] = known.sort(([a], [b]) => a - b)[0]!;
  const hint = least <= Math.max(2, said.length / 3) ? ` Did you mean option "${closest}"?` : "";
  return `Unknown option "${said}".${hint}`;
}

function slots(text: string): Slot[] {
  return [...text.matchAll(/[<[](\w[\w-]*)(\.\.\.)?(?::(\w+))?[>\]]/g)].map(([whole, name = "", dots, type]) => ({
    text: whole,
    name,
    type: type ?? "string",
    optional: whole.startsWith("["),
    variadic: dots !== undefined,
  }));
}

function camel(name: string): string {
  return name.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
}

/** Number of single-letter edits that turn `a` into `b` (Levenshtein 1966). */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (const [i, letter] of [...a].entries()) {
    const next = [i + 1];
    for (let j = 1; j <= b.length; j++) {
      next.push(Math.min(next[j - 1]! + 1, row[j]! + 1, row[j - 1]! + (letter === b[j - 1] ? 0 : 1)));
    }
    row = next;
  }
  return row[b.length]!;
}
