import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { Command } from "@cliffy/command";
import type { CommandModule } from "../../cli/command.ts";
import { UsageError } from "../../cli/command.ts";
import type { CommandTable } from "../../cli/main.ts";
import { commands, main, usage } from "../../cli/main.ts";
import { CheckpointError, DatasetError } from "../../dsl/errors.ts";

/** A table with one command, which runs `run`. */
function only(run: CommandModule["run"]): CommandTable {
  return { greet: () => Promise.resolve({ about: "Say hello", run }) };
}

/** Status, and the lines `main()` printed on either stream. */
async function printed(
  args: readonly string[],
  table: CommandTable,
  signal?: AbortSignal,
): Promise<{ readonly code: number; readonly out: string; readonly err: string }> {
  const { log, error } = console;
  const [out, err]: [string[], string[]] = [[], []];
  console.log = (line: unknown) => void out.push(String(line));
  console.error = (line: unknown) => void err.push(line instanceof Error ? String(line.stack) : String(line));
  try {
    const code = await main(args, signal, table);
    return { code, out: out.join("\n"), err: err.join("\n") };
  } finally {
    Object.assign(console, { log, error });
  }
}

Deno.test("main() runs the named command on the words after its name and gives its status", async () => {
  let seen: readonly string[] = [];
  const { code } = await printed(
    ["greet", "a", "--b"],
    only((args) => {
      seen = args;
      return Promise.resolve(7);
    }),
  );
  assertEquals([code, seen], [7, ["a", "--b"]]);
});

Deno.test("main() tells a command of V8's unsafe flags if --turbo comes before it", async () => {
  const seen: (boolean | undefined)[] = [];
  const table = only((args, { turbo }) => {
    seen.push(turbo);
    return Promise.resolve(args.length);
  });
  assertEquals([(await printed(["--turbo", "greet", "a"], table)).code, (await printed(["greet"], table)).code], [
    1,
    0,
  ]);
  assertEquals(seen, [true, undefined]);
});

for (const words of [[], ["--help"], ["-h"], ["help"]]) {
  Deno.test(`main() lists the commands on "${words.join(" ")}"`, async () => {
    const { code, out } = await printed(words, only(() => Promise.resolve(0)));
    assertEquals(code, 0);
    assertMatch(out, /^Usage: cohort <command> \[options\]$/m);
    assertMatch(out, /^ {2}greet {2}Say hello$/m);
  });
}

Deno.test("main() answers an unknown command with the closest one and status 2", async () => {
  for (const [said, hint] of [["gret", 'Did you mean "greet"?'], ["constructor", "Known: greet."]] as const) {
    const { code, err } = await printed([said], only(() => Promise.resolve(0)));
    assertEquals(code, 2);
    assertEquals(err, `Cannot run "${said}": there is no such command. ${hint} Try --help.`);
  }
});

Deno.test("main() prints a mistake of the user as its message alone, status 1", async () => {
  const { code, err } = await printed(
    ["greet"],
    only(() => Promise.reject(new DatasetError("Cannot read x: no file"))),
  );
  assertEquals([code, err], [1, "Cannot read x: no file"]);
});

Deno.test("main() prints a wrong use as its message alone, status 2", async () => {
  const own = await printed(["greet"], only(() => Promise.reject(new UsageError("Cannot greet: say whom"))));
  assertEquals([own.code, own.err], [2, "Cannot greet: say whom"]);
  const parse: CommandModule["run"] = async (args) => {
    await new Command().option("--name <name:string>", "Whom.").noExit().parse([...args]);
    return 0;
  };
  const parsed = await printed(["greet", "--nam"], only(parse));
  assertEquals([parsed.code, parsed.err], [2, 'Unknown option "--nam". Did you mean option "--name"?']);
});

Deno.test("main() prints anything else with its stack and asks to report it", async () => {
  const { code, err } = await printed(["greet"], only(() => Promise.reject(new TypeError("x is undefined"))));
  assertEquals(code, 1);
  assertMatch(err, /TypeError: x is undefined\n +at /);
  assertStringIncludes(err, "Please report it");
});

Deno.test("main() gives 130 once its signal is aborted, whether the command returns or throws", async () => {
  const controller = new AbortController();
  const returns = await printed(
    ["greet"],
    only((_, { signal }) => {
      controller.abort();
      assert(signal.aborted);
      return Promise.resolve(0);
    }),
    controller.signal,
  );
  const throws = await printed(["greet"], only((_, { signal }) => Promise.reject(signal.reason)), controller.signal);
  assertEquals([returns.code, throws.code, throws.err], [130, 130, ""]);
});

Deno.test("main() tells of a save that failed after Ctrl-C, and fails", async () => {
  const fails = only(() => Promise.reject(new CheckpointError("Cannot save x: the disk is full.")));
  const { code, err } = await printed(["greet"], fails, AbortSignal.abort());
  assertEquals([code, err], [1, "Cannot save x: the disk is full."]);
});

Deno.test("every command of cohort loads, says in one line what it does, and has help", async () => {
  for (const [name, load] of Object.entries(commands)) {
    const { about } = await load();
    assertMatch(about, /^[A-Z][^\n]{10,90}[^.\n]$/, name);
    const { code, out } = await printed([name, "--help"], commands);
    assertEquals(code, 0, name);
    assertStringIncludes(out, `cohort ${name}`);
  }
  assertStringIncludes(await usage(), "demo");
});

Deno.test("Ctrl-C lets the command clean up and ends the process with 130", async () => {
  const root = new URL("../../", import.meta.url);
  const program = `
    import { commands, main } from "./cli/main.ts";
    const controller = new AbortController();
    Deno.addSignalListener("SIGINT", () => controller.abort());
    const run = (_, { signal }) => new Promise((done) => {
      const alive = setInterval(() => {}, 1000);
      signal.addEventListener("abort", () => { clearInterval(alive); console.log("cleaned up"); done(0); });
      console.log("ready");
    });
    Deno.exit(await main(["wait"], controller.signal, { wait: () => Promise.resolve({ about: "", run }) }));`;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["eval", "--no-lock", program],
    cwd: root,
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  let text = "";
  for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    if (chunk.includes("ready")) child.kill("SIGINT");
  }
  assertEquals([(await child.status).code, text], [130, "ready\ncleaned up\n"]);
});
