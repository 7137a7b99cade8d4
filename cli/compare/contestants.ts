/**
 * The sentences that `cohort compare` sets side by side, by the name of their method.
 *
 * @module
 */
import { didYouMean, OptionError, SentenceError } from "../../dsl/errors.ts";
import {
  type AnyPipeline,
  type Arch,
  at,
  branches,
  cohort,
  ffl,
  ffsd,
  kd,
  kdcl,
  okddip,
  one,
  sakd,
  solo,
  switokd,
  teacher,
} from "../../mod.ts";

/** What the sentences are made of. */
export interface Contest {
  /** Net of every student, peer and leader. */
  readonly net: Arch;
  /** Net of the teachers of the methods that have one. */
  readonly teacher: Arch;
  /** Passes over the images, for a teacher that is trained beforehand. */
  readonly epochs: number;
}

/** Sentences by the name of their method; each has the number of nets that its paper compares. */
const contestants = {
  vanilla: ({ net }) => solo(net),
  kd: ({ net, teacher: large, epochs }) => teacher(large).student(net).pretrain({ epochs }).use(kd()),
  at: ({ net, teacher: large, epochs }) => teacher(large).student(net).pretrain({ epochs }).use(at()),
  sakd: ({ net, teacher: large, epochs }) => teacher(large).student(net).pretrain({ epochs }).use(sakd(at())),
  dml: ({ net }) => cohort(net, 2).mutual(),
  kdcl: ({ net }) => cohort(net, 2).views("each").use(kdcl()),
  one: ({ net }) => branches(net, 3, { from: partingSpot(net) }).use(one()),
  okddip: ({ net }) => branches(net, 4, { from: partingSpot(net) }).leader().use(okddip()),
  ffl: ({ net }) => branches(net, 2, { from: partingSpot(net) }).use(ffl()),
  ffsd: ({ net }) => cohort(net, 3).leader().use(ffsd()),
  switokd: ({ net, teacher: large }) => teacher(large).student(net).use(switokd()),
} satisfies Record<string, (contest: Contest) => AnyPipeline>;

/** Methods whose teacher is trained before. */
export const pretrained: readonly string[] = ["kd", "at", "sakd"];

/** Names of the methods that can be compared, in the order of the list. */
export const contestantNames: readonly string[] = Object.keys(contestants);

/**
 * The sentence of a method.
 *
 * @throws {OptionError} If no method has this name.
 * @throws {SentenceError} If the method has no meaning on this net.
 */
export function contestant(name: string, contest: Contest): AnyPipeline {
  if (!Object.hasOwn(contestants, name)) {
    throw new OptionError(
      `Cannot compare: --methods names methods with a sentence, got "${name}".${didYouMean(name, contestantNames)} ` +
        `Known: ${contestantNames.join(", ")}.`,
    );
  }
  return contestants[name as keyof typeof contestants](contest);
}

/** The spot behind which branches part: the last but one, as ONE and its successors have it. */
export function partingSpot({ name, spots }: Arch): string {
  const spot = spots.at(-2);
  if (spot === undefined) {
    throw new SentenceError(
      `Cannot branch ${name}: a trunk ends at the last spot but one, got ${spots.length} spots. Choose another --net.`,
    );
  }
  return spot;
}
