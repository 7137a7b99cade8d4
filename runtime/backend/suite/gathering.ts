/** Conformance of rows of a memory that samples choose. @module */

import { type Case, exact, type Fill, makeCase, sums } from "./case.ts";
import { Sketch } from "./sketch.ts";

/** Products with chosen rows, sums of them, and rows written anew. */
export function gatherCases(): Case[] {
  const sizes = [[1, 1, 5, 1], [3, 5, 9, 7], [8, 33, 20, 16], [9, 2, 3, 4], [16, 40, 64, 30]] as const;
  return [
    ...sizes.map(([batch, chosen, rows, width]) => gathered(batch, chosen, rows, width)),
    rowsWritten(),
    readThenWritten(),
  ];
}

/** Positions below `bound`. */
function positions(bound: number, from = 0): Fill {
  return (random, i) => from + random.integer(i, bound - from);
}

function gathered(batch: number, chosen: number, rows: number, width: number): Case {
  const sketch = new Sketch(batch);
  const memory = sketch.buffer("memory", [rows, width]);
  const index = sketch.images("index", [batch, chosen], { fill: positions(rows) });
  const v = sketch.images("v", [batch, width], { poisoned: true });
  const g = sketch.images("g", [batch, chosen], { poisoned: true });
  const dot = sketch.add("gatherDot", [memory, index, v], {}, [batch, chosen]);
  const sum = sketch.add("gatherSum", [memory, index, g], {}, [batch, width]);
  sketch.output("dot", dot).output("sum", sum);
  sketch.output("sum of dots", sketch.add("gatherSum", [memory, index, dot], {}, [batch, width]));
  const runs = batch > 2 ? [batch - 1, batch, batch - 2] : [batch];
  const name = `${chosen} of ${rows} rows of ${width}, B = ${batch}`;
  return makeCase({ topic: "gather", name, sketches: [sketch], runs, tolerance: sums(chosen * width) });
}

/** Of two samples of one row the later one stays; a negative position writes nothing. */
function rowsWritten(): Case {
  const sketch = new Sketch(9);
  sketch.buffer("memory", [6, 5]);
  const rows = sketch.reshape(sketch.images("rows", [9, 1], { fill: positions(6, -2) }), [9]);
  const node = sketch.images("v", [9, 5], { poisoned: true });
  sketch.effect({ kind: "assign", state: "memory", node, rows });
  const name = "rows written by sample, some twice, some not";
  return makeCase({ topic: "assign", name, sketches: [sketch], runs: [9, 2, 5, 1, 9], tolerance: exact });
}

/** A later segment still reads the memory that a last one then writes. */
function readThenWritten(): Case {
  const sketch = new Sketch(9);
  const memory = sketch.buffer("memory", [20, 12]);
  const index = sketch.images("index", [9, 3], { fill: positions(20) });
  const v = sketch.images("v", [9, 12]);
  const dot = sketch.add("gatherDot", [memory, index, v], {}, [9, 3]);
  sketch.output("dot", dot).segment("backward");
  const back = sketch.add("gatherSum", [memory, index, dot], {}, [9, 12]);
  sketch.output("back", back).segment("memory");
  const rows = sketch.reshape(sketch.slice(index, 1, 0, 1), [9]);
  sketch.effect({ kind: "assign", state: "memory", node: back, rows });
  const name = "a memory read by two segments and written by a third";
  return makeCase({ topic: "gather", name, sketches: [sketch], runs: [9, 4, 9], tolerance: sums(36 * 12) });
}
