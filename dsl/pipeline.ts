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
  MayEnsemble,
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
import type { EnsembleOptions } from "./verbs/ensemble.ts";
import type { EnsembleTarget } from "./verbs/ensemble_target.ts";
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
   * Promotes the last member and gives it another architecture; beside branches it has a net of its own, outside of the
   * trunk, even of the same architecture.
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
  /** Makes one soft target of all peers, which each of them imitates (KDCL); `"minLogit"` unless said. */
  ensemble<const T extends EnsembleTarget = "minLogit">(
    this: MayEnsemble<K>,
    target?: T,
    options?: EnsembleOptions<T>,
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
   * Adds terms of your own: objectives over what the nets compute, each with its learners and a weight.
   *
   * `build` gets the site (the nets by role, with their spots, and who teaches whom) and returns terms. It is called at
   * once and what it returns is recorded in the spec, so say it after the verbs that add or rename nets. A loss is one
   * number, or one a sample, of the vocabulary (`logits`, `tap`, `embedding`, `kl`, `square`, `meanAll`, …); gradient
   * reaches the learners and nothing else, through whatever is not in `stop()`. A weight is a number, a ramp over epochs,
   * or the name of a measured value, which has to have something that measures it.
   *
   * Terms are all it can say. Modules beside the nets, pauses, watches, heads, an order of updates and kept tensors are
   * said by a method of your own, in the same place: `.use(method("mine", {}, { needs: {} }, (site) => ({ terms, aux })))`.
   *
   * @throws {SentenceError} If a loss is no value, or neither one number nor one a sample; when lowered, if a term names a
   * net that is not there.
   * @throws {UnknownSpotError} If it taps a spot that the net lacks.
   * @throws {OptionError} If a weight is no finite number, ramp or measured value.
   *
   * @example A peer whose maps follow another's, more so from epoch to epoch
   * ```ts
   * import { attentionLoss, attentionMap, cohort, stop, tap } from "./mod.ts";
   * const pair = cohort("resnet8×2").mutual().loss(({ peers: [a, b] }) => [{
   *   name: "peer1/looks",
   *   learners: ["peer1"],
   *   loss: attentionLoss(attentionMap(tap(b!, "layer2")), stop(attentionMap(tap(a!, "layer2")))),
   *   weight: { ramp: "linear", to: 100, epochs: 5, from: 1 },
   * }]);
   * console.log(pair.lower().terms.map((term) => term.name));
   * // ["peer0/ce", "peer0/dml", "peer1/ce", "peer1/dml", "peer1/looks"]
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
   * Pauses the teachers in batches where they have run away from their students (SwitOKD). Nets are `mutual()` unless
   * another method is said, and the divergences from several nets add up.
   *
   * In a cohort `pauses` names the peers that stand for teachers; those it does not name are their students.
   *
   * @throws {SentenceError} If it pauses a net that teaches nobody, or all peers.
   *
   * @example
   * ```ts
   * import { resnet20, resnet8, teacher } from "./mod.ts";
   * const pair = teacher(resnet20).student(resnet8).mutual().switch();
   * console.log(pair.lower().switches.map(({ pauses }) => pauses)); // ["teacher"]
   * ```
   */
  switch<const P extends `peer${number}` = never>(
    this: MaySwitch<K, P>,
    options?: SwitchOptions & { readonly pauses?: readonly P[] },
  ): Pipeline<Says<K, "switch">>;
}
