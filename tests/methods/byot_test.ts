import { assert } from "@std/assert";
import { run, solo, tap } from "../../dsl/mod.ts";
import { byot } from "../../methods/mod.ts";
import { compileTiny, feed, inSession, tiny } from "../runtime/fixtures.ts";
import { crossEntropy, divergence, mean, rows } from "./arithmetic.ts";
import { stepped } from "./stepped.ts";

Deno.test("byot()'s divergence is T² · KL from the net's class scores, computed by hand", async () => {
  const compiled = compileTiny(solo(tiny).use(byot({ temperature: 2, weight: 0.5 })), { debug: true });
  await inSession(compiled, async (session) => {
    const { terms } = await session.step(feed(compiled, { rate: 0 }));
    const [last, exit] = [await session.readStep("logits/student"), await session.readStep("logits/student_exit_1")];
    const expected = 0.5 * 4 * divergence(rows(exit, 5), rows(last, 5), 2);
    assert(Math.abs(terms["student/exit_1_kd"]! - expected) < 1e-11);
  });
});

Deno.test("byot()'s exits learn the labels and the deepest map, computed by hand", async () => {
  const input = tap({ id: "student", view: 0 }, "layer1");
  const { terms, out, given } = await stepped(solo(tiny).use(byot()), [
    { name: "exit", value: run("student_exit_1", "map", { to: "map", input }) },
    { name: "deepest", value: tap({ id: "student", view: 0 }, "layer3") },
  ]);
  assert(Math.abs(terms["student/exit_1_ce"]! - crossEntropy(out("logits/student_exit_1"), given.labels)) < 1e-11);
  // Four channels of 6×6 places, and of 2×2: each of those is compared with the mean of nine.
  const deepest = out("watch/deepest");
  const hints = out("watch/exit").map((map, sample) => {
    let total = 0;
    for (let at = 0; at < 16; at++) {
      const [channel, y, x] = [Math.floor(at / 4), Math.floor(at / 2) % 2, at % 2];
      let sum = 0;
      for (let i = 0; i < 9; i++) sum += map[36 * channel + 6 * (3 * y + Math.floor(i / 3)) + 3 * x + i % 3]!;
      total += (sum / 9 - deepest[sample]![at]!) ** 2;
    }
    return total;
  });
  assert(Math.abs(terms["student/exit_1_hint"]! - mean(hints)) < 1e-11);
});
