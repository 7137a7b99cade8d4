import { assert, assertEquals } from "@std/assert";
import { cifar10Normalization } from "../../datasets/cifar_names.ts";
import { imageFolder } from "../../datasets/image_folder.ts";
import { inFolder } from "./fixtures.ts";

// All of CIFAR-10 as JPEG files in train/<class>/ and test/<class>/; beside a checkout, unless said where.
const archive = Deno.env.get("COHORT_CIFAR10_JPEG") ??
  decodeURIComponent(new URL("../../../shared/data/cifar10-jpeg.tar.gz", import.meta.url).pathname);

Deno.test({
  name: "imageFolder() opens all of CIFAR-10, the second time from the cache in under 2 s" +
    (present() ? "" : " (ignored: COHORT_CIFAR10_JPEG names no archive)"),
  ignore: !present(),
  fn: () =>
    inFolder(async (cache) => {
      const first = await imageFolder({ path: archive }).open({ cache });
      assertEquals([first.train.length, first.test.length, first.shape], [50000, 10000, [3, 32, 32]]);
      for (const [split, each] of [[first.train, 5000], [first.test, 1000]] as const) {
        const counts = new Array(10).fill(0);
        for (const label of split.labels) counts[label]++;
        assertEquals(counts, new Array(10).fill(each));
      }
      assertEquals(first.normalization, cifar10Normalization);
      const began = performance.now();
      const again = await imageFolder({ path: archive }).open({ cache });
      const took = performance.now() - began;
      assert(took < 2000, `the cache took ${took.toFixed(0)} ms`);
      assert(equal(again.train.pixels, first.train.pixels) && equal(again.test.pixels, first.test.pixels));
    }),
});

/** Whether bytes are the same; a comparison of 180 MB by `assertEquals` would take minutes. */
function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

function present(): boolean {
  try {
    return Deno.statSync(archive).isFile;
  } catch {
    return false;
  }
}
