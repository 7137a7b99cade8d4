/**
 * Initial weights: PyTorch's defaults, He-out and the others that architectures ask for.
 *
 * @module
 */

import { type RandomStream, stream } from "../../dsl/random.ts";
import type { ParameterEntry } from "../compile/net.ts";
import { sizeOf } from "../ir/node.ts";

/**
 * Values of one tensor before training. They depend on the seed and the tensor's full name only.
 *
 * `default`: U(±1/√fanIn), what PyTorch's convolution, linear layers and their biases draw (Kaiming uniform with
 * a = √5); `heOut`: N(0, 2 / (kH · kW · out)); `heIn`: N(0, 2 / fanIn); `inverseFanIn`: N(0, 1 / fanIn²), as SwitOKD's code
 * starts its MobileNets; `normal`: N(0, std²); `xavierUniform`: U(±gain √(6 / (fanIn + fanOut))); `heUniform`: U(±√(6 / ((1 + slope²) fanIn))); `one`, `zero` and `constant` are what
 * they say.
 */
export function initialValues(entry: ParameterEntry, seed: number): Float32Array {
  const values = new Float32Array(sizeOf(entry.shape));
  const random = stream(seed, "init", entry.name);
  const { init, shape, fanIn } = entry;
  switch (init.rule) {
    case "zero":
      return values;
    case "one":
      return values.fill(1);
    case "uniform":
      return fillUniform(values, random, init.bound);
    case "normal":
      return fillNormal(values, random, init.std);
    case "heOut":
      return fillNormal(values, random, Math.sqrt(2 / (shape[0]! * sizeOf(shape.slice(2)))));
    case "heIn":
      return fillNormal(values, random, Math.sqrt(2 / fanIn));
    case "inverseFanIn":
      return fillNormal(values, random, 1 / fanIn);
    case "default":
      return raised(fillUniform(values, random, 1 / Math.sqrt(fanIn)), "even" in init ? init.even : 0);
    case "xavierUniform": {
      const fanOut = shape[0]! * sizeOf(shape.slice(2));
      return fillUniform(values, random, init.gain * Math.sqrt(6 / (fanIn + fanOut)));
    }
    case "constant":
      return values.fill(init.value);
    case "heUniform":
      return fillUniform(values, random, Math.sqrt(6 / ((1 + init.slope ** 2) * fanIn)));
    default:
      return init satisfies never;
  }
}

/** Elements 0, 2, … raised by a number. */
function raised(values: Float32Array, even: number): Float32Array {
  return even === 0 ? values : values.map((value, i) => (i % 2 === 0 ? value + even : value));
}

function fillNormal(values: Float32Array, random: RandomStream, std: number): Float32Array {
  return values.map((_, i) => random.normal(i) * std);
}

function fillUniform(values: Float32Array, random: RandomStream, bound: number): Float32Array {
  return values.map((_, i) => (2 * random.uniform(i) - 1) * bound);
}
