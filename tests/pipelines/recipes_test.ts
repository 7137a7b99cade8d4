import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { checkRecipe } from "../../cli/check_recipes/check.ts";
import { readRecipes, type Recipe, type RecipeSentence, workOf } from "../../cli/check_recipes/recipes.ts";
import {
  type Arch,
  at,
  conv,
  defineArch,
  explain,
  globalPool,
  linear,
  relu,
  resnet14,
  resnet20,
  resnet8,
  rowOf,
  solo,
  synthetic,
  teacher,
  UnknownNameError,
} from "../../mod.ts";
import { wasm } from "../../runtime/backend/wasm/wasm.ts";
import { printGraph } from "../../runtime/compile/print.ts";
import type { Effect, Segment } from "../../runtime/ir/program.ts";
import { partsOf } from "../../runtime/train/parts.ts";

const recipes = await readRecipes();
const backend = wasm({ threads: 1 });

/** Multiply-adds of an image above which no row is trained here; `deno task cohort check-recipes` trains all of them. */
const most = 300e6;

for (const { name, main, rows } of recipes) {
  Deno.test(`every row of ${name} explains itself, and says dataset and schedule`, () => {
    for (const [row, sentence] of Object.entries(rows)) {
      const { text } = explain(sentence);
      assert(!text.includes("Not lowered"), `${row}: ${text}`);
      assertEquals(sentence.dataset?.kind, main.dataset?.kind, row);
      assert(sentence.spec.train !== undefined, row);
    }
  });

  Deno.test(`${name} has the settings, the loss graph and the segments of its golden file`, async () => {
    const [said] = explain(main).text.split("\n");
    const settings = `settings\n  ${JSON.stringify(main.spec.train)}\n`;
    await assertGolden(name, `${said}\n${settings}${printGraph(main.lower())}${segmentsOf(main)}`);
  });

  const [row, sentence] = cheapest(main, rows);
  if (workOf(sentence) > most) continue;
  Deno.test(`${name}, row ${row}, trains for two steps`, async () => {
    const { problem, terms } = await checkRecipe(sentence, { backend });
    assertEquals(problem, undefined);
    assertEquals(Object.keys(terms), sentence.lower().terms.map((term) => term.name));
  });
}

Deno.test("rowOf() names the closest of many rows, and where all of them are", () => {
  const { main, rows } = recipes.find(({ name }) => name === "sakd_cifar100")!;
  assertThrows(
    () => rowOf(rows, "at_resnet56_resnet2", main),
    UnknownNameError,
    'got "at_resnet56_resnet2". Did you mean "at_resnet56_resnet20"? --help lists all 102.',
  );
});

Deno.test("no two rows of a recipe are the same", () => {
  for (const { name, rows } of recipes) {
    const specs = Object.values(rows).map(({ spec }) => JSON.stringify(spec));
    assertEquals(new Set(specs).size, specs.length, name);
  }
});

/** A net whose scores are no numbers. */
const broken: Arch = defineArch("broken", [
  { spot: "map", layers: [conv("conv", 4, { init: { rule: "normal", std: Infinity } }), relu] },
  { spot: "embedding", layers: [globalPool] },
  { spot: "logits", layers: [linear("fc", "classes")] },
], { spots: ["map"] });

const images = synthetic({ shape: [3, 8, 8] });

Deno.test("checkRecipe() tells a loss that is no number, and what a sentence lacks", async () => {
  const { problem } = await checkRecipe(solo(broken).on(images).train({}), { backend });
  assertStringIncludes(problem ?? "", "every loss is a finite number, got");
  assertEquals((await checkRecipe(solo(resnet8), { backend })).problem, "says no dataset or no settings of training");
});

Deno.test("checkRecipe() hands what a stage trained to the main part, whatever its length", async () => {
  const sentence = teacher(resnet14).student(resnet8).pretrain({ epochs: 240 }).use(at()).on(images).train({});
  const { problem, terms } = await checkRecipe(sentence, { backend });
  assertEquals(problem, undefined);
  assert(Object.values(terms).every(Number.isFinite));
});

Deno.test("workOf() is the sum of all nets", () => {
  const one = workOf(solo(resnet20).on(images));
  assertEquals(workOf(teacher(resnet20).student(resnet20).on(images)), 2 * one);
});

/** The row of the smallest nets that says what the main sentence says. */
function cheapest(main: RecipeSentence, rows: Recipe["rows"]): readonly [name: string, sentence: RecipeSentence] {
  const verbs = ({ spec }: RecipeSentence): string =>
    JSON.stringify(spec.clauses.map(({ verb, method }) => [verb, method]));
  return Object.entries(rows).filter(([, row]) => verbs(row) === verbs(main))
    .reduce((best, row) => workOf(row[1]) < workOf(best[1]) ? row : best);
}

/** What every part of a run does a step: its segments, each with how many updates of which kind. */
function segmentsOf(sentence: RecipeSentence): string {
  const { spec, archs, dataset } = sentence;
  const { shape = [3, 32, 32], classes = 10 } = dataset!;
  const graph = sentence.lower();
  const input = { nets: spec.nets, archs, graph, classes, shape, batch: spec.train!.batch, samples: 1000 };
  return partsOf(input, spec.train!).map(({ stage, compiled }) => {
    const head = stage === undefined ? "segments" : `segments of stage ${stage}`;
    return [head, ...compiled.step.segments.map((segment) => `  ${segmentLine(segment)}`), ""].join("\n");
  }).join("");
}

function segmentLine({ name, effects, gate, count }: Segment): string {
  const kinds = [...Map.groupBy(effects, wordOf)].map(([word, of]) => `${of.length} ${word}`);
  const notes = [gate === undefined ? "" : ", may be skipped", count === undefined ? "" : ", over some of the samples"];
  return `${name}${notes.join("")}: ${kinds.join(", ") || "no updates"}`;
}

function wordOf(effect: Effect): string {
  return effect.kind === "assign" ? "assign" : `${effect.kind} with decay ${effect.weightDecay}, ${effect.rate}`;
}

async function assertGolden(name: string, text: string): Promise<void> {
  const file = new URL(`../golden/recipes/${name}.txt`, import.meta.url);
  if (Deno.env.get("COHORT_GOLDEN") === "write") await Deno.writeTextFile(file, text);
  const golden = await Deno.readTextFile(file).catch(() => "there is no such file");
  const renew = "COHORT_GOLDEN=write deno test -A tests/pipelines/recipes_test.ts --filter golden";
  assertEquals(text, golden, `tests/golden/recipes/${name}.txt differs; ${renew} renews it`);
}
