/**
 * Any distiller between peers.
 *
 * @module
 */

import { SentenceError } from "../dsl/errors.ts";
import type { LossGraph, Term } from "../dsl/graph.ts";
import { frozenOptions } from "../dsl/json.ts";
import type { Distilling, NeedsOf, RoutesOf } from "../dsl/known.ts";
import { type Member, type Method, method, type Site } from "../dsl/method.ts";
import { refusals } from "../dsl/refused.ts";
import { node, type Value } from "../dsl/value.ts";

/** What a distiller between peers needs: peers that all have the spots it was told. */
export type OnlineNeeds<N> = { readonly peer: N[keyof N] & string };

/**
 * A distiller between peers that all learn at once: every peer is the student of every other, or of those that edges name.
 *
 * Peer i learns what the distiller says of a student i with the other peers as its teachers, `peer0/ce`,
 * `peer0/at_layer1`, …; what it imitates is cut, but taken from the step's own forward, batch statistics included, where
 * a resting teacher runs with its running ones. The distiller's modules belong to the peer that learns. Shapes are the
 * distiller's. Other methods may stand beside it, and `sakd()` routes it.
 *
 * @throws {SentenceError} If the method needs other roles than a teacher and a student.
 *
 * @example
 * ```ts
 * import { cohort, resnet14, resnet8 } from "../dsl/mod.ts";
 * import { at } from "./at.ts";
 * import { online } from "./online.ts";
 * const pair = cohort([resnet14, resnet8]).ensemble("linear").use(online(at({ at: ["layer3"] })));
 * console.log(pair.lower().terms.map(({ name }) => name));
 * // ["peer0/ce", "peer0/ensemble_kl", "peer1/ce", "peer1/ensemble_kl", "peer0/at_layer3", "peer1/at_layer3"]
 * ```
 *
 * Source: this project's; the papers of the distillers have a trained teacher.
 */
export function online<M extends Method>(
  distiller: M & Distilling<M>,
): Method<OnlineNeeds<NeedsOf<M>>, RoutesOf<M> & string> {
  const { name, options, needs, routes, clauses } = distiller as Method;
  if (needs.teacher === undefined || needs.student === undefined || clauses !== undefined) {
    const roles = Object.keys(needs).join(", ") || "none";
    throw new SentenceError(
      `Cannot say online(${name}()): ${refusals.notOnline}, got ${roles}.`,
    );
  }
  const made = method(
    "online",
    frozenOptions({ distiller: { name, options } }, "online()"),
    { needs: { peer: [...new Set([...needs.teacher, ...needs.student])] } as never, routes },
    (site) => lowerOnline(site, distiller),
  );
  return made as Method<OnlineNeeds<NeedsOf<M>>, RoutesOf<M> & string>;
}

function lowerOnline(site: Site, distiller: Method): Partial<LossGraph> {
  if (site.peers.length < 2) {
    throw new SentenceError(
      `Cannot lower online(${distiller.name}()): a peer learns from others, got ${site.peers.length}. Add members.`,
    );
  }
  const taught = site.peers.filter(({ id }) => site.edges.length === 0 || site.edges.some(([, to]) => to === id));
  const graphs = taught.map((peer) => lowerPeer(site, peer, distiller));
  const awake = <T extends Value>(value: T): T => awoken(value, site.peers, known) as T;
  const known = new Map<Value, Value>();
  return {
    terms: graphs.flatMap(({ terms = [] }) => terms.map((term): Term => ({ ...term, loss: awake(term.loss) }))),
    aux: graphs.flatMap(({ aux = [] }) => aux),
    state: graphs.flatMap(({ state = [] }) => state),
    updates: graphs.flatMap(({ updates = [] }) => updates.map((update) => ({ ...update, value: awake(update.value) }))),
    watches: graphs.flatMap(({ watches = [] }) => watches.map((watch) => ({ ...watch, value: awake(watch.value) }))),
  };
}

/** The distiller's graph of one peer as the student of the others. */
function lowerPeer(site: Site, peer: Member, distiller: Method): Partial<LossGraph> {
  const others = site.peers.filter((other) => other !== peer);
  const graph = distiller.lower({ ...site, students: [peer], teachers: others });
  if ((graph.stages ?? []).length > 0) {
    throw new SentenceError(
      `Cannot lower online(${distiller.name}()): peers start together, and this method trains parts before, from a ` +
        "teacher that is trained already. Say it of teacher(...).student(...).",
    );
  }
  const stranger = (graph.terms ?? []).find(({ learners }) => learners.some((id) => id !== peer.id));
  if (stranger !== undefined) {
    throw new SentenceError(
      `Cannot lower online(${distiller.name}()): its terms teach the student alone, got ${stranger.name} for ` +
        `${stranger.learners.join(", ")}. Say online() inside, as in sakd(online(at())).`,
    );
  }
  return graph;
}

/** A value with the peers that rest in it run as the step trains them. */
function awoken(value: Value, peers: readonly Member[], known: Map<Value, Value>): Value {
  const before = known.get(value);
  if (before !== undefined) return before;
  const rests = value.op === "run" && value.attrs["mode"] === "eval" &&
    peers.some(({ id }) => id === value.attrs["net"]);
  const of = value.of.map((source) => awoken(source, peers, known));
  const made = node(value.op, value.kind, of, rests ? { ...value.attrs, mode: "train" } : value.attrs);
  known.set(value, made);
  return made;
}
