/**
 * The rules of a method that are about numbers: two steps on the reference backend and on WASM.
 *
 * @module
 */

import type { TrainSpec } from "../../dsl/spec.ts";
import { reference } from "../backend/reference/reference.ts";
import { wasm } from "../backend/wasm/wasm.ts";
import { compile, type Compiled } from "../compile/compile.ts";
import type { CompileInput } from "../compile/resolve.ts";
import { requireMeasurable } from "../train/measure.ts";
import { finding, messageOf, type MethodFinding, type MethodRule } from "./finding.ts";
import { apart, differing, kept, optimizing } from "./numbers.ts";
import type { Sample } from "./sample.ts";
import { type Trace, traced } from "./trace.ts";

/** A part of a run: an initial stage, or the main training. */
export interface Part {
  /** What findings about it begin with. */
  readonly name: string;
  /** What is run. */
  readonly compiled: Compiled;
  /** What it was compiled from. */
  readonly input: CompileInput;
  /** How it is trained. */
  readonly train: TrainSpec;
}

/** What each rule about numbers says where it is kept. */
const sayings = {
  compiles: "every part compiles, and what it measures is measured",
  gradient: "every module of every learner that no switch pauses gets gradient in two steps",
  moves: "and moves",
  rests: "what is no learner keeps every bit",
  finite: "terms, gradients, watches and state are finite",
  "short batch": "fewer images than compiled for give the numbers of a step compiled for as many",
  wasm: "the first step agrees with the float64 reference",
  threads: "one and two threads give the same bits",
  evaluation: "every net and head gives finite class scores",
} satisfies Partial<Record<MethodRule, string>>;

type Rule = keyof typeof sayings;

/** Same float64 sums in programs of two sizes: roundings of 1e-16, times what cancels; the built-in methods need 1e-13. */
const SAME = 1e-10;

/**
 * float32 against float64, relative to the largest number of a term or of a module's gradients; the built-in methods need
 * 1e-4 on small nets.
 */
const CLOSE = 1e-3;

/** Findings of the rules about numbers, over all parts. */
export async function trials(parts: readonly Part[], sample: Sample): Promise<readonly MethodFinding[]> {
  const wrong = new Map<Rule, string[]>();
  for (const part of parts) {
    for (const [rule, look] of Object.entries(looks(part, sample)) as [Rule, () => Promise<readonly string[]>][]) {
      const found = await look().catch((error) => [messageOf(error)]);
      wrong.set(rule, [...wrong.get(rule) ?? [], ...found.map((text) => part.name + text)]);
    }
  }
  return Object.entries(sayings).map(([rule, saying]) => finding(rule as Rule, wrong.get(rule as Rule) ?? [], saying));
}

function looks(part: Part, sample: Sample): Readonly<Record<Rule, () => Promise<readonly string[]>>> {
  const { compiled, input, train } = part;
  const short = Math.max(2, input.batch - 2);
  const debug = once(() => Promise.resolve(compile(input, train, { debug: true })));
  const exact = once(async () => await traced(await debug(), reference(), sample, { seed: train.seed }));
  const native = (threads: number) =>
    once(async () => await traced(compiled, wasm({ threads }), sample, { seed: train.seed }));
  const [one, two] = [native(1), native(2)];
  return {
    compiles: () => {
      const held = { length: 0, pixels: new Uint8Array(), labels: new Uint16Array() };
      requireMeasurable({ compiled }, { kind: "the sample", validation: held });
      return Promise.resolve([]);
    },
    gradient: async () => unmoved(compiled, await exact(), "gradient"),
    moves: async () => unmoved(compiled, await exact(), "state"),
    rests: async () => {
      const { before, steps } = await exact();
      const resting = kept(compiled, before);
      return differing(resting, steps.at(-1)!.state, "moves, though no term teaches it");
    },
    finite: async () =>
      (await exact()).steps.flatMap(({ outputs, state }, i) =>
        Object.entries({ ...outputs, ...state })
          .filter(([, numbers]) => !numbers.every(Number.isFinite))
          .map(([name]) => `${name} is not finite in step ${i + 1}`)
      ),
    "short batch": async () => {
      const few = compile({ ...input, batch: short }, train, { debug: true });
      const options = { seed: train.seed, steps: 1, count: short };
      const padded = (await traced(await debug(), reference(), sample, options)).steps[0]!;
      const whole = (await traced(few, reference(), sample, options)).steps[0]!;
      return [
        ...apart(padded.outputs, whole.outputs, SAME, `of ${short} images in a step for ${input.batch}`),
        ...apart(padded.state, whole.state, SAME, `after ${short} images in a step for ${input.batch}`),
      ];
    },
    wasm: async () => {
      const [ours, theirs] = [(await one()).steps[0]!, (await exact()).steps[0]!];
      return [
        ...apart(ours.outputs, theirs.outputs, CLOSE, "of WASM"),
        ...apart(optimizing(ours.state), optimizing(theirs.state), CLOSE, "of WASM", "module"),
      ];
    },
    threads: async () => {
      const [first, second] = [await one(), await two()];
      return first.steps.flatMap(({ state }, i) =>
        differing(state, second.steps[i]!.state, `has other bits on two threads after step ${i + 1}`)
      );
    },
    evaluation: async () => {
      const { scores, count } = await exact();
      const asked = [
        ...compiled.plan.modules.filter(({ kind }) => kind === "net").map(({ id }) => id),
        ...compiled.plan.graph.heads.map(({ name }) => name),
      ];
      return asked.filter((name) => {
        const found = scores[name];
        return found?.length !== count * compiled.plan.classes || !found.every(Number.isFinite);
      }).map((name) => `${name} has no finite class scores`);
    },
  };
}

/** Modules of learners without gradient, or that stay where they are. */
function unmoved({ plan, parameters }: Compiled, { before, steps }: Trace, what: "gradient" | "state"): string[] {
  const some = (name: string): boolean =>
    steps.some(({ outputs, state }) =>
      what === "gradient"
        ? outputs[`gradient/${name}`]?.some((x) => x !== 0) === true
        : state[name]!.some((x, i) => !Object.is(x, before[name]![i]))
    );
  return plan.groups.filter(({ id }) => !steps.every(({ paused }) => paused.includes(id))).flatMap(({ id, modules }) =>
    modules.flatMap((module) => {
      const own = parameters.filter(({ name, kind }) => kind === "parameter" && name.startsWith(`${module}/`));
      if (own.length === 0 || own.some(({ name }) => some(name))) return [];
      const of = module === id ? "" : `, a module of ${id},`;
      return [what === "gradient" ? `${module}${of} learns, but gets no gradient` : `${module}${of} does not move`];
    })
  );
}

/** A value that is made when it is first asked for. */
function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => made ??= make();
}
