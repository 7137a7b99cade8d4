/**
 * Image sets to train on: built in, read from disk, or made from arrays.
 *
 * A dataset is a plain value; nothing is read before `open()`. Reading wants `--allow-read`, also for the codecs and the
 * workers that decode; without it for the program itself, batches are made in this thread. What `open({ cache })` keeps
 * (decoded images, unpacked archives, downloads) wants `--allow-write` of that folder and goes on without, but for
 * downloads and archives of more than 1 GiB unpacked; only `download: true` wants `--allow-net`, of the official host.
 *
 * @example
 * ```ts
 * import { digits, withLimit } from "./mod.ts";
 * const open = await withLimit(digits(), 200).open();
 * open.train.length; // 200
 * ```
 *
 * @module
 */

export type {
  Batch,
  BatchMix,
  BatchOptions,
  Dataset,
  ImageFiles,
  ImageSet,
  ImageSize,
  ImageSource,
  LoadContext,
  Normalization,
  OpenDataset,
  Sampling,
  SplitName,
  Transform,
} from "../dsl/data.ts";
export { cifar10, cifar100, type CifarOptions } from "./cifar.ts";
export { cinic10, type Cinic10Options } from "./cinic10.ts";
export { dataset, datasetByName, datasetNames } from "./dataset.ts";
export { digits } from "./digits.ts";
export { fashionMnist, type FashionMnistOptions } from "./fashion_mnist.ts";
export { fromImages, type FromImagesOptions, type Images } from "./from_images.ts";
export { imageFolder, type ImageFolderOptions } from "./image_folder.ts";
export { imagenet, type ImagenetOptions } from "./imagenet.ts";
export { type LimitOptions, withLimit } from "./limit.ts";
export type { Mirror } from "./mirror.ts";
export { type Published, published } from "./published.ts";
export { type SplitOptions, withSplit } from "./split.ts";
export { synthetic, type SyntheticOptions } from "./synthetic.ts";
export { statistics } from "./statistics.ts";
export { tinyImagenet, type TinyImagenetOptions } from "./tiny_imagenet.ts";
export { withSampling } from "./with_sampling.ts";
export { type Preparation, withTransforms } from "./with_transforms.ts";
