/**
 * Builds tensor graphs: one method a primitive, which infers shapes and batch axes.
 *
 * @module
 */

import { ShapeError } from "../../dsl/errors.ts";
import { call, type Expr, input as operand, value } from "./expr.ts";
import { type ConvAttrs, type Pair, type PoolAttrs, type Shape, sizeOf, type WeighAttrs } from "./node.ts";
import { NodeTable } from "./node_table.ts";
import { outputs, pick, prune, requireMask, sameArray } from "./operands.ts";

/** A growing graph. Nodes are named by id. */
export class GraphBuilder extends NodeTable {
  readonly #chosen = new Map<number, number>();

  /** expr of operands of one rank, broadcast over sizes of 1; `like` widens the result to that node's shape. */
  elementwise(expr: Expr, inputs: readonly number[], like?: number): number {
    const sources = [...inputs, ...(like === undefined ? [] : [like])].map((id) => this.node(id));
    const rank = sources[0]?.shape.length ?? 0;
    const shape = Array.from({ length: rank }, (_, axis) => {
      const sizes = new Set(sources.map((s) => s.shape[axis]!).filter((size) => size !== 1));
      if (sizes.size > 1 || sources.some((s) => s.shape.length !== rank)) {
        throw new ShapeError(
          `Cannot combine element by element: sizes are equal or 1, got ${
            sources.map((s) => `[${s.shape}]`).join(" and ")
          }.`,
        );
      }
      return [...sizes][0] ?? 1;
    });
    const batch = [...new Set(sources.flatMap((s) => s.batch))].sort();
    const [used, body] = prune(expr, inputs);
    if (body.fn === "input" && sameArray(this.shape(used[body.index]!), shape) && like === undefined) {
      return used[body.index]!;
    }
    if (body.fn === "input" && like !== undefined) {
      const source = this.node(used[body.index]!);
      if (sameArray(source.shape, shape) && sameArray(source.batch, batch)) return source.id;
    }
    const rows = this.rowsAmong([...inputs, ...(like === undefined ? [] : [like])]);
    return this.add("elementwise", used, { expr: body }, shape, batch, "", rows);
  }

  /** fn of operands that are brought to one rank: numbers and samples [B] broadcast over the rest. */
  map(fn: Parameters<typeof call>[0], ...operands: readonly number[]): number {
    const aligned = this.align(operands);
    return this.elementwise(call(fn, ...operands.map((id, i) => this.#literal(id) ?? operand(i))), aligned);
  }

  #literal(id: number): Expr | undefined {
    const node = this.node(id);
    return node.op === "constant" ? value(node.attrs.value) : undefined;
  }

  /** Operands reshaped to the largest rank among them. */
  align(operands: readonly number[]): number[] {
    const rank = Math.max(...operands.map((id) => this.shape(id).length));
    return operands.map((id) => {
      const node = this.node(id);
      const missing = rank - node.shape.length;
      if (missing === 0) return id;
      if (node.shape.length === 0 || node.batch.includes(0)) {
        return this.reshape(id, [...node.shape, ...new Array<number>(missing).fill(1)]);
      }
      throw new ShapeError(
        `Cannot combine [${node.shape}] with a tensor of rank ${rank}: only numbers and samples [B] broadcast.`,
      );
    });
  }

  /** Σ over axes, kept with size 1. */
  sum(id: number, axes: readonly number[]): number {
    return axes.length === 0 ? id : this.#reduce("sum", id, axes);
  }

  /** Maximum over axes, kept with size 1. */
  reduceMax(id: number, axes: readonly number[]): number {
    return this.#reduce("reduceMax", id, axes);
  }

  #reduce(op: "sum" | "reduceMax", id: number, axes: readonly number[]): number {
    const node = this.node(id);
    const shape = node.shape.map((size, axis) => (axes.includes(axis) ? 1 : size));
    const batch = node.batch.filter((axis) => !axes.includes(axis));
    return this.add(op, [id], { axes: [...axes].sort() }, shape, batch);
  }

  /** Product of the last two axes. */
  matmul(a: number, b: number, transposeA = false, transposeB = false): number {
    const [x, y] = [this.node(a), this.node(b)];
    const rank = x.shape.length;
    const [ar, ac] = transposeA ? [rank - 1, rank - 2] : [rank - 2, rank - 1];
    const [br, bc] = transposeB ? [rank - 1, rank - 2] : [rank - 2, rank - 1];
    const ok = (rank === 2 || rank === 3) && y.shape.length === rank && x.shape[ac] === y.shape[br] &&
      (rank === 2 || x.shape[0] === y.shape[0]);
    if (!ok) {
      throw new ShapeError(
        `Cannot multiply matrices: inner sizes have to agree, got [${x.shape}]${
          transposeA ? "ᵀ" : ""
        } and [${y.shape}]${transposeB ? "ᵀ" : ""}.`,
      );
    }
    const batch: number[] = [];
    if (rank === 3 && (x.batch.includes(0) || y.batch.includes(0))) batch.push(0);
    if (x.batch.includes(ar)) batch.push(rank - 2);
    if (y.batch.includes(bc)) batch.push(rank - 1);
    const shape = [...x.shape.slice(0, rank - 2), x.shape[ar]!, y.shape[bc]!];
    return this.add("matmul", [a, b], { transposeA, transposeB }, shape, [...new Set(batch)]);
  }

  /** Convolution of x [B,C,H,W] with w [O,C/g,kh,kw]. */
  conv2d(x: number, w: number, attrs: ConvAttrs): number {
    const [batch, channels, height, width] = this.shape(x) as readonly [number, number, number, number];
    const [out, perGroup, kh, kw] = this.shape(w) as readonly [number, number, number, number];
    if (perGroup * attrs.groups !== channels || out % attrs.groups !== 0) {
      throw new ShapeError(
        `Cannot convolve: ${attrs.groups} groups of [${this.shape(w)}] filters read ${
          perGroup * attrs.groups
        } channels, got ${channels}.`,
      );
    }
    const [oh, ow] = [outputs(height, kh, attrs, 0), outputs(width, kw, attrs, 1)];
    if (oh < 1 || ow < 1) {
      throw new ShapeError(`Cannot convolve: a ${kh}×${kw} filter needs a larger map, got ${height}×${width}.`);
    }
    return this.add("conv2d", [x, w], pick(attrs), [batch, out, oh, ow], this.node(x).batch);
  }

  /** Input gradient of a convolution; also the transposed convolution. */
  conv2dInput(g: number, w: number, attrs: ConvAttrs, size: Pair): number {
    const [batch] = this.shape(g) as readonly [number];
    const channels = this.shape(w)[1]! * attrs.groups;
    if (this.shape(g)[1] !== this.shape(w)[0]) {
      throw new ShapeError(`Cannot convolve back: [${this.shape(g)}] does not fit filters [${this.shape(w)}].`);
    }
    return this.add("conv2dInput", [g, w], { ...pick(attrs), size }, [batch, channels, ...size], this.node(g).batch);
  }

  /** Filter gradient of a convolution. */
  conv2dFilter(x: number, g: number, attrs: ConvAttrs, kernel: Pair): number {
    const shape = [this.shape(g)[1]!, this.shape(x)[1]! / attrs.groups, ...kernel];
    return this.add("conv2dFilter", [x, g], { ...pick(attrs), kernel }, shape, []);
  }

  /** Average or maximum of windows. */
  pool(op: "averagePool" | "maxPool", x: number, attrs: PoolAttrs): number {
    const [batch, channels, height, width] = this.shape(x) as readonly [number, number, number, number];
    const [oh, ow] = [outputs(height, attrs.kernel[0], attrs, 0), outputs(width, attrs.kernel[1], attrs, 1)];
    if (oh < 1 || ow < 1) {
      throw new ShapeError(`Cannot pool: windows of ${attrs.kernel} need a larger map, got ${height}×${width}.`);
    }
    return this.add(op, [x], attrs, [batch, channels, oh, ow], this.node(x).batch);
  }

  /** Input gradient of average pooling. */
  averagePoolInput(g: number, attrs: PoolAttrs, size: Pair): number {
    const [batch, channels] = this.shape(g) as readonly [number, number];
    return this.add("averagePoolInput", [g], { ...attrs, size }, [batch, channels, ...size], this.node(g).batch);
  }

  /** Input gradient of max pooling. */
  maxPoolInput(x: number, g: number, attrs: PoolAttrs): number {
    return this.add("maxPoolInput", [x, g], attrs, this.shape(x), this.node(x).batch);
  }

  /** Mean and biased variance per channel, [2, C]. */
  batchStats(x: number): number {
    return this.add("batchStats", [x], {}, [2, this.shape(x)[1]!], []);
  }

  /** γ x̂ + β. */
  batchNorm(x: number, stats: number, gamma: number, beta: number, epsilon: number): number {
    return this.add("batchNorm", [x, stats, gamma, beta], { epsilon }, this.shape(x), this.node(x).batch);
  }

  /** Σ g and Σ g·x̂ per channel, [2, C]. */
  batchNormSums(g: number, x: number, stats: number, epsilon: number): number {
    return this.add("batchNormSums", [g, x, stats], { epsilon }, [2, this.shape(x)[1]!], []);
  }

  /** Input gradient of batch norm. */
  batchNormInput(g: number, x: number, stats: number, gamma: number, sums: number, epsilon: number): number {
    return this.add(
      "batchNormInput",
      [g, x, stats, gamma, sums],
      { epsilon },
      this.shape(x),
      this.node(x).batch,
    );
  }

  /**
   * The samples of x whose mask [B] is 1, as a sub-batch; samples that one mask chooses belong to one sub-batch.
   * {@linkcode GraphBuilder.chosen} tells how many there are.
   */
  compact(x: number, mask: number): number {
    requireMask(this.node(x), this.node(mask));
    const chosen = this.reshape(this.sum(mask, [0]), []);
    const rows = this.elementwise(call("max", operand(0), value(1)), [chosen]);
    this.#chosen.set(rows, chosen);
    return this.add("compact", [x, mask, rows], {}, this.shape(x), this.node(x).batch, "", rows);
  }

  /** Samples of a sub-batch back in the places where its mask is 1, zeros elsewhere. */
  expand(x: number, mask: number): number {
    return this.add("expand", [x, mask], {}, this.shape(x), this.node(x).batch, "", this.node(mask).rows ?? "batch");
  }

  /** Number of samples that a mask chose, which may be 0; a sub-batch has one sample even so. */
  chosen(rows: number): number {
    return this.#chosen.get(rows)!;
  }

  /** One-hot rows of class indices. */
  oneHot(labels: number, classes: number): number {
    return this.add("oneHot", [labels], { classes }, [this.shape(labels)[0]!, classes], [0]);
  }

  /** The k-th smallest of each row. */
  kthSmallest(x: number, k: number): number {
    const [rows, width] = this.shape(x) as readonly [number, number];
    if (this.shape(x).length !== 2 || k < 1 || k > width) {
      throw new ShapeError(
        `Cannot take the ${k}-th smallest: rows of at least ${k} are needed, got [${this.shape(x)}].`,
      );
    }
    return this.add("kthSmallest", [x], { k }, [rows, 1], this.node(x).batch.filter((axis) => axis === 0));
  }

  /** Weights of nets from their class scores side by side, [B, m · K], and label shares [B, K]. */
  weigh(scores: number, labels: number, attrs: WeighAttrs): number {
    const [[batch, width], [, classes]] = [this.shape(scores), this.shape(labels)] as [Shape, Shape];
    if (width !== attrs.members * classes! || (attrs.rule === "covariance" && attrs.per === "sample")) {
      throw new ShapeError(
        `Cannot weigh ${attrs.members} nets by ${attrs.rule} per ${attrs.per}: scores are [B, m · K] and labels [B, K], ` +
          `got [${this.shape(scores)}] and [${this.shape(labels)}].`,
      );
    }
    const sampled = attrs.per === "sample";
    return this.add("weigh", [scores, labels], attrs, [sampled ? batch! : 1, attrs.members], sampled ? [0] : []);
  }

  /** Rows of memory [N, D] at index [B, M]: their products with v [B, D], or their sum with factors g [B, M]. */
  gather(op: "gatherDot" | "gatherSum", memory: number, index: number, x: number): number {
    const [[rows, width], at, with_] = [memory, index, x].map((id) => this.shape(id)) as [Shape, Shape, Shape];
    const wanted = op === "gatherDot" ? [at[0]!, width!] : at;
    if (rows === undefined || width === undefined || at.length !== 2 || !sameArray(with_, wanted)) {
      throw new ShapeError(
        `Cannot gather rows: memory is [N, D], positions [B, M], beside them [B, D] or [B, M], got [${
          this.shape(memory)
        }], [${at}] and [${with_}].`,
      );
    }
    const shape = op === "gatherDot" ? at : [at[0]!, width];
    return this.add(op, [memory, index, x], {}, shape, this.node(index).batch.filter((axis) => axis === 0));
  }

  /** Joins along an axis. */
  concat(parts: readonly number[], axis: number): number {
    if (parts.length === 1) return parts[0]!;
    const first = this.node(parts[0]!);
    for (const id of parts) {
      const same = this.shape(id).length === first.shape.length &&
        this.shape(id).every((size, i) => i === axis || size === first.shape[i]);
      if (!same) {
        throw new ShapeError(
          `Cannot join along axis ${axis}: other sizes have to agree, got ${
            parts.map((part) => `[${this.shape(part)}]`).join(" and ")
          }.`,
        );
      }
    }
    const size = parts.reduce((sum, id) => sum + this.shape(id)[axis]!, 0);
    return this.add("concat", parts, { axis }, first.shape.with(axis, size), first.batch);
  }

  /** `size` elements from `start` along an axis. */
  slice(x: number, axis: number, start: number, size: number): number {
    const { shape, batch } = this.node(x);
    if (start < 0 || size < 1 || start + size > shape[axis]!) {
      throw new ShapeError(`Cannot slice [${shape}]: axis ${axis} has no elements ${start} … ${start + size - 1}.`);
    }
    if (start === 0 && size === shape[axis]) return x;
    return this.add("slice", [x], { axis, start, size }, shape.with(axis, size), batch);
  }

  /** Zeros before and after along an axis. */
  padAxis(x: number, axis: number, before: number, after: number): number {
    const { shape, batch } = this.node(x);
    return this.add("padAxis", [x], { axis, before, after }, shape.with(axis, before + shape[axis]! + after), batch);
  }

  /** The same elements under another shape. */
  reshape(x: number, shape: Shape): number {
    const node = this.node(x);
    if (sizeOf(shape) !== sizeOf(node.shape)) {
      throw new ShapeError(`Cannot reshape [${node.shape}] to [${shape}]: the number of elements differs.`);
    }
    if (sameArray(shape, node.shape)) return x;
    if (node.op === "reshape") return this.reshape(node.inputs[0]!, shape);
    return this.add("reshape", [x], {}, shape, node.batch.filter((axis) => axis === 0));
  }

  /** Axes reordered. */
  permute(x: number, axes: readonly number[]): number {
    const { shape, batch } = this.node(x);
    return this.add(
      "permute",
      [x],
      { axes },
      axes.map((axis) => shape[axis]!),
      axes.flatMap((axis, i) => (batch.includes(axis) ? [i] : [])),
    );
  }
}
