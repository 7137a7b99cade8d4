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
import { lt, mul, sub } from "../assembler/i32.ts";
import { compute, operand, partsOf, type Values } from "./expression.ts";
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
