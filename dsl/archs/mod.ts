/**
 * The architectures that come with the project.
 *
 * @module
 */

export * from "./builtin.ts";
export * from "./channels.ts";
export * from "./densenet.ts";
export * from "./from_options.ts";
export * from "./googlenet.ts";
export * from "./imagenet_resnet.ts";
export * from "./mobilenet.ts";
export * from "./resnet.ts";
export * from "./shufflenet.ts";
export * from "./summarize.ts";
export * from "./vgg.ts";
export * from "./wide_resnet.ts";
export * from "./with_init.ts";
