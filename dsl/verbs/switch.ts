/**
 * `switch()`: pauses a teacher in batches where it has run away from its students (SwitOKD).
 *
 * @module
 */

import { SentenceError } from "../errors.ts";
import { abs, add, apply, div, exp, greater, meanAll, mul, softmax, sub, sumPerSample } from "../expr.ts";
import type { LossGraph, Switch, Watch } from "../graph.ts";
import type { Member, Site } from "../method.ts";
import type { Clause } from "../spec.ts";
import { constant, labels, logits, stop, type Value } from "../value.ts";
import { requireOneOf, requirePositive } from "./options.ts";

/** Options of `switch()`. */
export interface SwitchOptions {
  /**
   * Whether a teacher pauses only where it is also nearer to the labels than its student, d_t < d_s; yes (released
   * code). The paper's criterion is G > δ alone.
   */
  readonly onlyIfBetter?: boolean;
  /** Temperature τ of the probabilities that are compared; `"mutual"` is that verb's (1 in the released code). */
  readonly temperature?: number | "mutual";
  /**
   * Adds the slips of the released scripts, for one teacher of two students and two teachers of one student: one pair's
   * ε stands for both, and a teacher of two students is never paused, but its loss is 0 where both pairs are in expert
   * mode, so that weight decay and momentum go on moving it; no.
   */
  readonly asReleased?: boolean;
}

/** What `switch()` means when nothing more is said: pause if G > δ and the teacher is the better one. */
export const switchDefaults: Required<SwitchOptions> = Object.freeze({
  onlyIfBetter: true,
  temperature: "mutual",
  asReleased: false,
});

/**
 * The options with everything filled in.
 *
 * @throws {OptionError} If one is outside its range.
 */
export function switchOptions(options: SwitchOptions = {}): Required<SwitchOptions> {
  const settings = { ...switchDefaults, ...options };
  requireOneOf("switch()", "onlyIfBetter", settings.onlyIfBetter, [true, false]);
  if (settings.temperature !== "mutual") requirePositive("switch()", "temperature", settings.temperature);
  requireOneOf("switch()", "asReleased", settings.asReleased, [true, false]);
  return settings;
}

/** A teacher that may pause, one of its students, and what decides the mode of the pair in a batch. */
export interface SwitchedPair {
  /** Who pauses. */
  readonly teacher: Member;
  /** Whom it may run away from. */
  readonly student: Member;
  /** Numbers of one batch by name: gap, threshold, epsilon, student_error, teacher_error and expert. */
  readonly values: Readonly<Record<PairValue, Value<"scalar">>>;
}

/** What is measured of a pair. */
export type PairValue = "gap" | "threshold" | "epsilon" | "student_error" | "teacher_error" | "expert";

/**
 * Conditions and watches of `switch()`.
 *
 * Every pair of a paused net t and a net s that it teaches has a mode in every batch: expert where G > δ and d_t < d_s,
 * learning elsewhere. With p = softmax(z / τ), and means over the batch of L1 norms over classes, all cut:
 * G = ‖p_s − p_t‖, d_s = ‖p_s − y‖, d_t = ‖p_t − y‖, ε = exp(−d_t / (d_t + d_s)), δ = d_s − ε · d_t.
 *
 * A teacher pauses where all its pairs are in expert mode: no backward pass, no momentum, no weight decay, while its
 * running statistics advance with its forward. Where only some are, those students drop out of what it imitates: a
 * factor of 0 or 1 within `mutual()`'s loss. Students learn in every batch. The numbers of each pair are watched as
 * `t->s/gap` (G), `threshold` (δ), `epsilon`, `student_error` (d_s), `teacher_error` (d_t) and `expert` (1 or 0).
 *
 * @throws {SentenceError} If a paused net teaches nobody, the nets learn one after the other, or `asReleased` is said of
 * nets that no released script is for.
 * @throws {OptionError} If an option is outside its range.
 *
 * Source: Qian, Wang, Xiong, Wu, Zhang 2022 (SwitOKD), section 3; τ, the second condition and the rule for three nets
 * from the released code, which the rule for n nets continues.
 */
export function lowerSwitch(site: Site): Partial<LossGraph> {
  const order = optionsOf(site, "mutual")?.["order"];
  if (order === "sequential") {
    throw new SentenceError(
      "Cannot lower switch(): it compares nets of one forward, got mutual() in sequential order. " +
        'Say order: "simultaneous".',
    );
  }
  const pairs = switchedPairs(site);
  const teachers = [...new Set(pairs.map(({ teacher }) => teacher))];
  const switches = teachers.flatMap((teacher): readonly Switch[] => {
    if (drifts(site, pairs, teacher)) return [];
    return [Object.freeze({ pauses: teacher.id, when: allExpert(pairs, teacher) })];
  });
  const watches = pairs.flatMap(({ teacher, student, values }) =>
    Object.entries(values).map(([name, value]): Watch =>
      Object.freeze({ name: `${teacher.id}->${student.id}/${name}`, value })
    )
  );
  return { switches, watches };
}

/** The pairs that a sentence switches, teachers in the order of its nets; none without `switch()`. */
export function switchedPairs(site: Site): readonly SwitchedPair[] {
  const said = optionsOf(site, "switch");
  if (said === undefined) return [];
  const { onlyIfBetter, asReleased, temperature } = switchOptions(said as SwitchOptions);
  const shared = temperature === "mutual" ? optionsOf(site, "mutual")?.["temperature"] ?? 1 : temperature;
  const names = castOf(site, said["pauses"] as readonly string[] | undefined);
  const measured = names.map(([teacher, student]) => distances(teacher, student, shared as number));
  const slip = asReleased ? measured[releasedPair(names)]! : undefined;
  return names.map(([teacher, student], i): SwitchedPair => {
    const { gap, student_error, teacher_error } = measured[i]!;
    const source = slip ?? measured[i]!;
    const share = div(source.teacher_error, add(source.teacher_error, source.student_error));
    const epsilon = exp(apply("neg", share));
    const threshold = sub(student_error, mul(epsilon, teacher_error));
    const apart = greater(gap, threshold);
    const expert = onlyIfBetter ? mul(apart, greater(student_error, teacher_error)) : apart;
    return { teacher, student, values: { gap, threshold, epsilon, student_error, teacher_error, expert } };
  });
}

/** Factors of 0 and 1 that switched pairs put into a teacher's own losses. */
export interface SwitchFactors {
  /** Factor of its imitation of a net; `undefined` where it is always 1. */
  of(source: string): Value<"scalar"> | undefined;
  /** Factor of everything else it learns; `undefined` where it is always 1. */
  readonly rest: Value<"scalar"> | undefined;
}

/** What a sentence's switch puts into the losses of a net; for a net that pauses as a whole that is nothing. */
export function switchFactors(site: Site, net: Member): SwitchFactors {
  const pairs = switchedPairs(site);
  const own = pairs.filter(({ teacher }) => teacher === net);
  const factors = own.length < 2
    ? new Map<string, Value<"scalar">>()
    : new Map(own.map(({ student, values }) => [student.id, not(values.expert)]));
  return {
    of: (source) => factors.get(source),
    rest: drifts(site, pairs, net) ? not(allExpert(pairs, net)) : undefined,
  };
}

/** Ordered pairs of a net that pauses and one that does not, which it teaches. */
function castOf(site: Site, pauses: readonly string[] = site.teachers.map(({ id }) => id)): readonly Pair[] {
  const { members, edges } = site;
  const students = members.filter(({ id, role }) => role !== "leader" && !pauses.includes(id));
  return members.filter(({ id }) => pauses.includes(id)).flatMap((teacher) => {
    const taught = students.filter(({ id }) =>
      edges.length === 0 || edges.some(([from, to]) => from === teacher.id && to === id)
    );
    if (taught.length > 0) return taught.map((student): Pair => [teacher, student]);
    throw new SentenceError(
      `Cannot lower switch(): a net that pauses teaches one that does not, got nobody for ${teacher.id}. ` +
        `Add an edge such as "${teacher.id} -> ${students[0]?.id ?? "student"}".`,
    );
  });
}

type Pair = readonly [teacher: Member, student: Member];

/** G, d_s and d_t of a pair at τ. */
function distances(
  teacher: Member,
  student: Member,
  temperature: number,
): Readonly<Record<"gap" | "student_error" | "teacher_error", Value<"scalar">>> {
  const [p, q] = [teacher, student].map((net) => softmax(stop(logits(net)), temperature));
  const apart = (a: Value, b: Value): Value<"scalar"> => meanAll(sumPerSample(abs(sub(a, b))));
  return { gap: apart(q!, p!), student_error: apart(q!, labels), teacher_error: apart(p!, labels) };
}

/** The pair whose ε the released scripts use for every pair: the last student's, or the first teacher's. */
function releasedPair(pairs: readonly Pair[]): number {
  const [teachers, students] = [0, 1].map((end) => new Set(pairs.map((pair) => pair[end])).size);
  if (teachers! * students! > 2) {
    throw new SentenceError(
      "Cannot lower switch(): asReleased is for one teacher of one or two students and for two teachers of one " +
        `student, got ${teachers} teachers and ${students} students. Leave asReleased out.`,
    );
  }
  return students === 2 ? 1 : 0;
}

/** Whether a teacher is moved by weight decay and momentum where it should pause: the slip of the 1T2S script. */
function drifts(site: Site, pairs: readonly SwitchedPair[], net: Member): boolean {
  return optionsOf(site, "switch")?.["asReleased"] === true &&
    pairs.filter(({ teacher }) => teacher === net).length > 1;
}

/** 1 where all pairs of a teacher are in expert mode. */
function allExpert(pairs: readonly SwitchedPair[], net: Member): Value<"scalar"> {
  const modes = pairs.filter(({ teacher }) => teacher === net).map(({ values }) => values.expert);
  return modes.reduce((all, mode) => mul(all, mode));
}

function not(mode: Value<"scalar">): Value<"scalar"> {
  return sub(constant(1), mode);
}

function optionsOf(site: Site, verb: string): Clause["options"] | undefined {
  return site.clauses.find((clause) => clause.verb === verb)?.options;
}
