import { assertEquals } from "@std/assert";
import { channelsAt, googlenet } from "../../dsl/mod.ts";
import { fingerprint } from "./fixtures.ts";

// Recorded from the authors' PyTorch class at 100 classes: parameters, tensors, hash of names and shapes.
Deno.test("googlenet has the tensors of its PyTorch class, in order", () => {
  assertEquals(fingerprint(googlenet), [6258500, 258, "24c706c2"]);
});

Deno.test("googlenet has the channels of table 1 behind every inception", () => {
  const channels = channelsAt(googlenet);
  const inceptions = ["a3", "b3", "a4", "b4", "c4", "d4", "e4", "a5", "b5"];
  assertEquals(inceptions.map((name) => channels[`inception_${name}`]), [256, 480, 512, 512, 512, 528, 832, 832, 1024]);
});
