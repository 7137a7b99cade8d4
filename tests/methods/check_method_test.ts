import { assert, assertEquals } from "@std/assert";
import { type Arch, defineArch } from "../../dsl/arch.ts";
import type { AnyPipeline } from "../../dsl/pipeline.ts";
import { batchNorm, conv, globalPool, linear, relu } from "../../dsl/layers.ts";
import * as ours from "../../mod.ts";
import { branches, builtins, checkMethod, cohort, digits, solo, teacher } from "../../mod.ts";
import { tiny } from "../runtime/fixtures.ts";

/** Spots of other sizes and channels than those of `tiny`, and another embedding. */
const other: Arch<"other", "layer1" | "layer2" | "layer3"> = defineArch("other", [
  { spot: "layer1", layers: [conv("conv1", 3), batchNorm("bn1"), relu] },
  { spot: "layer2", layers: [conv("conv2", 5, { stride: 2 }), batchNorm("bn2"), relu] },
  { spot: "layer3", layers: [conv("conv3", 4, { stride: 2 }), batchNorm("bn3"), relu] },
  { spot: "embedding", layers: [globalPool] },
  { spot: "logits", layers: [linear("fc", "classes")] },
], { spots: ["layer1", "layer2", "layer3"] });

/** An embedding of 8 numbers, the least that OKDDip's projections take. */
const wide: Arch<"wide", "layer1"> = defineArch("wide", [
  { spot: "layer1", layers: [conv("conv1", 8, { stride: 2 }), batchNorm("bn1"), relu] },
  { spot: "embedding", layers: [globalPool] },
  { spot: "logits", layers: [linear("fc", "classes")] },
], { spots: ["layer1"] });

const shared = branches(tiny, 2, { from: "layer1" });
const pair = teacher(tiny).student(other);
const alike = teacher(tiny).student(tiny);

/** Every built-in method on sentences that it suits. */
const sentences = {
  ab: [pair.use(ours.ab({ epochs: 1 }))],
  afd: [cohort([tiny, other]).use(ours.afd())],
  amln: [cohort([tiny, other]).use(ours.amln({ width: 4 }))],
  at: [pair.use(ours.at())],
  byot: [solo(tiny).use(ours.byot())],
  cc: [pair.use(ours.cc({ width: 4 }))],
  cl: [shared.use(ours.cl()), cohort([tiny, other]).use(ours.cl())],
  crd: [pair.use(ours.crd({ negatives: 3, width: 4 }))],
  dkd: [pair.use(ours.dkd())],
  dml: [cohort([tiny, other]).use(ours.dml()), cohort(tiny, 2).use(ours.dml({ order: "sequential" }))],
  ffl: [shared.use(ours.ffl()), cohort(tiny, 2).use(ours.ffl())],
  ffsd: [cohort(tiny, 3).leader().use(ours.ffsd())],
  fitnet: [pair.use(ours.fitnet())],
  fsp: [alike.use(ours.fsp({ epochs: 1 }))],
  ft: [pair.use(ours.ft({ epochs: 1 }))],
  kd: [pair.use(ours.kd()).on(digits())],
  kdcl: [
    cohort([tiny, other]).use(ours.kdcl({ target: "naive" })),
    cohort([tiny, other]).use(ours.kdcl({ target: "linear" })),
    cohort([tiny, other]).views("each").use(ours.kdcl({ target: "general" })),
  ],
  labelSmoothing: [solo(tiny).use(ours.labelSmoothing())],
  nst: [pair.use(ours.nst())],
  okddip: [
    branches(wide, 3, { from: "layer1" }).leader().use(ours.okddip()),
    cohort(wide, 3).leader().use(ours.okddip()),
  ],
  one: [shared.use(ours.one())],
  online: [cohort(tiny, 2).use(ours.online(ours.at()))],
  pkt: [pair.use(ours.pkt())],
  reviewkd: [pair.use(ours.reviewkd())],
  rkd: [pair.use(ours.rkd())],
  sakd: [pair.use(ours.sakd(ours.at())), pair.use(ours.sakd(ours.rkd(), { variant: "random" }))],
  sp: [pair.use(ours.sp())],
  switokd: [pair.use(ours.switokd())],
  tfKd: [solo(tiny).use(ours.tfKd())],
  vanilla: [cohort([tiny, other]).use(ours.vanilla())],
  vid: [pair.use(ours.vid())],
} satisfies Readonly<Record<string, readonly AnyPipeline[]>>;

Deno.test("every built-in method has sentences to be checked on", () => {
  assertEquals(Object.keys(sentences).sort(), Object.keys(builtins.methods!).sort());
});

Deno.test("every built-in method has a golden graph", () => {
  const files = [...Deno.readDirSync(new URL("../golden", import.meta.url))].map(({ name }) => name);
  const missing = Object.keys(sentences).filter((name) => {
    const snake = name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    return !files.some((file) => new RegExp(`^graph_${snake}(_.*)?\\.json$`).test(file));
  });
  assertEquals(missing, []);
});

for (const [name, said] of Object.entries(sentences)) {
  Deno.test(`checkMethod() finds nothing wrong with ${name}()`, async () => {
    for (const sentence of said) {
      const findings = await checkMethod(sentence, { methods: builtins.methods, shape: [3, 8, 8] });
      assertEquals(findings.filter(({ ok }) => !ok), []);
      assert(findings.length === 13);
    }
  });
}
