/**
 * Scalar expressions: the body of one element-wise kernel, printed by one printer per backend.
 *
 * @module
 */

import type { ScalarFunction } from "../../dsl/value.ts";

/** A scalar expression over the inputs of an element-wise node. */
export type Expr =
  | { readonly fn: "input"; readonly index: number }
  | { readonly fn: "value"; readonly value: number }
  | { readonly fn: ScalarFunction; readonly of: readonly Expr[] };

/** Number of operands of each scalar function. */
export const arity: Readonly<Record<ScalarFunction, number>> = {
  add: 2,
  sub: 2,
  mul: 2,
  div: 2,
  max: 2,
  min: 2,
  neg: 1,
  abs: 1,
  sign: 1,
  square: 1,
  sqrt: 1,
  exp: 1,
  log: 1,
  sigmoid: 1,
  softplus: 1,
  gt: 2,
  ge: 2,
  eq: 2,
  select: 3,
};

/** Input number `index`. */
export function input(index: number): Expr {
  return { fn: "input", index };
}

/** A constant. */
export function value(number: number): Expr {
  return { fn: "value", value: number };
}

/** `fn` of operands; constants fold, and neutral elements vanish. */
export function call(fn: ScalarFunction, ...of: readonly Expr[]): Expr {
  const [a, b] = of;
  if (of.every((e) => e.fn === "value")) {
    return value(scalar[fn](...(of as readonly { readonly value: number }[]).map((e) => e.value) as [number]));
  }
  if (fn === "mul" && (is(a, 0) || is(b, 0))) return value(0);
  if (fn === "mul" && is(a, 1)) return b!;
  if ((fn === "mul" || fn === "div") && is(b, 1)) return a!;
  if (fn === "add" && is(a, 0)) return b!;
  if ((fn === "add" || fn === "sub") && is(b, 0)) return a!;
  if (fn === "div" && is(a, 0)) return value(0);
  if (fn === "neg" && a!.fn === "neg") return a!.of[0]!;
  return { fn, of };
}

function is(expr: Expr | undefined, number: number): boolean {
  return expr?.fn === "value" && expr.value === number;
}

/**
 * What each scalar function computes; the meaning every backend has to match.
 *
 * `gt`, `ge`, `eq` give 1 or 0; `select(c, a, b)` is `a` where c > 0, else `b`; `sign(0)` is 0.
 */
export const scalar: Readonly<Record<ScalarFunction, (...of: number[]) => number>> = {
  add: (a: number, b: number) => a + b,
  sub: (a: number, b: number) => a - b,
  mul: (a: number, b: number) => a * b,
  div: (a: number, b: number) => a / b,
  max: (a: number, b: number) => (a >= b ? a : b),
  min: (a: number, b: number) => (a <= b ? a : b),
  neg: (a: number) => -a,
  abs: (a: number) => Math.abs(a),
  sign: (a: number) => (a > 0 ? 1 : a < 0 ? -1 : 0),
  square: (a: number) => a * a,
  sqrt: (a: number) => Math.sqrt(a),
  exp: (a: number) => Math.exp(a),
  log: (a: number) => Math.log(a),
  sigmoid: (a: number) => 1 / (1 + Math.exp(-a)),
  softplus: (a: number) => Math.max(a, 0) + Math.log1p(Math.exp(-Math.abs(a))),
  gt: (a: number, b: number) => (a > b ? 1 : 0),
  ge: (a: number, b: number) => (a >= b ? 1 : 0),
  eq: (a: number, b: number) => (a === b ? 1 : 0),
  select: (c: number, a: number, b: number) => (c > 0 ? a : b),
};

/** Evaluates an expression on one element of each input. */
export function evaluate(expr: Expr, inputs: readonly number[]): number {
  if (expr.fn === "input") return inputs[expr.index]!;
  if (expr.fn === "value") return expr.value;
  return scalar[expr.fn](...expr.of.map((e) => evaluate(e, inputs)));
}

/** The same expression with every input replaced. */
export function substitute(expr: Expr, replace: (index: number) => Expr): Expr {
  if (expr.fn === "input") return replace(expr.index);
  if (expr.fn === "value") return expr;
  return call(expr.fn, ...expr.of.map((e) => substitute(e, replace)));
}

/** Number of operations in an expression. */
export function cost(expr: Expr): number {
  return expr.fn === "input" || expr.fn === "value" ? 0 : 1 + expr.of.reduce((sum, e) => sum + cost(e), 0);
}

/** Prints an expression as a formula over `a, b, c, …`. */
export function printExpr(expr: Expr): string {
  if (expr.fn === "input") return String.fromCharCode(97 + expr.index);
  if (expr.fn === "value") return String(expr.value);
  return `${expr.fn}(${expr.of.map(printExpr).join(", ")})`;
}

/** ∂expr / ∂input `index`, as an expression over the same inputs. */
export function derivative(expr: Expr, index: number): Expr {
  if (expr.fn === "input") return value(expr.index === index ? 1 : 0);
  if (expr.fn === "value") return value(0);
  const [a, b, c] = expr.of;
  const d = (e: Expr): Expr => derivative(e, index);
  const rules: Record<ScalarFunction, () => Expr> = {
    add: () => call("add", d(a!), d(b!)),
    sub: () => call("sub", d(a!), d(b!)),
    mul: () => call("add", call("mul", d(a!), b!), call("mul", a!, d(b!))),
    div: () => call("sub", call("div", d(a!), b!), call("mul", call("div", expr, b!), d(b!))),
    max: () => pick(call("ge", a!, b!), d(a!), d(b!)),
    min: () => pick(call("ge", b!, a!), d(a!), d(b!)),
    neg: () => call("neg", d(a!)),
    abs: () => call("mul", call("sign", a!), d(a!)),
    sign: () => value(0),
    square: () => call("mul", call("mul", value(2), a!), d(a!)),
    sqrt: () => pick(call("gt", a!, value(0)), call("div", d(a!), call("mul", value(2), expr)), value(0)),
    exp: () => call("mul", expr, d(a!)),
    log: () => call("div", d(a!), a!),
    sigmoid: () => call("mul", call("mul", expr, call("sub", value(1), expr)), d(a!)),
    softplus: () => call("mul", call("sigmoid", a!), d(a!)),
    gt: () => value(0),
    ge: () => value(0),
    eq: () => value(0),
    select: () => pick(a!, d(b!), d(c!)),
  };
  return rules[expr.fn]();
}

function pick(condition: Expr, a: Expr, b: Expr): Expr {
  return is(a, 0) && is(b, 0) ? value(0) : call("select", condition, a, b);
}
