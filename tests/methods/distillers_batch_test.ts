import { assert, assertEquals } from "@std/assert";
import { type Arch, defineArch } from "../../dsl/arch.ts";
import { batchNorm, conv, globalPool, linear, relu } from "../../dsl/layers.ts";
import { teacher } from "../../dsl/mod.ts";
import { at, cc, dkd, fitnet, nst, pkt, reviewkd, rkd, sp, vid } from "../../methods/mod.ts";
import { wasm } from "../../runtime/backend/wasm/wasm.ts";
import { assertClose, compileTiny, feed, inSession, type Sentence, stepResults, tiny } from "../runtime/fixtures.ts";
import { poisoned } from "../runtime/poison.ts";

const MOST = 6;

/** Three spots of 6×6, 5×5 and 3×3 beside `tiny`'s 6×6, 3×3 and 2×2: windows of several sizes, connectors up and down. */
const other: Arch<"other", "layer1" | "layer2" | "layer3"> = defineArch("other", [
  { spot: "layer1", layers: [conv("conv1", 3), batchNorm("bn1"), relu] },
  { spot: "layer2", layers: [conv("conv2", 5, { kernel: 2, pad: 0 }), relu] },
  { spot: "layer3", layers: [conv("conv3", 4, { stride: 2 }), relu] },
  { spot: "embedding", layers: [globalPool] },
  { spot: "logits", layers: [linear("fc", "classes")] },
], { spots: ["layer1", "layer2", "layer3"] });

const sentences: Readonly<Record<string, Sentence>> = {
  "losses of maps": teacher(tiny).student(other).use(at()).use(nst()).use(vid()).use(fitnet()).use(reviewkd()),
  "hints to larger maps": teacher(other).student(tiny).use(fitnet({ at: ["layer1", "layer2", "layer3"] })),
  "hints to smaller maps": teacher(tiny).student(other).use(fitnet({ at: ["layer1", "layer2", "layer3"] })),
  "losses of samples": teacher(tiny).student(other).use(sp()).use(rkd()).use(pkt()).use(cc({ width: 4 })).use(dkd()),
};

const SAME = 1e-11;

for (const [name, of] of Object.entries(sentences)) {
  Deno.test(`distillers compiled for ${MOST} images run 2 to ${MOST} as if compiled for just as many: ${name}`, async () => {
    const large = compileTiny(of, { batch: MOST, debug: true });
    for (let count = 2; count <= MOST; count++) {
      const exact = compileTiny(of, { batch: count, debug: true });
      const given = feed(large, { count });
      assertClose(
        await inSession(large, (session) => stepResults(session, given)),
        await inSession(exact, (session) => stepResults(session, given)),
        SAME,
        `${count} images:`,
      );
    }
  });

  Deno.test(`distillers let no padding leak, and one sample gives finite numbers: ${name}`, async () => {
    const clean = compileTiny(of, { batch: MOST, debug: true });
    const hostile = { ...clean, step: poisoned(clean.step, feed(clean).images.length) };
    for (const count of [1, 2, MOST]) {
      const given = feed(clean, { count });
      const masked = { ...given, images: [...given.images, new Float32Array(count).fill(1)] };
      const expected = await inSession(clean, (session) => stepResults(session, given));
      const found = await inSession(hostile, (session) => stepResults(session, masked));
      assertEquals(found, expected);
      for (const [key, numbers] of Object.entries(found)) assert(numbers.every(Number.isFinite), `${key} of ${count}`);
    }
  });

  Deno.test(`wasm agrees with reference about distillers, short batches too: ${name}`, async () => {
    const compiled = compileTiny(of, { batch: MOST, debug: true });
    const backend = await wasm();
    for (const count of [3, MOST]) {
      const given = feed(compiled, { count, rate: 0 });
      assertClose(
        await inSession(compiled, (session) => stepResults(session, given), { backend }),
        await inSession(compiled, (session) => stepResults(session, given)),
        2e-3,
        `${count} images:`,
        // A bias before a batch norm has a gradient of rounding alone, of terms with weights of up to 30000.
        1,
      );
    }
  });
}
