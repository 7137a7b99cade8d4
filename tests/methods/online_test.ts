import { assertEquals } from "@std/assert";
import { cohort, resnet8, topology } from "../../dsl/mod.ts";
import { at, fitnet, kd, online } from "../../methods/mod.ts";
import { plain, tiny } from "../runtime/fixtures.ts";
import { crossEntropy, divergence, meanRows } from "./arithmetic.ts";
import { assertGolden } from "./fixtures.ts";
import { assertTerms, gradients, stepped } from "./stepped.ts";

Deno.test("online() of a distiller has its golden graph", () => {
  assertGolden("online_at", cohort(resnet8, 2).use(online(at({ at: ["layer3"] }))).lower());
});

Deno.test("online(kd()) gives each peer the mean of the others as a teacher, as by hand", async () => {
  const { terms, out, given } = await stepped(
    cohort([tiny, plain, tiny]).use(online(kd({ temperature: 2, weight: 1, ce: 1 }))),
  );
  const z = [0, 1, 2].map((i) => out(`logits/peer${i}`));
  const expected = z.flatMap((own, i) => [
    [`peer${i}/ce`, crossEntropy(own, given.labels)],
    [`peer${i}/kd`, 4 * divergence(own, meanRows(z.filter((_, j) => j !== i)), 2)],
  ]);
  assertTerms(terms, Object.fromEntries(expected));
});

Deno.test("online() teaches a peer and its modules, and not whom it imitates", async () => {
  const found = await gradients(cohort(tiny, 2).use(online(fitnet({ at: ["layer2"] }))));
  assertEquals(found, {
    "peer0/ce": "peer0",
    "peer0/fitnet": "peer0 peer0_fitnet",
    "peer1/ce": "peer1",
    "peer1/fitnet": "peer1 peer1_fitnet",
  });
});

Deno.test("online() follows edges", () => {
  const chain = topology({ peer0: tiny, peer1: tiny, peer2: tiny }).teach("peer0 -> peer1", "peer1 -> peer2");
  const { terms } = chain.use(online(at({ at: ["layer3"] }))).lower();
  assertEquals(terms.map(({ name }) => name), ["peer0/ce", "peer1/ce", "peer1/at", "peer2/ce", "peer2/at"]);
});
