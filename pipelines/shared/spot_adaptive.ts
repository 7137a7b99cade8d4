/**
 * What the recipes of spot-adaptive distillation share: the distillers of the released configurations with their factors.
 *
 * Nets are trained as in `distillation.ts`. Students of both data sets learn cross-entropy, β times what the distiller
 * says at the chosen spots, and T² · KL at T = 4 of the class scores where those are chosen; policy and connectors have
 * half the rate of the student and weight decay 1e-3.
 *
 * Source: Song, Chen, Ye, Song 2022, "Spot-adaptive Knowledge Distillation", configurations of the released code.
 * Deviation: two students with NST have 32 images a step, and so have their teachers here, which have 64 there.
 *
 * @module
 */

import { at, cc, crd, type DistillNeeds, fitnet, ft, type Method, nst, pkt, rkd, sp, vid } from "../../mod.ts";
import type { Pair } from "./distillation.ts";

/** A pair of nets of the released configurations. */
export interface RoutedPair extends Pair {
  /** Whether both are of one family: the policy then starts with distilling everywhere. */
  readonly homo: boolean;
}

/** A row: a distiller on a pair. */
export interface RoutedRow {
  /** Who teaches whom. */
  readonly pair: RoutedPair;
  /** What is learnt at its spots, with the factor β. */
  readonly distiller: Method<DistillNeeds, string>;
  /** Factor γ of the routed network's cross-entropy. */
  readonly gamma: number;
  /** Images a step. */
  readonly batch: number;
}

/** The ten distillers at the configurations' factors, and γ on CIFAR-100; on Tiny-ImageNet γ is 2 with all of them. */
const distillers: Readonly<
  Record<string, { readonly distiller: Method<DistillNeeds, string>; readonly gamma: number }>
> = {
  at: { distiller: at({ weight: 1000 }), gamma: 2 },
  cc: { distiller: cc({ weight: 0.02, teacherEmbedding: "random" }), gamma: 1 },
  crd: { distiller: crd({ weight: 0.8 }), gamma: 1 },
  fitnet: { distiller: fitnet({ weight: 1 }), gamma: 1 },
  ft: { distiller: ft({ weight: 200 }), gamma: 1 },
  nst: { distiller: nst({ weight: 50 }), gamma: 1 },
  pkt: { distiller: pkt({ weight: 30000 }), gamma: 1 },
  rkd: { distiller: rkd({ weight: 1 }), gamma: 2 },
  sp: { distiller: sp({ weight: 3000 }), gamma: 1 },
  vid: { distiller: vid({ weight: 1 }), gamma: 2 },
};

/**
 * Every distiller on every pair, by names such as `at_resnet56_resnet20`.
 *
 * @param gamma One γ for all, in the place of those on CIFAR-100.
 * @param small Rows with 32 images a step, in the place of 64.
 */
export function routedRows(
  pairs: Readonly<Record<string, RoutedPair>>,
  { gamma, small = [] }: { readonly gamma?: number; readonly small?: readonly string[] } = {},
): Readonly<Record<string, RoutedRow>> {
  return Object.fromEntries(
    Object.entries(distillers).flatMap(([method, entry]) =>
      Object.entries(pairs).map(([nets, pair]): [string, RoutedRow] => {
        const name = `${method}_${nets}`;
        const batch = small.includes(name) ? 32 : 64;
        return [name, { pair, distiller: entry.distiller, gamma: gamma ?? entry.gamma, batch }];
      })
    ),
  );
}
