/**
 * SAKD: spot-adaptive knowledge distillation (Song et al. 2022).
 *
 * @module
 */

import { SentenceError } from "../dsl/errors.ts";
import { concat, greater, maximum, meanAll, mul, sub, sumAll } from "../dsl/expr.ts";
import type { Aux, LossGraph, Term, Watch } from "../dsl/graph.ts";
import { frozenOptions } from "../dsl/json.ts";
import type { NeedsOf, Routable } from "../dsl/known.ts";
import { linear } from "../dsl/layers.ts";
import { crossEntropy, kl, term } from "../dsl/losses.ts";
import { type Method, method, type Site } from "../dsl/method.ts";
import { refusals } from "../dsl/refused.ts";
import { type RoutedPair, routedPairs, Router } from "../dsl/routing.ts";
import {
  connectorsOf,
  type Decision,
  graftedScores,
  gumbelDecisions,
  moduleOf,
  tossedDecisions,
} from "../dsl/spots.ts";
import { constant, embedding, logits, node, run, stop, type Value } from "../dsl/value.ts";
import { requireNotNegative, requireOneOf, requirePositive } from "../dsl/verbs/options.ts";

/** Options of {@linkcode sakd}. */
export interface SakdOptions {
  /**
   * Who decides: the policy; the policy, distilling exactly where it says not to (`"reverse"`); or chance, one half for
   * each sample and spot (`"random"`). `"adaptive"`, or a row of the paper's ablations.
   */
  readonly variant?: "adaptive" | "reverse" | "random";
  /** Whether the nets are of one family: the policy then starts with distilling everywhere (+10); false. */
  readonly homo?: boolean;
  /** Factor γ of the routed network's cross-entropy; 1. The released configurations have 2 for AT and VID. */
  readonly gamma?: number;
  /** Factor α of the divergence of class scores; 1. */
  readonly weight?: number;
  /** Temperature T of that divergence; 4. */
  readonly temperature?: number;
  /** Temperature of the Gumbel softmax; 5. */
  readonly gumbelTemperature?: number;
  /** Learning rate of policy and connectors, as a share of the run's; 0.5. */
  readonly agentRate?: number;
  /** Weight decay of policy and connectors; 1e-3. */
  readonly agentWeightDecay?: number;
  /** With `"random"`: the class scores use the deepest spot's decisions, as the released script for AT; false. */
  readonly asReleased?: boolean;
}

const defaults: Required<SakdOptions> = Object.freeze({
  variant: "adaptive",
  homo: false,
  gamma: 1,
  weight: 1,
  temperature: 4,
  gumbelTemperature: 5,
  agentRate: 0.5,
  agentWeightDecay: 1e-3,
  asReleased: false,
});

/**
 * Spot-adaptive distillation: a policy decides for every sample and every spot of a distiller whether the student imitates
 * there.
 *
 * For S spots and the class scores, the policy is a linear layer of the pooled features [e_t, e_s], [B, D_t + D_s] →
 * [B, 2(S + 1)]; decisions a_j [B] are straight-through Gumbel samples (τ = 5) of its pairs of scores, 1 meaning distil.
 * With I_j the n_j samples of a_j = 1 the student learns
 *
 * ```text
 * CE + Σ_j n_j/B · ℓ_j(I_j) + α · n_S/B · T² KL(teacher → student on I_S)
 * ```
 *
 * ℓ_j being the distiller's own terms, at its own weight, as if I_j were the batch: relations and means cover it alone. The
 * distiller's modules run on the whole batch, as released. Where nobody is chosen a term is 0.
 *
 * Policy and connectors (`agent`) learn before the student from a network that runs both nets side by side, the student
 * with running statistics: behind every spot teacher and student go on from x_t = (1 − a) R(h_s) + a h_t and
 * x_s = (1 − a) h_s + a R′(h_t), and z = (1 − a_S) z_s + a_S z_t. `agent/graft` is its cross-entropy L, times γ where it is
 * above the student's, then divided by γ where it is below; `agent/half` is max(0, B/2 − Σ a_S).
 *
 * @throws {SentenceError} If the distiller has no spots.
 * @throws {OptionError} If an option is out of range.
 *
 * @example
 * ```ts
 * import { resnet14, resnet8, teacher } from "../dsl/mod.ts";
 * import { at } from "./at.ts";
 * import { sakd } from "./sakd.ts";
 * const graph = teacher(resnet14).student(resnet8).use(sakd(at(), { gamma: 2, homo: true })).lower();
 * console.log(graph.phases); // [["agent", "student"]]
 * ```
 *
 * Source: Song, Chen, Ye, Song 2022, "Spot-adaptive Knowledge Distillation", with the constants of the released code: it
 * has no pre-training of the policy but the bias, trains the agent at half the student's rate, and adds the divergence to
 * every distiller. Not followed: one sample alone, where the release's relational losses are NaN, has the loss that the
 * distiller gives it; a distiller's modules keep decaying in steps that choose nobody.
 */
export function sakd<M extends Method>(
  distiller: M & Routable<M>,
  options: SakdOptions = {},
): Method<NeedsOf<M>, never> {
  const settings = { ...defaults, ...options };
  checkOptions(settings);
  if (distiller.routes.length === 0) {
    throw new SentenceError(`Cannot say sakd(${distiller.name}()): ${refusals.unroutable}. Pass at(), sp(), rkd(), ….`);
  }
  const recorded = { ...settings, distiller: { name: distiller.name, options: distiller.options } };
  const made = method(
    "sakd",
    frozenOptions(recorded, "sakd()"),
    { needs: distiller.needs as never },
    (site) => lowerSakd(site, distiller, settings),
  );
  return made as Method<NeedsOf<M>, never>;
}

function checkOptions(settings: Required<SakdOptions>): void {
  requireOneOf("sakd()", "variant", settings.variant, ["adaptive", "reverse", "random"]);
  requirePositive("sakd()", "gamma", settings.gamma);
  requireNotNegative("sakd()", "weight", settings.weight);
  requirePositive("sakd()", "temperature", settings.temperature);
  requirePositive("sakd()", "gumbelTemperature", settings.gumbelTemperature);
  requireNotNegative("sakd()", "agentRate", settings.agentRate);
  requireNotNegative("sakd()", "agentWeightDecay", settings.agentWeightDecay);
}

function lowerSakd(site: Site, distiller: Method, settings: Required<SakdOptions>): Partial<LossGraph> {
  const graph = distiller.lower(site);
  const terms = graph.terms ?? [];
  const pairs = routedPairs(site, terms, `sakd(${distiller.name}())`);
  if (pairs.length === 0) {
    throw new SentenceError(`Cannot lower sakd(${distiller.name}()): ${refusals.unroutable}, got no term at one.`);
  }
  const parts = pairs.map((pair) => new Spots(pair, suffixOf(pair, pairs), settings));
  const updated = (graph.updates ?? []).length > 0 ? soleRouter(parts, distiller) : undefined;
  const random = settings.variant === "random";
  const own = terms.filter(({ spot }) => spot === undefined).map((plain): Term => {
    const scaled = random && typeof plain.weight === "number" && parts.some(({ pair }) => isSupervision(plain, pair));
    return scaled ? Object.freeze({ ...plain, weight: (plain.weight as number) * settings.gamma }) : plain;
  });
  const taught = random ? [] : parts.flatMap((part) => part.agentTerms());
  const agents = new Set(taught.flatMap(({ learners }) => learners));
  const [first = [], ...later] = graph.phases ?? [];
  return {
    ...graph,
    terms: [
      ...taught,
      ...own,
      ...parts.flatMap((part) => part.studentTerms()),
    ],
    aux: [...graph.aux ?? [], ...(random ? [] : parts.flatMap((part) => part.modules()))],
    watches: [...graph.watches ?? [], ...parts.flatMap((part) => part.watches())],
    // The agent updates first, among the learners of other clauses too.
    ...(random ? {} : { phases: [[...agents, ...first], ...later] }),
    ...(updated === undefined ? {} : { updates: graph.updates!.map((update) => updated.update(update)) }),
  };
}

function isSupervision({ name }: Term, { student }: RoutedPair): boolean {
  return name === `${student.id}/ce`;
}

/** What tells a pair's modules and terms from those of others; nothing where it is the only one. */
function suffixOf({ student, teacher }: RoutedPair, pairs: readonly RoutedPair[]): string {
  if (pairs.length === 1) return "";
  const alone = pairs.filter((other) => other.student.id === student.id).length === 1;
  return alone ? `_${student.id}` : `_${student.id}_${teacher.id}`;
}

/** Whose samples a kept tensor takes: it has to be clear which spot they are chosen at. */
function soleRouter(parts: readonly Spots[], { name }: Method): Router {
  const routers = parts.flatMap((
    { pair, routers },
  ) => [...new Set(pair.terms.map(({ cut }) => routers.at(gate(cut))!))]);
  if (routers.length !== 1) {
    throw new SentenceError(
      `Cannot lower sakd(${name}()): what keeps tensors from step to step works at one spot of one student, got ` +
        `${routers.length}. Say at: ["…"] with one spot.`,
    );
  }
  return routers[0]!;
}

/** Position of a term's decision: class scores come last. */
function gate(cut: number | "logits"): number {
  return cut === "logits" ? -1 : cut;
}

/** Decisions at the spots of one pair, and what follows from them. */
class Spots {
  readonly pair: RoutedPair;
  /** One for each spot, then the class scores'. */
  readonly routers: readonly Router[];
  readonly #suffix: string;
  readonly #settings: Required<SakdOptions>;
  /** Differentiable decisions [B], 1 to go on from the teacher. */
  readonly #actions: readonly Value<"sample">[];
  readonly #masks: readonly Value<"sample">[];

  constructor(pair: RoutedPair, suffix: string, settings: Required<SakdOptions>) {
    this.pair = pair;
    this.#suffix = suffix;
    this.#settings = settings;
    const decisions = this.#decisions();
    this.#actions = decisions.map(({ action }) => action);
    this.#masks = decisions.map(({ hard }) => stop(settings.variant === "reverse" ? sub(mul(hard, -1), -1) : hard));
    this.routers = this.#masks.map((mask) => new Router(mask));
  }

  /** The distiller's terms over the samples chosen, and the divergence of class scores. */
  studentTerms(): readonly Term[] {
    const { student, terms } = this.pair;
    const { weight, temperature } = this.#settings;
    const own = terms.map(({ term: plain, cut }): Term =>
      Object.freeze({ ...plain, loss: this.routers.at(gate(cut))!.loss(plain.loss) })
    );
    const divergence = kl(logits(student), this.#teacher("logits", "logits"), { temperature });
    return [
      ...own,
      Object.freeze({
        ...term(
          `${student.id}/sakd_kl${this.#suffix}`,
          [student.id],
          this.routers.at(-1)!.loss(divergence),
          weight,
        ),
        spot: "logits",
      }),
    ];
  }

  /** What policy and connectors learn. */
  agentTerms(): readonly Term[] {
    const { gamma } = this.#settings;
    const scores = graftedScores(this.pair, this.#actions, (name) => this.#named(name));
    const grafted = meanAll(crossEntropy(scores));
    const alone = stop(meanAll(crossEntropy(logits(this.pair.student))));
    const factor = (when: Value<"scalar">, by: number): Value<"scalar"> =>
      stop(node("select", "scalar", [when, constant(by), constant(1)]));
    const once = mul(grafted, factor(greater(grafted, alone), gamma));
    const twice = mul(once, factor(greater(alone, once), 1 / gamma));
    const half = sumAll(sub(mul(this.#actions.at(-1)!, -1), -0.5));
    const agent = this.#named("agent");
    return [
      term(`${agent}/graft`, [agent], twice),
      term(`${agent}/half`, [agent], maximum(constant(0), half)),
    ];
  }

  /** Policy and connectors. */
  modules(): readonly Aux[] {
    const { cuts } = this.pair;
    const { homo, agentRate, agentWeightDecay } = this.#settings;
    const group = this.#named("agent");
    const named = (name: string): string => this.#named(name);
    const scores = linear("net", 2 * (cuts.length + 1), {
      init: { rule: "default", ...(homo ? { bias: { even: 10 } } : {}) },
    });
    const policy: Aux = Object.freeze({
      ...moduleOf(named("policy"), group, "scores", scores),
      optimizer: Object.freeze({ learningRateFactor: agentRate, weightDecay: agentWeightDecay }),
    });
    return [policy, ...connectorsOf(this.pair, group, named)];
  }

  /** Share of samples that are distilled at each spot. */
  watches(): readonly Watch[] {
    const { cuts, student } = this.pair;
    return [...cuts.map((cut) => cut.student), "logits"].map((spot, j) =>
      Object.freeze({ name: `${student.id}/usage_${spot}${this.#suffix}`, value: meanAll(this.#masks[j]!) })
    );
  }

  #named(name: string): string {
    return `${name}${this.#suffix}`;
  }

  /** What the policy says, or chance. */
  #decisions(): readonly Decision[] {
    const { cuts, student } = this.pair;
    const { variant, asReleased, gumbelTemperature } = this.#settings;
    const name = this.#named("route");
    const gates = cuts.length + 1;
    if (variant === "random") {
      if (!asReleased || gates === 1) return tossedDecisions(gates, name);
      const drawn = tossedDecisions(gates - 1, name);
      return [...drawn, drawn.at(-1)!];
    }
    const features = concat([stop(this.#teacher("vector", "embedding")), stop(embedding(student))]);
    const scores = run(this.#named("policy"), "vector", { to: "scores", input: features });
    return gumbelDecisions(scores, gates, gumbelTemperature, name);
  }

  #teacher<K extends Value["kind"]>(kind: K, to: string): Value<K> {
    const { teacher, teacherMode } = this.pair;
    return run(teacher.id, kind, { to, mode: teacherMode, view: teacher.view });
  }
}
