import { assert, assertAlmostEquals, assertEquals, assertRejects } from "@std/assert";
import { withSplit } from "../../../datasets/split.ts";
import { synthetic } from "../../../datasets/synthetic.ts";
import { withSampling } from "../../../datasets/with_sampling.ts";
import { withTransforms } from "../../../datasets/with_transforms.ts";
import { cohort, solo } from "../../../dsl/cohort.ts";
import { type BatchMix, imagesPerEpoch } from "../../../dsl/data.ts";
import { SentenceError } from "../../../dsl/errors.ts";
import { reference } from "../../../runtime/backend/reference/reference.ts";
import { wasm } from "../../../runtime/backend/wasm/wasm.ts";
import { compile, type Compiled } from "../../../runtime/compile/compile.ts";
import { evaluate } from "../../../runtime/train/fit.ts";
import { train } from "../../../runtime/train/train.ts";
import { feed, inSession, plain, shape, stepResults, tiny, train as settings } from "../fixtures.ts";

const alone = solo(plain);

function compiled(mixed: boolean): Compiled {
  const { spec, archs } = alone;
  const input = { nets: spec.nets, archs, graph: alone.lower(), classes: 3, shape, batch: 4, mixed };
  return compile(input, settings(), { debug: true });
}

const own = Uint16Array.of(0, 1, 2, 2);
const other = Uint16Array.of(2, 0, 1, 2);

function results(mixed: boolean, labels: Uint16Array, mix?: BatchMix, backend = reference()) {
  const program = compiled(mixed);
  const given = { ...feed(program, { rate: 0 }), labels, ...(mix === undefined ? {} : { mix }) };
  return inSession(program, (session) => stepResults(session, given), { backend });
}

for (const backend of [reference(), wasm({ threads: 1 })]) {
  Deno.test(`a mixed step on ${backend.name} has the losses and gradients of both labels by weight`, async () => {
    const mix = { labels: other, weights: new Float32Array(4).fill(0.25) };
    const mixed = await results(true, own, mix, backend);
    const [first, second] = [await results(false, own), await results(false, other)];
    const names = Object.keys(mixed).filter((name) => /^(term|gradient)/.test(name));
    assert(names.length > 4);
    for (const name of names) {
      mixed[name]!.forEach((value, i) => {
        // 32 bits of wasm against 64.
        assertAlmostEquals(value, 0.25 * first[name]![i]! + 0.75 * second[name]![i]!, 1e-5);
      });
    }
  });
}

Deno.test("a mixed step weighs each image on its own, and the other label counts nothing at weight 1", async () => {
  const weights = Float32Array.of(1, 1, 0, 1);
  const mixed = await results(true, own, { labels: other, weights });
  assertEquals(mixed, await results(false, Uint16Array.of(0, 1, 1, 2)));
});

Deno.test("a step refuses mixed images of a sentence that was not compiled for them, and the reverse", async () => {
  const mix = { labels: other, weights: new Float32Array(4) };
  await assertRejects(
    () => results(false, own, mix),
    SentenceError,
    "Cannot run a step: mixed images need a sentence compiled for them, got one that is not.",
  );
  await assertRejects(() => results(true, own), SentenceError, "got images that are not mixed.");
});

const toy = synthetic({ classes: 3, shape: [3, 6, 6], train: 24, test: 7 });

Deno.test("train() takes mixup and cutmix from the dataset", async () => {
  for (const kind of ["mixup", "cutmix"] as const) {
    const data = withTransforms(toy, { augment: [{ kind: "flip", probability: 0.5 }, { kind, alpha: 1 }] });
    const sentence = cohort(tiny, 2).mutual().on(data).train({ epochs: 2, batch: 4, seed: 5 });
    const { history } = await train(sentence, { backend: reference(), runs: false });
    assertEquals(history.length, 2);
    assert(Object.values(history[1]!.terms).every(Number.isFinite));
    assertEquals(history[1]!.metrics.images, 7);
  }
});

Deno.test("train() measures epochs on the validation split where there is one", async () => {
  const data = withSplit(toy, { validation: 5 });
  const sentence = solo(tiny).on(data).train({ epochs: 1, batch: 4, seed: 5 });
  const { history, compiled, snapshot } = await train(sentence, { backend: reference(), runs: false });
  assertEquals([history[0]!.metrics.images, snapshot.position.images], [5, 19]);
  await inSession(compiled, async (session) => {
    assertEquals((await evaluate(session, await data.open(), 4)).images, 7);
  });
});

Deno.test("train() runs as many steps as the sampling shows images", async () => {
  const data = withSampling(toy, { kind: "balanced", images: 30 });
  const steps: number[] = [];
  await train(solo(tiny).on(data).train({ epochs: 1, batch: 4, seed: 5 }), {
    backend: reference(),
    runs: false,
    report: (event) => {
      if (event.kind === "step") steps.push(event.steps, event.images);
    },
  });
  // Seven steps of four and one of two.
  assertEquals([steps.length / 2, steps[0], steps.at(-1)], [8, 8, 2]);
  assertEquals(imagesPerEpoch(await data.open()), 30);
});
