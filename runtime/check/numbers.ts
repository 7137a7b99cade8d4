/**
 * Tensors compared by name.
 *
 * @module
 */

import type { Compiled } from "../compile/compile.ts";
import type { Tensors } from "./trace.ts";

/** Size that numbers count as having at least, relative to the largest of all tensors: smaller ones are rounding. */
const LEAST = 1e-4;

/**
 * Tensors that both have and that differ by more than `relative` of their largest number, or of the largest of their
 * module: a bias in front of batch norm has a gradient of rounding alone. Where `theirs` is not finite there is nothing to
 * compare.
 */
export function apart(
  ours: Tensors,
  theirs: Tensors,
  relative: number,
  what: string,
  scale: "tensor" | "module" = "tensor",
): readonly string[] {
  const names = Object.keys(ours).filter((name) => Object.hasOwn(theirs, name));
  const groupOf = (name: string): string => scale === "tensor" ? name : name.slice(0, name.indexOf("/"));
  const largest = new Map<string, number>();
  for (const name of names) {
    let most = largest.get(groupOf(name)) ?? 0;
    for (const x of theirs[name]!) if (Number.isFinite(x)) most = Math.max(most, Math.abs(x));
    largest.set(groupOf(name), most);
  }
  const least = LEAST * Math.max(0, ...largest.values());
  return names.flatMap((name) => {
    const allowed = relative * Math.max(least, largest.get(groupOf(name))!);
    const at = ours[name]!.findIndex((x, i) =>
      Number.isFinite(theirs[name]![i]!) && !(Math.abs(x - theirs[name]![i]!) <= allowed)
    );
    return at < 0 ? [] : [`${name} ${what} is ${ours[name]![at]}, expected ${theirs[name]![at]} ± ${allowed}`];
  });
}

/** One sentence for each tensor of `before` that differs in some bit. */
export function differing(before: Tensors, after: Tensors, what: string): readonly string[] {
  return Object.keys(before).filter((name) => before[name]!.some((x, i) => !Object.is(x, after[name]![i])))
    .map((name) => `${name} ${what}`);
}

/** State of nets that are no learners, statistics too, and parameters of modules that are none. */
export function kept({ plan, parameters }: Compiled, state: Tensors): Tensors {
  const resting = plan.modules.filter(({ learns, trunk }) => !learns && trunk === undefined);
  return Object.fromEntries(
    parameters.filter(({ name, kind }) =>
      resting.some((module) => name.startsWith(`${module.id}/`) && (kind === "parameter" || module.kind === "net"))
    ).map(({ name }) => [name, state[name]!]),
  );
}

/** What optimizers keep of gradients: SGD's velocity and Adam's mean. */
export function optimizing(state: Tensors): Tensors {
  return Object.fromEntries(Object.entries(state).filter(([name]) => /#(.*\.)?(velocity|first)$/.test(name)));
}
