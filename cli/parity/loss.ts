/**
 * Computes a loss case and compares everything it recorded.
 *
 * @module
 */

import type { Backend, Numbers } from "../../runtime/backend/backend.ts";
import { crdLoss } from "./adapters/crd.ts";
import { ffsdModules } from "./adapters/ffsd_modules.ts";
import { plainLosses } from "./adapters/losses.ts";
import { stagedLosses } from "./adapters/staged.ts";
import { zooLosses } from "./adapters/zoo.ts";
import { tensorOf } from "./files.ts";
import { type Computed, inputNamed, type LossAdapter, type LossReplay } from "./loss_adapter.ts";
import type { LossCase, LossFiles } from "./loss_format.ts";
import { runProbe } from "./probe.ts";
import { largestError, type Outcome, Report } from "./report.ts";
import { EXACT, FIRST } from "./rules.ts";

const adapters: ReadonlyMap<string, LossAdapter> = new Map(
  Object.entries({ ...plainLosses, ...zooLosses, ...stagedLosses, ...ffsdModules, CRD: crdLoss }),
);

/** Computes a loss case on a backend. */
export async function compareLoss(files: LossFiles, backend: Backend): Promise<Outcome> {
  const adapter = adapters.get(files.recorded.name);
  if (adapter === undefined) return { state: "TODO", reason: `the loss ${files.recorded.name} does not exist yet` };
  const replay = adapter(files);
  if (typeof replay === "string") return { state: "TODO", reason: replay };
  const result = await (replay.compute?.(backend) ?? compute(files, replay, backend));
  const report = new Report();
  compareLosses(files.recorded, replay, result, report, backend);
  compareTensors(files, replay, result, report, backend);
  return report.outcome();
}

async function compute({ recorded, tensors }: LossFiles, replay: LossReplay, backend: Backend): Promise<Computed> {
  const free = recorded.inputs.filter((name) => name !== replay.labels);
  const inputs: Record<string, Float32Array | Uint16Array> = {};
  for (const name of free) inputs[name] = Float32Array.from(tensorOf(tensors, `in/${name}`).data);
  if (replay.labels !== undefined) {
    inputs["labels"] = Uint16Array.from(tensorOf(tensors, `in/${replay.labels}`).data);
  }
  const state = new Map<string, Numbers>();
  for (const [ours, theirs] of Object.entries(replay.recordedAs ?? {})) {
    const prefix = `param/${theirs}/`;
    for (const [name, { data }] of tensors) {
      if (name.startsWith(prefix)) state.set(`${ours}/${name.slice(prefix.length)}`, Float32Array.from(data));
    }
  }
  const { outputs, state: after } = await runProbe(
    {
      modules: replay.modules ?? [],
      inputs: Object.fromEntries(free.map((name) => [name, tensorOf(tensors, `in/${name}`).shape])),
      standIn: (value) => inputNamed(value) ?? replay.standIn?.(value),
      classes: replay.classes ?? 0,
      batch: tensorOf(tensors, `in/${recorded.inputs[0]}`).shape[0]!,
      outputs: replay.outputs ?? {},
      losses: Object.fromEntries(Object.entries(replay.losses).map(([name, { value }]) => [name, value])),
      gradientOf: Object.fromEntries(Object.entries(replay.losses).map(([name, { factor }]) => [name, factor])),
      ...(replay.spots === undefined ? {} : { spots: replay.spots }),
    },
    inputs,
    state,
    backend,
  );
  return { output: (name) => outputs.get(name), state: after };
}

function compareLosses(
  recorded: LossCase,
  replay: LossReplay,
  { output }: Computed,
  report: Report,
  backend: Backend,
): void {
  const double = backend.precision === "float64";
  const weighted = (name: string): number => output(`loss/${name}`)![0]! * replay.losses[name]!.factor;
  const compare = (what: string, mine: number, single: unknown, exact: unknown): void => {
    const theirs = double && typeof exact === "number" ? exact : Number(single);
    const tolerance = double && typeof exact === "number"
      ? replay.exactness ?? EXACT
      : replay.closeness ?? FIRST[backend.name];
    report.add(what, Math.abs(mine - theirs) / Math.max(Math.abs(theirs), 1e-12), tolerance);
  };
  if (recorded.loss !== undefined) {
    const mine = Object.keys(replay.losses).reduce((sum, name) => sum + weighted(name), 0);
    compare("loss", mine, recorded.loss, recorded.loss_f64);
  }
  for (const [name, value] of Object.entries(recorded.scalars)) {
    const source = replay.scalars?.[name];
    if (source === undefined) report.fail(`scalar ${name} does not exist here`);
    else {compare(
        `scalar ${name}`,
        source.startsWith("output/") ? output(source)![0]! : weighted(source),
        value,
        recorded.scalars_f64?.[name],
      );}
  }
}

function compareTensors(
  { tensors }: LossFiles,
  replay: LossReplay,
  { output, state }: Computed,
  report: Report,
  backend: Backend,
): void {
  const values = backend.precision === "float64" ? 1e-5 : FIRST[backend.name];
  const gradients = backend.precision === "float64" ? 1e-5 : 1e-4;
  const ours = new Map(Object.entries(replay.recordedAs ?? {}).map(([id, recorded]) => [recorded, id]));
  const only = [...ours.values()][0];
  const named = [...tensors].flatMap(([name, { data }]) => {
    const [, kind, rest] = /^(out\/gradparam_|out\/after_|out\/|grad\/|gradparam\/)(.+)$/.exec(name) ?? [];
    return kind === undefined ? [] : [{ name, kind, rest: rest!, data }];
  });
  const parameters = named.filter(({ kind }) => kind.endsWith("gradparam_") || kind === "gradparam/");
  const scale = Math.max(0, ...parameters.map(({ data }) => largest(data)));
  for (const { name, kind, rest, data } of named) {
    const slash = rest.indexOf("/");
    const parameter = kind === "gradparam/"
      ? `${ours.get(rest.slice(0, slash))}/${rest.slice(slash + 1)}`
      : `${only}/${rest}`;
    const mine = kind === "out/"
      ? output(`output/${rest}`)
      : kind === "out/after_"
      ? state.get(parameter)
      : output(`gradient/${kind === "grad/" ? rest : parameter}`);
    const got = mine ?? (kind === "grad/" ? new Float64Array(data.length) : undefined);
    if (got === undefined) report.fail(`${name} does not exist here`);
    // Exactly zero without rounding: the gradient of a bias that a batch norm takes away again.
    else if (name.endsWith("bias") && largest(data) < 1e-5 * scale) report.add(name, largest(got) / scale, 1e-3);
    else {report.add(
        name,
        largestError(got, data),
        kind.startsWith("out/") && !parameters.some((p) => p.name === name) ? values : gradients,
      );}
  }
}

function largest(values: ArrayLike<number>): number {
  let most = 0;
  for (let i = 0; i < values.length; i++) most = Math.max(most, Math.abs(values[i]!));
  return most;
}
