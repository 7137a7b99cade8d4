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
export { at, atLoss, type AtOptions } from "./at.ts";
export { byot, type ByotNeeds, type ByotOptions } from "./byot.ts";
export { cc, ccLoss, type CcOptions } from "./cc.ts";
export { crd, type CrdConstants, type CrdContrast, crdContrast, crdMemories, type CrdOptions } from "./crd.ts";
export { dkd, dkdLoss, type DkdOptions } from "./dkd.ts";
export { dml, type DmlNeeds } from "./dml.ts";
export { ffsd, ffsdDefaults, type FfsdNeeds, type FfsdOptions } from "./ffsd.ts";
export { fitnet, type FitnetOptions, hintLoss } from "./fitnet.ts";
export { fsp, fspLoss, fspMatrix, type FspOptions } from "./fsp.ts";
export { factorVector, ft, ftLoss, type FtOptions } from "./ft.ts";
export { kd, type KdNeeds, type KdOptions } from "./kd.ts";
export {
  labelSmoothing,
  type LabelSmoothingNeeds,
  type LabelSmoothingOptions,
  smoothedCrossEntropy,
} from "./label_smoothing.ts";
export { nst, nstLoss, type NstOptions } from "./nst.ts";
export { pkt, pktLoss, type PktOptions } from "./pkt.ts";
export { hclLoss, reviewkd, type ReviewkdNeeds, type ReviewkdOptions } from "./reviewkd.ts";
export { rkd, rkdLoss, type RkdOptions } from "./rkd.ts";
export { sakd, type SakdOptions } from "./sakd.ts";
export { type RecordedSakd, sakdOver } from "./sakd_recorded.ts";
export { sp, spLoss, type SpOptions } from "./sp.ts";
export { tfKd, type TfKdNeeds, type TfKdOptions } from "./tf_kd.ts";
export { vanilla, type VanillaNeeds } from "./vanilla.ts";
export { vid, vidLoss, type VidOptions } from "./vid.ts";
