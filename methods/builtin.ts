/**
 * The methods that specs and checkpoints know by name.
 *
 * @module
 */

import type { Values } from "../dsl/parse_spec.ts";
import { ab } from "./ab.ts";
import { afd } from "./afd.ts";
import { amln } from "./amln.ts";
import { at } from "./at.ts";
import { byot } from "./byot.ts";
import { cc } from "./cc.ts";
import { cl } from "./cl.ts";
import { crd } from "./crd.ts";
import { dkd } from "./dkd.ts";
import { dml } from "./dml.ts";
import { ffl } from "./ffl.ts";
import { ffsd } from "./ffsd.ts";
import { fitnet } from "./fitnet.ts";
import { fsp } from "./fsp.ts";
import { ft } from "./ft.ts";
import { kd } from "./kd.ts";
import { kdcl } from "./kdcl.ts";
import { labelSmoothing } from "./label_smoothing.ts";
import { nst } from "./nst.ts";
import { okddip } from "./okddip.ts";
import { one } from "./one.ts";
import { pkt } from "./pkt.ts";
import { reviewkd } from "./reviewkd.ts";
import { rkd } from "./rkd.ts";
import { sp } from "./sp.ts";
import { switokd } from "./switokd.ts";
import { tfKd } from "./tf_kd.ts";
import { vanilla } from "./vanilla.ts";
import { vid } from "./vid.ts";
import { onlineOver, sakdOver } from "./sakd_recorded.ts";

const distillers = { at, cc, crd, dkd, fitnet, ft, nst, pkt, rkd, sp, vid };
const online = onlineOver({ ...distillers, kd, reviewkd });

/** Every method of this package by its name, for `parseSpec()`; a method of somebody else stands beside them. */
export const builtinMethods: NonNullable<Values["methods"]> = Object.freeze({
  ...distillers,
  ab,
  afd,
  amln,
  byot,
  cl,
  dml,
  ffl,
  ffsd,
  fsp,
  kd,
  kdcl,
  labelSmoothing,
  okddip,
  one,
  online,
  reviewkd,
  sakd: sakdOver({ ...distillers, online }),
  switokd,
  tfKd,
  vanilla,
});
