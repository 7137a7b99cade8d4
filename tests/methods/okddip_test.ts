import { assertEquals, assertThrows } from "@std/assert";
import {
  branches,
  cohort,
  embedding,
  MissingRoleError,
  OptionError,
  resnet8,
  resnet8x4,
  ShapeError,
  wrn_16_2,
} from "../../dsl/mod.ts";
import { okddip, type OkddipOptions } from "../../methods/mod.ts";
import { tiny } from "../runtime/fixtures.ts";
import { crossEntropy, divergence, meanRows, type Row, softmax, total } from "./arithmetic.ts";
import { assertGolden, ledBy, siteWith } from "./fixtures.ts";
import { assertTerms, gradients, stepped } from "./stepped.ts";

const peers = ["peer0", "peer1", "peer2"];
const options = { reduction: 2 } as const;
const shared = branches(tiny, 4, { from: "layer2" }).leader().use(okddip(options));
const apart = cohort(tiny, 4).leader().use(okddip(options));

/** W h of every image. */
function projected(features: readonly Row[], weights: Row): Row[] {
  const size = features[0]!.length;
  const outputs = Array.from({ length: weights.length / size }, (_, i) => weights.slice(i * size, (i + 1) * size));
  return features.map((h) => outputs.map((w) => total(w.map((x, d) => x * h[d]!))));
}

for (const [what, sentence] of [["branches", shared], ["nets of their own", apart]] as const) {
  Deno.test(`okddip() on ${what} minimises the divergences from attended mixtures computed by hand`, async () => {
    const watches = peers.map((id) => ({ name: id, value: embedding({ id, view: 0 }) }));
    const { terms, out, given, state } = await stepped(sentence, watches);
    const z = peers.map((id) => out(`logits/${id}`));
    const [query, key] = ["query", "key"].map((module) => {
      const weights = Array.from(state[`${module}/fc.weight`]!);
      return peers.map((id) => projected(out(`watch/${id}`), weights));
    });
    const mixed = peers.map((_, a) =>
      z[a]!.map((row, b) => {
        const energies = peers.map((_, other) => total(query![a]![b]!.map((x, i) => x * key![other]![b]![i]!)));
        const attention = softmax(energies);
        return row.map((_, k) => total(attention.map((share, other) => share * z[other]![b]![k]!)));
      })
    );
    const leader = out("logits/leader");
    assertTerms(terms, {
      ...Object.fromEntries(peers.map((id, a) => [`${id}/ce`, crossEntropy(z[a]!, given.labels)])),
      ...Object.fromEntries(peers.map((id, a) => [`${id}/okddip`, 9 * divergence(z[a]!, mixed[a]!, 3, 1e-7)])),
      "leader/ce": crossEntropy(leader, given.labels),
      "leader/okddip": 9 * divergence(leader, meanRows(z), 3, 1e-7),
    });
  });
}

Deno.test("okddip() on branches lets its live targets reach peers, trunk and projections", async () => {
  assertEquals(await gradients(shared), {
    "peer0/ce": "peer0 trunk",
    "peer0/okddip": "key peer0 peer1 peer2 query trunk",
    "peer1/ce": "peer1 trunk",
    "peer1/okddip": "key peer0 peer1 peer2 query trunk",
    "peer2/ce": "peer2 trunk",
    "peer2/okddip": "key peer0 peer1 peer2 query trunk",
    "leader/ce": "leader trunk",
    "leader/okddip": "leader peer0 peer1 peer2 trunk",
  });
});

Deno.test("okddip() on nets of their own teaches peers and projections by peers, and peers by the leader", async () => {
  assertEquals(await gradients(apart), {
    "peer0/ce": "peer0",
    "peer0/okddip": "key peer0 peer1 peer2 query",
    "peer1/ce": "peer1",
    "peer1/okddip": "key peer0 peer1 peer2 query",
    "peer2/ce": "peer2",
    "peer2/okddip": "key peer0 peer1 peer2 query",
    "leader/ce": "leader",
    "leader/okddip": "leader peer0 peer1 peer2",
  });
});

Deno.test("okddip() has the published graphs: one group of branches, or nets beside their attention", () => {
  const branched = branches(resnet8, 4, { from: "layer2" }).leader().use(okddip()).lower();
  assertEquals(branched.phases, [["trunk"]]);
  assertEquals(branched.aux.map(({ id, group }) => [id, group]), [["query", "trunk"], ["key", "trunk"]]);
  assertGolden("okddip_branch", branched);
  const network = cohort(resnet8, 4).leader().use(okddip()).lower();
  assertEquals(network.phases, [["peer0", "peer1", "peer2", "attention", "leader"]]);
  assertGolden("okddip_network", network);
});

Deno.test("okddip() takes a leader of its own beside branches, and other leaders beside nets of their own", () => {
  const outside = branches(resnet8, 3, { from: "layer2" }).leader(wrn_16_2).use(okddip()).lower();
  assertEquals(outside.phases, [["trunk", "leader"]]);
  assertEquals(outside.terms.find(({ name }) => name === "leader/okddip")!.learners, ["leader", "trunk"]);
});

Deno.test("okddip() refuses options out of range or unknown, peers of two sizes, and too few of them", () => {
  assertThrows(
    () => okddip({ reduction: 0.5 }),
    OptionError,
    "Cannot say okddip(): its reduction is a whole number from 1, got 0.5. Leave it out for the default.",
  );
  assertThrows(
    () => okddip({ heads: 2 } as OkddipOptions),
    OptionError,
    "Cannot say okddip(): its options are temperature, weight, epsilon, reduction, got heads. Leave it out.",
  );
  assertThrows(
    () => cohort([resnet8, resnet8x4, resnet8]).leader().use(okddip()).lower(),
    ShapeError,
    "Cannot lower okddip(): its peers share projections of embeddings of one size, at least 8, got 64 and 256.",
  );
  assertThrows(
    () => okddip().lower(siteWith([["peer0", "peer", resnet8], ["peer1", "peer", resnet8]])),
    MissingRoleError,
    "Cannot lower okddip(): it needs a leader and at least two peers, got 2 peers and no leader. " +
      "Start from cohort(resnet32, 3) and say leader().",
  );
  assertThrows(() => okddip().lower(ledBy(resnet8, 1)), MissingRoleError, "got 1 peers and a leader");
});
