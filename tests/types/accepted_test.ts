import { assert, assertEquals } from "@std/assert";
import { compile } from "./compile.ts";

const head = `import * as okd from "../dsl/mod.ts";
const { branches, cohort, method, mobilenet_v2, resnet20, resnet32, resnet8, solo, teacher, topology, wrn_16_1 } = okd;
declare const digits: okd.Dataset<10>;
declare const folder: okd.Dataset;
const at = method("at", {}, { needs: { teacher: ["layer2"], student: ["layer2"] }, routes: ["layer2"] }, () => ({}));
const peers = method("peers", {}, { needs: { peer: [] } }, () => ({}));
const gated = method("gated", {}, { needs: { peer: [], trunk: [] } }, () => ({}));
declare const outside: okd.Method;
`;

/**
 * Accepted programs with the most type instantiations each may cause, about twice what it took with TypeScript 6.0.3
 * when it was written (the measured number stands behind). More means that a change made every sentence slower to
 * check in an editor: look at `known.ts` before raising a budget.
 */
const accepted: Readonly<Record<string, readonly [program: string, budget: number]>> = {
  "FFSD in words": [`cohort("resnet32×3").leader().fuse().selfDistill();`, 800], // 400
  "FFSD with everything said": [
    `cohort(resnet32, 3).leader({ temperature: 3 }).fuse({ at: "layer3", weight: 5 }).selfDistill({ who: "leader" })
      .diversify("l2").on(digits).train({ epochs: 2 }).explain();`,
    800, // 280
  ],
  "a leader of another architecture": [`cohort(resnet32, 3).leader(mobilenet_v2).mutual({ temperature: 3 });`, 500], // 168
  "KDCL": [`cohort([resnet32, resnet20]).views("each").ensemble("minLogit");`, 700], // 331
  "KDCL with every option": [
    `cohort([resnet32, resnet20]).ensemble("linear", { per: "batch", temperature: 3 });
      cohort(resnet20, 3).leader().ensemble("general", { measureOn: "batch", weight: 2, labelWeight: 0.5 });
      declare const target: okd.EnsembleTarget; cohort(resnet20, 2).ensemble(target, { per: "batch" });`,
    1200,
  ],
  "SwitOKD of two": [`teacher(resnet20).student(resnet8).mutual().switch({ asReleased: true });`, 500], // 221
  "SwitOKD of three": [
    `topology({ t1: resnet20, t2: wrn_16_1, s: resnet8 })
      .teach("t1 <-> s", "t2 <-> s", "t1 <-> t2").switch("t1", "t2");`,
    1600, // 782
  ],
  "FFSD with a peer that pauses": [
    `cohort([resnet32, resnet20, resnet20]).leader().fuse().selfDistill().switch({ pauses: ["peer0"] });`,
    1200,
  ],
  "SwitOKD of three, with options": [
    `topology({ t1: resnet20, t2: wrn_16_1, s: resnet8 })
      .teach("t1 <-> s", "t2 <-> s", "t1 <-> t2").switch(["t1", "t2"], { onlyIfBetter: false });`,
    1800,
  ],
  "a method over teacher and student": [`teacher(resnet20).student(mobilenet_v2).use(at);`, 1100], // 556
  "a method over a topology": [`topology({ big: resnet20, small: resnet8 }).teach("big -> small").use(at);`, 1600], // 797
  "a method over peers": [`cohort(resnet32, 2).use(peers).on(folder);`, 800],
  "a method of which the types know nothing": [`cohort(resnet32, 2).use(outside);`, 800],
  "branches": [`branches(resnet32, 3, { from: "layer2" });`, 500],
  "a method of branches with a leader": [
    `branches(resnet32, 4, { from: "layer2", rescale: true }).leader(resnet20).use(gated).on(digits);`,
    1000,
  ],
  "a net alone": [`solo(resnet32).on(digits).train({ epochs: 1, optimizer: { kind: "adam" } });`, 500],
  "terms of one's own": [
    `cohort(resnet32, 2).loss(({ peers: [a, b] }) => [
      okd.term("peer1/mimic", ["peer1"], okd.kl(okd.logits(b!), okd.logits(a!)), 0.1),
    ]);`,
    1000,
  ],
  "a size that only the run time knows": [`const n: number = 3; cohort(resnet32, n).leader().fuse();`, 700],
  "a function over any pipeline": [
    `function count(pipeline: okd.AnyPipeline): number { return pipeline.spec.nets.length; }
      count(cohort(resnet32, 3).leader()); count(topology({ a: resnet8, b: resnet8 })); count(solo(resnet8));`,
    1500,
  ],
};

Deno.test("the checker accepts each of these programs, within its budget of type instantiations", () => {
  const programs = Object.fromEntries(Object.entries(accepted).map(([name, [program]]) => [name, head + program]));
  const results = compile({ "": head, ...programs });
  for (const [name, [, budget]] of Object.entries(accepted)) {
    const { text, instantiations } = results[name]!;
    assertEquals(text, "", name);
    assert(instantiations <= budget, `${name}: ${instantiations} type instantiations, at most ${budget}`);
    if (Deno.env.get("COHORT_SHOW") === "instantiations") console.log(instantiations, name);
  }
});
