/**
 * Decisions at spots, sample by sample, and the network that follows them: two nets side by side, joined behind each spot.
 *
 * @module
 */

import { add, apply, log, mul, slice, softmax, sub, sumPerSample } from "./expr.ts";
import type { Aux } from "./graph.ts";
import { connector } from "./connectors.ts";
import { batchNorm, type Layer, linear, relu } from "./layers.ts";
import type { Member } from "./method.ts";
import type { RoutedPair } from "./routing.ts";
import { noise, run, stop, type Value } from "./value.ts";

/** A decision for each sample, [B]. */
export interface Decision {
  /** 1 for yes, 0 for no, without gradient. */
  readonly hard: Value<"sample">;
  /** The same numbers; its gradient is that of the probability. */
  readonly action: Value<"sample">;
}

/**
 * Straight-through Gumbel samples of pairs of scores [B, 2 · gates]: yes where the first of a pair wins.
 *
 * With s = softmax((scores + g) / temperature), g = −ln(−ln(u + ε) + ε), ε = 1e-20 and u uniform noise of that name, the
 * decision is 1 where s₀ ≥ s₁, and has the gradient of s₀.
 *
 * Source: Jang, Gu, Poole 2017, section 2.2.
 */
export function gumbelDecisions(
  scores: Value<"vector">,
  gates: number,
  temperature: number,
  name: string,
): readonly Decision[] {
  const drawn = noise(name, 2 * gates);
  const minusLog = (x: Value<"vector">): Value<"vector"> => mul(log(add(x, 1e-20)), -1);
  return Array.from({ length: gates }, (_, j) => {
    const pair = (of: Value<"vector">): Value<"vector"> => slice(of, 1, 2 * j, 2);
    const soft = softmax(add(pair(scores), minusLog(minusLog(pair(drawn)))), temperature);
    const [yes, no] = bothOf(soft);
    const hard = stop(apply("ge", yes, no));
    return { hard, action: add(sub(hard, stop(yes)), yes) };
  });
}

/** Coin tosses: the first of two normal numbers is the larger, which one half of samples have. */
export function tossedDecisions(gates: number, name: string): readonly Decision[] {
  const drawn = noise(name, 2 * gates, "normal");
  return Array.from({ length: gates }, (_, j) => {
    const [yes, no] = bothOf(slice(drawn, 1, 2 * j, 2));
    const hard = apply("ge", yes, no);
    return { hard, action: hard };
  });
}

/** The two columns of [B, 2], each [B]. */
function bothOf(pair: Value<"vector">): readonly [Value<"sample">, Value<"sample">] {
  return [sumPerSample(slice(pair, 1, 0, 1)), sumPerSample(slice(pair, 1, 1, 1))];
}

/**
 * Class scores of two nets side by side: behind cut j the teacher goes on from (1 − a_j) R_j(h_s) + a_j h_t and the
 * student from (1 − a_j) h_s + a_j R′_j(h_t); the scores are (1 − a) z_s + a z_t for the last a.
 *
 * The student, and a teacher that learns, run with the running statistics that the step has advanced.
 *
 * @param named Names of the connectors: R_j is `named("to_teacher" + j)`, R′_j `named("to_student" + j)`.
 */
export function graftedScores(
  { cuts, student, teacher, teacherMode }: RoutedPair,
  actions: readonly Value<"sample">[],
  named: (name: string) => string,
): Value<"logits"> {
  const mode = { teacher: teacherMode === "train" ? "settled" : teacherMode, student: "settled" } as const;
  const from: { teacher?: { from: string; input: Value }; student?: { from: string; input: Value } } = {};
  const onTo = <K extends Value["kind"]>(side: "teacher" | "student", kind: K, to: string): Value<K> => {
    const { id, view } = side === "teacher" ? teacher : student;
    return run(id, kind, { to, mode: mode[side], view, ...from[side] });
  };
  cuts.forEach((cut, j) => {
    const kind = cut.student === "embedding" ? "vector" : "map";
    const [own, taught] = [onTo("student", kind, cut.student), onTo("teacher", kind, cut.teacher)];
    const joined = (side: "teacher" | "student", input: Value): Value<typeof kind> =>
      run(named(`to_${side}${j}`), kind, { to: "out", input });
    from.teacher = { from: cut.teacher, input: mixed(actions[j]!, joined("teacher", own), taught) };
    from.student = { from: cut.student, input: mixed(actions[j]!, own, joined("student", taught)) };
  });
  return mixed(actions.at(-1)!, onTo("student", "logits", "logits"), onTo("teacher", "logits", "logits"));
}

/** (1 − a) · student + a · teacher, sample by sample. */
function mixed<K extends Value["kind"]>(a: Value<"sample">, student: Value<K>, teacher: Value<K>): Value<K> {
  return add(mul(student, sub(mul(a, -1), -1)), mul(teacher, a));
}

/**
 * Modules that turn a student's value at each cut into one of the teacher's shape, and back: a convolution of the
 * geometry of {@linkcode connector} with batch norm and ReLU for maps, a linear layer for embeddings.
 */
export function connectorsOf(pair: RoutedPair, group: string, named: (name: string) => string): readonly Aux[] {
  return pair.cuts.flatMap((cut, j) => [
    shapedAs(pair.teacher, cut.teacher, group, named(`to_teacher${j}`)),
    shapedAs(pair.student, cut.student, group, named(`to_student${j}`)),
  ]);
}

function shapedAs(net: Member, spot: string, group: string, id: string): Aux {
  if (spot === "embedding") return moduleOf(id, group, "out", linear("net", net.width!));
  const channels = net.channels[net.spots.indexOf(spot)]!;
  return moduleOf(id, group, "out", connector("conv", channels, { net: net.id, spot }), batchNorm("bn"), relu);
}

/** A module of one stage. */
export function moduleOf(id: string, group: string, spot: string, ...layers: readonly Layer[]): Aux {
  return Object.freeze({ id, group, stages: Object.freeze([Object.freeze({ spot, layers: Object.freeze(layers) })]) });
}
