/**
 * `deno task bench kernels`: how near each class of kernels comes to what this machine can do, and what a step spends
 * besides its kernels.
 *
 * @module
 */
import { Command } from "@cliffy/command";
import { resnet32 } from "../../mod.ts";
import type { Trainable } from "../../runtime/train/train.ts";
import type { CommandContext } from "../command.ts";
import { count } from "../ui/format.ts";
import { accountTable } from "./account.ts";
import { ffsdSentence } from "./ffsd.ts";
import { type KernelReport, profileStep } from "./profile_step.ts";
import { bandwidthOf, rooflineTable } from "./roofline.ts";
import { stepSentence } from "./step.ts";
import { archNamed, listOf, requirePositive } from "./words.ts";

/** What is profiled unless said: nets alone, and the FFSD cohort of ResNet-32. */
const NETS = "resnet32,wrn_16_2,mobilenet_v2_half,ffsd";

/** Profiles each net and prints two tables, or a line of JSON. */
export async function run(args: readonly string[], { signal, turbo: always = false }: CommandContext): Promise<number> {
  await new Command()
    .name("cohort bench kernels")
    .description(
      "Time every kernel of a training step by itself, on one thread, with the state and batch of a real step.\n" +
        "GFLOP/s counts the operations a method does, effective those of the direct method; GB/s counts each operand\n" +
        "once a call. The peaks are measured in the same run.",
    )
    .option("--net <names:string>", "Nets, with commas between; ffsd is the cohort of resnet32.", { default: NETS })
    .option("--batch <count:integer>", "Images a step.", { default: 128 })
    .option("--rounds <count:integer>", "Timed rounds.", { default: 5 })
    .option("--threads <count:integer>", "Threads of the whole step.", { default: 1 })
    .option("--turbo", "Kernels for V8's unsafe flags; use the task bench:turbo.")
    .option("--json", "Print a line of JSON for each net.")
    .noExit()
    .action(async ({ net, batch, rounds, threads, turbo, json }) => {
      for (const [name, value] of Object.entries({ batch, rounds, threads })) requirePositive(name, value);
      const nets = listOf("net", net).map((name) => [name, sentenceOf(name)] as const);
      for (const [name, sentence] of nets) {
        if (signal.aborted) return;
        const report = await profileStep(name, sentence, { batch, rounds, threads, turbo: turbo === true || always });
        console.log(json ? JSON.stringify(report) : `${reportText(report)}\n`);
      }
    })
    .parse([...args]);
  return 0;
}

function sentenceOf(name: string): Trainable {
  return name === "ffsd" ? ffsdSentence(resnet32) : stepSentence(archNamed(name));
}

/** A report for people: the peaks, a line for each class, and the parts of a step. */
export function reportText(report: KernelReport): string {
  const { net, batch, engine, peak, classes, parts, step, rounds } = report;
  const sum = classes.reduce((total, { ms }) => total + ms, 0);
  return [
    `${net}, batch ${batch}, fastest of ${rounds} rounds`,
    `${engine}; kernels on 1 thread`,
    `peak ${peak.gflops.toFixed(1)} GFLOP/s in registers; memory ${bandwidthOf(peak).toFixed(1)} GB/s ` +
    `(triad ${peak.triad.toFixed(1)}, copy ${peak.copy.toFixed(1)}); ` +
    `balance ${(peak.gflops / bandwidthOf(peak)).toFixed(1)} operations a byte`,
    "",
    rooflineTable(classes),
    "",
    `all kernels ${sum.toFixed(1)} ms, whole step ${step.toFixed(1)} ms, ${count(1000 * batch / step)} images a second`,
    "",
    accountTable(parts),
  ].join("\n");
}
