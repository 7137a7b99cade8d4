/**
 * `deno task bench compare`: training steps of this project and of PyTorch beside each other, on the same CPU.
 *
 * Every timing is a process of its own. A round times each side once, and the side that begins changes with the round,
 * so that a machine that slows down does so for all.
 *
 * @module
 */
import { Command } from "@cliffy/command";
import { didYouMean, UnknownNameError } from "../../dsl/errors.ts";
import type { CommandContext } from "../command.ts";
import { duration } from "../ui/format.ts";
import {
  type Cell,
  combine,
  type Comparison,
  comparisonTable,
  sidesOf,
  type Timing,
  type Timings,
} from "./compare_results.ts";
import { requirePytorch, type RunOptions, SYSTEM_PYTHON, time } from "./compare_run.ts";
import { TimeLeft } from "./time_left.ts";
import { listOf, requirePositive } from "./words.ts";

/** Nets of each work unless said: those the project's claims about speed are made for. */
const NETS: Readonly<Record<Cell["work"], readonly string[]>> = {
  step: ["resnet32", "wrn_16_2", "mobilenet_v2_half"],
  ffsd: ["resnet32"],
};

/** Times both sides and prints a table, or a line of JSON for each of its rows. */
export async function run(args: readonly string[], { signal, turbo: always = false }: CommandContext): Promise<number> {
  await new Command()
    .name("cohort bench compare")
    .description(
      "Time training steps of cohort and PyTorch in turn. A ratio is our time over that of PyTorch's better layout:\n" +
        "below 1 we are faster; peak memory likewise. With nothing said it is the table of all claims about speed, and\n" +
        "takes a quarter of an hour. It means something only if nothing else runs on the machine.",
    )
    .option("--work <what:string>", "step (one net alone), ffsd (two students and a leader) or all.", {
      default: "all",
    })
    .option("--net <names:string>", "Nets, with commas between; those of the project's claims unless said.")
    .option("--threads <counts:string>", "Threads, with commas between.", { default: "1,2" })
    .option("--rounds <count:integer>", "Processes of each side.", { default: 5 })
    .option("--steps <count:integer>", "Timed steps of each process.", { default: 3 })
    .option("--batch <count:integer>", "Images a step.", { default: 128 })
    .option("--turbo", "Time our side under V8's unsafe flags for WASM too.")
    .option("--python <program:string>", "Python that has PyTorch.", { default: SYSTEM_PYTHON })
    .option("--json", "Print a line of JSON for each comparison.")
    .noExit()
    .action(async ({ work, net, threads, rounds, steps, batch, turbo, python, json }) => {
      for (const [name, value] of Object.entries({ rounds, steps, batch })) requirePositive(name, value);
      const fast = turbo === true || always;
      const asked = cells(work, net, threads, batch);
      const version = await requirePytorch(python);
      const comparisons = await compare(asked, rounds, fast, { python, steps, signal });
      if (json) {
        for (const comparison of comparisons) console.log(JSON.stringify({ ...comparison, steps }));
        return;
      }
      console.log(comparisonTable(comparisons));
      console.log(
        `\nMilliseconds a step, fastest / median: rounds ${rounds}, steps ${steps}, batch ${batch}. Ratio: ours to the ` +
          `better layout of PyTorch ${version}. MiB: largest peak of the whole process.` +
          (fast ? " Turbo: ours under V8's unsafe flags." : ""),
      );
    })
    .parse([...args]);
  return 0;
}

/**
 * What the words of the command line ask to compare: every work with each of its nets and counts of threads.
 *
 * @throws {UnknownNameError} If `work` is not `step`, `ffsd` or `all`.
 * @throws {OptionError} If a count of threads is not a whole number of at least 1, or a list holds nothing.
 */
export function cells(work: string, net: string | undefined, threads: string, batch: number): readonly Cell[] {
  const known = ["step", "ffsd"] as const;
  const works = known.filter((name) => work === name || work === "all");
  if (works.length === 0) {
    throw new UnknownNameError(
      `Cannot compare "${work}": there is no such work.${didYouMean(work, [...known, "all"])}`,
    );
  }
  const counts = listOf("threads", threads).map((text) => requirePositive("threads", Number(text)));
  const nets = net === undefined ? undefined : listOf("net", net);
  return works.flatMap((work) =>
    (nets ?? NETS[work]).flatMap((net) => counts.map((threads) => ({ work, net, threads, batch })))
  );
}

/** Times every cell in rounds, telling each timing and the time left on the error stream. */
async function compare(
  asked: readonly Cell[],
  rounds: number,
  turbo: boolean,
  options: RunOptions,
): Promise<readonly Comparison[]> {
  const sides = sidesOf(turbo);
  const found = asked.map((cell) => ({ cell, timings: new Map(sides.map((side) => [side, [] as Timing[]])) }));
  const left = new TimeLeft(rounds * sides.length * asked.reduce((sum, cell) => sum + weightOf(cell), 0));
  for (let round = 0; round < rounds; round++) {
    for (const { cell, timings } of found) {
      for (let turn = 0; turn < sides.length; turn++) {
        const side = sides[(round + turn) % sides.length]!;
        const timing = await time(side, cell, options);
        timings.get(side)!.push(timing);
        left.done(weightOf(cell));
        console.error(
          `round ${round + 1} of ${rounds}: ${cell.work} ${cell.net}, threads ${cell.threads}, ${side}: ` +
            `${timing.min_ms} / ${timing.median_ms} ms  ETA ${duration(left.seconds)}`,
        );
      }
    }
  }
  return found.map(({ cell, timings }) => combine(cell, Object.fromEntries(timings) as unknown as Timings));
}

/** About how long a cell takes: an FFSD iteration is some four steps. */
function weightOf({ work, threads }: Cell): number {
  return (work === "ffsd" ? 4 : 1) / threads;
}
