/**
 * `deno task cohort check-nets`: trains every built-in net for some steps in every role it can take.
 *
 * @module
 */
import { Command } from "@cliffy/command";
import { didYouMean, OptionError, UnknownNameError } from "../dsl/errors.ts";
import { type Arch, type BackendName, builtinArchs, pick, summarize } from "../mod.ts";
import { type Check, type CheckedRole, checkImages, checkNet } from "./check_nets/check.ts";
import { StatusLine } from "./check_nets/status_line.ts";
import type { CommandContext } from "./command.ts";
import { matchesCase } from "./parity/glob.ts";
import { duration } from "./ui/format.ts";

/** One line for the list of commands. */
export const about = "Train every built-in net for some steps in every role it can take";

interface CheckNetsOptions {
  readonly only?: string | undefined;
  readonly steps: number;
  readonly size?: number | undefined;
  readonly backend: string;
}

/** A net in its roles, each with how much work it is. */
interface Errand {
  readonly arch: Arch;
  readonly shape: readonly [number, number, number];
  readonly roles: readonly { readonly role: CheckedRole; readonly steps: number; readonly work: number }[];
}

/** Checks, and prints a table; status 1 if something was wrong. */
export async function run(args: readonly string[], { signal }: CommandContext): Promise<number> {
  let code = 0;
  await new Command()
    .name("cohort check-nets")
    .description(
      `Train every built-in net on ${checkImages} fixed images: alone, where the loss has to fall by a third in 20 steps; ` +
        "two steps as common student and as leader of FFSD; two steps as the frozen teacher of a ResNet-8.\n" +
        "Every loss has to be finite, and every weight to change but a teacher's.",
    )
    .option("--only <glob:string>", "Nets by name: resnet8, vgg*, {vgg8,wrn_16_*}.")
    .option("--steps <count:integer>", "Steps alone; the loss is judged from 20 on.", { default: 20 })
    .option("--size <pixels:integer>", "Height and width of the images; 32, and 64 for nets with an ImageNet stem.")
    .option("--backend <name:string>", "wasm, webgpu, tfjs, reference or auto.", { default: "wasm" })
    .noExit()
    .action(async (options) => {
      code = await checkNets(options, signal);
    })
    .parse([...args]);
  return code;
}

async function checkNets(options: CheckNetsOptions, signal: AbortSignal): Promise<number> {
  for (const [name, least] of [["steps", 2], ["size", 8]] as const) {
    const value = options[name];
    if (value === undefined || value >= least) continue;
    throw new OptionError(`Cannot use --${name}: it is a whole number of at least ${least}, got ${value}.`);
  }
  const errands = errandsOf(options);
  const backend = await pick(options.backend as "auto" | BackendName);
  console.log(`${backend.description}\n`);
  const width = Math.max(...errands.map(({ arch }) => arch.name.length));
  console.log(rowText(width, ["net", "images", "alone", "student", "leader", "as teacher", "time"]));
  const status = new StatusLine(errands.flatMap(({ roles }) => roles).reduce((sum, { work }) => sum + work, 0));
  const counts = { passed: 0, failed: 0 };
  try {
    for (const [i, { arch, shape, roles }] of errands.entries()) {
      const checks: Check[] = [];
      for (const { role, steps, work } of roles) {
        if (signal.aborted) return 1;
        status.show(`${i + 1}/${errands.length}  ${arch.name} ${role === "ffsd" ? "in FFSD" : role}`);
        checks.push(await checkNet(arch, role, { backend, shape, steps, signal }));
        status.done(work);
      }
      if (signal.aborted) return 1;
      status.clear();
      console.log(rowText(width, [arch.name, shape.join("×"), ...cellsOf(checks)]));
      const problems = checks.filter(({ problem }) => problem !== undefined);
      for (const { role, problem } of problems) console.log(`  ${role}: ${problem}`);
      counts[problems.length === 0 ? "passed" : "failed"]++;
    }
  } finally {
    status.clear();
  }
  console.log(`\n${counts.passed} passed, ${counts.failed} failed in ${duration(status.seconds)}`);
  return counts.failed === 0 ? 0 : 1;
}

function errandsOf({ only, steps, size }: CheckNetsOptions): readonly Errand[] {
  const archs = Object.values<Arch>({ ...builtinArchs }).filter(({ name }) =>
    only === undefined || matchesCase(only, name)
  );
  if (archs.length === 0) {
    throw new UnknownNameError(
      `Cannot check nets: a pattern means at least one built-in net, got "${only}".${
        didYouMean(only ?? "", Object.keys(builtinArchs))
      }`,
    );
  }
  return archs.map((arch) => {
    const pixels = size ?? (/_imagenet$|_torchvision/.test(arch.name) ? 64 : 32);
    const shape = [3, pixels, pixels] as const;
    const { multiplyAdds, parameters } = summarize(arch, { input: shape, classes: 10 });
    // Three products an image and step; compiling takes about as long as 2e10, filling a weight as 5000.
    const work = (members: number, trained: number): number =>
      members * (2e10 + 5e3 * parameters) + trained * 3 * checkImages * multiplyAdds;
    return {
      arch,
      shape,
      roles: [
        { role: "alone", steps, work: work(1, steps) },
        { role: "ffsd", steps: 2, work: work(3, 6) },
        { role: "teacher", steps: 2, work: work(1, 2 / 3) },
      ],
    };
  });
}

/** The cells of a row: first and last loss of who learns, how long all of it took. */
function cellsOf(checks: readonly Check[]): readonly string[] {
  const cell = (role: CheckedRole, member: string): string => {
    const { losses, problem } = checks.find((check) => check.role === role)!;
    const [first, last] = losses[member] ?? [NaN, NaN];
    return problem === undefined ? `${first.toFixed(2)} → ${last.toFixed(2)}` : "FAILED";
  };
  const seconds = checks.reduce((sum, check) => sum + check.seconds, 0);
  return [
    cell("alone", "student"),
    cell("ffsd", "peer0"),
    cell("ffsd", "leader"),
    cell("teacher", "student"),
    duration(seconds),
  ];
}

function rowText(width: number, [net = "", ...cells]: readonly string[]): string {
  return `${net.padEnd(width)}  ${cells.map((cell) => cell.padStart(12)).join("  ")}`;
}
