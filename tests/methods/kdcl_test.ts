import { assertEquals, assertThrows } from "@std/assert";
import {
  cohort,
  type EnsembleTarget,
  MissingRoleError,
  normalize,
  OptionError,
  resnet20,
  resnet8,
} from "../../dsl/mod.ts";
import { lowerEnsemble } from "../../dsl/verbs/ensemble.ts";
import { kdcl } from "../../methods/mod.ts";
import { assertGolden, learns, ledBy, reach, siteWith } from "./fixtures.ts";

const targets: readonly EnsembleTarget[] = ["naive", "linear", "minLogit", "general", "mean"];

for (const target of targets) {
  Deno.test(`kdcl() and ensemble() say the same: ${target}`, () => {
    const [method, verb] = [cohort(resnet8, 2).use(kdcl({ target })), cohort(resnet8, 2).ensemble(target)];
    assertEquals(normalize(method).spec, normalize(verb).spec);
    assertEquals(method.lower(), verb.lower());
  });

  Deno.test(`kdcl() has its graph over two different nets, each with a view: ${target}`, () => {
    assertGolden(`kdcl_${target}`, cohort([resnet20, resnet8]).views("each").use(kdcl({ target })).lower());
  });

  Deno.test(`kdcl() cuts the target, so that each net learns from its own scores alone: ${target}`, () => {
    const graph = cohort([resnet20, resnet8, resnet8]).use(kdcl({ target })).lower();
    for (const id of ["peer0", "peer1", "peer2"]) {
      assertEquals(learns(graph, id), [`${id}/ce`, `${id}/ensemble_kl`]);
      const { open } = reach(graph.terms.find(({ name }) => name === `${id}/ensemble_kl`)!.loss);
      assertEquals(open, [id]);
    }
    assertEquals(graph.phases, [["peer0", "peer1", "peer2"]]);
  });
}

Deno.test("kdcl() lowers by itself to what it lowers to in a sentence", () => {
  const site = siteWith([["peer0", "peer", resnet8], ["peer1", "peer", resnet20]]);
  const { terms } = cohort([resnet8, resnet20]).use(kdcl({ temperature: 3 })).lower();
  assertEquals(kdcl({ temperature: 3 }).lower(site).terms, terms);
});

Deno.test("kdcl() on the batch weighs by the errors of the batch, and nothing is measured between epochs", () => {
  const graph = cohort(resnet8, 2).use(kdcl({ target: "general", measureOn: "batch" })).lower();
  assertEquals(graph.measures, undefined);
  assertGolden("kdcl_general_batch", graph);
});

Deno.test("kdcl() has the public re-implementation's shares of both losses", () => {
  const graph = cohort(resnet8, 2).use(kdcl({ target: "mean", temperature: 4, weight: 0.3, labelWeight: 0.7 })).lower();
  assertEquals(graph.terms.map(({ name, weight }) => [name, weight]), [
    ["peer0/ce", 0.7],
    ["peer0/ensemble_kl", 0.3],
    ["peer1/ce", 0.7],
    ["peer1/ensemble_kl", 0.3],
  ]);
});

Deno.test("kdcl() leaves a leader to leader(), who imitates the peers' mean", () => {
  const graph = cohort(resnet8, 3).leader().use(kdcl()).lower();
  assertEquals(learns(graph, "leader"), ["leader/ce", "leader/ensemble_kl"]);
  const { cut } = reach(graph.terms.find(({ name }) => name === "peer0/ensemble_kl")!.loss);
  assertEquals(cut, ["peer1"]);
});

Deno.test("kdcl() refuses options out of range, and those of another target", () => {
  assertThrows(() => kdcl({ target: "best" as never }), OptionError, "its target is one of naive, linear, minLogit");
  assertThrows(
    () => kdcl({ temperature: 0 }),
    OptionError,
    "Cannot say ensemble(): its temperature is a finite number above 0, got 0. Leave it out for the default.",
  );
  assertThrows(() => kdcl({ weight: -1 }), OptionError, "its weight is a finite number, 0 or above, got -1");
  assertThrows(() => kdcl({ labelWeight: NaN }), OptionError, "its labelWeight is a finite number");
  assertThrows(() => kdcl({ per: "image" as never, target: "linear" }), OptionError, "its per is one of sample, batch");
  assertThrows(
    () => kdcl({ per: "batch" }),
    OptionError,
    `Cannot say ensemble(): per is an option of ensemble('linear'), got it for "minLogit". Leave it out.`,
  );
  assertThrows(
    () => kdcl({ measureOn: "batch", target: "linear" }),
    OptionError,
    `Cannot say ensemble(): measureOn is an option of ensemble('general'), got it for "linear". Leave it out.`,
  );
});

Deno.test("ensemble() of a single peer is refused where its leader is named later", () => {
  assertThrows(
    () => cohort(resnet8, 2).ensemble().leader().lower(),
    MissingRoleError,
    "Cannot lower the sentence: ensemble() makes one target of two peers or more: start from a larger cohort, got 1.",
  );
  assertThrows(() => lowerEnsemble(ledBy(resnet8, 1)), MissingRoleError, "got 1.");
});
