/**
 * Cuts a copy between axes that lie in groups (samples by eight, packed channels by four) into plain loop nests.
 *
 * @module
 */

import type { CopyAxis } from "../kernels/copy.ts";
import type { Axis } from "../layout.ts";

/** One loop nest of a copy, and where it starts on both sides, in numbers. */
export interface Piece {
  readonly axes: readonly CopyAxis[];
  readonly from: number;
  readonly to: number;
}

/** The loop nests that together copy every element; axes of both sides correspond. */
export function copyPieces(from: readonly Axis[], to: readonly Axis[]): Piece[] {
  let pieces: Piece[] = [{ axes: [], from: 0, to: 0 }];
  from.forEach((axis, i) => {
    const parts = axisPieces(axis, to[i]!);
    pieces = pieces.flatMap((piece) =>
      parts.map((part) => ({
        axes: [...piece.axes, ...part.axes],
        from: piece.from + part.from,
        to: piece.to + part.to,
      }))
    );
  });
  return pieces;
}

/** Whole groups of the larger side, each cut further by the smaller, then what is left over. */
function axisPieces(from: Axis, to: Axis): Piece[] {
  const { size } = from;
  if (size === 0) return [];
  const group = Math.max(from.split, to.split);
  if (group === 1) return [{ axes: [{ size, from: from.stride, to: to.stride }], from: 0, to: 0 }];
  const whole = Math.floor(size / group);
  const [fromStep, toStep] = [from, to].map(({ stride, split }) => stride * (group / split)) as [number, number];
  const inside = (size: number): Piece[] => {
    const inner = ({ stride, split }: Axis): Axis => ({
      size,
      stride: split === group ? 1 : stride,
      split: split === group ? 1 : split,
    });
    return axisPieces(inner(from), inner(to));
  };
  const groups = whole === 0 ? [] : inside(group).map((piece) => ({
    ...piece,
    axes: [{ size: whole, from: fromStep, to: toStep }, ...piece.axes],
  }));
  const rest = inside(size % group).map((piece) => ({
    ...piece,
    from: piece.from + whole * fromStep,
    to: piece.to + whole * toStep,
  }));
  return [...groups, ...rest];
}
