import type { Dataset } from "../dsl/data.ts";
import { DatasetError, didYouMean, UnknownNameError } from "../dsl/errors.ts";
import { cifar10, cifar100 } from "./cifar.ts";
import { cinic10 } from "./cinic10.ts";
import { digits } from "./digits.ts";
import { fashionMnist } from "./fashion_mnist.ts";
import { lookAt, namesIn } from "./files.ts";
import { imageFolder } from "./image_folder.ts";
import { imagenet } from "./imagenet.ts";
import { tinyImagenet } from "./tiny_imagenet.ts";

const byName = {
  digits,
  fashion_mnist: fashionMnist,
  cifar10,
  cifar100,
  cinic10,
  tiny_imagenet: tinyImagenet,
} satisfies Record<string, () => Dataset>;

/** Names that {@linkcode dataset} knows. */
export const datasetNames: readonly string[] = Object.freeze(Object.keys(byName));

/**
 * The dataset of a known name.
 *
 * @throws {UnknownNameError} If there is none of that name.
 *
 * @example
 * ```ts
 * import { datasetByName } from "./dataset.ts";
 * datasetByName("cifar100").classes; // 100
 * ```
 */
export function datasetByName(name: string): Dataset {
  if (Object.hasOwn(byName, name)) return byName[name as keyof typeof byName]();
  throw new UnknownNameError(
    `Cannot find a dataset: it must be a known name or an existing path, got "${name}".${
      didYouMean(name, datasetNames)
    }`,
  );
}

/**
 * The dataset of a known name, or the one at a path: class folders of images (a folder, `.tar`, `.tar.gz` or `.zip`
 * file), the official archive of a known dataset or the folder it unpacks to, CIFAR's parquet files in the folder
 * `plain_text` or `cifar100`, or ImageNet's folder.
 *
 * @throws {UnknownNameError} If it is neither a known name nor looks like a path.
 * @throws {DatasetError} If it looks like a path and nothing is there.
 *
 * @example
 * ```ts
 * import { dataset } from "./dataset.ts";
 * const { train } = await dataset("digits").open();
 * train.length; // 1438
 * ```
 */
export function dataset(nameOrPath: string): Dataset {
  if (Object.hasOwn(byName, nameOrPath)) return datasetByName(nameOrPath);
  const looksLikePath = /[/\\]|\.(tar|tgz|gz|zip)$|^\./i.test(nameOrPath);
  const info = nameOrPath === "" ? undefined : lookAt(nameOrPath);
  if (info?.isDirectory) return datasetInFolder(nameOrPath);
  if (info !== undefined) return datasetInArchive(nameOrPath);
  if (!looksLikePath) return datasetByName(nameOrPath);
  throw new DatasetError(
    `Cannot open "${nameOrPath}": it must be a folder, a .tar, a .tar.gz or a .zip file, got nothing there. ` +
      `Check the spelling, or use a known name: ${datasetNames.join(", ")}.`,
  );
}

function datasetInFolder(path: string): Dataset {
  const holds = (name: string): boolean => lookAt(`${path}/${name}`) !== undefined;
  if (holds("test_batch.bin") || holds("cifar-10-batches-bin/test_batch.bin")) return cifar10({ path });
  if (holds("test.bin") || holds("cifar-100-binary/test.bin")) return cifar100({ path });
  if (holdsParquet(`${path}/plain_text`)) return cifar10({ path });
  if (holdsParquet(`${path}/cifar100`)) return cifar100({ path });
  const idx = "t10k-images-idx3-ubyte";
  if (holds(idx) || holds(`${idx}.gz`)) return fashionMnist({ folder: path });
  const annotations = "val/val_annotations.txt";
  if (holds(annotations) || holds(`tiny-imagenet-200/${annotations}`)) return tinyImagenet({ path });
  if (["train/airplane", "valid/airplane", "test/airplane"].every(holds)) return cinic10({ path });
  // A part of ImageNet has fewer classes, and may have images of one size.
  const train = [`${path}/train`, `${path}/ILSVRC/Data/CLS-LOC/train`].find((folder) => lookAt(folder)?.isDirectory);
  const ids = train === undefined ? [] : namesIn(train).filter((name) => /^n\d{8}$/.test(name));
  return ids.length === 1000 ? imagenet({ path }) : imageFolder({ path });
}

function holdsParquet(folder: string): boolean {
  return lookAt(folder)?.isDirectory === true && namesIn(folder).some((name) => name.endsWith(".parquet"));
}

function datasetInArchive(path: string): Dataset {
  const name = path.split(/[/\\]/).at(-1)!;
  if (name.startsWith("cifar-10-binary")) return cifar10({ path });
  if (name.startsWith("cifar-100-binary")) return cifar100({ path });
  if (name.startsWith("tiny-imagenet-200")) return tinyImagenet({ path });
  return name.startsWith("CINIC-10") ? cinic10({ path }) : imageFolder({ path });
}
