/**
 * Prints a scalar expression as one SIMD loop nest with broadcasting.
 *
 * Every sub-expression is computed once, in the outermost loop that knows its operands.
 *
 * @module
 */

import type { Expr } from "../../../ir/expr.ts";
import { type Features, Func, type Local } from "../assembler/func.ts";
import * as f from "../assembler/f32x4.ts";
import { exp, log, sigmoid, softplus } from "../math.ts";
import { lt, mul, sub } from "../assembler/i32.ts";
import { type Kernel, kernel, numberBytes } from "./kernel.ts";

/** One loop; strides in numbers, 0 where an input does not change. The innermost has strides 0 and 1 only. */
export interface ElementwiseAxis {
  readonly size: number;
  readonly out: number;
  readonly inputs: readonly number[];
}

/** Constants of an element-wise kernel. */
export interface ElementwiseConstants {
  readonly expr: Expr;
  /** Outermost first. */
  readonly axes: readonly ElementwiseAxis[];
  /** Whether the first axis is the blocks of eight samples and runs over a given range. */
  readonly blocks: boolean;
}

/** Kernel (inputs…, out), with `blocks` also (first block, last block). */
export function elementwise(constants: ElementwiseConstants): Kernel {
  const { axes, blocks } = constants;
  const head = blocks ? axes.slice(0, 1) : [];
  return kernel("elementwise", { ...constants, axes: [...head, ...merge(axes.slice(head.length))] }, build);
}

function merge(axes: readonly ElementwiseAxis[]): ElementwiseAxis[] {
  const merged: ElementwiseAxis[] = [];
  for (const axis of axes) {
    const outer = merged.at(-1);
    if (axis.size === 1 && (outer !== undefined || axes.some(({ size }) => size > 1))) continue;
    const strides = (a: ElementwiseAxis): number[] => [a.out, ...a.inputs];
    if (outer !== undefined && strides(outer).every((stride, i) => stride === strides(axis)[i]! * axis.size)) {
      merged[merged.length - 1] = { ...axis, size: outer.size * axis.size };
    } else merged.push(axis);
  }
  return merged;
}

/** A sub-expression in evaluation order; `level` is the loop that computes it, −1 before all loops. */
interface Part {
  readonly expr: Expr;
  readonly level: number;
  /** Positions of the operands; a constant has none. */
  readonly of: readonly (Part | number)[];
}

/** Computed parts. Comparisons are kept as masks. */
type Values = Map<Part, f.Vector>;

function build(features: Features, { expr, axes, blocks }: ElementwiseConstants): Func {
  const func = new Func("elementwise", features);
  const inputs = axes[0]!.inputs.map((_, i) => func.params(`input${i}`)[0]);
  const [out] = func.params("out");
  const range = blocks ? func.params("first", "last") : undefined;
  const inner = axes.length - 1;
  const inputLevels = inputs.map((_, i) => axes.findLastIndex((axis) => axis.inputs[i] !== 0));
  const [parts, whole] = partsOf(expr, inputLevels);

  const enter = (level: number, pointers: readonly Local<"i32">[], known: Values): void => {
    const values = new Map(known);
    computeLevel(level, pointers, values, 0);
    if (level + 1 === inner) vectors(pointers, values);
    else turn(level + 1, pointers, values);
  };

  const computeLevel = (
    level: number,
    pointers: readonly Local<"i32">[],
    values: Values,
    offset: number,
  ): void => {
    for (const part of parts) {
      if (part.level !== level) continue;
      const { expr } = part;
      if (expr.fn === "input") {
        const value = level === inner ? f.load(pointers[expr.index]!, offset) : f.loadSplat(pointers[expr.index]!);
        values.set(part, func.let("x", value));
      } else values.set(part, func.let(expr.fn, compute(func, part, values)));
    }
  };

  const turn = (level: number, pointers: readonly Local<"i32">[], values: Values): void => {
    const axis = axes[level]!;
    const steps = [...axis.inputs, axis.out].map((stride) => stride * numberBytes);
    const moving = pointers.map((pointer, i) => (steps[i] === 0 ? pointer : func.let(pointer.name, pointer)));
    const run = (): void => {
      enter(level, moving, values);
      moving.forEach((pointer, i) => func.bump(pointer, steps[i]!));
    };
    if (level > 0 || range === undefined) return func.times(axis.size, run);
    const [first, last] = range;
    func.if(lt(first, last), () => {
      moving.forEach((pointer, i) => func.bump(pointer, mul(first, steps[i]!)));
      func.times(sub(last, first), run);
    });
  };

  const vectors = (pointers: readonly Local<"i32">[], values: Values): void => {
    const axis = axes[inner]!;
    const write = (at: readonly Local<"i32">[], offset: number, places: number): void => {
      const here = new Map(values);
      computeLevel(inner, at, here, offset);
      func.storePart(at.at(-1)!, func.let("y", operand(whole, here)), places, offset);
    };
    const count = Math.floor(axis.size / 4);
    // Two vectors a turn halve the cost of counting; eight lanes are always two vectors.
    const unroll = count % 2 === 0 ? 2 : 1;
    const steps = [...axis.inputs, axis.out].map((stride) => stride * unroll * f.vectorBytes);
    const moving = pointers.map((pointer, i) => (steps[i] === 0 ? pointer : func.let(pointer.name, pointer)));
    if (count > 0) {
      func.times(count / unroll, () => {
        for (let i = 0; i < unroll; i++) write(moving, i * f.vectorBytes, 4);
        moving.forEach((pointer, i) => func.bump(pointer, steps[i]!));
      });
    }
    if (axis.size % 4 > 0) write(pointers, count * f.vectorBytes, axis.size % 4);
  };

  enter(-1, [...inputs, out], new Map());
  return func;
}

/** Distinct sub-expressions, operands first, and the whole expression. */
function partsOf(expr: Expr, inputLevels: readonly number[]): [Part[], Part | number] {
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
function operand(part: Part | number, values: Values): f.Vector {
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

function compute(func: Func, { expr: { fn }, of }: Part, values: Values): f.Vector {
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
