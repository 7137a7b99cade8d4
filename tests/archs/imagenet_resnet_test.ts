import { assertEquals, assertThrows } from "@std/assert";
import {
  type Arch,
  imagenetResnet,
  OptionError,
  parameterShapes,
  preActivation,
  resnet18_cifar,
  resnet18_imagenet,
  resnet50_cifar,
  resnet50_imagenet,
} from "../../dsl/mod.ts";
import { fingerprint } from "./fixtures.ts";

// Recorded from the authors' PyTorch classes at 100 classes: parameters, tensors, hash of names and shapes.
Deno.test("resnet18_cifar and resnet50_cifar have the tensors of their PyTorch class, in order", () => {
  assertEquals(fingerprint(resnet18_cifar), [11220132, 62, "4037c1ac"]);
  assertEquals(fingerprint(resnet50_cifar), [23705252, 161, "684d2889"]);
});

Deno.test("imagenetResnet() calls tensors as torchvision does, and with the other stem as RepDistiller does", () => {
  const names = (arch: Arch): readonly string[] => parameterShapes(arch, { classes: 10 }).map(({ name }) => name);
  const [torchvision, repdistiller] = [names(resnet18_imagenet), names(resnet18_cifar)];
  const other = (name: string): string => name.replace("downsample", "shortcut").replace(/^fc/, "linear");
  assertEquals(torchvision.map(other), repdistiller);
  assertEquals(torchvision.includes("layer2.0.downsample.1.bias"), true);
});

Deno.test("imagenetResnet() strides the 3×3 of a bottleneck", () => {
  const [block] = resnet50_imagenet.stages.find(({ spot }) => spot === "layer2_pre")!.layers;
  const path = block?.kind === "sum" ? block.branches[0]! : [];
  const strides = path.flatMap((layer) => layer.kind === "conv" ? [[layer.kernel, layer.stride]] : []);
  assertEquals(strides, [[1, 1], [3, 2], [1, 1]]);
});

Deno.test("imagenetResnet() cuts its stages in front of the last ReLU", () => {
  assertEquals(resnet18_cifar.spots.map((spot) => preActivation(resnet18_cifar, spot)), [
    "layer1_pre",
    "layer2_pre",
    "layer3_pre",
    "layer4_pre",
  ]);
});

Deno.test("imagenetResnet() refuses depths and stems that are none", () => {
  assertThrows(
    () => imagenetResnet(20 as 18),
    OptionError,
    "Cannot make a residual net of four stages: its depth is 10, 18, 34 or 50, got 20. " +
      "Say one of them, or resnet() for 6n + 2 layers.",
  );
  assertThrows(
    () => imagenetResnet(18, { stem: "tiny" as "cifar" }),
    OptionError,
    "Cannot make a residual net of four stages: its stem is imagenet or cifar, got tiny. Say one of them.",
  );
});
