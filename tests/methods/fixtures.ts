import { assertEquals } from "@std/assert";
import {
  type Arch,
  channelsAt,
  type LossGraph,
  type Member,
  preActivation,
  type Role,
  type Site,
  type Value,
} from "../../dsl/mod.ts";
import type { Clause } from "../../dsl/mod.ts";

/** A site with these nets, `[id, role, architecture]`. */
export function siteWith(
  nets: readonly (readonly [id: string, role: Role, arch: Arch])[],
  rest: { readonly clauses?: readonly Clause[]; readonly edges?: Site["edges"] } = {},
): Site {
  const members = nets.map(([id, role, arch]): Member => {
    const channels = channelsAt(arch);
    return {
      id,
      role,
      view: 0,
      arch: arch.name,
      spots: arch.spots,
      preActivations: arch.spots.map((spot) => preActivation(arch, spot)),
      width: channels["embedding"]!,
      channels: arch.spots.map((spot) => channels[spot]!),
    };
  });
  const of = (role: Role): readonly Member[] => members.filter((member) => member.role === role);
  return {
    members,
    peers: of("peer"),
    leader: of("leader")[0],
    teachers: of("teacher"),
    students: of("student"),
    edges: rest.edges ?? [],
    clauses: rest.clauses ?? [],
  };
}

/** Peers `peer0`, `peer1`, … of one architecture, and a leader of it. */
export function ledBy(arch: Arch, peers: number, clauses: readonly Clause[] = []): Site {
  const names = Array.from({ length: peers }, (_, i) => `peer${i}`);
  return siteWith([...names.map((id) => [id, "peer", arch] as const), ["leader", "leader", arch]], { clauses });
}

/** Names of the terms a group learns from. */
export function learns(graph: Partial<LossGraph>, group: string): readonly string[] {
  return (graph.terms ?? []).filter((term) => term.learners.includes(group)).map((term) => term.name);
}

/** Nets a value reads through `stop()` alone, and those it reads in the open, sorted. */
export function reach(value: Value): { readonly cut: readonly string[]; readonly open: readonly string[] } {
  const cut = new Set<string>();
  const open = new Set<string>();
  const visit = (at: Value, stopped: boolean): void => {
    if (at.op === "run") (stopped ? cut : open).add(String(at.attrs["net"]));
    at.of.forEach((input) => visit(input, stopped || at.op === "stop"));
  };
  visit(value, false);
  return { cut: [...cut].filter((net) => !open.has(net)).sort(), open: [...open].sort() };
}

/** Compares a graph with its golden file; `COHORT_GOLDEN=write` writes the file instead. */
export function assertGolden(name: string, graph: Partial<LossGraph>): void {
  const file = new URL(`../golden/graph_${name}.json`, import.meta.url);
  const readable = readableGraph(graph);
  const text = JSON.stringify(readable, null, 2) + "\n";
  if (readsGolden("write")) Deno.writeTextFileSync(file, text);
  assertEquals(JSON.parse(text), JSON.parse(Deno.readTextFileSync(file)));
}

/** A graph whose values are expressions. */
function readableGraph(graph: Partial<LossGraph>): object {
  return {
    ...graph,
    terms: graph.terms?.map((term) => ({ ...term, loss: printed(term.loss) })),
    aux: graph.aux?.map((module) => ({
      ...module,
      stages: module.stages.map(({ spot, layers }) => ({ spot, layers: layers.map((layer) => JSON.stringify(layer)) })),
    })),
    watches: graph.watches?.map((watch) => ({ ...watch, value: printed(watch.value) })),
    heads: graph.heads?.map((head) => ({ ...head, logits: printed(head.logits) })),
    updates: graph.updates?.map((update) => ({
      ...update,
      value: printed(update.value),
      ...(update.rows === undefined ? {} : { rows: printed(update.rows) }),
    })),
    stages: graph.stages?.map((stage) => ({ ...stage, graph: readableGraph(stage.graph) })),
  };
}

/** A value as an expression; nothing of it is left out. */
export function printed(value: Value): string {
  const attrs = Object.entries(value.attrs).filter(([, attr]) => attr !== "").map(([key, attr]) =>
    `${key}: ${JSON.stringify(attr)}`
  );
  const of = value.of.map(printed);
  return `${value.op}(${[...of, ...attrs].join(", ")})`;
}

function readsGolden(mode: string): boolean {
  return Deno.permissions.querySync({ name: "env", variable: "COHORT_GOLDEN" }).state === "granted" &&
    Deno.env.get("COHORT_GOLDEN") === mode;
}
