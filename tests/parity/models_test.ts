import { assertEquals, assertStringIncludes } from "@std/assert";
import { compareModel } from "../../cli/parity/model.ts";
import type { ModelCase } from "../../cli/parity/model_format.ts";
import { modelOf } from "../../cli/parity/model_nets.ts";
import type { RecordedNet } from "../../cli/parity/trace_format.ts";
import { archFromNet, parameterShapes } from "../../dsl/mod.ts";
import { reference } from "../../runtime/backend/reference/reference.ts";
import type { Shape } from "../../runtime/ir/node.ts";

const resnet8: RecordedNet = { family: "resnet", depth: 8, classes: 10 };

/** A case of which only structure and tap shapes are recorded. */
function measured(
  net: RecordedNet,
  param_tensors: Readonly<Record<string, Shape>>,
  tap_shapes: Readonly<Record<string, Shape>>,
  buffers: number,
): ModelCase {
  const params = Object.values(param_tensors).reduce((sum, shape) => sum + shape.reduce((a, b) => a * b, 1), 0);
  return {
    name: "case",
    net,
    params,
    buffers,
    input: [2, 3, 16, 16],
    num_classes: 10,
    param_tensors,
    modules: {},
    init_seed: "seed",
    init_check: {},
    input_key: "key",
    input_bound: 1,
    tap_shapes,
  };
}

/** Tensors of ResNet-8 with everything behind `layer2` once for each name, as code bases call branches. */
function branched(names: readonly (readonly [suffix: string, classifier: string])[]): Record<string, Shape> {
  const tensors: Record<string, Shape> = {};
  for (const { name, shape } of parameterShapes(archFromNet(resnet8)!, { classes: 10 })) {
    if (!/^(layer3|fc)\./.test(name)) tensors[name] = shape;
    else for (const [suffix, classifier] of names) tensors[renamed(name, suffix, classifier)] = shape;
  }
  return tensors;
}

function renamed(name: string, suffix: string, classifier: string): string {
  return name.startsWith("fc.") ? name.replace("fc", classifier) : name.replace("layer3", `layer3_${suffix}`);
}

const trunk = 2 * (16 + 2 * 16 + 3 * 32);
const branch = 2 * 3 * 64;

const cases: Readonly<Record<string, ModelCase>> = {
  "OKDDip's branches with attention": measured(
    { family: "branched", shared_through: "layer2", branches: 3, base: resnet8 },
    {
      ...branched([["0", "classifier3_0"], ["1", "classifier3_1"], ["2", "classifier3_2"]]),
      "query_weight.weight": [8, 64],
      "key_weight.weight": [8, 64],
    },
    { extra0: [2, 10, 2], extra1: [2, 10] },
    trunk + 3 * branch,
  ),
  "OKDDip's branches with a gate": measured(
    { family: "branched", shared_through: "layer2", branches: 2, base: resnet8 },
    {
      ...branched([["0", "classifier3_0"], ["1", "classifier3_1"]]),
      "control_v1.weight": [2, 32],
      "control_v1.bias": [2],
      "bn_v1.weight": [2],
      "bn_v1.bias": [2],
    },
    { extra0: [2, 10] },
    trunk + 2 * branch + 4,
  ),
  "ONE's branches with a gate": measured(
    { family: "branched", shared_through: "layer2", branches: 2, base: resnet8 },
    {
      ...branched([["1", "classfier3_1"], ["2", "classfier3_2"]]),
      "control_v1.weight": [2, 32],
      "control_v1.bias": [2],
      "bn_v1.weight": [2],
      "bn_v1.bias": [2],
    },
    { extra0: [2, 10], extra1: [2, 10] },
    trunk + 2 * branch + 4,
  ),
};

for (const [what, recorded] of Object.entries(cases)) {
  Deno.test(`compareModel() reads ${what}, and no tensor too few or too many`, async () => {
    const files = { recorded, tensors: new Map() };
    assertEquals((await compareModel(files, reference())).state, "PASS");
    const [first] = Object.keys(recorded.param_tensors);
    const { [first!]: _, ...fewer } = recorded.param_tensors;
    const outcome = await compareModel({ ...files, recorded: { ...recorded, param_tensors: fewer } }, reference());
    assertEquals(outcome.state === "FAIL" ? outcome.failures : [], [`tensor ${first} is not in the recording`]);
  });
}

for (
  const [what, tap] of [["OKDDip's branches with a gate", "extra0"], ["ONE's branches with a gate", "extra1"]] as const
) {
  Deno.test(`modelOf() weighs ${what} by softmax over it`, () => {
    const model = modelOf(cases[what]!);
    if (typeof model === "string") throw new Error(model);
    const value = model.output(tap, "eval");
    // Σ_i g_i · z_i over both branches: one sum of two products with a slice of the gate each.
    assertEquals([value.op, value.of.map(({ op, of }) => [op, of[1]!.op])], ["add", [["mul", "slice"], [
      "mul",
      "slice",
    ]]]);
  });
}

Deno.test("compareModel() names a net that does not exist, and what is wrong with one that does", async () => {
  const { param_tensors } = cases["ONE's branches with a gate"]!;
  const state = async (net: RecordedNet, tensors = param_tensors): Promise<string> => {
    const outcome = await compareModel({ recorded: measured(net, tensors, {}, 0), tensors: new Map() }, reference());
    return outcome.state === "TODO" ? outcome.reason : outcome.failures.join("; ");
  };
  assertEquals(await state({ family: "unheard" }), "the net unheard does not exist yet");
  assertEquals(
    await state({ family: "branched", shared_through: "layer2", branches: 2, base: resnet8 }, {}),
    "branches of other names do not exist yet",
  );
  const { "control_v1.weight": _, ...ungated } = param_tensors;
  assertEquals(
    await state({ family: "branched", shared_through: "layer2", branches: 2, base: resnet8 }, ungated),
    "branches that nothing weighs do not exist yet",
  );
  assertStringIncludes(await state({ family: "vgg", depth: 8 }), "shape of conv1.weight: [16,3,3,3] is recorded");
});

Deno.test("compareModel() knows DenseNet's bottlenecks by their tensors, and taps by name, number and device", () => {
  const bc = archFromNet({ family: "densenet", depth: 40, bottleneck: true })!;
  const tensors = Object.fromEntries(parameterShapes(bc, { classes: 10 }).map(({ name, shape }) => [name, shape]));
  const net: RecordedNet = { family: "densenet", depth: 40, growth: 12, compression: 0.5, classes: 10 };
  const model = modelOf(measured(net, tensors, {}, 0));
  assertEquals(typeof model === "string" ? model : model.modules[0]!.stages, bc.stages);
  const resnet = modelOf(measured({ family: "resnet_imagenet", depth: 18, classes: 10 }, {}, {}, 0));
  if (typeof resnet === "string") throw new Error(resnet);
  const taps = ["f0", "f2", "f5", "layer3cpu", "layer3"].map((name) => resnet.output(name, "eval").attrs["to"]);
  assertEquals(taps, ["stem", "layer2", "embedding", "layer3", "layer3"]);
});
