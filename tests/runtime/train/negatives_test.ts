import { assert, assertEquals, assertThrows } from "@std/assert";
import { OptionError } from "../../../dsl/errors.ts";
import { NegativeSampler } from "../../../runtime/train/negatives.ts";

const labels = Uint16Array.from({ length: 30 }, (_, i) => (i * 7) % 3);

Deno.test("NegativeSampler draws images of other classes, each once", () => {
  const sampler = new NegativeSampler(1, labels);
  for (const count of [1, 7, 20]) {
    const drawn = sampler.draw(1, [4, 9, 4], count);
    for (const [b, image] of [4, 9, 4].entries()) {
      const row = [...drawn.subarray(b * count, (b + 1) * count)];
      assertEquals(new Set(row).size, count);
      assert(row.every((other) => labels[other] !== labels[image]));
    }
    assertEquals(drawn.subarray(0, count), drawn.subarray(2 * count));
  }
});

Deno.test("NegativeSampler draws by seed, epoch and image alone, all images alike", () => {
  const draw = (
    seed: number,
    epoch: number,
    images: number[],
  ) => [...new NegativeSampler(seed, labels).draw(epoch, images, 5)];
  assertEquals(draw(1, 2, [3, 8]).slice(5), draw(1, 2, [8]));
  assert(draw(1, 2, [8]).join() !== draw(2, 2, [8]).join());
  assert(draw(1, 2, [8]).join() !== draw(1, 3, [8]).join());
  const counts = new Map<number, number>();
  const sampler = new NegativeSampler(3, labels);
  for (let epoch = 0; epoch < 2000; epoch++) {
    for (const other of sampler.draw(epoch, [0], 5)) counts.set(other, (counts.get(other) ?? 0) + 1);
  }
  assertEquals(counts.size, 20);
  // 500 expected of each, with a deviation of about 20.
  assert([...counts.values()].every((count) => Math.abs(count - 500) < 100), `${[...counts.values()]}`);
});

Deno.test("NegativeSampler repeats images where other classes have too few, and refuses a single class", () => {
  const drawn = new NegativeSampler(1, labels).draw(1, [0], 50);
  assert(drawn.every((other) => labels[other] !== labels[0]));
  assertThrows(
    () => new NegativeSampler(1, new Uint16Array(4)).draw(1, [0], 2),
    OptionError,
    "Cannot draw negatives: there are images of other classes, got one class. Choose more data.",
  );
});
