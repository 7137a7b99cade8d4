/**
 * The one-dimensional transforms of Winograd's F(4, 3): four outputs of a filter of three taps by six products.
 *
 * Four outputs of a filter are the inner coefficients of a product of polynomials, found by evaluating both factors
 * at six points, multiplying, and interpolating. With the points 0, 1, −1, 2, −2 and ∞:
 *
 *     y = Aᵀ [(G g) ⊙ (Bᵀ d)]
 *
 *          ⎡ 4  0 −5  0  1  0 ⎤        ⎡  1/4    0    0  ⎤
 *          ⎢ 0 −4 −4  1  1  0 ⎥        ⎢ −1/6 −1/6 −1/6  ⎥        ⎡ 1  1  1  1  1  0 ⎤
 *     Bᵀ = ⎢ 0  4 −4 −1  1  0 ⎥    G = ⎢ −1/6  1/6 −1/6  ⎥   Aᵀ = ⎢ 0  1 −1  2 −2  0 ⎥
 *          ⎢ 0 −2 −1  2  1  0 ⎥        ⎢ 1/24 1/12  1/6  ⎥        ⎢ 0  1  1  4  4  0 ⎥
 *          ⎢ 0  2 −1 −2  1  0 ⎥        ⎢ 1/24 −1/12 1/6  ⎥        ⎣ 0  1 −1  8 −8  1 ⎦
 *          ⎣ 0  4  0 −5  0  1 ⎦        ⎣   0    0    1   ⎦
 *
 * In two dimensions a tile of 4×4 outputs is Y = Aᵀ [(G g Gᵀ) ⊙ (Bᵀ d B)] A: 36 products instead of 144. Summed over
 * input channels, each of the 36 places is a matrix product. The map is linear in g, so its adjoint gives the filter
 * gradient from the same transforms: dg = Gᵀ [Σ over tiles (A dY Aᵀ) ⊙ (Bᵀ d B)] G.
 *
 * Source: Lavin & Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR 2016, section 4.3. The sums are
 * arranged here so that each transform needs a single constant, since constants take registers.
 *
 * @module
 */

import type { Func, Local } from "../../assembler/func.ts";
import * as f from "../../assembler/f32x4.ts";

/** Values that a transform reads more than once. */
export type Values = readonly f.Vector[];

type Three = readonly [f.Vector, f.Vector, f.Vector];
type Four = readonly [...Three, f.Vector];
type Six = readonly [...Three, ...Three];

/** A transform of one axis, as code of each result in terms of the values it is given. */
export interface Transform {
  /** Number of values. */
  readonly reach: number;
  /** The constant that `apply` is given in a register. */
  readonly constant: number;
  readonly apply: (func: Func, values: Values, constant: Local<"v128">) => f.Vector[];
}

/** Bᵀd: six inputs to six. */
export const inputTransform: Transform = {
  reach: 6,
  constant: -4,
  apply: (func, values, minusFour) => {
    const [d0, d1, d2, d3, d4, d5] = values as Six;
    const even = func.let("even", f.sub(d4, d2));
    const odd = func.let("odd", f.sub(d3, d1));
    const evenOne = func.let("evenOne", func.madd(minusFour, d2, d4));
    const oddOne = func.let("oddOne", func.madd(minusFour, d1, d3));
    const oddTwo = func.let("oddTwo", f.add(odd, odd));
    return [
      func.madd(minusFour, f.sub(d2, d0), even),
      f.add(evenOne, oddOne),
      f.sub(evenOne, oddOne),
      f.add(even, oddTwo),
      f.sub(even, oddTwo),
      func.madd(minusFour, odd, f.sub(d5, d3)),
    ];
  },
};

/** Aᵀm: six products to four outputs. */
export const outputTransform: Transform = {
  reach: 6,
  constant: 4,
  apply: (func, values, four) => {
    const [m0, m1, m2, m3, m4, m5] = values as Six;
    const sumOne = func.let("sumOne", f.add(m1, m2));
    const differenceOne = func.let("differenceOne", f.sub(m1, m2));
    const sumTwo = func.let("sumTwo", f.add(m3, m4));
    const differenceTwo = func.let("differenceTwo", f.sub(m3, m4));
    func.set(differenceTwo, f.add(differenceTwo, differenceTwo));
    return [
      f.add(f.add(m0, sumOne), sumTwo),
      f.add(differenceOne, differenceTwo),
      func.madd(four, sumTwo, sumOne),
      f.add(func.madd(four, differenceTwo, differenceOne), m5),
    ];
  },
};

/** A dy: four gradients of outputs to six. */
export const gradientTransform: Transform = {
  reach: 4,
  constant: 4,
  apply: (func, values, four) => {
    const [y0, y1, y2, y3] = values as Four;
    const even = func.let("even", f.add(y0, y2));
    const odd = func.let("odd", f.add(y1, y3));
    const evenTwo = func.let("evenTwo", func.madd(four, y2, y0));
    const oddTwo = func.let("oddTwo", func.madd(four, y3, y1));
    func.set(oddTwo, f.add(oddTwo, oddTwo));
    return [y0, f.add(even, odd), f.sub(even, odd), f.add(evenTwo, oddTwo), f.sub(evenTwo, oddTwo), y3];
  },
};

/** G g: three taps to six. */
export function filterTransform(func: Func, values: Values): f.Vector[] {
  const [g0, g1, g2] = values as Three;
  const sixth = func.let("sixth", f.splat(1 / 6));
  const evenOne = func.let("evenOne", f.neg(f.mul(f.add(g0, g2), sixth)));
  const oddOne = func.let("oddOne", f.mul(g1, sixth));
  const evenTwo = func.let("evenTwo", func.madd(g2, sixth, f.mul(g0, f.splat(1 / 24))));
  const oddTwo = func.let("oddTwo", f.mul(g1, f.splat(1 / 12)));
  return [
    f.mul(g0, f.splat(1 / 4)),
    f.sub(evenOne, oddOne),
    f.add(evenOne, oddOne),
    f.add(evenTwo, oddTwo),
    f.sub(evenTwo, oddTwo),
    g2,
  ];
}

/** Gᵀu: six to the gradients of three taps. */
export function filterGradientTransform(func: Func, values: Values): f.Vector[] {
  const [u0, u1, u2, u3, u4, u5] = values as Six;
  const sixth = func.let("sixth", f.splat(1 / 6));
  const evenOne = func.let("evenOne", f.mul(f.add(u1, u2), sixth));
  const evenTwo = func.let("evenTwo", f.mul(f.add(u3, u4), sixth));
  const oddTwo = func.let("oddTwo", f.mul(f.sub(u3, u4), f.splat(1 / 12)));
  const quarter = func.let("quarter", f.splat(1 / 4));
  return [
    f.sub(f.mul(f.add(u0, evenTwo), quarter), evenOne),
    func.madd(f.sub(u2, u1), sixth, oddTwo),
    f.add(f.sub(evenTwo, evenOne), u5),
  ];
}
