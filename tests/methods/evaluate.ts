import type { Value } from "../../dsl/mod.ts";

/** Row-major numbers of a shape. */
export interface Tensor {
  readonly shape: readonly number[];
  readonly data: readonly number[];
}

/** A tensor whose element i is `at(i)`. */
export function tensor(shape: readonly number[], at: (i: number) => number): Tensor {
  return { shape, data: Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => at(i)) };
}

/**
 * The number a loss value stands for, in plain float64 arithmetic written for the tests alone: an oracle that shares
 * nothing with the compiler. `leaves` gives runs by `net` or `net.spot`, and `labels`; per-sample values are averaged.
 */
export function evaluate(value: Value, leaves: Readonly<Record<string, Tensor>>): number {
  const { data } = tensorOf(value, leaves);
  return data.reduce((total, x) => total + x, 0) / data.length;
}

/** The tensor a value stands for. */
export function tensorOf(value: Value, leaves: Readonly<Record<string, Tensor>>): Tensor {
  const of = (i: number): Tensor => tensorOf(value.of[i]!, leaves);
  const { attrs } = value;
  switch (value.op) {
    case "run": {
      const net = String(attrs["net"]);
      return leaves[`${net}.${attrs["to"]}`] ?? leaves[net] ?? fail(`${net}.${attrs["to"]}`);
    }
    case "labels":
      return leaves["labels"] ?? fail("labels");
    case "constant":
      return { shape: [], data: [attrs["value"] as number] };
    case "size":
      return { shape: [], data: [of(0).shape[attrs["axis"] as number]!] };
    case "stop":
    case "live":
      return of(0);
    case "reshape": {
      const [batch = 1, ...rest] = of(0).shape;
      return { shape: [batch, rest.reduce((a, b) => a * b, 1)], data: of(0).data };
    }
    case "sum":
    case "mean":
      return reduced(value, of(0));
    case "kthSmallest":
      return rows(of(0), (row) => [[...row].sort((a, b) => a - b)[Math.floor(row.length / 3) - 1]!]);
    case "crossEntropy": {
      const targets = of(1).data;
      return perRow(of(0), (row, at) => -total(logSoftmax(row, 1).map((x, i) => x * targets[at + i]!)));
    }
    case "kl": {
      const { temperature, squared, epsilon } = attrs as { temperature: number; squared: boolean; epsilon: number };
      const target = of(1).data;
      return perRow(of(0), (row, at) => {
        const q = logSoftmax(row, temperature);
        const p = logSoftmax(target.slice(at, at + row.length), temperature).map((x) => Math.exp(x) + epsilon);
        return (squared ? temperature ** 2 : 1) * total(p.map((x, i) => x * (Math.log(x) - q[i]!)));
      });
    }
    default: {
      const scalar = scalars[value.op];
      if (scalar === undefined) throw new Error(`The oracle does not know ${value.op}`);
      return broadcast(scalar, value.of.map((_, i) => of(i)));
    }
  }
}

const scalars: Readonly<Record<string, (...x: number[]) => number>> = {
  add: (a, b) => a! + b!,
  sub: (a, b) => a! - b!,
  mul: (a, b) => a! * b!,
  div: (a, b) => a! / b!,
  max: (a, b) => Math.max(a!, b!),
  neg: (a) => -a!,
  sign: (a) => Math.sign(a!),
  square: (a) => a! ** 2,
  sqrt: (a) => Math.sqrt(a!),
};

function broadcast(fn: (...x: number[]) => number, tensors: readonly Tensor[]): Tensor {
  const rank = Math.max(...tensors.map(({ shape }) => shape.length));
  const padded = tensors.map(({ shape, data }) => ({ shape: [...shape, ...ones(rank - shape.length)], data }));
  const shape = Array.from({ length: rank }, (_, axis) => Math.max(...padded.map((x) => x.shape[axis]!)));
  return tensor(shape, (i) => fn(...padded.map((x) => x.data[offset(x.shape, place(shape, i))]!)));
}

function reduced({ op, attrs }: Value, x: Tensor): Tensor {
  const keep = attrs["keep"];
  const rank = x.shape.length;
  const axes = keep === undefined
    ? attrs["axes"] as readonly number[]
    : [...Array(rank).keys()].slice(keep === "none" ? 0 : 1);
  const shape = x.shape.map((length, axis) => axes.includes(axis) ? 1 : length);
  const data = new Array<number>(shape.reduce((a, b) => a * b, 1)).fill(0);
  x.data.forEach((number, i) => data[offset(shape, place(x.shape, i))]! += number);
  const count = op === "mean" ? x.data.length / data.length : 1;
  return {
    shape: keep === "sample" ? [x.shape[0]!] : keep === "none" ? [] : shape,
    data: data.map((number) => number / count),
  };
}

function rows(x: Tensor, fn: (row: readonly number[], at: number) => readonly number[]): Tensor {
  const [batch, width] = x.shape as [number, number];
  const data = Array.from({ length: batch }, (_, b) => fn(x.data.slice(b * width, (b + 1) * width), b * width));
  return { shape: [batch, data[0]!.length], data: data.flat() };
}

function perRow(x: Tensor, fn: (row: readonly number[], at: number) => number): Tensor {
  const { shape, data } = rows(x, (row, at) => [fn(row, at)]);
  return { shape: [shape[0]!], data };
}

function logSoftmax(row: readonly number[], temperature: number): number[] {
  const norm = Math.log(total(row.map((x) => Math.exp(x / temperature))));
  return row.map((x) => x / temperature - norm);
}

function total(numbers: readonly number[]): number {
  return numbers.reduce((a, b) => a + b, 0);
}

function place(shape: readonly number[], index: number): number[] {
  return shape.map((length, axis) => Math.floor(index / shape.slice(axis + 1).reduce((a, b) => a * b, 1)) % length);
}

/** Index of a place; an axis of size 1 repeats. */
function offset(shape: readonly number[], at: readonly number[]): number {
  return shape.reduce((index, length, axis) => index * length + (length === 1 ? 0 : at[axis]!), 0);
}

function ones(count: number): number[] {
  return new Array<number>(count).fill(1);
}

function fail(leaf: string): never {
  throw new Error(`The oracle has no tensor for ${leaf}`);
}
