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
  /** Version of this format. */
  readonly version: 1;
  /** The sentence, if the run came from one. */
  readonly spec?: Spec;
  /** What was compiled; a run goes on without the methods that wrote it. */
  readonly graph: LossGraph;
  /** Seed of weights, order and augmentation. */
  readonly seed: number;
  /** Initial stage in progress; absent in the main training. */
  readonly stage?: string;
  /** Epoch in progress, from 1. */
  readonly epoch: number;
  /** Steps of that epoch that are done. */
  readonly step: number;
  /** Sums of the terms over those steps. */
  readonly totals: Readonly<Record<string, number>>;
  /** Steps among them in which each group paused. */
  readonly paused: Readonly<Record<string, number>>;
  /** Number of training images, which decides what each batch holds; absent before the first step. */
  readonly images?: number;
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
  /** Where the run is. */
  readonly position: Position;
  /** Weights, running statistics and optimizer slots. */
  readonly tensors: Readonly<Record<string, NamedTensor>>;
  /** What earlier stages left for parts of the run that are still to come; absent where there is nothing. */
  readonly carried?: Readonly<Record<string, NamedTensor>>;
}

/** Reads all state of a session. */
export async function readState(session: Session): Promise<Snapshot["tensors"]> {
  const tensors: Record<string, NamedTensor> = {};
  for (const { name, shape } of session.compiled.state) tensors[name] = { shape, data: await session.read(name) };
  return tensors;
}

/** A session at rest at a position. */
export async function takeSnapshot(session: Session, position: Position): Promise<Snapshot> {
  return { position, tensors: await readState(session) };
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

/** What decides which numbers a run draws, besides its sentence. */
export interface RunFacts {
  /** Seed of weights, order and augmentation. */
  readonly seed: number;
  /** Images a step. */
  readonly batch: number;
  /** Number of training images. */
  readonly images: number;
  /** Kind of the dataset, where a sentence names it. */
  readonly dataset: string | undefined;
}

/**
 * Refuses a snapshot that a run could not go on from exactly: tensors, loss graph, seed, batch and training images have
 * to be those it was written with.
 *
 * @throws {CheckpointError} If anything differs; every difference is listed.
 */
export function checkResume(session: Session, snapshot: Snapshot, here: RunFacts): void {
  const { seed, spec, graph, images } = snapshot.position;
  const there: RunFacts = {
    seed,
    batch: spec?.train?.batch ?? here.batch,
    images: images ?? here.images,
    dataset: here.dataset === undefined ? undefined : spec?.dataset?.kind ?? here.dataset,
  };
  const named = {
    seed: "the seed",
    batch: "the batch",
    images: "the number of images",
    dataset: "the dataset",
  } as const;
  refuseDifferences("the checkpoint was written by the same run", [
    ...(Object.keys(named) as (keyof RunFacts)[]).flatMap((fact) =>
      there[fact] === here[fact] ? [] : [`${named[fact]} is ${there[fact]} instead of ${here[fact]}`]
    ),
    ...graphDifferences(graph, session.compiled.plan.graph),
    ...tensorDifferences(session, snapshot),
  ]);
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
  const parts = ["aux", "switches", "heads", "phases", "stages", "state", "updates"] as const;
  const what = {
    stages: "the initial stages are",
    state: "the kept tensors are",
    updates: "the updates of kept tensors are",
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
  const carried = Object.entries(snapshot.carried ?? {}).map(([name, tensor]) => [CARRIED + name, tensor] as const);
  return encodeTensors({
    tensors: { ...snapshot.tensors, ...Object.fromEntries(carried) },
    metadata: { cohort: JSON.stringify(snapshot.position) },
  });
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
  const broken = brokenField(position);
  if (broken !== undefined) {
    throw new CheckpointError(
      `Cannot resume from ${what}: its position says where a run is, got ${
        (JSON.stringify(position[broken]) ?? "nothing").slice(0, 40)
      } as ${broken}. Use another file.`,
    );
  }
  const all = Object.entries(tensors);
  const carried = all.filter(([name]) => name.startsWith(CARRIED));
  if (carried.length === 0) return { position, tensors };
  return {
    position,
    tensors: Object.fromEntries(all.filter(([name]) => !name.startsWith(CARRIED))),
    carried: Object.fromEntries(carried.map(([name, tensor]) => [name.slice(CARRIED.length), tensor])),
  };
}

/** What names of carried tensors begin with in a file. */
const CARRIED = "carried:";

/** Name of a field that no run could have written. */
function brokenField(position: Position): keyof Position | undefined {
  const record = (value: unknown): boolean => typeof value === "object" && value !== null && !Array.isArray(value);
  const whole = (least: number) => (value: unknown): boolean => Number.isSafeInteger(value) && Number(value) >= least;
  const parts = ["terms", "aux", "switches", "heads", "phases"] as const;
  const checks = {
    graph: (value: unknown) => record(value) && parts.every((part) => Array.isArray((value as LossGraph)[part])),
    seed: whole(0),
    epoch: whole(1),
    step: whole(0),
    totals: record,
    paused: record,
    seen: whole(0),
    measured: record,
    history: Array.isArray,
  } satisfies Partial<Record<keyof Position, (value: unknown) => boolean>>;
  return (Object.keys(checks) as (keyof typeof checks)[]).find((field) => !checks[field](position[field]));
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
