/**
 * The shape of a spec's JSON, checked field by field.
 *
 * @module
 */

import { SentenceError } from "./errors.ts";
import { frozenJson } from "./json.ts";
import type { Spec } from "./spec.ts";

type Check = (value: unknown, path: string) => void;

/**
 * A frozen copy of `json` as a spec.
 *
 * @throws {SentenceError} If a field is missing, unknown or of another type; the message holds its path.
 */
export function checkSpec(json: unknown): Spec {
  const version = typeof json === "object" && json !== null ? (json as { version?: unknown }).version : undefined;
  if (version !== undefined && version !== 1) {
    throw new SentenceError(
      `Cannot read the spec: version is 1 here, got ${
        JSON.stringify(version)
      }. Read it with the package that wrote it.`,
    );
  }
  spec(json, "spec");
  return frozenJson(json, "spec") as unknown as Spec;
}

const text: Check = (value, path) => {
  if (typeof value !== "string") wrong(path, "text", value);
};
const flag: Check = (value, path) => {
  if (typeof value !== "boolean") wrong(path, "true or false", value);
};
const number: Check = (value, path) => {
  if (typeof value !== "number" || !Number.isFinite(value)) wrong(path, "a number", value);
};
const count: Check = (value, path) => {
  if (!Number.isSafeInteger(value) || Number(value) < 0) wrong(path, "a whole number from 0", value);
};
const anything: Check = () => {};

function oneOf(...known: readonly string[]): Check {
  return (value, path) => {
    if (!known.includes(value as string)) wrong(path, `one of ${known.join(", ")}`, value);
  };
}

function list(item: Check): Check {
  return (value, path) => {
    if (!Array.isArray(value)) return wrong(path, "a list", value);
    value.forEach((element, i) => item(element, `${path}[${i}]`));
  };
}

function record(item: Check): Check {
  return (value, path) => {
    for (const [key, element] of entries(value, path)) item(element, `${path}.${key}`);
  };
}

/** An object with these fields; a name that ends with `?` may be missing. */
function fields(shape: Readonly<Record<string, Check>>): Check {
  const checks = new Map(Object.entries(shape).map(([key, check]) => [key.replace("?", ""), check]));
  return (value, path) => {
    const present = new Map(entries(value, path));
    for (const key of Object.keys(shape)) {
      if (!key.endsWith("?") && !present.has(key)) wrong(`${path}.${key}`, "there", undefined);
    }
    for (const [key, element] of present) {
      const check = checks.get(key);
      if (check === undefined) wrong(`${path}.${key}`, `one of ${[...checks.keys()].join(", ")}`, element);
      else check(element, `${path}.${key}`);
    }
  };
}

function entries(value: unknown, path: string): readonly (readonly [string, unknown])[] {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return wrong(path, "an object", value);
  return Object.entries(value).filter(([, element]) => element !== undefined);
}

function wrong(path: string, rule: string, got: unknown): never {
  const shown = got === undefined ? "nothing" : JSON.stringify(got);
  throw new SentenceError(`Cannot read the spec: ${path} is ${rule}, got ${shown}. Compare it with p.spec.`);
}

const edge: Check = (value, path) => {
  list(text)(value, path);
  if ((value as readonly unknown[]).length !== 2) wrong(path, "a pair of names", value);
};

const partialOptimizer = fields({
  "kind?": oneOf("sgd", "adam"),
  "learningRate?": number,
  "momentum?": number,
  "nesterov?": flag,
  "weightDecay?": number,
  "beta1?": number,
  "beta2?": number,
  "epsilon?": number,
});

const spec = fields({
  version: count,
  nets: list(fields({ id: text, arch: text, role: oneOf("leader", "peer", "teacher", "student"), view: count })),
  edges: list(edge),
  clauses: list(fields({
    verb: text,
    "method?": fields({ kind: oneOf("method"), name: text, version: count }),
    options: record(anything),
  })),
  "dataset?": fields({ kind: text, options: record(anything) }),
  "train?": fields({
    epochs: count,
    batch: count,
    seed: count,
    optimizer: partialOptimizer,
    schedule: fields({ milestones: list(count), gamma: number, warmup: number }),
    groups: record(partialOptimizer),
  }),
});
