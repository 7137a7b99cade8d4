/**
 * Optimizer updates in place, four weights at a time. Padding behind a tensor is updated too and never read.
 *
 * @module
 */

import { Func, type Local } from "../assembler/func.ts";
import * as s from "../assembler/f32.ts";
import * as f from "../assembler/f32x4.ts";
import { and, lt, shr } from "../assembler/i32.ts";
import { type Kernel, kernel, nest } from "./kernel.ts";

/** Constants of SGD. */
export interface SgdConstants {
  readonly weightDecay: number;
  /** 0 keeps no velocity. */
  readonly momentum: number;
  readonly nesterov: boolean;
}

/** Kernel (w, g, v, rate, vectors): PyTorch's SGD. Without momentum `v` is not touched. */
export function sgd(constants: SgdConstants): Kernel {
  return kernel("sgd", constants, (features, { weightDecay, momentum, nesterov }) => {
    const func = new Func("sgd", features);
    const [w, g, v, rate, vectors] = func.params("w", "g", "v", "rate", "vectors");
    const [weight, gradient, velocity] = func.vectors("v", 3) as [Local<"v128">, Local<"v128">, Local<"v128">];
    const eta = func.let("eta", f.loadSplat(rate));
    const steps = [f.vectorBytes, f.vectorBytes, f.vectorBytes];
    nest(func, [{ count: vectors, steps }], [w, g, v], ([pw, pg, pv]) => {
      func.set(weight, f.load(pw!));
      func.set(gradient, f.load(pg!));
      if (weightDecay !== 0) func.set(gradient, f.add(gradient, f.mul(weight, f.splat(weightDecay))));
      if (momentum !== 0) {
        func.set(velocity, f.add(f.mul(f.load(pv!), f.splat(momentum)), gradient));
        func.store(pv!, velocity);
        func.set(gradient, nesterov ? f.add(gradient, f.mul(velocity, f.splat(momentum))) : velocity);
      }
      func.store(pw!, f.sub(weight, f.mul(eta, gradient)));
    });
    return func;
  });
}

/** Constants of Adam. */
export interface AdamConstants {
  readonly weightDecay: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
}

/** Kernel (w, g, m, v, step, rate, vectors): PyTorch's Adam at the step that the slot holds. */
export function adam(constants: AdamConstants): Kernel {
  return kernel("adam", constants, (features, { weightDecay, beta1, beta2, epsilon }) => {
    const func = new Func("adam", features);
    const [w, g, m, v, step, rate, vectors] = func.params("w", "g", "m", "v", "step", "rate", "vectors");
    const [weight, gradient, mean, square] = func.vectors("v", 4) as [
      Local<"v128">,
      Local<"v128">,
      Local<"v128">,
      Local<"v128">,
    ];
    const eta = func.let("eta", f.loadSplat(rate));
    const corrections = [beta1, beta2].map((beta) => {
      const power = powerOf(func, beta, step);
      return func.let("correction", f.splatOf(s.demote(s.sub(s.f64(1), power))));
    });
    const steps = [f.vectorBytes, f.vectorBytes, f.vectorBytes, f.vectorBytes];
    nest(func, [{ count: vectors, steps }], [w, g, m, v], ([pw, pg, pm, pv]) => {
      func.set(weight, f.load(pw!));
      func.set(gradient, f.load(pg!));
      if (weightDecay !== 0) func.set(gradient, f.add(gradient, f.mul(weight, f.splat(weightDecay))));
      func.set(mean, f.add(f.mul(f.load(pm!), f.splat(beta1)), f.mul(gradient, f.splat(1 - beta1))));
      const squared = f.mul(f.mul(gradient, f.splat(1 - beta2)), gradient);
      func.set(square, f.add(f.mul(f.load(pv!), f.splat(beta2)), squared));
      func.store(pm!, mean);
      func.store(pv!, square);
      const deviation = f.add(f.sqrt(f.div(square, corrections[1]!)), f.splat(epsilon));
      func.store(pw!, f.sub(weight, f.mul(eta, f.div(f.div(mean, corrections[0]!), deviation))));
    });
    return func;
  });
}

/** βᵗ by repeated squaring, t from memory. */
function powerOf(func: Func, beta: number, step: Local<"i32">): Local<"f64"> {
  const exponent = func.let("exponent", s.toInt(s.load(step)));
  const power = func.let("power", s.f64(1));
  const base = func.let("base", s.f64(beta));
  func.while(lt(0, exponent), () => {
    func.if(and(exponent, 1), () => func.set(power, s.mul(power, base)));
    func.set(base, s.mul(base, base));
    func.set(exponent, shr(exponent, 1));
  });
  return power;
}

/** Kernel (step): adds 1. */
export function advance(): Kernel {
  return kernel("advance", {}, (features) => {
    const func = new Func("advance", features);
    const [step] = func.params("step");
    func.store(step, s.add(s.load(step), s.f32(1)));
    return func;
  });
}
