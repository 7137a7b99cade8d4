import * as assertions from "@std/assert";
import {
  assert,
  assertAlmostEquals,
  assertEquals,
  AssertionError,
  assertMatch,
  assertRejects,
  assertThrows,
} from "@std/assert";
import { Command, ValidationError } from "@cliffy/command";
import { Table } from "@cliffy/table";
import { ProgressBar } from "@std/cli/unstable-progress-bar";

/** Pairs that `assertEquals` has to tell apart (false) or take as equal (true). */
const PAIRS: readonly (readonly [what: string, a: unknown, b: unknown, equal: boolean])[] = [
  ["NaN and NaN", NaN, NaN, true],
  ["0 and -0", 0, -0, true],
  ["1 and '1'", 1, "1", false],
  ["nested objects", { a: [1, { b: 2 }] }, { a: [1, { b: 2 }] }, true],
  ["objects in another key order", { a: 1, b: 2 }, { b: 2, a: 1 }, true],
  ["a missing and an undefined member", { a: undefined }, {}, false],
  ["arrays of other length", [1, 2], [1, 2, 3], false],
  ["a bare and a plain object", Object.assign(Object.create(null), { a: 1 }), { a: 1 }, true],
  ["typed arrays", new Float32Array([1, NaN, 0]), new Float32Array([1, NaN, -0]), true],
  ["typed arrays with another element", new Float32Array([1, 2]), new Float32Array([1, 3]), false],
  ["typed arrays of other types", new Float32Array([1]), new Float64Array([1]), false],
  ["maps with structured keys", new Map([[{ a: 1 }, 2]]), new Map([[{ a: 1 }, 2]]), true],
  ["maps with another value", new Map([["a", 1]]), new Map([["a", 2]]), false],
  ["sets", new Set([1, [2]]), new Set([[2], 1]), true],
  ["sets of other members", new Set([1, 2]), new Set([1, 3]), false],
  ["dates", new Date(5), new Date(5), true],
  ["patterns", /a/g, /a/, false],
];

for (const [what, a, b, equal] of PAIRS) {
  Deno.test(`assertEquals() ${equal ? "accepts" : "refuses"} ${what}`, () => {
    const [holds, fails] = equal
      ? [assertions.assertEquals, assertions.assertNotEquals]
      : [assertions.assertNotEquals, assertions.assertEquals];
    holds(a, b);
    assertThrows(() => fails(a, b), AssertionError);
  });
}

Deno.test("assertEquals() accepts values that contain themselves", () => {
  const loop = (): unknown => {
    const value: Record<string, unknown> = { a: 1 };
    value.self = value;
    return value;
  };
  assertEquals(loop(), loop());
});

Deno.test("assertEquals() shows where two values part", () => {
  const { message } = assertThrows(() => assertEquals([1, 2], [1, 3], "of the loss"), AssertionError);
  assertEquals(message, "Values are not equal: of the loss\n  - [ 1, 2 ]\n  + [ 1, 3 ]\n  (- actual, + expected)");
});

/** Calls that hold, and the same assertion where it does not. */
const ASSERTIONS: Readonly<Record<string, readonly [holds: () => void, fails: () => void]>> = {
  assert: [() => assert(1), () => assert(0)],
  assertStrictEquals: [() => assertions.assertStrictEquals("a", "a"), () => assertions.assertStrictEquals([], [])],
  assertAlmostEquals: [() => assertAlmostEquals(1, 1 + 1e-8), () => assertAlmostEquals(1, 1 + 1e-6)],
  "assertAlmostEquals with a tolerance": [() => assertAlmostEquals(1, 1.1, 0.2), () => assertAlmostEquals(1, 1.3, 0.2)],
  "assertAlmostEquals of NaN": [() => assertAlmostEquals(NaN, NaN), () => assertAlmostEquals(NaN, 1)],
  assertGreater: [() => assertions.assertGreater(2, 1), () => assertions.assertGreater(1, 1)],
  assertGreaterOrEqual: [() => assertions.assertGreaterOrEqual(1, 1), () => assertions.assertGreaterOrEqual(0, 1)],
  assertLess: [() => assertions.assertLess(1, 2), () => assertions.assertLess(NaN, 2)],
  assertLessOrEqual: [() => assertions.assertLessOrEqual(1, 1), () => assertions.assertLessOrEqual(2, 1)],
  assertStringIncludes: [
    () => assertions.assertStringIncludes("abc", "b"),
    () => assertions.assertStringIncludes("abc", "d"),
  ],
  assertMatch: [() => assertMatch("abc", /b/), () => assertMatch("abc", /d/)],
  assertExists: [() => assertions.assertExists(0), () => assertions.assertExists(null)],
  assertInstanceOf: [
    () => assertions.assertInstanceOf(new RangeError(), Error),
    () => assertions.assertInstanceOf(new Error(), RangeError),
  ],
  fail: [() => {}, () => assertions.fail()],
};

for (const [name, [holds, fails]] of Object.entries(ASSERTIONS)) {
  Deno.test(`${name}() holds and fails where it should`, () => {
    holds();
    assertThrows(fails, AssertionError);
  });
}

Deno.test("assertThrows() returns the error, and fails on none, another class or another sentence", () => {
  const fail = (): never => {
    throw new RangeError("Cannot go: too far");
  };
  assertEquals(assertThrows(fail, RangeError, "too far").message, "Cannot go: too far");
  assertThrows(() => assertThrows(() => {}), AssertionError, "Expected function to throw.");
  assertThrows(
    () => assertThrows(fail, SyntaxError),
    AssertionError,
    'instance of "SyntaxError", but was "RangeError"',
  );
  assertThrows(() => assertThrows(fail, RangeError, "too near"), AssertionError, 'to include "too near"');
});

Deno.test("assertRejects() resolves to the error, and fails on none, another class or a synchronous throw", async () => {
  const error = await assertRejects(() => Promise.reject(new RangeError("too far")), RangeError, "far");
  assertEquals(error.message, "too far");
  await assertRejects(() => assertRejects(() => Promise.resolve(1)), AssertionError, "Expected function to reject.");
  await assertRejects(() => assertRejects(() => Promise.reject(new Error()), TypeError), AssertionError, "TypeError");
  const throws = (): never => {
    throw new Error("at once");
  };
  await assertRejects(() => assertRejects(throws), AssertionError, "Function throws when expected to reject.");
});

/** A command with an option and an argument of every kind in use, which gives what it was handed. */
async function parsed(...words: string[]): Promise<unknown> {
  let seen: unknown = "action not called";
  await new Command()
    .name("try")
    .version("1.2.3")
    .description("Tries things.")
    .option("-e, --epochs <count:integer>", "Epochs.", { default: 3 })
    .option("--rate <lr:number>", "Rate.")
    .option("--out-dir <folder:string>", "Folder.")
    .option("--log [level:string]", "Log.")
    .option("-j, --json", "Print JSON.")
    .option("--no-color", "Plain text.")
    .arguments("<net:string> [count:number] [more...:string]")
    .noExit()
    .action((options, net, count, ...more) => {
      // The checker infers these from the strings above.
      const typed: [number, number | undefined, string | undefined, string | true | undefined, boolean] = [
        options.epochs,
        options.rate,
        options.outDir,
        options.log,
        options.color,
      ];
      const args: [string, number | undefined, string[]] = [net, count, more];
      seen = { options, typed, args };
    })
    .parse(words);
  return seen;
}

Deno.test("Command infers and converts options and arguments from the strings that declare them", async () => {
  const words = "resnet8 -e 5 --rate=-0.5 --out-dir runs --log -j --no-color 2 a b".split(" ");
  assertEquals(await parsed(...words), {
    options: { epochs: 5, rate: -0.5, outDir: "runs", log: true, json: true, color: false },
    typed: [5, -0.5, "runs", true, false],
    args: ["resnet8", 2, ["a", "b"]],
  });
});

Deno.test("Command fills in defaults and leaves other options out", async () => {
  assertEquals(await parsed("resnet8", "--rate", "-1"), {
    options: { epochs: 3, color: true, rate: -1 },
    typed: [3, -1, undefined, undefined, true],
    args: ["resnet8", undefined, []],
  });
});

const MISTAKES: Readonly<Record<string, string>> = {
  "net --epoch 3": 'Unknown option "--epoch". Did you mean option "--epochs"?',
  "net -x": 'Unknown option "-x".',
  "net --epochs": 'Missing value for option "--epochs".',
  "net --epochs --json": 'Missing value for option "--epochs".',
  "net --epochs 1.5": 'Option "--epochs" must be of type "integer", but got "1.5".',
  "net --rate fast": 'Option "--rate" must be of type "number", but got "fast".',
  "net many": 'Argument "count" must be of type "number", but got "many".',
  "--json": "Missing argument(s): net",
};

for (const [words, sentence] of Object.entries(MISTAKES)) {
  Deno.test(`Command refuses "${words}"`, async () => {
    const error = await assertRejects(() => parsed(...words.split(" ")), ValidationError);
    assertEquals(error.message, sentence);
  });
}

Deno.test("Command refuses a missing required option and too many arguments", async () => {
  const command = () => new Command().option("--folder <path:string>", "Folder.", { required: true }).noExit();
  const missing = await assertRejects(() => command().parse([]), ValidationError);
  assertEquals(missing.message, 'Missing required option "--folder".');
  const many = await assertRejects(() => command().parse(["--folder", "a", "b", "c"]), ValidationError);
  assertEquals(many.message, "Too many arguments: b c");
});

Deno.test("Command shows help and version without running its action", async () => {
  for (
    const [flag, pattern] of [["--help", /^Usage: +try .*-e, --epochs <count>.*Epochs\./s], ["-V", /1\.2\.3/]] as const
  ) {
    const log = console.log;
    const lines: string[] = [];
    console.log = (line: string) => lines.push(line);
    try {
      assertEquals(await parsed(flag), "action not called");
    } finally {
      console.log = log;
    }
    assertMatch(lines.join("\n"), pattern);
  }
});

Deno.test("Table pads cells to the widest of a column and aligns them", () => {
  const table = new Table()
    .header(["net", "top-1", "mid"])
    .body([["a", 9, "x"], ["longer", "10.5", "–"]])
    .columns([{}, { align: "right" }, { align: "center" }])
    .padding(2);
  assertEquals(table.toString().split("\n").map((line) => line.trimEnd()), [
    "net     top-1  mid",
    "a           9   x",
    "longer   10.5   –",
  ]);
});

/** A stream and the text written to it. */
function sink(): { readonly writable: WritableStream<Uint8Array>; readonly text: () => string } {
  let text = "";
  const decoder = new TextDecoder();
  const writable = new WritableStream<Uint8Array>({
    write: (chunk) => {
      text += decoder.decode(chunk, { stream: true });
    },
  });
  return { writable, text: () => text };
}

Deno.test("ProgressBar draws at the start and at the end with its formatter", async () => {
  const { writable, text } = sink();
  const bar = new ProgressBar({
    max: 4,
    barLength: 8,
    fillChar: "=",
    emptyChar: ".",
    writable,
    fmt: ({ progressBar, value, max, styledTime }) => `${styledTime} ${progressBar} ${value}/${max}`,
  });
  bar.value = 3;
  await bar.stop();
  assertEquals(text(), "\r\u001b[K00:00 ........ 0/4\r\u001b[K00:00 ======.. 3/4\n");
});

Deno.test("ProgressBar clears its line at the end if asked to, and stays inside its length", async () => {
  const { writable, text } = sink();
  const bar = new ProgressBar({ max: 2, value: 5, barLength: 4, clear: true, writable, fmt: (x) => x.progressBar });
  await bar.stop();
  assertEquals(text(), "\r\u001b[K####\r\u001b[K");
});
