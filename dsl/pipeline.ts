/**
 * The pipeline: a sentence under construction, and every verb it understands.
 *
 * A pipeline is frozen. Each verb returns a new one, so that a prefix can be shared by two sentences. A verb that has
 * no meaning at its place is refused by the type checker and, with the same words, at run time.
 *
 * @module
 */

import type { Arch } from "./arch.ts";
import type { Dataset } from "./data.ts";
import type { Explanation } from "./explain.ts";
import type { LossGraph, Term } from "./graph.ts";
import type {
  Agree,
  Bound,
  Fits,
  Known,
  KnownSpot,
  Led,
  MayFuse,
  MayLead,
  MayMutual,
  MayPretrain,
  MaySwitch,
  NeedsOf,
  NeedsPeers,
  Says,
  SpotsOf,
} from "./known.ts";
import type { Method, Site } from "./method.ts";
import type { refusals } from "./refused.ts";
import type { Spec } from "./spec.ts";
import type { TrainOptions } from "./train.ts";
import type { DiversifyOptions } from "./verbs/diversify.ts";
import type { EnsembleOptions, EnsembleTarget } from "./verbs/ensemble.ts";
import type { FuseOptions } from "./verbs/fuse.ts";
import type { LeaderOptions } from "./verbs/leader.ts";
import type { MutualOptions } from "./verbs/mutual.ts";
import type { PretrainOptions } from "./verbs/pretrain.ts";
import type { SelfDistillOptions } from "./verbs/self_distill.ts";
import type { SwitchOptions } from "./verbs/switch.ts";
import type { Views } from "./verbs/views.ts";

/**
 * Any sentence, whatever the checker knows about it: what functions that take a pipeline ask for.
 *
 * The spec says what was said; methods, architectures and dataset are the values its names stand for.
 */
export interface AnyPipeline {
  /** What was said, as frozen JSON. */
  readonly spec: Spec;
  /** Methods of the `use` clauses, in order. */
  readonly methods: readonly Method[];
  /** Architectures of the nets, by name. */
  readonly archs: Readonly<Record<string, Arch>>;
  /** Dataset, once `on()` was said. */
  readonly dataset: Dataset | undefined;
}

/** The verbs that every sentence has. `K` is what the checker knows about it. */
export interface Sentence<K extends Known> extends AnyPipeline {
  /**
   * Promotes the last member: it learns from its peers and teaches nobody. Its peers become mutual (T = 2) unless
   * another peer method is said.
   *
   * @throws {SentenceError} If there is a leader already, or no peers.
   */
  leader(this: MayLead<K>, options?: LeaderOptions): Pipeline<Led<K, SpotsOf<K, "peer">, K["classes"]>>;
  /**
   * Promotes the last member and gives it another architecture.
   *
   * @throws {ClassCountError} If the architecture is bound to another class count.
   */
  leader<N extends string, S extends string, C extends number>(
    this: MayLead<K>,
    arch: Arch<N, S, C> & Agree<"leader", C, "cohort", K["classes"]>,
    options?: LeaderOptions,
  ): Pipeline<Led<K, S, C>>;
  /**
   * Fuses the peers' maps into one teacher of the leader.
   *
   * @throws {MissingRoleError} If nobody leads.
   * @throws {UnknownSpotError} If a member lacks the spot.
   */
  fuse<const At extends string = SpotsOf<K, "peer">>(
    this: MayFuse<K>,
    options?: FuseOptions<At> & KnownSpot<At, SpotsOf<K, "peer">, "cohort">,
  ): Pipeline<Says<K, "fuse">>;
  /** Keeps peers from looking at the same places; `"none"` switches off what `fuse()` with `selfDistill()` implies. */
  diversify(
    this: NeedsPeers<K, "diversify", typeof refusals.diversifyAlone>,
    by?: DiversifyOptions["by"],
    options?: Omit<DiversifyOptions, "by">,
  ): Pipeline<Says<K, "diversify">>;
  /** Adds self-distillation modules to peers 1… and the leader. */
  selfDistill(
    this: NeedsPeers<K, "selfDistill", typeof refusals.selfDistillAlone>,
    options?: SelfDistillOptions,
  ): Pipeline<Says<K, "selfDistill">>;
  /** Lets nets learn from each other's class scores; alone it is deep mutual learning. */
  mutual(this: MayMutual<K>, options?: MutualOptions): Pipeline<Says<K, "mutual">>;
  /**
   * Makes one soft target of all peers (KDCL). It is recorded and checked; lowering it is refused until its targets
   * exist.
   */
  ensemble(
    this: NeedsPeers<K, "ensemble", typeof refusals.ensembleAlone>,
    target?: EnsembleTarget,
    options?: EnsembleOptions,
  ): Pipeline<Says<K, "ensemble">>;
  /** Whether every net sees an augmented view of its own (`"each"`) or all see the same (`"shared"`, the default). */
  views(views: Views): Pipeline<Says<K, "views">>;
  /**
   * Adds a method.
   *
   * @throws {MissingRoleError} If a role it needs is absent.
   * @throws {UnknownSpotError} If a net lacks a spot it taps.
   */
  use<M extends Method>(method: M & Fits<K, NeedsOf<M>>): Pipeline<Says<K, "use">>;
  /**
   * Trains every teacher from the labels first; then it rests, unless a verb teaches it. Its optimizer is the run's with
   * these changes, its weights are written beside the student's.
   *
   * @throws {MissingRoleError} If there is no teacher.
   * @throws {OptionError} If a number is outside its range.
   *
   * @example
   * ```ts
   * import { resnet14, resnet8, teacher } from "./mod.ts";
   * const sentence = teacher(resnet14).student(resnet8).pretrain({ epochs: 240 });
   * console.log(sentence.lower().stages?.map(({ name, epochs }) => [name, epochs])); // [["pretrain", 240]]
   * ```
   */
  pretrain(this: MayPretrain<K>, options?: PretrainOptions): Pipeline<Says<K, "pretrain">>;
  /**
   * Adds terms of your own. They are built at once, as data, so say it after the verbs that add or rename nets.
   *
   * @example
   * ```ts
   * import { cohort, logits, meanAll, square, stop, sub } from "./mod.ts";
   * const pair = cohort("resnet8×2").loss(({ peers: [a, b] }) => [{
   *   name: "peer1/mimic",
   *   learners: ["peer1"],
   *   loss: meanAll(square(sub(logits(b!), stop(logits(a!))))),
   *   weight: 0.1,
   * }]);
   * console.log(pair.lower().terms.map((term) => term.name));
   * ```
   */
  loss(build: (site: Site) => readonly Term[]): Pipeline<Says<K, "loss">>;
  /**
   * Chooses the dataset and with it the class count.
   *
   * @throws {ClassCountError} If a net is bound to another one.
   */
  on<C extends number>(dataset: Dataset<C> & Agree<"dataset", C, "cohort", K["classes"]>): Pipeline<Bound<K, C>>;
  /** Sets how it is trained; what is not said keeps its default, and a second `train()` replaces the first. */
  train(options: TrainOptions): Pipeline<K>;
  /** What the sentence means, with everything that was filled in: as text and as a Mermaid diagram. */
  explain(): Explanation;
  /** The loss graph: what each learner minimises. */
  lower(): LossGraph;
}

/** A sentence; see {@linkcode Sentence} for its verbs. */
export interface Pipeline<K extends Known> extends Sentence<K> {
  /**
   * Pauses the teacher in batches where it has run away from its student (SwitOKD). It is recorded and checked;
   * lowering it is refused until the rule exists.
   */
  switch(this: MaySwitch<K>, options?: SwitchOptions): Pipeline<Says<K, "switch">>;
}
