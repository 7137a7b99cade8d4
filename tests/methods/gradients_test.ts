import { assertEquals } from "@std/assert";
import { branches, cohort, solo, teacher, topology } from "../../dsl/mod.ts";
import {
  ab,
  amln,
  byot,
  dml,
  fsp,
  ft,
  kd,
  labelSmoothing,
  rkd,
  sakd,
  switokd,
  tfKd,
  vanilla,
} from "../../methods/mod.ts";
import { plain, type Sentence, tiny } from "../runtime/fixtures.ts";
import { gradients } from "./stepped.ts";

const pair = teacher(tiny).student(tiny);
const own = (names: readonly string[], ...terms: readonly string[]): Record<string, string> =>
  Object.fromEntries(names.flatMap((name) => terms.map((term) => [`${name}/${term}`, name])));
const peers = ["peer0", "peer1"];

/** For every term alone, the nets and modules that its gradient reaches; all others receive none. */
const laws: Readonly<Record<string, readonly [said: Sentence, reached: Readonly<Record<string, string>>]>> = {
  "vanilla()": [cohort([tiny, plain]).use(vanilla()), own(peers, "ce")],
  "labelSmoothing()": [cohort([tiny, plain]).use(labelSmoothing()), own(peers, "smoothed_ce")],
  "tfKd()": [cohort([tiny, plain]).use(tfKd()), own(peers, "ce", "tf_kd")],
  "dml()": [cohort([tiny, plain]).use(dml()), own(peers, "ce", "dml")],
  "dml() in sequence": [cohort(tiny, 2).use(dml({ order: "sequential" })), own(peers, "ce", "dml")],
  "dml() on a topology": [
    topology({ a: tiny, b: tiny, c: tiny }).teach("a -> b", "b <-> c").use(dml()),
    own(["b", "c"], "ce", "dml"),
  ],
  "vanilla() on branches": [
    branches(tiny, 2, { from: "layer1" }).use(vanilla()),
    { "peer0/ce": "peer0 trunk", "peer1/ce": "peer1 trunk" },
  ],
  "kd()": [pair.use(kd()), own(["student"], "ce", "kd")],
  "switokd()": [pair.use(switokd()), own(["teacher", "student"], "ce", "dml")],
  "ab() behind its stage": [pair.use(ab()), own(["student"], "ce")],
  "fsp() behind its stage": [pair.use(fsp()), own(["student"], "ce")],
  "ft() behind its stage": [pair.use(ft()), { "student/ce": "student", "student/ft": "student student_ft" }],
  "byot()": [solo(tiny).use(byot()), {
    "student/ce": "student",
    ...Object.fromEntries(
      [1, 2].flatMap((exit) =>
        ["ce", "kd", "hint"].map((what) => [`student/exit_${exit}_${what}`, `student student_exit_${exit}`])
      ),
    ),
  }],
  "amln()": [
    cohort(tiny, 2).use(amln({ width: 4 })),
    Object.fromEntries(peers.flatMap((peer) => [
      ...Object.entries(own([peer], "ce", "dml")),
      ...tiny.spots.flatMap((spot) => [
        [`${peer}/adversarial_${spot}`, peer],
        [`${peer}/alignment_${spot}`, `${peer} ${peer}_alignment_${spot}`],
        [`${peer}_discriminator_${spot}/gan`, `${peer}_discriminator_${spot}`],
      ]),
    ])),
  ],
  "sakd(rkd()) by chance": [
    pair.use(sakd(rkd(), { variant: "random" })),
    own(["student"], "ce", "rkd", "sakd_kl"),
  ],
};

for (const [name, [said, reached]] of Object.entries(laws)) {
  Deno.test(`${name} gives gradient to these nets and modules, and none to others, term by term`, async () => {
    assertEquals(await gradients(said), reached);
  });
}
