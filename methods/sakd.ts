/**
 * SAKD: spot-adaptive knowledge distillation (Song et al. 2022).
 *
 * @module
 */

import { SentenceError } from "../dsl/errors.ts";
import {
  add,
  apply,
  concat,
  greater,
  log,
  maximum,
  meanAll,
  mul,
  slice,
  softmax,
  sub,
  sumAll,
  sumPerSample,
} from "../dsl/expr.ts";
import type { Aux, LossGraph, Term, Watch } from "../dsl/graph.ts";
import { frozenOptions } from "../dsl/json.ts";
import type { NeedsOf, Routable } from "../dsl/known.ts";
import { batchNorm, connector, type Layer, linear, relu } from "../dsl/layers.ts";
import { crossEntropy, kl, term } from "../dsl/losses.ts";
import { type Member, type Method, method, type Site } from "../dsl/method.ts";
import { refusals } from "../dsl/refused.ts";
import { type RoutedPair, routedPairs, Router } from "../dsl/routing.ts";
import { constant, embedding, logits, node, noise, run, stop, type Value } from "../dsl/value.ts";
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
  const parts = pairs.map((pair) => new Spots(pair, suffixOf(pair, pairs), settings));
  const updated = (graph.updates ?? []).length > 0 ? soleRouter(parts, distiller) : undefined;
  const random = settings.variant === "random";
  const own = terms.filter(({ spot }) => spot === undefined).map((plain): Term => {
    const scaled = random && typeof plain.weight === "number" && parts.some(({ pair }) => isSupervision(plain, pair));
    return scaled ? Object.freeze({ ...plain, weight: (plain.weight as number) * settings.gamma }) : plain;
  });
  return {
    ...graph,
    // The agent's terms come first, so that it updates first.
    terms: [
      ...(random ? [] : parts.flatMap((part) => part.agentTerms())),
      ...own,
      ...parts.flatMap((part) => part.studentTerms()),
    ],
    aux: [...graph.aux ?? [], ...(random ? [] : parts.flatMap((part) => part.modules()))],
    watches: [...graph.watches ?? [], ...parts.flatMap((part) => part.watches())],
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
    const gates = pair.cuts.length + 1;
    const decisions = settings.variant === "random" ? this.#chances(gates) : this.#policy(gates);
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
    const grafted = meanAll(crossEntropy(this.#graft()));
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
    const { cuts, student, teacher } = this.pair;
    const { homo, agentRate, agentWeightDecay } = this.#settings;
    const group = this.#named("agent");
    const bias = homo ? { even: 10 } : undefined;
    const width = 2 * (cuts.length + 1);
    const policy: Aux = Object.freeze({
      id: this.#named("policy"),
      group,
      stages: stages(
        "scores",
        linear("net", width, { init: { rule: "default", ...(bias === undefined ? {} : { bias }) } }),
      ),
      optimizer: Object.freeze({ learningRateFactor: agentRate, weightDecay: agentWeightDecay }),
    });
    const connectors = cuts.flatMap((cut, j) => [
      this.#connector(this.#named(`to_teacher${j}`), teacher, cut.teacher),
      this.#connector(this.#named(`to_student${j}`), student, cut.student),
    ]);
    return [policy, ...connectors];
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

  /** Straight-through Gumbel samples of the policy's pairs of scores: `hard` is 0 or 1, `action` has their gradient. */
  #policy(gates: number): { readonly action: Value<"sample">; readonly hard: Value<"sample"> }[] {
    const { student } = this.pair;
    const features = concat([stop(this.#teacher("vector", "embedding")), stop(embedding(student))]);
    const scores = run(this.#named("policy"), "vector", { to: "scores", input: features });
    const drawn = noise(this.#named("route"), 2 * gates);
    return Array.from({ length: gates }, (_, j) => {
      const pair = <V extends Value<"vector">>(of: V): Value<"vector"> => slice(of, 1, 2 * j, 2);
      const minusLog = (x: Value<"vector">): Value<"vector"> => mul(log(add(x, 1e-20)), -1);
      const gumbel = minusLog(minusLog(pair(drawn)));
      const soft = softmax(add(pair(scores), gumbel), this.#settings.gumbelTemperature);
      const [teach, rest] = [0, 1].map((i) => sumPerSample(slice(soft, 1, i, 1)));
      const hard = stop(apply("ge", teach!, rest!));
      return { hard, action: add(sub(hard, stop(teach!)), teach!) };
    });
  }

  /** Coin tosses: the larger of two normal numbers. */
  #chances(gates: number): { readonly action: Value<"sample">; readonly hard: Value<"sample"> }[] {
    const shared = this.#settings.asReleased && gates > 1;
    const drawn = noise(this.#named("route"), 2 * (shared ? gates - 1 : gates), "normal");
    return Array.from({ length: gates }, (_, j) => {
      const at = shared && j === gates - 1 ? j - 1 : j;
      const [first, second] = [0, 1].map((i) => sumPerSample(slice(drawn, 1, 2 * at + i, 1)));
      const hard = apply("ge", first!, second!);
      return { hard, action: hard };
    });
  }

  #teacher<K extends Value["kind"]>(kind: K, to: string): Value<K> {
    const { teacher, teacherMode } = this.pair;
    return run(teacher.id, kind, { to, mode: teacherMode, view: teacher.view });
  }

  /** Class scores of both nets side by side, joined behind every spot. */
  #graft(): Value<"logits"> {
    const { cuts, student, teacher, teacherMode } = this.pair;
    const modes = { teacher: teacherMode === "train" ? "settled" : teacherMode, student: "settled" } as const;
    const at: { teacher?: { from: string; input: Value }; student?: { from: string; input: Value } } = {};
    const onTo = <K extends Value["kind"]>(side: "teacher" | "student", kind: K, to: string): Value<K> => {
      const { id, view } = side === "teacher" ? teacher : student;
      return run(id, kind, { to, mode: modes[side], view, ...at[side] });
    };
    cuts.forEach((cut, j) => {
      const kind = cut.student === "embedding" ? "vector" : "map";
      const [h, k] = [onTo("student", kind, cut.student), onTo("teacher", kind, cut.teacher)];
      const joined = (module: string, input: Value): Value<typeof kind> =>
        run(this.#named(`${module}${j}`), kind, { to: "out", input });
      at.teacher = { from: cut.teacher, input: this.#mixed(j, joined("to_teacher", h), k) };
      at.student = { from: cut.student, input: this.#mixed(j, h, joined("to_student", k)) };
    });
    return this.#mixed(cuts.length, onTo("student", "logits", "logits"), onTo("teacher", "logits", "logits"));
  }

  /** (1 − a) · student + a · teacher, sample by sample. */
  #mixed<K extends Value["kind"]>(gate: number, student: Value<K>, teacher: Value<K>): Value<K> {
    const a = this.#actions[gate]!;
    return add(mul(student, sub(mul(a, -1), -1)), mul(teacher, a));
  }

  /** A module whose result has the shape that a net has at a spot. */
  #connector(id: string, net: Member, spot: string): Aux {
    const group = this.#named("agent");
    if (spot === "embedding") return Object.freeze({ id, group, stages: stages("out", linear("net", net.width!)) });
    const channels = net.channels[net.spots.indexOf(spot)]!;
    const shaped = connector("conv", channels, { net: net.id, spot });
    return Object.freeze({ id, group, stages: stages("out", shaped, batchNorm("bn"), relu) });
  }
}

function stages(spot: string, ...layers: readonly Layer[]): Aux["stages"] {
  return Object.freeze([Object.freeze({ spot, layers: Object.freeze(layers) })]);
}
