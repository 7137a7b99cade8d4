/**
 * `deno task bench scaling`: whether the time of an image stays the same with larger batches and more students.
 *
 * Every timing is a process of its own, and rounds go through all of them, so that a machine that slows down does so for
 * all.
 *
 * @module
 */
import { Command } from "@cliffy/command";
import { CohortError } from "../../dsl/errors.ts";
import type { CommandContext } from "../command.ts";
import { duration } from "../ui/format.ts";
import { plots } from "../ui/plot.ts";
import { parseTiming } from "./compare_results.ts";
import { benchCommand, outputOf } from "./compare_run.ts";
import { type Curve, curves, panels, type Point, scalingTables } from "./scaling_results.ts";
import { TimeLeft } from "./time_left.ts";
import { archNamed, listOf, requirePositive } from "./words.ts";

/** Times, prints two tables or a line of JSON for each curve, and draws them. */
export async function run(args: readonly string[], { signal, turbo: always = false }: CommandContext): Promise<number> {
  await new Command()
    .name("cohort bench scaling")
    .description(
      "Time training steps of several batches, of a net alone and of FFSD's three nets, and of several students, of\n" +
        "FFSD and of DML: milliseconds an image, with students also a net. The fastest of all rounds counts.",
    )
    .option("--net <name:string>", "Net of the batches.", { default: "resnet32" })
    .option("--batches <counts:string>", "Images of a step, with commas between.", { default: "8,16,32,64,128,256" })
    .option("--student <name:string>", "Net of each student.", { default: "resnet20" })
    .option("--students <counts:string>", "Students, with commas between.", { default: "2,3,4,5,6" })
    .option("--batch <count:integer>", "Images of a step of the students.", { default: 128 })
    .option("--threads <count:integer>", "Threads of the wasm backend, 1 to 8.", { default: 1 })
    .option("--rounds <count:integer>", "Processes of each timing.", { default: 2 })
    .option("--steps <count:integer>", "Timed steps of each process.", { default: 3 })
    .option("--turbo", "Run under V8's unsafe flags for WASM.")
    .option("--plot <file:string>", "Draw the curves as an SVG file; the task bench:plot may write to bench/.")
    .option("--json", "Print a line of JSON for each curve.")
    .noExit()
    .action(async ({ net, batches, student, students, plot, json, turbo, ...counts }) => {
      const { batch, threads, rounds, steps } = counts;
      for (const [name, value] of Object.entries(counts)) {
        if (typeof value === "number") requirePositive(name, value);
      }
      for (const name of [net, student]) archNamed(name);
      const numbers = (name: string, text: string): readonly number[] =>
        listOf(name, text).map((item) => requirePositive(name, Number(item)));
      const asked = curves({
        net,
        batches: numbers("batches", batches),
        student,
        students: numbers("students", students),
        batch,
      });
      const fast = turbo === true || always;
      const measured = await time(asked, rounds, { threads, steps, turbo: fast, signal });
      for (const line of json ? measured.map((curve) => JSON.stringify(curve)) : [scalingTables(measured)]) {
        console.log(line);
      }
      if (plot === undefined) return;
      const where = `${threads} ${threads === 1 ? "thread" : "threads"}${fast ? ", turbo" : ""}`;
      await write(plot, plots(`Time of an image on ${where}`, panels(measured, where)));
    })
    .parse([...args]);
  return 0;
}

interface TimeOptions {
  readonly threads: number;
  readonly steps: number;
  readonly turbo: boolean;
  readonly signal: AbortSignal;
}

/** Times every point of every curve in rounds, telling each on the error stream. */
async function time(asked: readonly Curve[], rounds: number, options: TimeOptions): Promise<readonly Curve[]> {
  const points = asked.flatMap((curve) => curve.points);
  const weight = ({ batch, nets }: Point): number => batch * nets;
  const left = new TimeLeft(rounds * points.reduce((sum, point) => sum + weight(point), 0));
  const best = new Map<Point, number>();
  for (let round = 0; round < rounds; round++) {
    for (const point of points) {
      const about = `${point.words.join(" ")}, ${point.net}, batch ${point.batch}`;
      const ms = await timePoint(point, options);
      if (ms !== undefined) best.set(point, Math.min(best.get(point) ?? Infinity, ms));
      left.done(weight(point));
      console.error(
        `round ${round + 1} of ${rounds}: ${about}: ${ms === undefined ? "does not fit in memory" : `${ms} ms`}  ` +
          `ETA ${duration(left.seconds)}`,
      );
    }
  }
  return asked.map((curve) => ({
    ...curve,
    points: curve.points.map((point) => ({ ...point, ms: best.get(point) ?? null })),
  }));
}

/** Milliseconds of the fastest step of a process; nothing if the step needs more than the 4 GiB of WebAssembly. */
async function timePoint(
  { words, net, batch }: Point,
  { threads, steps, turbo, signal }: TimeOptions,
): Promise<number | undefined> {
  const flags = Object.entries({ net, batch, threads, steps }).flatMap(([name, value]) => [`--${name}`, `${value}`]);
  const what = `Cannot measure scaling: bench has to time ${words.join(" ")} with ${net}, batch ${batch}`;
  try {
    const output = await outputOf(benchCommand([...words, ...flags], turbo), what, signal);
    return parseTiming(output, { work: "step", net, threads, batch }).min_ms;
  } catch (error) {
    if (error instanceof CohortError && error.message.includes("WebAssembly memory holds at most")) return undefined;
    throw error;
  }
}

async function write(file: string, text: string): Promise<void> {
  try {
    await Deno.writeTextFile(file, text);
  } catch (error) {
    throw new CohortError(
      `Cannot draw "${file}": it has to be a file that may be written, got ${(error as Error).message} ` +
        "Use the task bench:plot, which may write to bench/.",
    );
  }
  console.error(`Wrote ${file}`);
}
