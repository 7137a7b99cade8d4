/**
 * Kernels that weigh the class scores of several nets: convex weights with the least cross-entropy, and weights from
 * the covariance of errors.
 *
 * They compute in double precision with one sample at a time: the numbers are few, and the results do not depend on how
 * samples are spread over threads. See `runtime/ir/simplex.ts` for the same in words.
 *
 * @module
 */

import type { Code, Int } from "../assembler/code.ts";
import { add, demote, div, f64, fromInt, load, max, mul, promote, sub } from "../assembler/f32.ts";
import { abs, gt, lt, min, neg, setExp } from "../assembler/f64.ts";
import { Func, type Local } from "../assembler/func.ts";
import { add as addInt, and, int, min as minInt, mul as mulInt, shr } from "../assembler/i32.ts";
import { CONVERGED, NEWTON_STEPS, OVERSHOOT, PAIR_SWEEPS, RIDGE } from "../../../ir/simplex.ts";
import { lanes } from "../layout.ts";
import { type Kernel, kernel, laneBytes, numberBytes } from "./kernel.ts";

/** How many nets, and over how many classes. */
export interface Weighing {
  readonly members: number;
  readonly classes: number;
}

type Row = readonly Local<"f64">[];
type Number64 = Code<"f64">;

/** Where the numbers are: class scores [B, m · K] and label shares [B, K], both in lanes. */
interface Source extends Weighing {
  readonly scores: Local<"i32">;
  readonly labels: Local<"i32">;
}

/** Kernel (scores, labels, out, first block, last block, count): convex weights of each sample, [B, m] in lanes. */
export function weighSamples(constants: Weighing): Kernel {
  return kernel("weighSamples", constants, (features, { members, classes }) => {
    const func = new Func("weighSamples", features);
    const [scores, labels, out, first, last, count] = func.params("scores", "labels", "out", "first", "last", "count");
    const end = func.let("end", minInt(mulInt(last, lanes), count));
    func.for("sample", mulInt(first, lanes), end, (sample) => {
      const weights = solve(func, { members, classes, scores, labels }, sample, addInt(sample, 1));
      const to = func.let("to", laneOf(out, sample, members));
      weights.forEach((weight, i) => func.store(to, demote(weight), i * laneBytes));
    });
    return func;
  });
}

/** Kernel (scores, labels, out, count): convex weights of the whole batch, [1, m] in rows. */
export function weighBatch(constants: Weighing): Kernel {
  return kernel("weighBatch", constants, (features, { members, classes }) => {
    const func = new Func("weighBatch", features);
    const [scores, labels, out, count] = func.params("scores", "labels", "out", "count");
    const weights = solve(func, { members, classes, scores, labels }, 0, count);
    weights.forEach((weight, i) => func.store(out, demote(weight), i * numberBytes));
    return func;
  });
}

/** Kernel (scores, labels, out, count): weights from the covariance of the nets' errors on the batch, [1, m] in rows. */
export function weighErrors(constants: Weighing): Kernel {
  return kernel("weighErrors", constants, (features, { members, classes }) => {
    const func = new Func("weighErrors", features);
    const [scores, labels, out, count] = func.params("scores", "labels", "out", "count");
    const covariance = symmetric(func, "covariance", members);
    addErrors(func, { members, classes, scores, labels }, count, covariance);
    const scale = func.let("scale", div(f64(1), fromInt(count)));
    for (const cell of new Set(covariance.flat())) func.set(cell, mul(cell, scale));
    const weights = leastVariance(func, covariance);
    weights.forEach((weight, i) => func.store(out, demote(weight), i * numberBytes));
    return func;
  });
}

/** Address of a sample's first number in a tensor in lanes. */
function laneOf(base: Int, sample: Local<"i32">, width: number): Code<"i32"> {
  const block = mulInt(shr(sample, 3), width * laneBytes);
  return addInt(addInt(base, block), mulInt(and(sample, lanes - 1), numberBytes));
}

function row(func: Func, name: string, size: number): Row {
  return Array.from({ length: size }, (_, i) => func.local("f64", `${name}${i}`));
}

/** A symmetric matrix: the same local on both sides. */
function symmetric(func: Func, name: string, size: number): readonly Row[] {
  const upper = Array.from({ length: size }, (_, i) => row(func, `${name}${i}`, size));
  return upper.map((cells, i) => cells.map((cell, j) => (j < i ? upper[j]![i]! : cell)));
}

function clear(func: Func, cells: Iterable<Local<"f64">>): void {
  for (const cell of cells) func.set(cell, f64(0));
}

function total(terms: readonly Number64[]): Number64 {
  return terms.reduce((sum, term) => add(sum, term));
}

function each(size: number, body: (i: number, j: number) => void, from: (i: number) => number): void {
  for (let i = 0; i < size; i++) for (let j = from(i); j < size; j++) body(i, j);
}

/**
 * Newton's method over the samples `from` … `to` − 1. A turn of the loop looks at weights + share · direction and either
 * halves the share, or goes there and takes a new direction.
 */
function solve(func: Func, source: Source, from: Int, to: Int): Row {
  const { members } = source;
  const [weights, trial, direction, gradient, aim] = ["weight", "trial", "direction", "gradient", "aim"]
    .map((name) => row(func, name, members)) as [Row, Row, Row, Row, Row];
  const hessian = symmetric(func, "hessian", members);
  for (const weight of weights) func.set(weight, f64(1 / members));
  clear(func, direction);
  const share = func.let("share", f64(0));
  const slope = func.let("slope", f64(0));
  const turns = func.let("turns", int(4 * NEWTON_STEPS));
  func.while(turns, () => {
    func.bump(turns, -1);
    trial.forEach((cell, i) => func.set(cell, add(weights[i]!, mul(share, direction[i]!))));
    setModel(func, source, from, to, trial, gradient, hessian);
    const along = (): Number64 => total(gradient.map((cell, i) => mul(cell, direction[i]!)));
    const beyond = gt(along(), mul(f64(-OVERSHOOT), slope));
    func.if(and(beyond, gt(share, f64(1e-12))), () => func.set(share, mul(share, f64(0.5))), () => {
      weights.forEach((cell, i) => func.set(cell, trial[i]!));
      setAim(func, aim, weights, gradient, hessian);
      direction.forEach((cell, i) => func.set(cell, sub(aim[i]!, weights[i]!)));
      const most = direction.map((cell) => abs(cell)).reduce((a, b) => max(a, b));
      func.set(slope, along());
      func.set(share, f64(1));
      func.if(gt(most, f64(CONVERGED)), () => {}, () => {
        weights.forEach((cell, i) => func.set(cell, aim[i]!));
        func.set(turns, int(0));
      });
    });
  });
  return weights;
}

/** Gradient and Hessian of the summed cross-entropy of Σ_i at_i z_i. */
function setModel(
  func: Func,
  { members, classes, scores, labels }: Source,
  from: Int,
  to: Int,
  at: Row,
  gradient: Row,
  hessian: readonly Row[],
): void {
  clear(func, [...gradient, ...new Set(hessian.flat())]);
  const [z, own, mean] = ["z", "own", "mean"].map((name) => row(func, name, members)) as [Row, Row, Row];
  const products = symmetric(func, "product", members);
  const [top, mixed, power, sum] = ["top", "mixed", "power", "sum"].map((name) => func.local("f64", name)) as [
    Local<"f64">,
    Local<"f64">,
    Local<"f64">,
    Local<"f64">,
  ];
  const pointer = func.local("i32", "pointer");
  const share = func.local("i32", "share");
  const mix = (): void => {
    z.forEach((cell, i) => func.set(cell, promote(load(pointer, i * classes * laneBytes))));
    func.set(mixed, total(z.map((cell, i) => mul(at[i]!, cell))));
  };
  func.for("s", from, to, (sample) => {
    func.set(pointer, laneOf(scores, sample, members * classes));
    func.set(share, laneOf(labels, sample, classes));
    func.set(top, f64(-Infinity));
    clear(func, own);
    func.times(classes, () => {
      mix();
      func.set(top, max(top, mixed));
      const target = func.let("target", promote(load(share)));
      own.forEach((cell, i) => func.set(cell, add(cell, mul(target, z[i]!))));
      func.bump(pointer, laneBytes);
      func.bump(share, laneBytes);
    });
    func.bump(pointer, -classes * laneBytes);
    clear(func, [sum, ...mean, ...new Set(products.flat())]);
    func.times(classes, () => {
      mix();
      setExp(func, power, sub(mixed, top));
      func.set(sum, add(sum, power));
      z.forEach((cell, i) => func.set(cell, sub(cell, own[i]!)));
      each(members, (i, j) => {
        const cell = products[i]![j]!;
        func.set(cell, add(cell, mul(power, mul(z[i]!, z[j]!))));
      }, (i) => i);
      mean.forEach((cell, i) => func.set(cell, add(cell, mul(power, z[i]!))));
      func.bump(pointer, laneBytes);
    });
    mean.forEach((cell, i) => {
      func.set(cell, div(cell, sum));
      func.set(gradient[i]!, add(gradient[i]!, cell));
    });
    each(members, (i, j) => {
      const cell = hessian[i]![j]!;
      func.set(cell, add(cell, sub(div(products[i]![j]!, sum), mul(mean[i]!, mean[j]!))));
    }, (i) => i);
  });
}

/** aim ← the minimum over the simplex of the quadratic model at `weights`. */
function setAim(func: Func, aim: Row, weights: Row, gradient: Row, hessian: readonly Row[]): void {
  const slope = gradient.map((cell) => func.let("slope", cell));
  const [move, moved] = [func.local("f64", "move"), func.local("f64", "moved")];
  aim.forEach((cell, i) => func.set(cell, weights[i]!));
  const sweeps = func.let("sweeps", int(PAIR_SWEEPS));
  func.while(sweeps, () => {
    func.bump(sweeps, -1);
    func.set(moved, f64(0));
    each(aim.length, (i, j) => {
      const [a, b] = [hessian[i]!, hessian[j]!];
      const curvature = sub(add(a[i]!, b[j]!), mul(f64(2), a[j]!));
      const wanted = div(sub(slope[j]!, slope[i]!), max(curvature, f64(1e-300)));
      func.set(move, max(neg(aim[i]!), min(aim[j]!, wanted)));
      func.set(aim[i]!, add(aim[i]!, move));
      func.set(aim[j]!, sub(aim[j]!, move));
      slope.forEach((cell, k) => func.set(cell, add(cell, mul(move, sub(a[k]!, b[k]!)))));
      func.set(moved, max(moved, abs(move)));
    }, (i) => i + 1);
    func.if(gt(moved, f64(1e-15)), () => {}, () => func.set(sweeps, int(0)));
  });
}

/** Adds ⟨p_i − y, p_j − y⟩ of every sample to a matrix of zeros. */
function addErrors(func: Func, source: Source, count: Int, covariance: readonly Row[]): void {
  const { members, classes, scores, labels } = source;
  const [top, sum, error] = [row(func, "top", members), row(func, "sum", members), row(func, "error", members)];
  const power = func.local("f64", "power");
  const [pointer, share] = [func.local("i32", "pointer"), func.local("i32", "share")];
  const score = (i: number): Number64 => promote(load(pointer, i * classes * laneBytes));
  const overClasses = (sample: Local<"i32">, body: () => void): void => {
    func.set(pointer, laneOf(scores, sample, members * classes));
    func.times(classes, () => {
      body();
      func.bump(pointer, laneBytes);
    });
  };
  func.for("s", 0, count, (sample) => {
    for (const cell of top) func.set(cell, f64(-Infinity));
    overClasses(sample, () => top.forEach((cell, i) => func.set(cell, max(cell, score(i)))));
    clear(func, sum);
    overClasses(sample, () =>
      sum.forEach((cell, i) => {
        setExp(func, power, sub(score(i), top[i]!));
        func.set(cell, add(cell, power));
      }));
    func.set(share, laneOf(labels, sample, classes));
    overClasses(sample, () => {
      error.forEach((cell, i) => {
        setExp(func, power, sub(score(i), top[i]!));
        func.set(cell, sub(div(power, sum[i]!), promote(load(share))));
      });
      each(members, (i, j) => {
        const cell = covariance[i]![j]!;
        func.set(cell, add(cell, mul(error[i]!, error[j]!)));
      }, (i) => i);
      func.bump(share, laneBytes);
    });
  });
}

/** C⁻¹ 1 / (1ᵀ C⁻¹ 1) by elimination; equal weights where there is no such thing. */
function leastVariance(func: Func, covariance: readonly Row[]): Row {
  const size = covariance.length;
  const ridge = func.let("ridge", mul(total(covariance.map((cells, i) => cells[i]!)), f64(RIDGE / size)));
  const rows = covariance.map((cells, i) => [
    ...cells.map((cell, j) => func.let("cell", i === j ? add(cell, ridge) : cell)),
    func.let("right", f64(1)),
  ]);
  for (let k = 0; k < size; k++) {
    for (let i = k + 1; i < size; i++) {
      const factor = func.let("factor", div(rows[i]![k]!, rows[k]![k]!));
      for (let j = k; j <= size; j++) func.set(rows[i]![j]!, sub(rows[i]![j]!, mul(factor, rows[k]![j]!)));
    }
  }
  const solved = row(func, "solved", size);
  for (let i = size - 1; i >= 0; i--) {
    const known = solved.slice(i + 1).map((cell, j) => mul(rows[i]![i + 1 + j]!, cell));
    func.set(solved[i]!, div(known.reduce((rest, term) => sub(rest, term), rows[i]![size]! as Number64), rows[i]![i]!));
  }
  const sum = func.let("sum", total(solved));
  func.if(
    and(gt(abs(sum), f64(0)), lt(abs(sum), f64(Infinity))),
    () => solved.forEach((cell) => func.set(cell, div(cell, sum))),
    () => solved.forEach((cell) => func.set(cell, f64(1 / size))),
  );
  return solved;
}
