/**
 * `deno task parity FOLDER`: replays what the methods' original implementations computed and compares.
 *
 * @module
 */
import { Command } from "@cliffy/command";
import { OptionError } from "../dsl/errors.ts";
import { pick } from "../runtime/backend/pick.ts";
import type { CommandContext } from "./command.ts";
import { listCases } from "./parity/cases.ts";
import { runCases } from "./parity/pool.ts";
import type { Outcome } from "./parity/report.ts";
import type { ParityBackend } from "./parity/worker.ts";

/** One line for the list of commands. */
export const about = "Replay recordings of the methods' original implementations and compare";

const backends: readonly string[] = ["reference", "wasm", "tfjs"] satisfies readonly ParityBackend[];

/** Compares the cases of a folder; status 1 if one failed. */
export async function run(args: readonly string[], { signal }: CommandContext): Promise<number> {
  let code = 0;
  await new Command()
    .name("cohort parity")
    .description(
      "Replay recorded steps, losses and nets of the methods' original implementations. One line a case: PASS, name, " +
        "quantities compared, the quantity closest to its tolerance, its error and tolerance.",
    )
    .arguments("<folder:string>")
    .option("--only <glob:string>", "Cases by name: trace_kd, loss_ffsd/attention_map/0; * and {a,b} are understood.")
    .option("--backend <name:string>", "reference, wasm or tfjs.", { default: "reference" })
    .option("--jobs <n:integer>", "Cases at a time.", { default: 2 })
    .noExit()
    .action(async ({ only, backend, jobs }, folder) => {
      if (!backends.includes(backend)) {
        throw new OptionError(`Cannot compare on "${backend}": choose one of ${backends.join(", ")}.`);
      }
      if (jobs < 1) throw new OptionError(`Cannot compare: at least one case runs at a time, got --jobs ${jobs}.`);
      const name = backend as ParityBackend;
      const refs = await listCases(folder.replace(/\/+$/, ""), only);
      console.error((await pick(name)).description);
      const counts = { PASS: 0, FAIL: 0, TODO: 0 };
      for await (const { ref, outcome } of runCases(refs, { backend: name, jobs, signal })) {
        counts[outcome.state]++;
        console.log(outcomeLines(ref.name, outcome));
      }
      console.log(`${counts.PASS} passed, ${counts.FAIL} failed, ${counts.TODO} todo`);
      code = counts.FAIL === 0 ? 0 : 1;
    })
    .parse([...args]);
  return code;
}

/** An outcome as it is printed: one line, and one more for each failure. */
export function outcomeLines(name: string, outcome: Outcome): string {
  if (outcome.state === "TODO") return `TODO ${name} ${outcome.reason}`;
  const { state, compared, worst, failures } = outcome;
  const closest = worst === undefined
    ? "exact 0 0"
    : `${oneWord(worst.name)} ${worst.error.toExponential(2)} ${worst.tolerance.toExponential(1)}`;
  return [`${state} ${name} ${compared} ${closest}`, ...failures.map((failure) => `  ${failure}`)].join("\n");
}

/** A quantity's name without spaces, so that lines can be cut at them. */
function oneWord(name: string): string {
  return name.replaceAll(", ", "/").replaceAll(" ", "-");
}
