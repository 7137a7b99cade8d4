/**
 * Methods as values: one paper a file, each a pure function from a site to a loss graph.
 *
 * @example
 * ```ts
 * import { cohort, resnet8 } from "../dsl/mod.ts";
 * import { ffsd } from "./mod.ts";
 * console.log(cohort(resnet8, 3).leader().use(ffsd()).explain().text);
 * ```
 *
 * @module
 */

export { ab, abLoss, type AbOptions } from "./ab.ts";
export { afd, afdDefaults, type AfdNeeds, type AfdOptions } from "./afd.ts";
export { amln, amlnDefaults, type AmlnNeeds, type AmlnOptions } from "./amln.ts";
export { at, atLoss, type AtOptions } from "./at.ts";
export { builtinMethods } from "./builtin.ts";
export { byot, type ByotNeeds, type ByotOptions } from "./byot.ts";
export { cc, ccLoss, type CcOptions } from "./cc.ts";
export { cl, clDefaults, type ClNeeds, type ClOptions } from "./cl.ts";
export { crd, type CrdConstants, type CrdContrast, crdContrast, crdMemories, type CrdOptions } from "./crd.ts";
export { dkd, dkdLoss, type DkdOptions } from "./dkd.ts";
export { dml, type DmlNeeds } from "./dml.ts";
export { ffl, fflDefaults, type FflNeeds, type FflOptions } from "./ffl.ts";
export { ffsd, ffsdDefaults, type FfsdNeeds, type FfsdOptions } from "./ffsd.ts";
export { fitnet, type FitnetOptions, hintLoss } from "./fitnet.ts";
export { fsp, fspLoss, fspMatrix, type FspOptions } from "./fsp.ts";
export { factorVector, ft, ftLoss, type FtOptions } from "./ft.ts";
export { kd, type KdNeeds, type KdOptions } from "./kd.ts";
export { kdcl, type KdclNeeds, type KdclOptions } from "./kdcl.ts";
export {
  labelSmoothing,
  type LabelSmoothingNeeds,
  type LabelSmoothingOptions,
  smoothedCrossEntropy,
} from "./label_smoothing.ts";
export { nst, nstLoss, type NstOptions } from "./nst.ts";
export { okddip, okddipDefaults, type OkddipNeeds, type OkddipOptions } from "./okddip.ts";
export { one, oneDefaults, type OneNeeds, type OneOptions } from "./one.ts";
export { online, type OnlineNeeds } from "./online.ts";
export { pkt, pktLoss, type PktOptions } from "./pkt.ts";
export { hclLoss, reviewkd, type ReviewkdNeeds, type ReviewkdOptions } from "./reviewkd.ts";
export { rkd, rkdLoss, type RkdOptions } from "./rkd.ts";
export { sakd, type SakdOptions } from "./sakd.ts";
export { type Distillers, onlineOver, type RecordedOnline, type RecordedSakd, sakdOver } from "./sakd_recorded.ts";
export { sp, spLoss, type SpOptions } from "./sp.ts";
export { switokd, type SwitokdNeeds, type SwitokdOptions } from "./switokd.ts";
export { tfKd, type TfKdNeeds, type TfKdOptions } from "./tf_kd.ts";
export { vanilla, type VanillaNeeds } from "./vanilla.ts";
export { vid, vidLoss, type VidOptions } from "./vid.ts";
