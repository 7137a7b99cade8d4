/**
 * Contrastive distillation: what its recordings have beside other distillers', and its loss in two calls.
 *
 * @module
 */

import { linear } from "../../../dsl/layers.ts";
import { run } from "../../../dsl/value.ts";
import { type CrdConstants, crdContrast, crdMemories } from "../../../methods/crd.ts";
import type { Backend, Numbers } from "../../../runtime/backend/backend.ts";
import type { Replay } from "../adapter.ts";
import { tensorOf, type Tensors } from "../files.ts";
import { type Computed, inputNamed, type LossReplay, recordedInput } from "../loss_adapter.ts";
import type { LossFiles } from "../loss_format.ts";
import { runProbe } from "../probe.ts";
import { numberIn, type Trace } from "../trace_format.ts";

type Config = Trace["config"];

/** The method's constants of a recording. */
export function crdConstants(config: Config): CrdConstants & { readonly width: number } {
  return {
    width: numberIn(config, "feat_dim"),
    negatives: numberIn(config, "nce_k"),
    temperature: numberIn(config, "nce_t"),
    momentum: numberIn(config, "nce_m"),
  };
}

/** Names of its tensors there and here; the first memory is the student's. */
export const crdPrefixes: Replay["prefixes"] = [
  ["embed_s/", "student_crd_student/"],
  ["embed_t/", "student_crd_teacher/"],
  ["crd_memory/memory_v1", "state/student_crd/student"],
  ["crd_memory/memory_v2", "state/student_crd/teacher"],
];

/** Its memories, positions and constants. */
export function crdReplay(config: Config): Pick<Replay, "samples" | "inputs" | "composed"> {
  const { negatives, temperature, momentum } = crdConstants(config);
  const normalizers = ["state/student_crd/z_student", "state/student_crd/z_teacher"] as const;
  return {
    samples: numberIn(config, "n_data"),
    inputs: (tensors, k) =>
      positions(
        tensorOf(tensors, `data/index${k}`).data,
        tensorOf(tensors, `data/contrast_idx${k}`).data,
        negatives,
      ),
    composed: { "crd_memory/params": [negatives, temperature, ...normalizers, momentum] },
  };
}

/** Inputs of a step; each row of the recording begins with the sample's own position. */
function positions(
  index: ArrayLike<number>,
  rows: ArrayLike<number>,
  negatives: number,
): Readonly<Record<string, Float32Array>> {
  const others = Array.from(rows).filter((_, i) => i % (negatives + 1) > 0);
  return { index: Float32Array.from(index), [`negatives/${negatives}`]: Float32Array.from(others) };
}

/** Two successive calls; the second one finds what the first left. */
export function crdLoss(files: LossFiles): LossReplay {
  const { config } = files.recorded;
  const constants = crdConstants(config);
  const layers = (side: string) => [linear(`embed_${side}.linear`, constants.width)];
  const module = {
    id: "crd",
    stages: [{ spot: "student", layers: layers("s") }, { spot: "teacher", layers: layers("t") }],
  };
  const contrast = crdContrast("crd", {
    student: run("crd", "vector", { to: "student", input: recordedInput("s", "vector") }),
    teacher: run("crd", "vector", { from: "student", to: "teacher", input: recordedInput("t", "vector") }),
  }, constants);
  const loss = { value: contrast.loss, factor: 1 };
  const compute = async (backend: Backend): Promise<Computed> => {
    const outputs = new Map<string, Numbers>();
    let state = initialState(files.tensors);
    for (const call of [1, 2]) {
      const suffix = call === 1 ? "" : "2";
      const [s, t] = ["s", "t"].map((name) => tensorOf(files.tensors, `in/${name}${suffix}`)) as [Stored, Stored];
      const result = await runProbe(
        {
          modules: [module],
          inputs: { s: s.shape, t: t.shape },
          standIn: inputNamed,
          classes: 0,
          batch: s.shape[0]!,
          samples: numberIn(config, "n_data"),
          kept: { state: crdMemories("crd", constants.width), updates: contrast.updates },
          losses: { loss: contrast.loss },
          gradientOf: { loss: 1 },
        },
        {
          s: Float32Array.from(s.data),
          t: Float32Array.from(t.data),
          ...positions(
            part(tensorOf(files.tensors, "in/index"), call),
            part(tensorOf(files.tensors, "in/contrast_idx"), call),
            constants.negatives,
          ),
        },
        state,
        backend,
      );
      state = new Map(result.state);
      outputs.set(`loss/call${call}`, result.outputs.get("loss/loss")!);
      for (const [side, name] of [["student", "v1"], ["teacher", "v2"]] as const) {
        outputs.set(`output/memory_${name}_after_call${call}`, state.get(`state/crd/${side}`)!);
        outputs.set(`output/Z_${name}`, state.get(`state/crd/z_${side}`)!);
      }
      for (const [name, values] of result.outputs) {
        if (!name.startsWith("gradient/")) continue;
        const input = /^gradient\/[st]$/.test(name);
        const before = outputs.get(name);
        outputs.set(input ? `${name}${suffix}` : name, before === undefined || input ? values : sum(before, values));
      }
    }
    return { output: (name) => outputs.get(name), state };
  };
  return {
    losses: { call1: loss, call2: loss },
    scalars: { loss_call1: "call1", loss_call2: "call2", Z_v1: "output/Z_v1", Z_v2: "output/Z_v2" },
    recordedAs: { crd: "crd" },
    compute,
  };
}

type Stored = ReturnType<typeof tensorOf>;

function initialState(tensors: Tensors): ReadonlyMap<string, Numbers> {
  const names = [
    ...["embed_s", "embed_t"].flatMap((side) =>
      ["weight", "bias"].map((what) => [`crd/${side}.linear.${what}`, `crd/${side}.linear.${what}`] as const)
    ),
    ["state/crd/student", "crd/contrast.memory_v1"],
    ["state/crd/teacher", "crd/contrast.memory_v2"],
  ] as const;
  return new Map(
    names.map(([ours, theirs]) => [ours, Float32Array.from(tensorOf(tensors, `param/${theirs}`).data)]),
  );
}

/** A call's half of what both have. */
function part({ data }: Stored, call: number): ArrayLike<number> {
  const size = data.length / 2;
  return data.subarray((call - 1) * size, call * size);
}

function sum(a: Numbers, b: Numbers): Float64Array {
  return Float64Array.from(a, (value, i) => value + b[i]!);
}
