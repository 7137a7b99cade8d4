/**
 * Trains a net for a few steps in a role and looks whether it does what training should.
 *
 * @module
 */
import { CohortError } from "../../dsl/errors.ts";
import { stream } from "../../dsl/random.ts";
import { trainSpec } from "../../dsl/train.ts";
import { type Arch, type Backend, cohort, compile, ffsd, kd, resnet8, solo, teacher } from "../../mod.ts";
import { weightIn } from "../../runtime/train/schedule.ts";
import { Session, type StepFeed } from "../../runtime/train/session.ts";
import type { Trainable } from "../../runtime/train/train.ts";

/**
 * What a net is checked as: alone; a common student and the leader of FFSD, which run at once; the frozen teacher of a
 * ResNet-8.
 */
export type CheckedRole = "alone" | "ffsd" | "teacher";

/** How a net is checked. */
export interface CheckOptions {
  readonly backend: Backend;
  /** Channels, height and width of the images. */
  readonly shape: readonly [number, number, number];
  /** Steps. */
  readonly steps: number;
  readonly signal?: AbortSignal;
}

/** What a check gave. */
export interface Check {
  readonly role: CheckedRole;
  /** Cross-entropy of the members that learn, in the first and in the last step. */
  readonly losses: Readonly<Record<string, readonly [first: number, last: number]>>;
  /** What is wrong, if something is. */
  readonly problem?: string;
  readonly seconds: number;
}

/** Images that a step trains on, the same in each: normal noise, labels in turn. */
export const checkImages = 16;
const classes = 10;

/** Largest share of the first loss that may be left after 20 steps of Adam at 1e-3; built-in nets keep 0.56 or less. */
const left = 2 / 3;

const sentences: Readonly<Record<CheckedRole, (arch: Arch) => Trainable>> = {
  alone: (arch) => solo(arch),
  ffsd: (arch) => cohort(arch, 3).leader().use(ffsd()),
  teacher: (arch) => teacher(arch).student(resnet8).use(kd()),
};

/**
 * Trains a net as `role` and tells what was wrong: a loss that is no number, alone a loss that did not fall by a third
 * in 20 steps or more, a member whose weights did not move, a teacher whose weights did.
 */
export async function checkNet(arch: Arch, role: CheckedRole, options: CheckOptions): Promise<Check> {
  const { backend, shape, steps, signal } = options;
  const began = performance.now();
  const seconds = (): number => (performance.now() - began) / 1000;
  const losses: Record<string, [number, number]> = {};
  try {
    const sentence = sentences[role]({ ...arch, classes: undefined });
    const { nets } = sentence.spec;
    const optimizer = { kind: "adam", learningRate: 1e-3, weightDecay: 0 } as const;
    const compiled = compile(
      { nets, archs: sentence.archs, graph: sentence.lower(), classes, shape, batch: checkImages },
      trainSpec({ optimizer }),
    );
    // Nothing is evaluated here, and the largest nets leave no room for it.
    const evaluation = { ...compiled.evaluation, nodes: [], segments: [], outputs: {} };
    const session = await Session.open({ ...compiled, evaluation }, backend);
    try {
      await session.initialize(1);
      const before = await prints(session);
      const feed: StepFeed = {
        count: checkImages,
        ...batchOf(shape),
        weights: Object.fromEntries(Object.entries(compiled.weights).map(([term, w]) => [term, weightIn(w, 1, {})])),
        rates: Object.fromEntries(Object.entries(compiled.optimizers).map(([group, o]) => [group, o.learningRate])),
      };
      for (let step = 0; step < steps && signal?.aborted !== true; step++) {
        const { terms } = await session.step(feed);
        const bad = Object.entries(terms).find(([, value]) => !Number.isFinite(value));
        if (bad !== undefined) {
          return { role, losses, problem: `${bad[0]} is ${bad[1]} in step ${step + 1}`, seconds: seconds() };
        }
        for (const { id } of nets) {
          const loss = terms[`${id}/ce`];
          if (loss !== undefined) losses[id] = [losses[id]?.[0] ?? loss, loss];
        }
      }
      const problem = problemOf(role, steps, losses) ?? moved(nets, before, await prints(session));
      return { role, losses, ...(problem === undefined ? {} : { problem }), seconds: seconds() };
    } finally {
      await session.close();
    }
  } catch (error) {
    if (error instanceof CohortError) return { role, losses, problem: error.message, seconds: seconds() };
    throw error;
  }
}

function problemOf(role: CheckedRole, steps: number, losses: Check["losses"]): string | undefined {
  if (role !== "alone" || steps < 20) return undefined;
  const [first, last] = losses["student"]!;
  return last <= left * first ? undefined : `the loss fell from ${first.toFixed(3)} to ${last.toFixed(3)} only`;
}

/** Sum and sum of squares of every net's parameters. */
async function prints(session: Session): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  for (const { name, kind } of session.compiled.parameters) {
    if (kind !== "parameter") continue;
    const values = await session.read(name);
    let [sum, squares] = [0, 0];
    for (const value of values) [sum, squares] = [sum + value, squares + value * value];
    found.set(name, `${sum} ${squares}`);
  }
  return found;
}

/** A tensor that should have changed and did not, or the other way round. */
function moved(
  nets: Trainable["spec"]["nets"],
  before: ReadonlyMap<string, string>,
  after: ReadonlyMap<string, string>,
): string | undefined {
  for (const { id, role } of nets) {
    const own = [...before.keys()].filter((name) => name.startsWith(`${id}/`));
    const still = own.filter((name) => before.get(name) === after.get(name));
    if (role === "teacher" && still.length < own.length) return `${id} is frozen, and its weights changed`;
    if (role !== "teacher" && still.length > 0) return `${still[0]} did not change`;
  }
  return undefined;
}

function batchOf(shape: CheckOptions["shape"]): Pick<StepFeed, "images" | "labels"> {
  const random = stream(0, "check-nets");
  const pixels = shape.reduce((product, size) => product * size, checkImages);
  return {
    images: [Float32Array.from({ length: pixels }, (_, i) => random.normal(i))],
    labels: Uint16Array.from({ length: checkImages }, (_, i) => i % classes),
  };
}
