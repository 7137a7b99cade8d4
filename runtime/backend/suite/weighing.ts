/** Conformance of the weights that combine nets. @module */

import type { WeighAttrs } from "../../ir/node.ts";
import { between, type Case, type Fill, makeCase, normal, type Tolerance } from "./case.ts";
import { Sketch } from "./sketch.ts";

/** Both search in float64 for what the loss determines to about 1e-10, and write float32. */
const solved: Tolerance = { relative: 2e-6, of: "largest", reason: "weights of a float64 search, rounded to float32" };

/** Weights per sample and per batch of two to five nets. */
export function weighingCases(): Case[] {
  const weigh = (name: string, batch: number, members: number, classes: number, fill: Fill = normal): Case => {
    const sketch = new Sketch(batch);
    const nets = Array.from(
      { length: members },
      (_, i) => sketch.images(`z${i}`, [batch, classes], { fill, poisoned: true }),
    );
    const scores = sketch.concat(nets, 1);
    const labels = sketch.add("oneHot", [sketch.labels(classes)], { classes }, [batch, classes]);
    const add = (rule: WeighAttrs["rule"], per: WeighAttrs["per"]): number =>
      sketch.add(
        "weigh",
        [scores, labels],
        { members, rule, per },
        [per === "sample" ? batch : 1, members],
        per === "sample" ? [0] : [],
      );
    sketch.output("convex, each sample", add("simplex", "sample")).output("convex", add("simplex", "batch"));
    sketch.output("from errors", add("covariance", "batch"));
    const runs = batch > 2 ? [batch, batch - 2] : [batch];
    return makeCase({ topic: "weigh", name, sketches: [sketch], runs, tolerance: solved });
  };
  return [
    weigh("two nets", 9, 2, 10),
    weigh("two nets, a single sample", 1, 2, 3),
    weigh("three nets of many classes", 8, 3, 100, between(-3, 3)),
    weigh("four nets with large scores", 17, 4, 5, between(-40, 40)),
    weigh("five nets", 3, 5, 7),
  ];
}
