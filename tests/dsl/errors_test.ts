import { assertEquals } from "@std/assert";
import { builtinArchs, didYouMean } from "../../dsl/mod.ts";

const nets = Object.keys(builtinArchs);

Deno.test("didYouMean() suggests the closest name, or lists all where none is close", () => {
  assertEquals(didYouMean("layr3", ["layer1", "layer3"]), ' Did you mean "layer3"?');
  assertEquals(didYouMean("embedding", ["layer1", "layer3"]), " Known: layer1, layer3.");
});

Deno.test("didYouMean() suggests the names that a short one stands for, if they are few", () => {
  assertEquals(didYouMean("resnet18", nets), ' Did you mean "resnet18_cifar" or "resnet18_imagenet"?');
  assertEquals(didYouMean("shufflenet", nets), ' Did you mean "shufflenet_v1" or "shufflenet_v2"?');
  assertEquals(didYouMean("densenet", nets), ' Did you mean "densenet_40_12" or "densenet_40_12_bc"?');
  // Five names go on after this one.
  assertEquals(didYouMean("mobilenet", nets), ' Did you mean "mobilenet_v1"?');
});
