import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { decodeTensors, parseSpec } from "../../mod.ts";
import { builtins } from "../../mod.ts";
import { cohortCommand, inFolder } from "./child.ts";

Deno.test("the demo trains cohort and net alone, prints a table of all members and writes what it says", async () => {
  await inFolder(async (folder) => {
    const { code, out, err } = await cohortCommand(folder, ["demo", "--epochs", "1", "--seed", "7"]);
    assertEquals([code, err], [0, ""]);
    const table = out.slice(out.indexOf("member"), out.indexOf("* the best epoch"));
    assertEquals([...table.matchAll(/^(\w+) +\d+\.\d\d %/gm)].map(([, name]) => name), [
      "peer0",
      "peer1",
      "fusion",
      "ensemble",
      "oracle",
      "leader",
      "alone",
    ]);
    assertMatch(out, /^epoch 1\/1 .*ETA.*peer0 .*peer1 .*leader .*fusion /m);
    const weights = decodeTensors(await Deno.readFile(`${folder}/runs/demo/leader.safetensors`), "the leader");
    assertEquals(weights.tensors["conv1.weight"]?.shape, [16, 1, 3, 3]);
    assertEquals(weights.metadata["arch"], "resnet8");
    const spec = parseSpec(await Deno.readTextFile(`${folder}/runs/demo/spec.json`), builtins).spec;
    assertEquals([spec.train?.seed, spec.train?.epochs], [7, 1]);
    const log = (await Deno.readTextFile(`${folder}/runs/demo/log.jsonl`)).trim().split("\n");
    assertEquals(log.length, 1);
    const summary = JSON.parse(await Deno.readTextFile(`${folder}/runs/demo/summary.json`));
    assertEquals([summary.seed, summary.rows.length], [7, 7]);
    const svg = await Deno.readTextFile(`${folder}/runs/demo/curves.svg`);
    assert(svg.startsWith("<svg"));
    assertStringIncludes(svg, ">leader ");
    assertStringIncludes(out, "Picture of the curves: runs/demo/curves.svg");
  });
});

Deno.test("the demo refuses a number of epochs that is none", async () => {
  await inFolder(async (folder) => {
    const { code, err } = await cohortCommand(folder, ["demo", "--epochs", "0"]);
    assertEquals(code, 1);
    assertEquals(
      err.trim(),
      "Cannot train with this epochs: it is a whole number from 1, got 0. Choose 1 or more.",
    );
  });
});
