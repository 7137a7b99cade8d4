/**
 * SwitOKD as its released scripts run it: one pair, one teacher of two students, two teachers of one student.
 *
 * @module
 */

import type { Arch } from "../../../dsl/arch.ts";
import { emptyState, topologyOf } from "../../../dsl/build.ts";
import type { Watch } from "../../../dsl/graph.ts";
import { crossEntropy, kl } from "../../../dsl/losses.ts";
import { logits, type NetRef } from "../../../dsl/value.ts";
import { switokd } from "../../../methods/switokd.ts";
import { known, netOf, type Replay, type StepView } from "../adapter.ts";
import { numberIn, type Trace } from "../trace_format.ts";

/** What the recording calls a pair's numbers; further pairs have the pair's number behind it. */
const measures = {
  s_label: "student_error",
  t_label: "teacher_error",
  ps_pt: "gap",
  s_t: "gap",
  epsilon: "epsilon",
  delta: "threshold",
} as const;

/** Replays traces of SwitOKD. */
export function switokdTrace(trace: Trace): Replay | string {
  const names = Object.keys(trace.nets);
  const teachers = names.filter((name) => name.startsWith("teacher"));
  const students = names.filter((name) => name.startsWith("student"));
  const nets: Record<string, Arch> = {};
  for (const name of [...teachers, ...students]) {
    const arch = netOf(trace, name);
    if (typeof arch === "string") return arch;
    nets[name] = arch;
  }
  const ids = Object.keys(nets);
  const edges = ids.flatMap((a, i) => ids.slice(i + 1).map((b) => `${a} <-> ${b}`));
  const method = switokd({
    temperature: numberIn(trace.config, "temperature"),
    studentWeight: optional(trace, "alpha"),
    teacherWeight: optional(trace, "beta"),
    asReleased: true,
  });
  const sentence = topologyOf(emptyState, nets).teach(...edges).switch(...teachers).use(method);
  const graph = sentence.lower();
  const parts = partsOf(ids);
  const pairs = teachers.flatMap((teacher) => students.map((student) => [teacher, student] as const));
  return {
    sentence,
    graph: { ...graph, watches: [...graph.watches, ...parts] },
    epoch: 1,
    prefixes: ids.map((id) => [`${id}/`, `${id}/`] as const),
    optimizers: Object.fromEntries(ids.map((id) => [id, id])),
    terms: (step) =>
      known({
        ...Object.fromEntries(parts.map(({ name }) => [name, step.watched(name)])),
        ...Object.fromEntries(ids.map((id) => [`${id}_total`, step.terms[`${id}/ce`]! + step.terms[`${id}/dml`]!])),
        ...Object.assign({}, ...pairs.map((pair, i) => pairTerms(step, pair, i === 0 ? "" : String(i + 1)))),
      }),
    scores: (key) => (ids.includes(key) ? { of: [key], as: "one" } : undefined),
    decisions: (step) => decisionsOf(step, teachers, students),
  };
}

/** A coefficient that the scripts for three nets do not have. */
function optional(trace: Trace, key: string): number {
  return trace.config[key] === undefined ? 1 : numberIn(trace.config, key);
}

/** Cross-entropies and divergences on their own: of one pair `student_kl`, of more nets `kl(teacher||student1)`. */
function partsOf(ids: readonly string[]): readonly Watch[] {
  const scores = (id: string) => logits({ id, view: 0 } satisfies NetRef);
  return ids.flatMap((id) => [
    { name: `${id}_ce`, value: crossEntropy(scores(id)) },
    ...ids.filter((other) => other !== id).map((other): Watch => ({
      name: ids.length === 2 ? `${id}_kl` : `kl(${other}||${id})`,
      value: kl(scores(id), scores(other)),
    })),
  ]);
}

function pairTerms(
  step: StepView,
  [teacher, student]: readonly [string, string],
  suffix: string,
): Readonly<Record<string, number>> {
  return Object.fromEntries(
    Object.entries(measures).map(([recorded, name]) => [
      recorded + suffix,
      step.watched(`${teacher}->${student}/${name}`),
    ]),
  );
}

function decisionsOf(
  step: StepView,
  teachers: readonly string[],
  students: readonly string[],
): Readonly<Record<string, unknown>> {
  const expert = (teacher: string, student: string): number => step.watched(`${teacher}->${student}/expert`);
  const mode = (teacher: string, student: string): string => expert(teacher, student) > 0 ? "expert" : "learning";
  const [teacher, student] = [teachers[0]!, students[0]!];
  if (teachers.length === 1 && students.length === 1) return { mode: mode(teacher, student) };
  if (students.length === 1) return Object.fromEntries(teachers.map((id) => [id, mode(id, student)]));
  const factors = students.map((id) => 1 - expert(teacher, id));
  return {
    ...Object.fromEntries(factors.map((factor, i) => [`w${i + 1}`, factor])),
    w0: Math.max(...factors),
    ...Object.fromEntries(students.map((id) => [`pair_${id}`, mode(teacher, id)])),
  };
}
