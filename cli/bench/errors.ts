/**
 * `deno task bench errors`: what rounding does to each class of kernels, measured against the reference in float64.
 *
 * @module
 */
import { Command } from "@cliffy/command";
import type { Backend, Numbers } from "../../runtime/backend/backend.ts";
import { reference } from "../../runtime/backend/reference/reference.ts";
import type { Case } from "../../runtime/backend/suite/case.ts";
import type { Features } from "../../runtime/backend/wasm/assembler/func.ts";
import { lower } from "../../runtime/backend/wasm/lower/lower.ts";
import { callOf } from "../../runtime/backend/wasm/profile.ts";
import type { CommandContext } from "../command.ts";
import { table } from "../ui/table.ts";
import { type ErrorCase, errorCases } from "./error_cases.ts";
import { classOf, workOf } from "./kernel_classes.ts";
import { featuresOf, wasmOf } from "./machine.ts";
import { requirePositive } from "./words.ts";

/** Error of one output: the line of `--json`. */
export interface ErrorLine {
  /** Class of the kernels that do most of the work. */
  readonly kernels: string;
  readonly name: string;
  readonly output: string;
  /** √Σ (ours − exact)² / √Σ exact². */
  readonly l2: number;
  /** Largest |ours − exact| over the largest |exact|. */
  readonly largest: number;
}

/** Computes every case on both backends and prints a table, or a line of JSON for each output. */
export async function run(args: readonly string[], { signal, turbo: always = false }: CommandContext): Promise<number> {
  await new Command()
    .name("cohort bench errors")
    .description(
      "Compute every class of kernels on normal random numbers with the wasm backend, and the same in float64 with the\\n" +
        "reference. Errors are relative: l2 is of all numbers together, largest is over the largest number.",
    )
    .option("--batch <count:integer>", "Images; sums over the batch become longer with it.", { default: 16 })
    .option("--turbo", "Kernels for V8's unsafe flags; use the task bench:turbo.")
    .option("--json", "Print a line of JSON for each output.")
    .noExit()
    .action(async ({ batch, turbo, json }) => {
      requirePositive("batch", batch);
      const fast = turbo === true || always;
      const lines: ErrorLine[] = [];
      for (const subject of errorCases(batch)) {
        if (signal.aborted) return;
        lines.push(...await errorsOf(subject, fast));
      }
      console.log(json ? lines.map((line) => JSON.stringify(line)).join("\\n") : errorTable(lines));
    })
    .parse([...args]);
  return 0;
}

/** Errors of every output of a case on the wasm backend against the reference. */
export async function errorsOf({ name, subject }: ErrorCase, turbo: boolean): Promise<readonly ErrorLine[]> {
  const [ours, exact] = [await outputs(subject, wasmOf(1, turbo)), await outputs(subject, reference())];
  const kernels = mainClass(subject, featuresOf(turbo));
  return [...exact].map(([output, numbers]) => ({ kernels, name, output, ...errorOf(ours.get(output)!, numbers) }));
}

/** Lines as a table. */
export function errorTable(lines: readonly ErrorLine[]): string {
  const columns = [
    { name: "kernels" },
    { name: "of" },
    { name: "result" },
    { name: "l2 error", align: "right" },
    { name: "largest error", align: "right" },
  ] as const;
  const rows = lines.map(({ kernels, name, output, l2, largest }) => {
    return [kernels, name, output, l2.toExponential(1), largest.toExponential(1)];
  });
  return table(columns, rows);
}

async function outputs({ programs, state, initial, runs }: Case, backend: Backend): Promise<Map<string, Numbers>> {
  const [program, run] = [programs[0]!, runs[0]!];
  const engine = await backend.open(state);
  try {
    for (const [name, values] of Object.entries(initial)) await engine.write(name, values);
    const runner = await engine.load(program);
    await runner.run(run.feed);
    const found = new Map<string, Numbers>();
    for (const name of Object.keys(program.outputs)) found.set(name, await runner.read(name));
    return found;
  } finally {
    await engine.close();
  }
}

/** The class that does most of a case's arithmetic. */
function mainClass({ programs }: Case, features: Features): string {
  const program = programs[0]!;
  const { segments } = lower(program, () => ({ address: 0, size: 0 }), features);
  const work = new Map<string, number>();
  for (const { name, steps } of segments) {
    for (const call of steps.map((step) => callOf(step, name))) {
      const kernels = classOf(call);
      work.set(kernels, (work.get(kernels) ?? 0) + workOf(call, program.batch).flops);
    }
  }
  return [...work].reduce((most, one) => (one[1] > most[1] ? one : most))[0];
}

function errorOf(ours: Numbers, exact: Numbers): { readonly l2: number; readonly largest: number } {
  let [difference, size, largest, most] = [0, 0, 0, 0];
  exact.forEach((value, i) => {
    const error = Math.abs(ours[i]! - value);
    difference += error ** 2;
    size += value ** 2;
    // Not Math.max alone: a result that is no number has to show.
    largest = error > largest || Number.isNaN(error) ? error : largest;
    most = Math.max(most, Math.abs(value));
  });
  return { l2: Math.sqrt(difference / size), largest: largest / most };
}
