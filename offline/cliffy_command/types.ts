/**
 * Types of options and arguments, read off the strings that declare them.
 *
 * - `"-n, --name"` gives `name?: true`
 * - `"--no-name"` gives `name: boolean`, true unless the flag is said
 * - `"--name <value:integer>"` gives `name?: number`; `[value:…]` adds `true`
 * - `"<a:string> [b:number] [more...:string]"` gives `[string, number?, ...string[]]`
 *
 * @module
 */

/** Settings of an option. */
export interface OptionSettings {
  /** Value when the option is not said. */
  readonly default?: unknown;
  /** The option has to be said. */
  readonly required?: boolean;
}

/** The property an option string adds to the options of an action. */
export type OptionOf<F extends string, S> = LongName<F> extends `no-${infer Name}` ? { [K in Camel<Name>]: boolean }
  : S extends { readonly default: unknown } | { readonly required: true } ? { [K in Camel<LongName<F>>]: Value<F> }
  : { [K in Camel<LongName<F>>]?: Value<F> | undefined };

/** The tuple an argument string adds to the parameters of an action. */
export type ArgumentsOf<S extends string> = S extends `${infer One} ${infer Rest}`
  ? [...Slot<One>, ...ArgumentsOf<Rest>]
  : Slot<S>;

type LongName<F extends string> = F extends `${string}--${infer Rest}` ? Rest extends `${infer Name} ${string}` ? Name
  : Rest
  : never;

type Camel<S extends string> = S extends `${infer Head}-${infer Tail}` ? `${Head}${Capitalize<Camel<Tail>>}` : S;

type Value<F extends string> = F extends `${string}<${infer Inside}>` ? Typed<Inside>
  : F extends `${string}[${infer Inside}]` ? Typed<Inside> | true
  : true;

type Typed<Inside extends string> = Inside extends `${string}:${infer T}`
  ? T extends "number" | "integer" ? number : T extends "boolean" ? boolean : string
  : string;

type Slot<S extends string> = S extends `${"<" | "["}${infer Inside}${">" | "]"}`
  ? Inside extends `${string}...${string}` ? Array<Typed<Inside>>
  : S extends `<${string}` ? [Typed<Inside>]
  : [Typed<Inside>?]
  : [];
