/**
 * Methods over distillers from what a spec records of them.
 *
 * @module
 */

import { didYouMean, UnknownNameError } from "../dsl/errors.ts";
import type { Method } from "../dsl/method.ts";
import type { Json } from "../dsl/spec.ts";
import { online } from "./online.ts";
import { sakd, type SakdOptions } from "./sakd.ts";

/** Makers of distillers by name. */
export type Distillers = Readonly<Record<string, (options: never) => Method>>;

/** What a spec records of `online()`. */
export interface RecordedOnline {
  /** The distiller that peers use on each other. */
  readonly distiller: { readonly name: string; readonly options: { readonly [key: string]: Json } };
}

/** What a spec records of `sakd()`. */
export interface RecordedSakd extends Required<SakdOptions>, RecordedOnline {}

/**
 * A maker of `sakd()` over these distillers, for `parseSpec()`.
 *
 * @throws {UnknownNameError} If the spec names another distiller.
 */
export function sakdOver(distillers: Distillers): (recorded: RecordedSakd) => Method {
  return ({ distiller, ...rest }) => sakd<Method<never, string>>(made(distillers, distiller, "sakd()") as never, rest);
}

/**
 * A maker of `online()` over these distillers, for `parseSpec()`.
 *
 * @throws {UnknownNameError} If the spec names another distiller.
 */
export function onlineOver(distillers: Distillers): (recorded: RecordedOnline) => Method {
  return ({ distiller }) => online<Method<never, string>>(made(distillers, distiller, "online()") as never);
}

function made(distillers: Distillers, { name, options }: RecordedOnline["distiller"], verb: string): Method {
  const make = Object.hasOwn(distillers, name) ? distillers[name] : undefined;
  if (make !== undefined) return make(options as never);
  throw new UnknownNameError(
    `Cannot read the spec: ${verb} names a known distiller, got "${name}".${didYouMean(name, Object.keys(distillers))}`,
  );
}
