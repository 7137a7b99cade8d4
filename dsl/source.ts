/**
 * A spec as the sentence that says it.
 *
 * @module
 */

import type { Clause, Json, NetSpec, Spec } from "./spec.ts";
import { isOutside } from "./verbs/branches.ts";

/** The sentence that says a spec, e.g. `cohort("resnet32×3").leader().fuse()`. Values stand for names of the same. */
export function sourceOf(spec: Spec): string {
  const views = spec.nets.some(({ view }) => view > 0) ? ['views("each")'] : [];
  const on = spec.dataset === undefined ? [] : [`on(${spec.dataset.kind})`];
  const train = spec.train === undefined ? [] : [`train({ epochs: ${spec.train.epochs} })`];
  const clauses = spec.clauses.filter(({ verb }) => verb !== "branches").map((clause) => said(clause, spec));
  return [...startOf(spec), ...views, ...clauses, ...on, ...train].join(".");
}

/** A clause as it would be said, e.g. `mutual({ temperature: 2 })`. */
export function clauseSource({ verb, method, options }: Clause): string {
  if (method !== undefined) return `use(${method.name}(${objectSource(options)}))`;
  if (verb === "loss") return "loss(…)";
  const word = positional[verb];
  const { [word ?? ""]: first, pauses, ...rest } = options;
  if (first !== undefined) return `${verb}(${[literal(first), objectSource(rest)].filter(Boolean).join(", ")})`;
  if (Array.isArray(pauses) && pauses.every((id) => /^peer\d+$/.test(String(id)))) {
    return `${verb}(${objectSource({ pauses, ...rest })})`;
  }
  const paused = Array.isArray(pauses) && !pauses.includes("teacher") ? pauses.map(literal) : [];
  return `${verb}(${[...paused, objectSource(rest)].filter(Boolean).join(", ")})`;
}

/** A clause of this sentence: a leader with a net of its own beside branches says which. */
function said(clause: Clause, { nets, clauses }: Spec): string {
  const outside = clause.verb === "leader" && clauses.some(({ options }) => isOutside(options));
  if (!outside) return clauseSource(clause);
  const { arch } = nets.find(({ role }) => role === "leader")!;
  return `leader(${[arch, objectSource(clause.options)].filter(Boolean).join(", ")})`;
}
/** The option that a verb takes first, by itself. */
const positional: Readonly<Record<string, string>> = { diversify: "by", ensemble: "target" };

function startOf({ nets, edges, clauses }: Spec): readonly string[] {
  const ids = nets.map(({ id }) => id).join(" ");
  const trunk = clauses.find(({ verb }) => verb === "branches");
  if (trunk !== undefined) {
    const { leader: _, ...options } = trunk.options;
    return [`branches(${nets[0]!.arch}, ${nets.length}, ${objectSource(options)})`];
  }
  if (edges.length === 0) {
    if (ids === "student") return [`solo(${nets[0]!.arch})`];
    if (ids === "teacher student") return [`teacher(${nets[0]!.arch})`, `student(${nets[1]!.arch})`];
    if (nets.length > 1 && nets.every(isMember)) return [cohortSource(nets)];
  }
  const named = nets.map(({ id, arch }) => (id === arch ? id : `${id}: ${arch}`)).join(", ");
  return [`topology({ ${named} })`, ...(edges.length === 0 ? [] : [`teach(${arrows(edges).join(", ")})`])];
}

function isMember({ id, role }: NetSpec, at: number): boolean {
  return id === `peer${at}` || role === "leader";
}

function cohortSource(nets: readonly NetSpec[]): string {
  const [first] = nets;
  const equal = nets.every(({ arch }) => arch === first!.arch);
  return equal ? `cohort("${first!.arch}×${nets.length}")` : `cohort([${nets.map(({ arch }) => arch).join(", ")}])`;
}

/** Edges as they are said: both ways where both are there. */
function arrows(edges: Spec["edges"]): readonly string[] {
  const has = (from: string, to: string): boolean => edges.some(([a, b]) => a === from && b === to);
  return edges.flatMap(([from, to], i) => {
    if (!has(to, from)) return [`"${from} -> ${to}"`];
    return edges.findIndex(([a, b]) => a === to && b === from) > i ? [`"${from} <-> ${to}"`] : [];
  });
}

function objectSource(options: { readonly [key: string]: Json }): string {
  const entries = Object.entries(options).map(([key, value]) => `${key}: ${literal(value)}`);
  return entries.length === 0 ? "" : `{ ${entries.join(", ")} }`;
}

/** A JSON value as source. */
export function literal(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(literal).join(", ")}]`;
  if (typeof value === "object" && value !== null) return objectSource(value as { readonly [key: string]: Json });
  return JSON.stringify(value);
}
