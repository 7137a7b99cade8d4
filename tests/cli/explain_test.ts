import { assertEquals, assertStringIncludes } from "@std/assert";
import { run } from "../../cli/explain.ts";
import { main } from "../../cli/main.ts";
import { cohort, digits } from "../../mod.ts";
import { explainKernels } from "../../runtime/train/explain.ts";
import { inFolder } from "./child.ts";

/** Status and what a command printed on either stream. */
async function printed(...args: readonly string[]): Promise<readonly [code: number, out: string, err: string]> {
  const { log, error } = console;
  const [out, err]: [string[], string[]] = [[], []];
  console.log = (line: unknown) => void out.push(String(line));
  console.error = (line: unknown) => void err.push(line instanceof Error ? String(line.stack) : String(line));
  try {
    const table = { explain: () => Promise.resolve({ about: "", run }) };
    return [await main(["explain", ...args], undefined, table), out.join("\n"), err.join("\n")];
  } finally {
    Object.assign(console, { log, error });
  }
}

const DIGITS = new URL("../../pipelines/ffsd_digits.ts", import.meta.url).pathname;

Deno.test("explain tells what the sentence of a pipeline module means", async () => {
  const [code, out] = await printed(DIGITS);
  assertEquals(code, 0);
  assertStringIncludes(out, 'cohort("resnet8×3").leader().fuse().selfDistill().on(digits).train({ epochs: 24 })');
  assertStringIncludes(out, "leader/fusion_attention");
  assertStringIncludes(out, "Convolutions (wasm) of a training step, images of 1×8×8, SIMD");
  assertStringIncludes(out, "\n  16×8×8 to 16×8×8, 3×3, pad 1 ");
});

Deno.test("explain --mermaid prints a flowchart and nothing else", async () => {
  const [code, out] = await printed(DIGITS, "--mermaid");
  assertEquals([code, out.split("\n")[0]], [0, "flowchart LR"]);
});

Deno.test("explain reads the spec that a run wrote", async () => {
  await inFolder(async (folder) => {
    const pipeline = cohort("resnet8×2").mutual().on(digits()).train({ epochs: 2 });
    await Deno.writeTextFile(`${folder}/spec.json`, JSON.stringify(pipeline.spec));
    const [code, out] = await printed(`${folder}/spec.json`);
    assertEquals([code, out], [0, `${pipeline.explain()}\n${explainKernels(pipeline)}`.trimEnd()]);
  });
});

Deno.test("explain refuses what is no sentence in one sentence, status 1", async () => {
  await inFolder(async (folder) => {
    const file = async (name: string, text: string): Promise<string> => {
      await Deno.writeTextFile(`${folder}/${name}`, text);
      return `${folder}/${name}`;
    };
    const cases: readonly (readonly [path: string, start: string])[] = [
      [
        "no/such.ts",
        'Cannot read a sentence: it is a spec (.json) or a pipeline module (.ts), got nothing readable at "',
      ],
      [
        await file("a.txt", ""),
        `Cannot read a sentence: it is a spec (.json) or a pipeline module (.ts), got "${folder}`,
      ],
      [
        await file("none.ts", "export {};"),
        `Cannot use "${folder}/none.ts": its default export is a pipeline, got none.`,
      ],
      [await file("bad.ts", "export default ("), `Cannot load "${folder}/bad.ts": a pipeline module has to run, got `],
      [await file("bad.json", "{"), "Cannot read the spec: it is JSON, got "],
      [await file("empty.json", "{}"), "Cannot read the spec: "],
    ];
    for (const [path, start] of cases) {
      const [code, out, err] = await printed(path);
      assertEquals([code, out, err.slice(0, start.length), err.includes("\n")], [1, "", start, false]);
    }
  });
});

Deno.test("explain gives the refusal of a verb as it is, when a module says a sentence that has no meaning", async () => {
  await inFolder(async (folder) => {
    const mod = new URL("../../mod.ts", import.meta.url).href;
    await Deno.writeTextFile(
      `${folder}/p.ts`,
      `import { cohort } from "${mod}"; export default cohort("resnet8×3").fuse();`,
    );
    const [code, , err] = await printed(`${folder}/p.ts`);
    assertEquals([code, err], [1, "Cannot say fuse(): fuse() teaches the leader: say leader() first."]);
  });
});

Deno.test("explain --row tells another row of a module, and names the rows there are", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/rows.ts`;
    const text = [
      `import { cohort } from "${new URL("../../mod.ts", import.meta.url)}";`,
      'export const rows = { small: cohort("resnet8×2").mutual(), large: cohort("resnet20×2").mutual() };',
      "export default rows.small;",
    ];
    await Deno.writeTextFile(path, text.join("\n"));
    const [code, out] = await printed(path, "--row", "large");
    assertEquals(code, 0);
    assertStringIncludes(out, 'cohort("resnet20×2")');
    assertEquals(await printed(path, "--row", "larg"), [
      1,
      "",
      'Cannot use --row: the program has a row of that name, got "larg". Did you mean "large"? Known: small, large.',
    ]);
  });
});
