/**
 * From the JSON of a spec back to its pipeline.
 *
 * @module
 */

import type { Arch } from "./arch.ts";
import { builtinArchs } from "./archs/mod.ts";
import { emptyState, pipelineOf, withNets } from "./build.ts";
import { checkId, checkSpot } from "./checks.ts";
import { type Verb, verbOrder } from "./clauses.ts";
import type { Dataset } from "./data.ts";
import { orderedEdges } from "./edges.ts";
import { didYouMean, SentenceError, UnknownNameError } from "./errors.ts";
import type { Role, Term } from "./graph.ts";
import { equalJson } from "./json.ts";
import type { Known } from "./known.ts";
import type { Method } from "./method.ts";
import type { Pipeline } from "./pipeline.ts";
import { refusals } from "./refused.ts";
import { checkSpec } from "./spec_shape.ts";
import type { Clause, NetSpec, Spec } from "./spec.ts";
import type { EnsembleTarget } from "./verbs/ensemble.ts";

/** What the names of a spec stand for. A function is called with the recorded options. */
export interface Values {
  /** Methods, or functions that make them, by name. */
  readonly methods?: Readonly<Record<string, Method | ((options: never) => Method)>>;
  /** Datasets, or functions that make them, by kind. */
  readonly datasets?: Readonly<Record<string, Dataset | ((options: never) => Dataset)>>;
  /** Architectures by name, beside the built-in ones. */
  readonly archs?: Readonly<Record<string, Arch>>;
}

/**
 * The pipeline that says a spec: `parseSpec(p.spec, values).spec` equals `p.spec`.
 *
 * Every verb is said again, so a spec is refused for the same reasons, in the same words, as the sentence would be.
 *
 * @param json The spec: an object, or its JSON text.
 * @throws {SentenceError} If it is no spec of this version; the message holds the path of the bad field.
 * @throws {UnknownNameError} If `values` lacks one of its names.
 *
 * @example
 * ```ts
 * import { cohort, parseSpec } from "./mod.ts";
 * const text = JSON.stringify(cohort("resnet8×3").leader().spec);
 * console.log(String(parseSpec(text).explain()));
 * ```
 */
export function parseSpec(json: unknown, values: Values = {}): Pipeline<Known> {
  const spec = checkSpec(typeof json === "string" ? parsed(json) : json);
  let built = pipelineOf(start(spec, values));
  for (const clause of spec.clauses) built = say(built, clause, values);
  if (spec.dataset !== undefined) built = built.on(datasetOf(spec.dataset, values));
  if (spec.train !== undefined) built = built.train(spec.train);
  for (const part of ["nets", "edges", "clauses", "dataset", "train"] as const) {
    if (!equalJson(built.spec[part], spec[part])) {
      throw new SentenceError(
        `Cannot read the spec: no sentence says its ${part}, got ${JSON.stringify(spec[part])}. ` +
          `Its verbs give ${JSON.stringify(built.spec[part])}.`,
      );
    }
  }
  return built as unknown as Pipeline<Known>;
}

type Built = ReturnType<typeof pipelineOf>;

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new SentenceError(`Cannot read the spec: it is JSON, got ${(error as Error).message}. Pass p.spec as text.`);
  }
}

/** The sentence before its first verb: a leader is still the last peer. */
function start(spec: Spec, { archs = {} }: Values): Parameters<typeof pipelineOf>[0] {
  const known: Readonly<Record<string, Arch>> = { ...builtinArchs, ...archs };
  const promoted = spec.clauses.some(({ verb }) => verb === "leader");
  const nets = spec.nets.map(({ id, arch, role, view }, i) => {
    checkId(id);
    if (!Object.hasOwn(known, arch)) unknown(`nets[${i}].arch`, "architecture", arch, Object.keys(known));
    const peer = promoted && role === "leader";
    return { id: peer ? `peer${i}` : id, role: peer ? "peer" as Role : role, arch: known[arch]!, view };
  });
  const ids = nets.map(({ id }) => id);
  const twice = ids.find((id, i) => ids.indexOf(id) < i);
  if (twice !== undefined) {
    throw new SentenceError(`Cannot read the spec: every net has a name of its own, got "${twice}" twice. Rename one.`);
  }
  if (spec.nets.filter(({ role }) => role === "leader").length > 1) {
    throw new SentenceError(`Cannot read the spec: ${refusals.leaderTwice}.`);
  }
  const state = withNets(emptyState, nets, "the spec's nets");
  for (const [from, to] of spec.edges) orderedEdges(`${from} -> ${to}`, state.spec.nets);
  const viewed = state.spec.nets.map((net, i): NetSpec => Object.freeze({ ...net, view: nets[i]!.view }));
  return { ...state, spec: { ...state.spec, nets: Object.freeze(viewed), edges: spec.edges } };
}

function say(built: Built, clause: Clause, values: Values): Built {
  const { options } = clause;
  const { by, target, ...rest } = options;
  const verb = clause.verb as Verb;
  if (!verbOrder.includes(verb)) unknown("clauses", "verb", verb, verbOrder);
  switch (verb) {
    case "leader":
      return built.leader(options);
    case "fuse":
      return built.fuse(options);
    case "pretrain":
      return built.pretrain(options);
    case "mutual":
      return built.mutual(options);
    case "selfDistill":
      return built.selfDistill(options);
    case "diversify":
      return built.diversify(String(by), rest);
    case "ensemble":
      return built.ensemble(String(target) as EnsembleTarget, rest);
    case "switch":
      return built.pausing(options);
    case "loss":
      return built.loss(() => options["terms"] as unknown as readonly Term[]);
    case "use":
      return built.use(methodOf(clause, values));
    case "branches":
      checkSpot("branches()", built, String(options["from"]), built.spec.nets, "trunk");
      return built.record("branches", options);
    default:
      return verb satisfies never;
  }
}

function methodOf({ method, options }: Clause, { methods = {} }: Values): Method {
  const { name, version } = method!;
  if (!Object.hasOwn(methods, name)) unknown("clauses", "method", name, Object.keys(methods));
  const value = methods[name]!;
  const made = typeof value === "function" ? value(options as never) : value;
  if (made.version !== version || !equalJson(made.options, options)) {
    throw new SentenceError(
      `Cannot read the spec: ${name}() is version ${version} with ${JSON.stringify(options)}, ` +
        `got version ${made.version} with ${JSON.stringify(made.options)}. Pass the method the spec was made with.`,
    );
  }
  return made;
}

function datasetOf({ kind, options }: NonNullable<Spec["dataset"]>, { datasets = {} }: Values): Dataset {
  if (!Object.hasOwn(datasets, kind)) unknown("dataset.kind", "dataset", kind, Object.keys(datasets));
  const value = datasets[kind]!;
  return typeof value === "function" ? value(options as never) : value;
}

function unknown(path: string, what: string, name: string, known: readonly string[]): never {
  throw new UnknownNameError(
    `Cannot read the spec: ${path} names a known ${what}, got "${name}".` +
      (known.length > 0 ? didYouMean(name, known) : ` Pass it as a value.`),
  );
}
