/**
 * Scalar expressions as SIMD code: every sub-expression once.
 *
 * @module
 */

import type { Expr } from "../../../ir/expr.ts";
import type { Func } from "../assembler/func.ts";
import * as f from "../assembler/f32x4.ts";
import { exp, log, sigmoid, softplus } from "../math.ts";

/** A sub-expression in evaluation order; `level` is the loop that computes it, −1 before all loops. */
export interface Part {
  readonly expr: Expr;
  readonly level: number;
  /** Positions of the operands; a constant has none. */
  readonly of: readonly (Part | number)[];
}

/** Computed parts. Comparisons are kept as masks. */
export type Values = Map<Part, f.Vector>;

/** Distinct sub-expressions, operands first, and the whole expression. */
export function partsOf(expr: Expr, inputLevels: readonly number[]): [Part[], Part | number] {
  const parts = new Map<string, Part>();
  const visited = new Map<Expr, Part | number>();
  const visit = (e: Expr): Part | number => {
    if (e.fn === "value") return e.value;
    const seen = visited.get(e);
    if (seen !== undefined) return seen;
    const of = e.fn === "input" ? [] : e.of.map(visit);
    const order = [...parts.values()];
    const names = of.map((part) => (typeof part === "number" ? `=${part}` : order.indexOf(part)));
    const key = e.fn === "input" ? `input ${e.index}` : `${e.fn} ${names.join(" ")}`;
    const levels = of.map((part) => (typeof part === "number" ? -1 : part.level));
    const level = e.fn === "input" ? inputLevels[e.index]! : Math.max(-1, ...levels);
    const part = parts.get(key) ?? { expr: e, level, of };
    parts.set(key, part);
    visited.set(e, part);
    return part;
  };
  const whole = visit(expr);
  return [[...parts.values()], whole];
}

/** The value of a part that is computed already. */
export function operand(part: Part | number, values: Values): f.Vector {
  if (typeof part === "number") return f.splat(part);
  const value = values.get(part)!;
  return isComparison(part) ? f.and(value, f.splat(1)) : value;
}

/** Mask of where a part is above zero. */
function condition(part: Part | number, values: Values): f.Vector {
  if (typeof part !== "number" && isComparison(part)) return values.get(part)!;
  return f.gt(operand(part, values), f.splat(0));
}

function isComparison({ expr: { fn } }: Part): boolean {
  return fn === "gt" || fn === "ge" || fn === "eq";
}

export function compute(func: Func, { expr: { fn }, of }: Part, values: Values): f.Vector {
  const [a, b, c] = of.map((part) => operand(part, values)) as [f.Vector, f.Vector, f.Vector];
  switch (fn) {
    case "add":
      return f.add(a, b);
    case "sub":
      return f.sub(a, b);
    case "mul":
      return f.mul(a, b);
    case "div":
      return f.div(a, b);
    // a ≥ b ? a : b and a ≤ b ? a : b, for NaN too: pick… gives its first operand when a comparison fails.
    case "max":
      return f.pickMax(b, a);
    case "min":
      return f.pickMin(b, a);
    case "neg":
      return f.neg(a);
    case "abs":
      return f.abs(a);
    case "sign":
      return f.sub(f.and(f.gt(a, f.splat(0)), f.splat(1)), f.and(f.lt(a, f.splat(0)), f.splat(1)));
    case "square":
      return f.mul(a, a);
    case "sqrt":
      return f.sqrt(a);
    case "exp":
      return exp(func, a);
    case "log":
      return log(func, a);
    case "sigmoid":
      return sigmoid(func, a);
    case "softplus":
      return softplus(func, a);
    case "gt":
      return f.gt(a, b);
    case "ge":
      return f.ge(a, b);
    case "eq":
      return f.eq(a, b);
    case "select":
      return f.select(condition(of[0]!, values), b, c);
    case "input":
    case "value":
      throw new TypeError(`Cannot compute ${fn}: it is a leaf.`);
    default:
      return fn satisfies never;
  }
}

/**
 * An expression over vectors that are in registers. A product that is added to something is one instruction where the
 * machine has it.
 */
export function evaluate(func: Func, expr: Expr, inputs: readonly f.Vector[]): f.Vector {
  return evaluator(func, inputs)(expr);
}

/** Evaluates expressions over the same inputs, what they share only once. */
export function evaluator(func: Func, inputs: readonly f.Vector[]): (expr: Expr) => f.Vector {
  const known = new Map<string, Part>();
  const values: Values = new Map();
  const visit = (expr: Expr): Part | number => {
    if (expr.fn === "value") return expr.value;
    const key = JSON.stringify(expr);
    const seen = known.get(key);
    if (seen !== undefined) return seen;
    const part: Part = { expr, level: 0, of: expr.fn === "input" ? [] : expr.of.map(visit) };
    known.set(key, part);
    values.set(part, expr.fn === "input" ? inputs[expr.index]! : func.let(expr.fn, fused(part)));
    return part;
  };
  /** a · b + c without a product of its own. */
  const fused = (part: Part): f.Vector => {
    const [product, rest] = part.of;
    const isProduct = part.expr.fn === "add" && typeof product === "object" && product.expr.fn === "mul";
    if (!isProduct) return compute(func, part, values);
    const [a, b] = product.of.map((of) => operand(of, values)) as [f.Vector, f.Vector];
    return func.madd(a, b, operand(rest!, values));
  };
  return (expr) => operand(visit(expr), values);
}
