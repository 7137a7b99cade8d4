import { assertEquals, assertStringIncludes } from "@std/assert";
import type { Gate, GateResult } from "../../cli/ok.ts";
import { gateLine, gates, report, runGate } from "../../cli/ok.ts";

const HERE = decodeURIComponent(new URL(".", import.meta.url).pathname);

function evaluating(name: string, program: string): Gate {
  return { name, command: [Deno.execPath(), "eval", "--no-lock", program] };
}

Deno.test("runGate() keeps what a check printed and whether it ended well", async () => {
  const good = await runGate(evaluating("good", "console.log('fine')"), HERE);
  assertEquals([good.state, good.output], ["ok", "fine\n"]);
  const bad = await runGate(evaluating("bad", "console.error('broken'); Deno.exit(3)"), HERE);
  assertEquals([bad.state, bad.output], ["FAILED", "broken\n"]);
});

Deno.test("runGate() does not run a check that has a reason to be skipped", async () => {
  const gate: Gate = { name: "git", command: ["no such program"], skip: () => Promise.resolve("git is not installed") };
  const result = await runGate(gate, HERE);
  assertEquals(gateLine(result), "skipped  git                   git is not installed");
});

Deno.test("runGate() adds the remark a check makes about its output", async () => {
  const gate: Gate = {
    ...evaluating("count", "console.log('a b')"),
    remark: (text) => `${text.split(" ").length} words`,
  };
  assertEquals((await runGate(gate, HERE)).remark, "2 words");
});

Deno.test("report() shows the output of failed checks and counts all", () => {
  const result = (name: string, state: GateResult["state"]): GateResult => {
    return { name, state, seconds: 1, remark: "", output: `output of ${name}\n` };
  };
  const text = report([result("fmt", "ok"), result("lint", "FAILED"), result("goldens", "skipped")]);
  assertEquals(text, "\n── lint ──\noutput of lint\n\n1 passed, 1 failed, 1 skipped");
  assertEquals(report([result("fmt", "ok")]), "1 passed, 0 failed");
  assertEquals(gateLine(result("lint", "FAILED")), "FAILED   lint           1.0 s");
});

Deno.test("report() leaves out what went well inside a failed check", () => {
  const output = "Check a.ts\nx() adds ... \u001b[32mok\u001b[0m (3ms)\nx() divides ... FAILED (3ms)\n";
  const text = report([{ name: "tests", state: "FAILED", seconds: 1, remark: "", output }]);
  assertEquals(text, "\n── tests ──\nx() divides ... FAILED (3ms)\n\n0 passed, 1 failed");
});

Deno.test("the gate has every check of the house style", () => {
  const text = gates().map(({ name, command }) => `${name}: ${command.slice(1).join(" ")}`).join("\n");
  for (
    const check of [
      "fmt: fmt --check",
      "lint: lint",
      "check: check .",
      "examples: test --doc",
      "cli/main.ts test",
      "-- tests/golden",
      "publish --dry-run --allow-dirty",
    ]
  ) assertStringIncludes(text, check);
});
