/**
 * A snapshot: everything a run needs to continue exactly, as one value.
 *
 * @module
 */

import { CheckpointError } from "../../dsl/errors.ts";
import type { LossGraph } from "../../dsl/graph.ts";
import { equalJson } from "../../dsl/json.ts";
import type { Spec } from "../../dsl/spec.ts";
import type { EpochRecord } from "./fit.ts";
import { decodeTensors, encodeTensors, type NamedTensor } from "./safetensors.ts";
import type { Session } from "./session.ts";

/** Where a run is, apart from its tensors. Random numbers are addressed by seed, epoch and position: no state. */
export interface Position {
  readonly version: 1;
  /** The sentence, if the run came from one. */
  readonly spec?: Spec;
  /** What was compiled; a run goes on without the methods that wrote it. */
  readonly graph: LossGraph;
  readonly seed: number;
  /** Epoch in progress, from 1. */
  readonly epoch: number;
  /** Steps of that epoch that are done. */
  readonly step: number;
  /** Sums of the terms over those steps. */
  readonly totals: Readonly<Record<string, number>>;
  /** Steps among them in which each group paused. */
  readonly paused: Readonly<Record<string, number>>;
  /** Images seen in those steps. */
  readonly seen: number;
  /** Values the trainer measured. */
  readonly measured: Readonly<Record<string, number>>;
  /** Finished epochs. */
  readonly history: readonly EpochRecord[];
  /** Backend and features the numbers came from; another may give other last bits. */
  readonly backend: string;
}

/** A run at rest. */
export interface Snapshot {
  readonly position: Position;
  /** Weights, running statistics and optimizer slots. */
  readonly tensors: Readonly<Record<string, NamedTensor>>;
}

/** Reads all state of a session. */
export async function takeSnapshot(session: Session, position: Position): Promise<Snapshot> {
  const tensors: Record<string, NamedTensor> = {};
  for (const { name, shape } of session.compiled.state) tensors[name] = { shape, data: await session.read(name) };
  return { position, tensors };
}

/**
 * Writes a snapshot back.
 *
 * @throws {CheckpointError} If its tensors are not those of the session; every difference is listed.
 */
export async function restoreSnapshot(session: Session, snapshot: Snapshot): Promise<void> {
  refuseDifferences("the checkpoint holds the tensors of this run", tensorDifferences(session, snapshot));
  for (const [name, { data }] of Object.entries(snapshot.tensors)) await session.write(name, data);
}

/**
 * Writes a snapshot back to go on from there: seed, batch and loss graph have to be those it was written with, too.
 *
 * @throws {CheckpointError} If anything differs; every difference is listed.
 */
export async function resumeSnapshot(
  session: Session,
  snapshot: Snapshot,
  train: { readonly seed: number; readonly batch: number },
): Promise<void> {
  const { seed, spec, graph } = snapshot.position;
  const batch = spec?.train?.batch ?? train.batch;
  refuseDifferences("the checkpoint was written by the same run", [
    ...(seed === train.seed ? [] : [`the seed is ${seed} instead of ${train.seed}`]),
    ...(batch === train.batch ? [] : [`the batch is ${batch} instead of ${train.batch}`]),
    ...graphDifferences(graph, session.compiled.plan.graph),
    ...tensorDifferences(session, snapshot),
  ]);
  await restoreSnapshot(session, snapshot);
}

function tensorDifferences(session: Session, { tensors }: Snapshot): string[] {
  const expected = new Map(session.compiled.state.map(({ name, shape }) => [name, shape]));
  return [
    ...[...expected.keys()].filter((name) => tensors[name] === undefined).map((name) => `${name} is missing`),
    ...Object.entries(tensors).flatMap(([name, { shape }]) => {
      const wanted = expected.get(name);
      if (wanted === undefined) return [`${name} is not known here`];
      return wanted.join() === shape.join() ? [] : [`${name} is [${shape}] instead of [${wanted}]`];
    }),
  ];
}

function graphDifferences(saved: LossGraph, here: LossGraph): string[] {
  const [theirs, ours] = [saved, here].map(({ terms }) => new Map(terms.map((term) => [term.name, term])));
  const names = new Set([...ours!.keys(), ...theirs!.keys()]);
  const terms = [...names].flatMap((name) => {
    const [own, other] = [ours!.get(name), theirs!.get(name)];
    if (other === undefined) return [`term ${name} is missing`];
    if (own === undefined) return [`term ${name} is not known here`];
    return equalJson(own, other) ? [] : [`term ${name} is another one`];
  });
  const parts = ["aux", "switches", "heads", "phases"] as const;
  const what = {
    aux: "the modules are",
    switches: "the switches are",
    heads: "the heads are",
    phases: "the phases are",
  };
  return [...terms, ...parts.flatMap((part) => (equalJson(saved[part], here[part]) ? [] : [`${what[part]} others`]))];
}

function refuseDifferences(rule: string, problems: readonly string[]): void {
  if (problems.length === 0) return;
  throw new CheckpointError(
    `Cannot resume: ${rule}, got ${problems.length} difference${problems.length === 1 ? "" : "s"}: ${
      problems.join("; ")
    }. Resume with the sentence that wrote it.`,
  );
}

/** A snapshot as bytes: a safetensors file whose metadata holds the position. */
export function encodeSnapshot(snapshot: Snapshot): Uint8Array<ArrayBuffer> {
  return encodeTensors({ tensors: snapshot.tensors, metadata: { cohort: JSON.stringify(snapshot.position) } });
}

/**
 * The snapshot in these bytes.
 *
 * @throws {CheckpointError} If they are no snapshot of this version.
 */
export function decodeSnapshot(bytes: Uint8Array, what = "the checkpoint"): Snapshot {
  const { tensors, metadata } = decodeTensors(bytes, what);
  const text = metadata.cohort;
  const position = text === undefined ? undefined : readPosition(text, what);
  if (position?.version !== 1) {
    throw new CheckpointError(
      `Cannot resume from ${what}: it is no checkpoint of version 1, got ${
        position === undefined ? "weights only" : `version ${position.version}`
      }. Start a new run, or use a file written by train.`,
    );
  }
  return { position, tensors };
}

function readPosition(text: string, what: string): Position | undefined {
  try {
    return (JSON.parse(text) ?? undefined) as Position | undefined;
  } catch {
    throw new CheckpointError(
      `Cannot resume from ${what}: its position is JSON, got ${text.length} characters that are not. Use another file.`,
    );
  }
}
