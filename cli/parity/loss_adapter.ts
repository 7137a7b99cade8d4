/**
 * What an adapter of a loss case says.
 *
 * @module
 */

import { type Arch, defineArch, type Stage } from "../../dsl/arch.ts";
import { CohortError } from "../../dsl/errors.ts";
import type { LossGraph, Term } from "../../dsl/graph.ts";
import { conv, globalPool, linear } from "../../dsl/layers.ts";
import { type Kind, node, type Value } from "../../dsl/value.ts";
import type { Backend, Numbers } from "../../runtime/backend/backend.ts";
import type { ProbeInput } from "../../runtime/compile/probe.ts";
import type { Shape } from "../../runtime/ir/node.ts";
import { tensorOf } from "./files.ts";
import type { LossFiles } from "./loss_format.ts";

/** How to compute a loss case. */
export interface LossReplay {
  /** Losses by name; the recorded loss is their sum with these factors. */
  readonly losses: Readonly<Record<string, { readonly value: Value; readonly factor: number }>>;
  /** Recorded scalars that are one of the losses, times its factor, or a number `output/…`. */
  readonly scalars?: Readonly<Record<string, string>>;
  /** Recorded scalars that are lists of numbers: the output that each is. */
  readonly lists?: Readonly<Record<string, string>>;
  /** Recorded scalars that are words: the word of a number. */
  readonly words?: Readonly<Record<string, (value: number) => string>>;
  /** Values behind the recorded results `out/…`. */
  readonly outputs?: Readonly<Record<string, Value>>;
  /** Recorded input that holds the labels. */
  readonly labels?: string;
  /** Modules that are run, and the recorded module each one is. */
  readonly modules?: ProbeInput["modules"];
  readonly recordedAs?: Readonly<Record<string, string>>;
  /** Recorded input that takes the place of a value. */
  readonly standIn?: (value: Value) => string | undefined;
  readonly spots?: ProbeInput["spots"];
  readonly classes?: number;
  /** Computes the case where one run of a probe does not. */
  readonly compute?: (backend: Backend) => Promise<Computed>;
  /** Error allowed against float64 (1e-8 unless said), and on float32 backends (2e-5). */
  readonly exactness?: number;
  readonly closeness?: number;
}

/** What a case's run left: `loss/…`, `output/…`, `gradient/…`; parameters and buffers. */
export interface Computed {
  readonly output: (name: string) => Numbers | undefined;
  readonly state: ReadonlyMap<string, Numbers>;
}

/** Makes a replay of a loss case, or says why it cannot be made yet. */
export type LossAdapter = (files: LossFiles) => LossReplay | string;

const PREFIX = "recorded ";

/** A recorded input as a value. */
export function recordedInput<K extends Kind>(name: string, kind: K): Value<K> {
  return node("run", kind, [], { net: PREFIX + name, from: "", to: "", mode: "train", view: 0 });
}

/** Name of the recorded input that a value is. */
export function inputNamed(value: Value): string | undefined {
  const net = value.op === "run" ? String(value.attrs["net"]) : "";
  return net.startsWith(PREFIX) ? net.slice(PREFIX.length) : undefined;
}

/** Shape of a recorded input. */
export function shapeOf({ tensors }: LossFiles, input: string): Shape {
  return tensorOf(tensors, `in/${input}`).shape;
}

/** A net that has these channels at the spots f0, f1, … and nothing more to say; only its taps are used. */
export function tapsOnly(channels: readonly number[]): Arch {
  const stages = channels.map((width, i): Stage => ({
    spot: `f${i}`,
    layers: [conv(`conv${i}`, width, { stride: i === 0 ? 1 : 2 })],
  }));
  const head = [{ spot: "embedding", layers: [globalPool] }, { spot: "logits", layers: [linear("fc", "classes")] }];
  return defineArch("recorded", [...stages, ...head], { spots: stages.map(({ spot }) => spot) }) as Arch;
}

/** The term of a loss graph. @throws {CohortError} If there is none of that name. */
export function termOf({ terms }: LossGraph, name: string): Term {
  const found = terms.find((term) => term.name === name);
  if (found === undefined) throw new CohortError(`Cannot compare ${name}: the loss graph has no such term.`);
  return found;
}

/** A term as a loss of a replay; its weight has to be a number. */
export function lossOf(term: Term): { readonly value: Value; readonly factor: number } {
  return { value: term.loss, factor: term.weight as number };
}

/** The first value that passes a test, in the value or behind it. */
export function findValue(value: Value, test: (value: Value) => boolean): Value | undefined {
  if (test(value)) return value;
  for (const source of value.of) {
    const found = findValue(source, test);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Whether a value runs `net` up to `spot` from its start. */
export function runs(value: Value, net: string, spot: string): boolean {
  return value.op === "run" && value.attrs["net"] === net && value.attrs["to"] === spot && value.attrs["from"] === "";
}
