import { assertAlmostEquals, assertEquals } from "@std/assert";
import { checkSums, fill, fnv1a, initialTensor, sumsError, uniformAt } from "../../cli/parity/formula.ts";

// Known answers that the recordings came with.
Deno.test("fnv1a() gives the recorded hashes", () => {
  assertEquals(fnv1a(""), 2166136261);
  assertEquals(fnv1a("probe"), 2112007601);
  assertEquals(fnv1a("dev/kd|student/conv1.weight"), 1418677783);
});

Deno.test("uniformAt() gives the recorded numbers", () => {
  assertEquals([0, 1, 2].map((i) => uniformAt(fnv1a("probe"), i)), [
    0.08065307140350342,
    0.6421981453895569,
    0.6754424571990967,
  ]);
});

Deno.test("fill() rounds to float32 once", () => {
  assertEquals(Array.from(fill("dev/kd|student/conv1.weight", 3, 0.4714045207910317, 0)), [
    -0.017929887399077415,
    -0.366601824760437,
    0.2440430074930191,
  ]);
});

Deno.test("checkSums() gives the recorded sums of 0 … 9, and notices a permutation", () => {
  const ramp = Array.from({ length: 10 }, (_, i) => i);
  const sums = checkSums(ramp);
  assertEquals(sums.sum, 45);
  assertAlmostEquals(sums.l2, 16.881943016134134, 1e-12);
  assertAlmostEquals(sums.dot, 9.939849615097046, 1e-12);
  const swapped = checkSums(ramp.with(2, 3).with(3, 2));
  assertAlmostEquals(swapped.l2, sums.l2, 1e-12);
  assertEquals(sumsError(swapped, sums, 10) > 1e-3, true);
});

Deno.test("initialTensor() fills by name and shape, applies overrides in order and keeps constants", () => {
  const plain = initialTensor("seed", "net/bn.weight", { shape: [4] });
  assertEquals(plain, fill("seed|net/bn.weight", 4, 0.25, 1));
  const [matrix, bound] = [{ shape: [2, 3, 1, 1] }, Math.sqrt(2)];
  assertEquals(initialTensor("s", "net/conv.weight", matrix), fill("s|net/conv.weight", 6, bound, 0));
  const wider = initialTensor("s", "net/fc.bias", { shape: [3] }, [["fc", { gain: 2 }], ["^net/.*bias$", { add: 3 }], [
    "other",
    { add: 9 },
  ]]);
  assertEquals(wider, fill("s|net/fc.bias", 3, 0.2, 3));
  const base = fill("s|net/fc.bias", 3, 0.1, 0);
  const even = initialTensor("s", "net/fc.bias", { shape: [3] }, [["fc", { add_even: 10 }]]);
  assertEquals(Array.from(even), [Math.fround(base[0]! + 10), base[1]!, Math.fround(base[2]! + 10)]);
  assertEquals(initialTensor("s", "m/params", { shape: [2], rule: "keep", values: [32, 1] }), Float32Array.of(32, 1));
});
