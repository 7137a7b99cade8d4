/**
 * `deno task demo`: trains a small cohort on real handwritten digits, and the same net alone, in about a minute.
 *
 * @module
 */
import { Command } from "@cliffy/command";
import { type BackendName, pick, rebind, resnet8, solo } from "../mod.ts";
import pipeline from "../pipelines/ffsd_digits.ts";
import { RunFolder } from "../runtime/train/run_folder.ts";
import { train, type Trainable, type TrainResult, type TrainRunOptions } from "../runtime/train/train.ts";
import type { CommandContext } from "./command.ts";
import { lineChart, type Series } from "./ui/chart.ts";
import { duration } from "./ui/format.ts";
import { resultRows, resultTable, TrainingView } from "./ui/training.ts";

/** One line for the list of commands. */
export const about = "Train a small cohort on handwritten digits and compare its leader with the same net alone";

const fusionNote = "head of the fusion module";

/** What the flags of the demo say. */
interface DemoOptions {
  readonly epochs?: number | undefined;
  readonly seed: number;
  readonly backend: string;
  readonly runs: string;
}

/** Runs the demo. */
export async function run(args: readonly string[], { signal }: CommandContext): Promise<number> {
  await new Command()
    .name("cohort demo")
    .description(
      "Train two ResNet-8 students and their leader on 1438 handwritten digits, then one ResNet-8 alone.\n" +
        "The sentence is that of pipelines/ffsd_digits.ts.",
    )
    .option("--epochs <count:integer>", "Passes over the training images, for both runs.")
    .option("--seed <number:integer>", "Seed of weights, order and augmentation.", { default: 1 })
    .option("--backend <name:string>", "wasm, auto, webgpu, tfjs or reference; 8×8 images leave a GPU idle.", {
      default: "wasm",
    })
    .option("--runs <folder:string>", "Where the folder of the run is made.", { default: "runs" })
    .noExit()
    .action(async (options) => await demo(options, signal))
    .parse([...args]);
  return 0;
}

async function demo(options: DemoOptions, signal: AbortSignal): Promise<void> {
  const began = performance.now();
  const { epochs, seed, runs } = options;
  const cohort = rebind(pipeline, { seed, ...(epochs === undefined ? {} : { epochs }) });
  const alone = solo(resnet8).on(cohort.dataset!).train(cohort.spec.train!);
  const data = await cohort.dataset!.open({ signal });
  console.log(`Sentence: cohort("resnet8×3").leader().fuse().selfDistill()`);
  console.log("Two common students and a leader; a fusion module makes one teacher of the students' maps.\n");
  const backend = await pick(options.backend as "auto" | BackendName);
  const together = await trainShown(cohort, { data, backend, signal, runs, name: "demo" });
  if (together.stopped) return console.log(stoppedText(together));
  console.log("\nThe same net alone: same seed, batches and schedule; its initial weights are its own draw.\n");
  const single = await trainShown(alone, { data, backend, signal, runs: false });
  if (single.stopped) return console.log(`Stopped; the cohort was done: ${together.files.leader}`);
  await show(together, single, { seed, backend: backend.description, seconds: (performance.now() - began) / 1000 });
}

/** Prints the table, and writes picture and numbers beside what training wrote. */
async function show(
  together: TrainResult,
  single: TrainResult,
  facts: { readonly seed: number; readonly backend: string; readonly seconds: number },
): Promise<void> {
  const rows = tableRows(together, single);
  const { metrics, epoch } = together.history.at(-1)!;
  console.log(`\nAfter epoch ${epoch}, on ${metrics.images} digits that no net was trained on:\n`);
  console.log(resultTable(rows));
  console.log("* the best epoch, chosen on these same digits\n");
  const { files } = together;
  const folder = RunFolder.existing(files.spec!.replace(/\/[^/]*$/, ""));
  const picture = await folder.write("curves.svg", lineChart("Top-1 on held-out digits", curves(together, single)));
  const summary = { ...facts, epochs: epoch, rows, alone: single.history };
  const numbers = await folder.write("summary.json", `${JSON.stringify(summary, null, 2)}\n`);
  console.log(`Weights of the leader: ${files.leader}`);
  console.log(`Spec with the seed ${facts.seed}: ${files.spec}`);
  console.log(`Log: ${files.log}; all numbers of this page: ${numbers}`);
  console.log(`Picture of the curves: ${picture}`);
  console.log(`Took ${duration(facts.seconds)}.`);
}

async function trainShown(sentence: Trainable, options: TrainRunOptions): Promise<TrainResult> {
  const view = new TrainingView(sentence.spec.train!.epochs, { start: options.runs !== false });
  try {
    return await train(sentence, { ...options, report: (event) => view.report(event) });
  } finally {
    await view.stop();
  }
}

/** Peers, fusion head, ensemble and oracle, then the two that the demo is about. */
function tableRows(together: TrainResult, single: TrainResult): ReturnType<typeof resultRows> {
  const rows = resultRows(together);
  const isLeader = ({ name }: { readonly name: string }): boolean => name === "leader";
  return [
    ...rows.filter((row) => !isLeader(row)).map((row) => row.name === "fusion" ? { ...row, note: fusionNote } : row),
    ...rows.filter(isLeader).map((row) => ({ ...row, note: "what is deployed" })),
    ...resultRows(single).map((row) => ({ ...row, name: "alone", note: "the same net trained alone" })),
  ];
}

function curves(together: TrainResult, single: TrainResult): readonly Series[] {
  const top1 = ({ history }: TrainResult, member: string): readonly number[] =>
    history.map(({ metrics }) => metrics.members[member]!.top1);
  const members = Object.keys(together.history[0]!.metrics.members);
  return [
    ...members.map((name) => ({ name, values: top1(together, name) })),
    { name: "alone", values: top1(single, "student"), dashed: true },
  ];
}

function stoppedText({ files }: TrainResult): string {
  return files.checkpoint === undefined
    ? "Stopped."
    : `Stopped. Go on with: deno task cohort train ${files.spec} --resume ${files.checkpoint}`;
}
