/**
 * What distillers share: who imitates whom, at which spots, and the terms that say so.
 *
 * A distiller reads its two nets only through {@linkcode tap}, {@linkcode embedding} and {@linkcode logits} (the teacher
 * in eval mode), and every term names its spot, so that another method can route the values behind it.
 *
 * @module
 */

import { MissingRoleError, OptionError, SentenceError } from "./errors.ts";
import type { Aux, LossGraph, Term, Weight } from "./graph.ts";
import { frozenOptions } from "./json.ts";
import { supervision, term } from "./losses.ts";
import { type Member, type Method, method, type Site } from "./method.ts";
import { type Kind, run, stop, type Value } from "./value.ts";
import { requireNotNegative, requireWeight } from "./verbs/options.ts";

/** A spot of the teacher and one of the student whose values have the same role; one name where both call it so. */
export type SpotPair = string | { readonly teacher: string; readonly student: string };

/** Options of every distiller. */
export interface DistillOptions {
  /** Factor β of each of its terms. */
  readonly weight?: Weight;
  /** Factor γ of cross-entropy; 1. Methods that are combined say the same. */
  readonly ce?: number;
}

/** What a distiller needs: a teacher and a student, and the spots it was told. */
export type DistillNeeds<P extends SpotPair = never> = {
  readonly teacher: SpotOf<P, "teacher">;
  readonly student: SpotOf<P, "student">;
};
/** The teacher's or the student's spot of a pair. */
export type SpotOf<P extends SpotPair, R extends "teacher" | "student"> = P extends string ? P
  : P extends { readonly [K in R]: infer S extends string } ? S
  : never;

/** Where a distiller looks: at spots of the sentence, or at what every net has. */
export type Where = "every spot" | "second spot" | "deepest spot" | "embedding" | "logits" | readonly SpotPair[];

/** A student, one of its teachers, and a spot of each. */
export interface Match {
  /** Who learns. */
  readonly student: Member;
  /** Whom it imitates. */
  readonly teacher: Member;
  /** Their spots; `"embedding"` and `"logits"` count as spots. */
  readonly spots: { readonly teacher: string; readonly student: string };
  /** What tells its term and modules from those of the student's other matches: `""`, or `_spot`, `_teacher` or both. */
  readonly suffix: string;
}

/** How a distiller is declared. */
export interface DistillerShape {
  /** Its name in sentences; its terms are called `student/name`. */
  readonly name: string;
  /** What it was told and its defaults, JSON-safe. */
  readonly options: Readonly<Record<string, unknown>> & Required<DistillOptions>;
  /** Where it looks. */
  readonly where: Where;
  /** Its loss, from the student's value and the teacher's, which is cut; and the match they are from. */
  readonly loss: (student: Value, teacher: Value, match: Match) => Term["loss"];
  /** Modules that the student trains along with itself. */
  readonly aux?: (match: Match) => readonly Aux[];
  /** What a match asks for beside its term, from the same values: kept tensors, trainings before. */
  readonly more?: (
    match: Match,
    student: Value,
    teacher: Value,
  ) => Pick<Partial<LossGraph>, "state" | "updates" | "stages">;
}

/**
 * Declares a distiller: `student/ce` at γ and for every spot `student/name`, at β.
 *
 * With several spots, their names are appended to the term's; with several teachers, the teacher's. A spot is not
 * routed but the values read there: `term.spot` is the student's.
 *
 * @throws {OptionError} If β or γ is negative or not finite, or the list of spots is empty.
 */
export function distiller<P extends SpotPair = never>(
  { name, options, where, loss, aux, more }: DistillerShape,
): Method<DistillNeeds<P>, string> {
  const verb = `${name}()`;
  requireWeight(verb, "weight", options.weight);
  requireNotNegative(verb, "ce", options.ce);
  const said = typeof where === "string" ? [] : where.map(bothOf);
  if (typeof where !== "string" && said.length === 0) {
    throw new OptionError(`Cannot say ${verb}: it needs a spot to look at, got none. Leave it out for the default.`);
  }
  const needs = {
    teacher: said.map((spots) => spots.teacher as SpotOf<P, "teacher">),
    student: said.map((spots) => spots.student as SpotOf<P, "student">),
  };
  const routes = typeof where === "string" ? [where] : said.map((s) => s.student);
  return method(name, frozenOptions(options, verb), { needs, routes }, (site): Partial<LossGraph> => {
    const matches = matchesOf(site, verb, where);
    const beside = matches.flatMap((match) => more?.(match, readStudent(match), stop(readTeacher(match))) ?? []);
    return {
      state: beside.flatMap(({ state = [] }) => state),
      updates: beside.flatMap(({ updates = [] }) => updates),
      stages: beside.flatMap(({ stages = [] }) => stages),
      terms: site.students.flatMap((student): readonly Term[] => [
        supervision(student, options.ce),
        ...matches.filter((match) => match.student === student).map((match): Term =>
          Object.freeze({
            ...term(
              `${student.id}/${name}${match.suffix}`,
              [student.id],
              loss(readStudent(match), stop(readTeacher(match)), match),
              options.weight,
            ),
            spot: match.spots.student,
          })
        ),
      ]),
      aux: matches.flatMap((match) => aux?.(match) ?? []),
    };
  });
}

/** Teachers of a student: those that edges name, or all where no edge was said. @throws {MissingRoleError} For none. */
export function teachersOf(site: Site, student: Member, verb: string): readonly Member[] {
  const teachers = site.edges.length === 0
    ? site.teachers
    : site.teachers.filter(({ id }) => site.edges.some(([from, to]) => from === id && to === student.id));
  if (teachers.length === 0) {
    throw new MissingRoleError(
      `Cannot lower ${verb}: every student has a teacher, got none for ${student.id}. ` +
        `Add an edge such as "teacher -> ${student.id}".`,
    );
  }
  return teachers;
}

/** A net whose weights rest, read at a spot with its running statistics. */
export function frozenAt<K extends Kind>({ id, view }: Member, kind: K, to: string): Value<K> {
  return run(id, kind, { to, mode: "eval", view });
}

/** Channels of a member's map at a spot. @throws {SentenceError} If it is none of its spots. */
export function channelsOf({ id, spots, channels }: Member, spot: string, verb: string): number {
  const width = channels[spots.indexOf(spot)];
  if (width === undefined) {
    throw new SentenceError(
      `Cannot lower ${verb}: ${id} has a map at its spots ${spots.join(", ")}, got "${spot}". Say one of them.`,
    );
  }
  return width;
}

/** Every student with each of its teachers at every spot, in the order of the sentence. */
function matchesOf(site: Site, verb: string, where: Where): readonly Match[] {
  return site.students.flatMap((student) => {
    const teachers = teachersOf(site, student, verb);
    return teachers.flatMap((teacher) => {
      const pairs = pairsOf(teacher, student, verb, where);
      const many = pairs.length > 1 || where === "every spot";
      return pairs.map((spots): Match => ({
        student,
        teacher,
        spots,
        suffix: `${many ? `_${spots.student}` : ""}${teachers.length > 1 ? `_${teacher.id}` : ""}`,
      }));
    });
  });
}

function pairsOf(teacher: Member, student: Member, verb: string, where: Where): readonly Match["spots"][] {
  if (typeof where !== "string") return where.map(bothOf);
  if (where === "embedding" || where === "logits") return [{ teacher: where, student: where }];
  const both = [teacher, student] as const;
  const empty = both.find(({ spots }) => spots.length === 0);
  if (empty !== undefined) {
    throw new SentenceError(`Cannot lower ${verb}: ${empty.id} needs a spot to look at, got ${empty.arch} with none.`);
  }
  if (where === "every spot") {
    if (teacher.spots.length !== student.spots.length) {
      throw new SentenceError(
        `Cannot lower ${verb}: spots of teacher and student are paired one by one, got ${teacher.spots.length} of ` +
          `${teacher.id} and ${student.spots.length} of ${student.id}. ` +
          `Say at: [{ teacher: "${teacher.spots[0]}", student: "${student.spots[0]}" }, …].`,
      );
    }
    return teacher.spots.map((spot, i) => ({ teacher: spot, student: student.spots[i]! }));
  }
  const [ofTeacher, ofStudent] = both.map(({ spots }) =>
    (where === "second spot" ? spots[1] : undefined) ?? spots.at(-1)!
  );
  return [{ teacher: ofTeacher!, student: ofStudent! }];
}

function bothOf(pair: SpotPair): Match["spots"] {
  return typeof pair === "string" ? { teacher: pair, student: pair } : pair;
}

function kindAt(spot: string): "logits" | "vector" | "map" {
  return spot === "logits" ? "logits" : spot === "embedding" ? "vector" : "map";
}

function readStudent({ student, spots }: Match): Value {
  return run(student.id, kindAt(spots.student), { to: spots.student, view: student.view });
}

function readTeacher({ teacher, spots }: Match): Value {
  return frozenAt(teacher, kindAt(spots.teacher), spots.teacher);
}
