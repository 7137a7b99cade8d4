import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { cohort } from "../../dsl/cohort.ts";
import type { LossGraph } from "../../dsl/graph.ts";
import { kdcl, type KdclOptions } from "../../methods/kdcl.ts";
import type { Backend } from "../../runtime/backend/backend.ts";
import { reference } from "../../runtime/backend/reference/reference.ts";
import { wasm } from "../../runtime/backend/wasm/wasm.ts";
import { compileTiny, feed, inSession, plain, tiny } from "../runtime/fixtures.ts";
import { crossEntropy, divergence, mean, type Row, rows, softmax, total } from "./arithmetic.ts";

const COUNT = 5;
const nets = ["peer0", "peer1", "peer2"];

/** One step of three nets of two kinds, each with its own view. */
async function step(options: KdclOptions, backend: Backend = reference()) {
  const sentence = cohort([tiny, plain, tiny]).views("each").use(kdcl(options));
  const lowered = sentence.lower();
  const value = lowered.terms.find(({ name }) => name === "peer0/ensemble_kl")!.loss.of[1]!;
  const graph: LossGraph = { ...lowered, watches: [{ name: "target", value }] };
  const compiled = compileTiny({ spec: sentence.spec, archs: sentence.archs, lower: () => graph });
  const measured = { "ensemble/peer0": 0.5, "ensemble/peer1": 0.75, "ensemble/peer2": -0.25 };
  const drawn = feed(compiled, { count: COUNT, measured });
  // Untrained scores are nearly 0; a classifier ten times as large makes nets that disagree.
  const given = { ...drawn, weights: Object.fromEntries(Object.keys(drawn.weights).map((name) => [name, 1])) };
  return await inSession(compiled, async (session) => {
    for (const id of nets) {
      const weight = await session.read(`${id}/fc.weight`);
      await session.write(`${id}/fc.weight`, weight.map((x) => 10 * x));
    }
    const { terms } = await session.step(given);
    const z = await Promise.all(nets.map(async (id) => rows(await session.readStep(`logits/${id}`), COUNT)));
    const target = rows(await session.readStep("watch/target"), COUNT);
    return { terms, z, target, given, measured: Object.values(measured), views: given.images.length };
  }, { backend });
}

type Step = Awaited<ReturnType<typeof step>>;

const own = (z: Row, label: number): number => -Math.log(softmax(z)[label]!);
const mixed = (z: readonly (readonly Row[])[], b: number, weights: Row): Row =>
  z[0]![b]!.map((_, k) => total(z.map((net, i) => weights[i]! * net[b]![k]!)));

/** Convex weights of three nets on a grid: slow, and sure. */
const grid = Array.from({ length: 201 }, (_, i) => Array.from({ length: 201 - i }, (_, j) => [i, j, 200 - i - j]))
  .flat().map((weights) => weights.map((weight) => weight / 200));

/** C⁻¹ 1 / (1ᵀ C⁻¹ 1) of three nets: cofactors of C, whose rows sum to the weights. */
function covarianceWeights({ z, given }: Step): Row {
  const errors = z.map((net) => net.map((row, b) => softmax(row).map((p, k) => p - Number(k === given.labels[b]))));
  const c = errors.map((a) => errors.map((e) => mean(a.map((row, b) => total(row.map((x, k) => x * e[b]![k]!))))));
  const cofactor = (i: number, j: number): number => {
    const at = (u: number, v: number): number => c[(i + u) % 3]![(j + v) % 3]!;
    return at(1, 1) * at(2, 2) - at(1, 2) * at(2, 1);
  };
  const solved = [0, 1, 2].map((i) => cofactor(i, 0) + cofactor(i, 1) + cofactor(i, 2));
  return solved.map((weight) => weight / total(solved));
}

/** Targets by hand, one row a sample; for the convex ones the loss that no point of the grid comes below. */
const byHand: Readonly<Record<string, { readonly options: KdclOptions; readonly target?: (step: Step) => Row[] }>> = {
  naive: {
    options: { target: "naive" },
    target: ({ z, given }) =>
      z[0]!.map((_, b) =>
        z.map((net) => net[b]!).sort((p, q) => own(p, given.labels[b]!) - own(q, given.labels[b]!))[0]!
      ),
  },
  minLogit: {
    options: { target: "minLogit" },
    target: ({ z, given }) =>
      z[0]!.map((row, b) => row.map((_, k) => Math.min(...z.map((net) => net[b]![k]! - net[b]![given.labels[b]!]!)))),
  },
  mean: { options: { target: "mean" }, target: ({ z }) => z[0]!.map((_, b) => mixed(z, b, [1 / 3, 1 / 3, 1 / 3])) },
  "general from measured weights": {
    options: { target: "general" },
    target: ({ z, measured }) => z[0]!.map((_, b) => mixed(z, b, measured)),
  },
  "general on the batch": {
    options: { target: "general", measureOn: "batch" },
    target: (step) => step.z[0]!.map((_, b) => mixed(step.z, b, covarianceWeights(step))),
  },
  "linear, each sample": { options: { target: "linear" } },
  "linear, the batch": { options: { target: "linear", per: "batch" } },
};

const backends: readonly (readonly [name: string, open: () => Backend, tolerance: number])[] = [
  ["reference", reference, 1e-9], // a ridge of 1e-12 over differences of 1e-2
  ["wasm", wasm, 2e-4], // float32 scores behind the same
];

for (const [backend, open, tolerance] of backends) {
  for (const [name, { options, target }] of Object.entries(byHand)) {
    Deno.test(`kdcl() minimises on ${backend} the losses computed by hand: ${name}`, async () => {
      for (const temperature of [1, 3]) {
        const result = await step({ temperature, ...options }, open());
        assertEquals(result.views, 3);
        if (target !== undefined) {
          const expected = target(result);
          result.target.flat().forEach((x, i) => assertAlmostEquals(x, expected.flat()[i]!, 10 * tolerance));
        }
        const size = (x: number): number => tolerance * Math.max(1, Math.abs(x));
        nets.forEach((id, i) => {
          const { [`${id}/ce`]: ce, [`${id}/ensemble_kl`]: kl } = result.terms;
          const expected = temperature ** 2 * divergence(result.z[i]!, result.target, temperature);
          assertAlmostEquals(ce!, crossEntropy(result.z[i]!, result.given.labels), size(ce!));
          assertAlmostEquals(kl!, expected, size(kl!));
        });
      }
    });
  }

  Deno.test(`kdcl() on ${backend}: no convex combination is better than the linear target`, async () => {
    const { z, target, given } = await step({ target: "linear" }, open());
    target.forEach((row, b) => {
      const label = given.labels[b]!;
      const best = Math.min(...grid.map((weights) => own(mixed(z, b, weights), label)));
      assert(own(row, label) <= best + 1e-5 && own(row, label) >= best - 1e-2, `sample ${b}`);
    });
    const batch = await step({ target: "linear", per: "batch" }, open());
    const loss = (of: readonly Row[]): number => mean(of.map((row, b) => own(row, given.labels[b]!)));
    const best = Math.min(...grid.map((weights) => loss(batch.target.map((_, b) => mixed(batch.z, b, weights)))));
    assert(loss(batch.target) <= best + 1e-5 && loss(batch.target) >= best - 1e-3);
  });

  Deno.test(`kdcl() on ${backend}: the minLogit target is at least as good as the best net on every sample`, async () => {
    const { z, target, given } = await step({ target: "minLogit" }, open());
    target.forEach((row, b) => {
      const label = given.labels[b]!;
      assert(own(row, label) <= Math.min(...z.map((net) => own(net[b]!, label))) + 1e-6);
    });
  });
}

Deno.test("kdcl() reaches with each term its own net's parameters and no others", async () => {
  for (const [what, { options }] of Object.entries(byHand)) {
    const sentence = cohort([tiny, plain, tiny]).views("each").use(kdcl(options));
    const compiled = compileTiny(sentence, { debug: true });
    const measured = { "ensemble/peer0": 0.2, "ensemble/peer1": 0.3, "ensemble/peer2": 0.5 };
    const given = feed(compiled, { measured });
    for (const name of Object.keys(given.weights)) {
      const weights = Object.fromEntries(Object.keys(given.weights).map((other) => [other, Number(other === name)]));
      await inSession(compiled, async (session) => {
        const { terms } = await session.step({ ...given, weights });
        const gradients = Object.keys(compiled.step.outputs).filter((output) => output.startsWith("gradient/"));
        const reached = new Set<string>();
        for (const output of gradients) {
          if ((await session.readStep(output)).some((x) => x !== 0)) reached.add(output.split("/")[1]!);
        }
        // A net that is the target itself has nothing to learn from it.
        assertEquals([...reached], terms[name] === 0 ? [] : [name.split("/")[0]!], `${what}: ${name}`);
      });
    }
  }
});
