/**
 * A snapshot: everything a run needs to continue exactly, as one value.
 *
 * @module
 */

import { CheckpointError } from "../../dsl/errors.ts";
import type { LossGraph } from "../../dsl/graph.ts";
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
  const expected = new Map(session.compiled.state.map(({ name, shape }) => [name, shape]));
  const problems = [
    ...[...expected.keys()].filter((name) => snapshot.tensors[name] === undefined).map((name) => `${name} is missing`),
    ...Object.entries(snapshot.tensors).flatMap(([name, { shape }]) => {
      const wanted = expected.get(name);
      if (wanted === undefined) return [`${name} is not known here`];
      return wanted.join() === shape.join() ? [] : [`${name} is [${shape}] instead of [${wanted}]`];
    }),
  ];
  if (problems.length > 0) {
    throw new CheckpointError(
      `Cannot resume: the checkpoint holds the tensors of this run, got ${problems.length} differences: ${
        problems.join("; ")
      }. Resume with the sentence that wrote it.`,
    );
  }
  for (const [name, { data }] of Object.entries(snapshot.tensors)) await session.write(name, data);
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
  const position = text === undefined ? undefined : JSON.parse(text) as Position;
  if (position?.version !== 1) {
    throw new CheckpointError(
      `Cannot resume from ${what}: it is no checkpoint of version 1, got ${
        position === undefined ? "weights only" : `version ${position.version}`
      }. Start a new run, or use a file written by train.`,
    );
  }
  return { position, tensors };
}
