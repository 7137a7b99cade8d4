import { assertEquals, assertRejects } from "@std/assert";
import { closingLine, outcomeOf, run, runTests } from "../../cli/test.ts";
import { OptionError } from "../../dsl/errors.ts";

Deno.test("outcomeOf() reads the last summary of deno test, coloured or not", () => {
  const plain =
    "ok | 3 passed (2 steps) | 0 failed (1ms)\nnoise\nok | 12 passed (3 steps) | 0 failed | 2 ignored (2s)\n";
  assertEquals(outcomeOf(plain, true), { passed: 12, failed: 0, skipped: 2 });
  const coloured = "\u001b[0m\u001b[31mFAILED\u001b[0m | 4 passed | 1 failed \u001b[0m\u001b[38;5;245m(9ms)\u001b[0m\n";
  assertEquals(outcomeOf(coloured, false), { passed: 4, failed: 1, skipped: 0 });
});

Deno.test("outcomeOf() counts a run that failed before its first test as one failure", () => {
  assertEquals(outcomeOf("TS2322 [ERROR]: Type 'string' is not assignable", false), {
    passed: 0,
    failed: 1,
    skipped: 0,
  });
});

Deno.test("closingLine() names skipped tests only if there are some", () => {
  assertEquals(closingLine({ passed: 12, failed: 0, skipped: 0 }), "12 passed, 0 failed");
  assertEquals(closingLine({ passed: 12, failed: 1, skipped: 2 }), "12 passed, 1 failed, 2 skipped");
});

Deno.test("runTests() runs the tests of a folder and counts what came of them", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(
      `${folder}/some_test.ts`,
      `Deno.test("holds", () => {});
       Deno.test("fails", () => { throw new Error("on purpose"); });
       Deno.test({ name: "needs another machine", ignore: true, fn() {} });`,
    );
    let output = "";
    const outcome = await runTests([folder], { write: (text) => output += new TextDecoder().decode(text) });
    assertEquals(outcome, { passed: 1, failed: 1, skipped: 1 });
    assertEquals(output.includes("on purpose"), true);
    await Deno.remove(`${folder}/some_test.ts`);
    await Deno.writeTextFile(`${folder}/wrong_test.ts`, `const x: number = "text"; Deno.test("never runs", () => {});`);
    assertEquals(await runTests([`${folder}/wrong_test.ts`]), { passed: 0, failed: 1, skipped: 0 });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("test refuses a path that is not there", async () => {
  await assertRejects(
    () => run(["tests/nowhere"], { signal: new AbortController().signal }),
    OptionError,
    'Cannot test "tests/nowhere": there is no such file or folder. Try a path such as tests/cli.',
  );
});
