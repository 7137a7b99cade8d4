/**
 * Terms at spots as another method sees them: which two nets they compare, and how they are made to see some samples only.
 *
 * @module
 */

import { SentenceError } from "./errors.ts";
import { greater, meanAll, mul, sub } from "./expr.ts";
import type { StateUpdate, Term } from "./graph.ts";
import type { Member, Site } from "./method.ts";
import { constant, type Mode, node, route, state, unroute, type Value } from "./value.ts";

/** A place where two nets can be cut and joined: a spot of each. */
export interface Cut {
  /** The teacher's spot. */
  readonly teacher: string;
  /** The student's spot. */
  readonly student: string;
}

/** A net that learns at spots, and the one it is compared with there. */
export interface RoutedPair {
  /** Who learns. */
  readonly student: Member;
  /** Whom it imitates. */
  readonly teacher: Member;
  /** How the terms run the teacher. */
  readonly teacherMode: Mode;
  /** Where they are compared, shallow first; class scores are no cut. */
  readonly cuts: readonly Cut[];
  /** The terms, each at a cut or at the class scores. */
  readonly terms: readonly { readonly term: Term; readonly cut: number | "logits" }[];
}

/**
 * Pairs of nets that terms with a spot compare. Each such term has one learner among the members, and reads it and one
 * other member.
 *
 * @throws {SentenceError} If a term reads other nets, or not its learner.
 */
export function routedPairs(site: Site, terms: readonly Term[], verb: string): readonly RoutedPair[] {
  const found = new Map<string, { readonly term: Term; readonly ends: Ends }[]>();
  for (const term of terms) {
    if (term.spot === undefined) continue;
    const ends = endsOf(site, term, verb);
    const key = `${ends.student.id} ${ends.teacher.id}`;
    found.set(key, [...found.get(key) ?? [], { term, ends }]);
  }
  return [...found.values()].map((all): RoutedPair => {
    const { student, teacher, teacherMode } = all[0]!.ends;
    const depth = (spot: string): number => [...student.spots, "embedding"].indexOf(spot);
    const cuts = new Map(
      all.filter(({ ends }) => ends.cut.student !== "logits").map(({ ends }) => [ends.cut.student, ends.cut]),
    );
    const sorted = [...cuts.values()].sort((a, b) => depth(a.student) - depth(b.student));
    return {
      student,
      teacher,
      teacherMode,
      cuts: sorted,
      terms: all.map(({ term, ends }) => ({
        term,
        cut: ends.cut.student === "logits" ? "logits" : sorted.findIndex(({ student }) => student === ends.cut.student),
      })),
    };
  });
}

interface Ends extends Pick<RoutedPair, "student" | "teacher" | "teacherMode"> {
  readonly cut: Cut;
}

function endsOf({ members }: Site, { name, learners, loss, spot }: Term, verb: string): Ends {
  const runs = leavesOf(loss).filter(({ op, attrs }) => op === "run" && members.some(({ id }) => id === attrs["net"]));
  const nets = [...new Set(runs.map(({ attrs }) => String(attrs["net"])))];
  const student = members.find(({ id }) => learners.length === 1 && id === learners[0]);
  const [other, ...more] = nets.filter((id) => id !== student?.id);
  const teacher = members.find(({ id }) => id === other);
  if (student === undefined || teacher === undefined || more.length > 0 || !nets.includes(student.id)) {
    throw new SentenceError(
      `Cannot lower ${verb}: a term at a spot compares its learner with one other net, got ${name} over ${
        nets.join(", ") || "no net"
      }. Leave out its spot.`,
    );
  }
  const there = runs.findLast(({ attrs }) => attrs["net"] === teacher.id)!.attrs;
  return {
    student,
    teacher,
    teacherMode: there["mode"] as Mode,
    cut: { teacher: String(there["to"]), student: spot! },
  };
}

/** Values that read no others: runs of nets on images, labels, positions. */
function leavesOf(value: Value, seen: Set<Value> = new Set()): readonly Value[] {
  if (seen.has(value)) return [];
  seen.add(value);
  return value.of.length === 0 ? [value] : value.of.flatMap((source) => leavesOf(source, seen));
}

/** What a router leaves as it is and takes its samples of: nets and modules see the whole batch. */
const bySample: ReadonlySet<Value["op"]> = new Set(["run", "labels", "sampleIndex", "negatives", "noise"]);

/** Values computed from the samples that one mask chooses. */
export class Router {
  readonly #mask: Value<"sample">;
  readonly #known = new Map<Value, Value>();

  /** `mask` [B] is 1 for the samples that are chosen, else 0. */
  constructor(mask: Value<"sample">) {
    this.#mask = mask;
  }

  /** The same value, computed from the samples chosen; what nets and modules make of all samples is computed before. */
  value<V extends Value>(value: V): V {
    const known = this.#known.get(value);
    if (known !== undefined) return known as V;
    const made = bySample.has(value.op)
      ? route(value, this.#mask)
      : value.of.length === 0
      ? value
      : node(value.op, value.kind, value.of.map((source) => this.value(source)), value.attrs);
    this.#known.set(value, made);
    return made as V;
  }

  /** A loss over the samples chosen, times their share of the batch: n/B · loss; 0 where nobody is chosen. */
  loss(loss: Term["loss"]): Value<"scalar"> {
    const own = this.value<Value>(loss);
    return mul(loss.kind === "sample" ? meanAll(own) : own as Value<"scalar">, meanAll(this.#mask));
  }

  /** What a kept tensor becomes: rows of the samples chosen, or all of it; as it was where nobody is chosen. */
  update({ state: name, value, rows }: StateUpdate): StateUpdate {
    const own = this.value(value);
    if (rows === undefined) {
      const any = greater(meanAll(this.#mask), 0);
      return { state: name, value: node("select", value.kind, [any, own, state(name, value.kind)]) };
    }
    const places = unroute(node("add", rows.kind, [this.value(rows), constant(1)]), this.#mask);
    return { state: name, value: unroute(own, this.#mask), rows: sub(places, 1) };
  }
}
