/**
 * Spot-adaptive distillation from what a spec records of it.
 *
 * @module
 */

import { didYouMean, UnknownNameError } from "../dsl/errors.ts";
import type { Method } from "../dsl/method.ts";
import type { Json } from "../dsl/spec.ts";
import { sakd, type SakdOptions } from "./sakd.ts";

/** What a spec records of `sakd()`. */
export interface RecordedSakd extends Required<SakdOptions> {
  /** The distiller whose spots it routes. */
  readonly distiller: { readonly name: string; readonly options: { readonly [key: string]: Json } };
}

/**
 * A maker of `sakd()` over these distillers, for `parseSpec()`.
 *
 * @throws {UnknownNameError} If the spec names another distiller.
 */
export function sakdOver(
  distillers: Readonly<Record<string, (options: never) => Method>>,
): (recorded: RecordedSakd) => Method {
  return ({ distiller: { name, options }, ...rest }) => {
    const make = Object.hasOwn(distillers, name) ? distillers[name] : undefined;
    if (make === undefined) {
      throw new UnknownNameError(
        `Cannot read the spec: sakd() names a known distiller, got "${name}".${
          didYouMean(name, Object.keys(distillers))
        }`,
      );
    }
    return sakd<Method<never, string>>(make(options as never) as never, rest);
  };
}
