/**
 * Weights that a run starts from: of a teacher trained before, or of any net to be trained on.
 *
 * @module
 */

import { CheckpointError, didYouMean, UnknownNameError } from "../../dsl/errors.ts";
import type { Spec } from "../../dsl/spec.ts";
import { decodeTensors } from "./safetensors.ts";
import type { Session } from "./session.ts";
import { type Snapshot, takeSnapshot } from "./snapshot.ts";

/**
 * The snapshot a run begins with when some nets have weights of their own: everything else is drawn from the seed.
 * `undefined` if no net has.
 *
 * @param files Safetensors files by net, with PyTorch's names.
 * @param stages Stage that the run begins with, and who learns in any part of it; of a run without stages nothing.
 * @throws {UnknownNameError} If a net is not there.
 * @throws {CheckpointError} If nobody teaches a net and it has no file, or a file does not fit its net.
 */
export async function startFrom(
  session: Session,
  files: Readonly<Record<string, string>>,
  spec: Spec,
  stages: { readonly stage?: string; readonly learners?: ReadonlySet<string> } = {},
): Promise<Snapshot | undefined> {
  const { plan } = session.compiled;
  const known = spec.nets.map(({ id }) => id);
  const stranger = Object.keys(files).find((net) => !known.includes(net));
  if (stranger !== undefined) {
    throw new UnknownNameError(
      `Cannot load weights: they are of a net of the sentence, got "${stranger}".${didYouMean(stranger, known)}`,
    );
  }
  const { stage, learners } = stages;
  const fixed = plan.modules.find(({ id, kind, learns }) =>
    kind === "net" && !(learners?.has(id) ?? learns) && files[id] === undefined
  );
  if (fixed !== undefined) {
    throw new CheckpointError(
      `Cannot train: ${fixed.id} learns nothing in this sentence, so it needs weights, got none. ` +
        `Train it alone first, then give --weights ${fixed.id}=FILE` +
        `${fixed.role === "teacher" ? ", or say .pretrain({ epochs: 240 })" : ""}.`,
    );
  }
  if (Object.keys(files).length === 0) return undefined;
  const seed = spec.train?.seed ?? 1;
  await session.initialize(seed);
  for (const [net, path] of Object.entries(files)) await load(session, net, path);
  return await takeSnapshot(session, {
    version: 1,
    spec,
    graph: plan.graph,
    seed,
    ...(stage === undefined ? {} : { stage }),
    epoch: 1,
    step: 0,
    totals: {},
    paused: {},
    seen: 0,
    measured: {},
    history: [],
    backend: session.backend.description,
  });
}

async function load(session: Session, net: string, path: string): Promise<void> {
  const bytes = await Deno.readFile(path).catch((error) => {
    throw new CheckpointError(
      `Cannot load weights of ${net}: they are a file that can be read, got ${path}: ${error.message}.`,
    );
  });
  const { tensors } = decodeTensors(bytes, path);
  const own = session.compiled.state.filter(({ name, kind }) => kind !== "slot" && name.startsWith(`${net}/`));
  const problems = own.flatMap(({ name, shape }) => {
    const said = tensors[name.slice(net.length + 1)];
    if (said === undefined) return [`${name} is missing`];
    return said.shape.join() === shape.join() ? [] : [`${name} is [${said.shape}] instead of [${shape}]`];
  });
  if (problems.length > 0) {
    throw new CheckpointError(
      `Cannot load weights of ${net}: ${path} holds its tensors, got ${problems.length} differences, the first: ` +
        `${problems[0]}. Give the file of the same architecture and class count.`,
    );
  }
  for (const { name } of own) await session.write(name, tensors[name.slice(net.length + 1)]!.data);
}
