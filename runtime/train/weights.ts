/**
 * Weights that a run starts from: of a teacher trained before, or of any net to be trained on.
 *
 * A PyTorch net's are written for it by `safetensors.torch.save_file(net.state_dict(), "teacher.safetensors")`: names and
 * layouts are the same.
 *
 * @module
 */

import { CheckpointError, didYouMean, UnknownNameError } from "../../dsl/errors.ts";
import type { Spec } from "../../dsl/spec.ts";
import type { Shape } from "../ir/node.ts";
import { decodeTensors, type NamedTensor } from "./safetensors.ts";
import type { Session } from "./session.ts";
import { type Snapshot, takeSnapshot } from "./snapshot.ts";

/**
 * The snapshot a run begins with when some nets have weights of their own: everything else is drawn from the seed.
 * `undefined` if no net has.
 *
 * @param files Safetensors files by net, with PyTorch's names.
 * @param stages Stage that the run begins with, and who learns in any part of it; of a run without stages nothing.
 * @throws {UnknownNameError} If a net is not there.
 * @throws {CheckpointError} If nobody teaches a net and it has no file, a file does not fit its net (all that differs is
 * listed), or the files of two branches disagree on their trunk.
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
  const given = new Map<string, Given>();
  for (const [net, path] of Object.entries(files)) await load(session, net, path, given);
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

/** Values of a tensor, and the net whose file they are from. */
interface Given {
  readonly net: string;
  readonly data: ArrayLike<number>;
}

async function load(session: Session, net: string, path: string, given: Map<string, Given>): Promise<void> {
  const bytes = await Deno.readFile(path).catch((error) => {
    throw new CheckpointError(
      `Cannot load weights of ${net}: they are a file that can be read, got ${path}: ${error.message}. Check the path.`,
    );
  });
  const { tensors, metadata } = decodeTensors(bytes, path);
  if (metadata.cohort !== undefined) {
    throw new CheckpointError(
      `Cannot load weights of ${net}: ${path} holds those of one net, got a checkpoint of a whole run. ` +
        "Give one of the weight files beside it, or go on with --resume.",
    );
  }
  const own = session.compiled.plan.state[net]!;
  const inFile = (name: string): string => name.slice(name.indexOf("/") + 1);
  checkTensors(new Map(own.map(({ name, shape }) => [inFile(name), shape])), tensors, { net, path });
  for (const { name } of own) {
    const { data } = tensors[inFile(name)]!;
    const other = given.get(name);
    if (other !== undefined && data.some((value, i) => value !== other.data[i])) {
      throw new CheckpointError(
        `Cannot load weights of ${net}: branches share ${name}, got one in ${path} and another in the file of ` +
          `${other.net}. Give the files of one run, or of one branch alone.`,
      );
    }
    given.set(name, { net, data });
    await session.write(name, data);
  }
}

/** Refuses tensors that are not those of a net, with all that differs at once. */
function checkTensors(
  own: ReadonlyMap<string, Shape>,
  tensors: Readonly<Record<string, NamedTensor>>,
  { net, path }: { readonly net: string; readonly path: string },
): void {
  const shapes = new Map(Object.entries(tensors).map(([name, { shape }]) => [name, shape]));
  const missing = [...own.keys()].filter((name) => !shapes.has(name));
  const strange = [...shapes.keys()].filter((name) => !own.has(name));
  const other = [...shapes].flatMap(([name, said]) => {
    const shape = own.get(name);
    if (shape === undefined || said.join() === shape.join()) return [];
    return [`${name} is [${said.join(", ")}] instead of [${shape.join(", ")}]`];
  });
  const count = missing.length + strange.length + other.length;
  if (count === 0) return;
  const lists = [
    ...other,
    ...(missing.length === 0 ? [] : [`missing ${missing.join(", ")}`]),
    ...(strange.length === 0 ? [] : [`not the net's ${strange.join(", ")}`]),
  ];
  throw new CheckpointError(
    `Cannot load weights of ${net}: ${path} holds its tensors and no others, got ${count} difference${
      count === 1 ? "" : "s"
    }: ${lists.join("; ")}. Give the file of the same architecture and class count.`,
  );
}
