import { assertEquals, assertThrows } from "@std/assert";
import { branches, cohort, OptionError, resnet8, SentenceError } from "../../dsl/mod.ts";
import { cl, type ClOptions } from "../../methods/mod.ts";
import { tiny } from "../runtime/fixtures.ts";
import { crossEntropy, divergence, meanRows } from "./arithmetic.ts";
import { assertGolden, siteWith } from "./fixtures.ts";
import { assertTerms, gradients, stepped } from "./stepped.ts";

const ids = ["peer0", "peer1", "peer2"];

Deno.test("cl() minimises the divergences from the mean of the others computed by hand", async () => {
  for (const sentence of [branches(tiny, 3, { from: "layer2" }).use(cl()), cohort(tiny, 3).use(cl())]) {
    const { terms, out, given } = await stepped(sentence);
    const z = ids.map((id) => out(`logits/${id}`));
    assertTerms(terms, {
      ...Object.fromEntries(ids.map((id, i) => [`${id}/ce`, crossEntropy(z[i]!, given.labels)])),
      ...Object.fromEntries(ids.map((id, i) => {
        const others = meanRows(z.filter((_, j) => j !== i));
        return [`${id}/cl`, 9 * divergence(z[i]!, others, 3, 1e-7)];
      })),
    });
  }
});

Deno.test("cl() lets gradient reach all branches through live targets, or one branch where they are cut", async () => {
  const live = await gradients(branches(tiny, 3, { from: "layer2" }).use(cl()));
  assertEquals([live["peer1/ce"], live["peer1/cl"]], ["peer1 trunk", "peer0 peer1 peer2 trunk"]);
  const cut = await gradients(branches(tiny, 3, { from: "layer2" }).use(cl({ live: false })));
  assertEquals(cut["peer1/cl"], "peer1 trunk");
  const apart = await gradients(cohort(tiny, 3).use(cl({ live: false })));
  assertEquals(apart["peer1/cl"], "peer1");
});

Deno.test("cl() on branches divides the trunk's gradients by their number, unless told not to", () => {
  const lowered = (options: ClOptions) => branches(resnet8, 4, { from: "layer2" }).use(cl(options)).lower();
  const trunk = { id: "trunk", nets: ["peer0", "peer1", "peer2", "peer3"], from: "layer2" } as const;
  assertEquals(lowered({}).trunks, [{ ...trunk, scale: 0.25 }]);
  assertEquals(lowered({ rescale: false }).trunks, [trunk]);
  assertEquals(cohort(resnet8, 4).use(cl()).lower().trunks, undefined);
  assertGolden("cl", lowered({}));
  assertGolden("cl_network", cohort(resnet8, 3).use(cl()).lower());
});

Deno.test("cl() with a leader of its own leaves that net out of the trunk and of the scale", () => {
  const { trunks, phases } = branches(resnet8, 4, { from: "layer2" }).leader(resnet8).use(cl()).lower();
  assertEquals([trunks![0]!.nets, trunks![0]!.scale], [["peer0", "peer1", "peer2"], 1 / 3]);
  assertEquals(phases, [["trunk", "leader"]]);
});

Deno.test("cl() refuses options out of range or unknown, and a single branch", () => {
  assertThrows(
    () => cl({ rescale: 2 as unknown as boolean }),
    OptionError,
    "Cannot say cl(): its rescale is one of true, false, got 2. Say one of them.",
  );
  assertThrows(
    () => cl({ alpha: 1 } as ClOptions),
    OptionError,
    "Cannot say cl(): its options are temperature, weight, epsilon, live, rescale, got alpha. Leave it out.",
  );
  assertThrows(
    () => cl().lower(siteWith([["peer0", "peer", resnet8]])),
    SentenceError,
    'Cannot lower cl(): a branch learns from others, got 1. Start from branches(resnet32, 3, { from: "layer2" }).',
  );
});
