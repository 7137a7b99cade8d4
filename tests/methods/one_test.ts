import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import {
  branches,
  cohort,
  type Method,
  MissingRoleError,
  OptionError,
  resnet8,
  SentenceError,
  tap,
} from "../../dsl/mod.ts";
import { one, type OneOptions } from "../../methods/mod.ts";
import { plain, tiny } from "../runtime/fixtures.ts";
import { crossEntropy, divergence, mean, type Row, softmax, total } from "./arithmetic.ts";
import { assertGolden, siteWith } from "./fixtures.ts";
import { assertTerms, gradients, stepped } from "./stepped.ts";

const said = branches(tiny, 3, { from: "layer2" }).use(one());
const ids = ["peer0", "peer1", "peer2"];

/** Pool, linear, batch norm over the batch, ReLU, softmax: shares of the branches from the shared map. */
function sharesOf(maps: readonly Row[], weight: readonly Row[], bias: Row): Row[] {
  const area = maps[0]!.length / weight[0]!.length;
  const pooled = maps.map((map) => weight[0]!.map((_, c) => mean(map.slice(c * area, (c + 1) * area))));
  const scores = pooled.map((x) => weight.map((w, i) => total(w.map((value, c) => value * x[c]!)) + bias[i]!));
  const columns = weight.map((_, i) => scores.map((row) => row[i]!));
  return scores.map((row) =>
    softmax(row.map((x, i) => {
      const column = columns[i]!;
      const variance = mean(column.map((value) => (value - mean(column)) ** 2));
      return Math.max(0, (x - mean(column)) / Math.sqrt(variance + 1e-5));
    }))
  );
}

Deno.test("one() minimises the divergences from the gated ensemble computed by hand", async () => {
  for (const options of [{}, { temperature: 2, epsilon: 0, live: true }] satisfies OneOptions[]) {
    const { temperature = 3, epsilon = 1e-7 } = options as OneOptions;
    const watch = { name: "shared", value: tap({ id: "peer0", view: 0 }, "layer2") };
    const { terms, out, given, state } = await stepped(branches(tiny, 3, { from: "layer2" }).use(one(options)), [
      watch,
    ]);
    const z = ids.map((id) => out(`logits/${id}`));
    const flat = Array.from(state["gate/fc.weight"]!);
    const weight = ids.map((_, i) => flat.slice(3 * i, 3 * i + 3));
    const shares = sharesOf(out("watch/shared"), weight, Array.from(state["gate/fc.bias"]!));
    const mixed = shares.map((g, b) => z[0]![b]!.map((_, k) => total(g.map((share, i) => share * z[i]![b]![k]!))));
    const head = out("logits/ensemble");
    mixed.forEach((row, b) => row.forEach((x, k) => assertAlmostEquals(head[b]![k]!, x, 1e-12)));
    assertTerms(terms, {
      ...Object.fromEntries(ids.map((id, i) => [`${id}/ce`, crossEntropy(z[i]!, given.labels)])),
      ...Object.fromEntries(
        ids.map((id, i) => [`${id}/one`, temperature ** 2 * divergence(z[i]!, mixed, temperature, epsilon)]),
      ),
      "ensemble/ce": crossEntropy(mixed, given.labels),
    });
  }
});

Deno.test("one() gives each branch and the trunk its divergence's gradient, the gate only the ensemble's", async () => {
  assertEquals(await gradients(said), {
    "peer0/ce": "peer0 trunk",
    "peer0/one": "peer0 trunk",
    "peer1/ce": "peer1 trunk",
    "peer1/one": "peer1 trunk",
    "peer2/ce": "peer2 trunk",
    "peer2/one": "peer2 trunk",
    "ensemble/ce": "gate peer0 peer1 peer2 trunk",
  });
});

Deno.test("one() with live targets lets every divergence reach gate and branches", async () => {
  const reached = await gradients(branches(plain, 2, { from: "layer1" }).use(one({ live: true })));
  assertEquals([reached["peer0/one"], reached["peer0/ce"]], ["gate peer0 peer1 trunk", "peer0 trunk"]);
});

Deno.test("one() has the published graph: one group, ramp of 80 epochs from 0, head ensemble", () => {
  const graph = branches(resnet8, 3, { from: "layer2" }).use(one()).lower();
  assertEquals([graph.phases, graph.heads.map(({ name }) => name)], [[["trunk"]], ["ensemble"]]);
  assertEquals(graph.terms[1]!.weight, { ramp: "sigmoid", to: 1, epochs: 80, from: 0 });
  assertGolden("one", graph);
});

Deno.test("a leader beside one() learns from the branches' mean and is no part of the ensemble", async () => {
  const outside = branches(tiny, 3, { from: "layer2" }).leader(tiny).use(one());
  assertEquals(outside.lower().phases, [["trunk", "leader"]]);
  assertEquals(await gradients(outside), {
    "peer0/ce": "peer0 trunk",
    "peer0/one": "peer0 trunk",
    "peer1/ce": "peer1 trunk",
    "peer1/one": "peer1 trunk",
    "ensemble/ce": "gate peer0 peer1 trunk",
    "leader/ce": "leader",
    "leader/ensemble_kl": "leader",
  });
  const inside = branches(tiny, 3, { from: "layer2" }).leader().use(one());
  assertEquals((await gradients(inside))["leader/ensemble_kl"], "leader trunk");
});

Deno.test("one() refuses options out of range or unknown, and a sentence without branches", () => {
  assertThrows(
    () => one({ temperature: 0 }),
    OptionError,
    "Cannot say one(): its temperature is a finite number above 0, got 0. Leave it out for the default.",
  );
  assertThrows(
    () => one({ tau: 1 } as OneOptions),
    OptionError,
    "Cannot say one(): its options are temperature, weight, epsilon, live, got tau. Leave it out.",
  );
  assertThrows(
    () => one().lower(siteWith([["peer0", "peer", resnet8], ["peer1", "peer", resnet8]])),
    SentenceError,
    "Cannot lower one(): its ensemble has two or more branches of one trunk, got 2 nets without.",
  );
  assertThrows(
    () => cohort(resnet8, 2).use(one() as unknown as Method),
    MissingRoleError,
    "Cannot say use(one()): this method needs a trunk, and the sentence has none. Start from branches(...).",
  );
});
