import type { Dataset } from "../dsl/data.ts";
import { DatasetError, didYouMean, UnknownNameError } from "../dsl/errors.ts";
import { cifar10, cifar100 } from "./cifar.ts";
import { digits } from "./digits.ts";
import { fashionMnist } from "./fashion_mnist.ts";
import { lookAt } from "./files.ts";
import { imageFolder } from "./image_folder.ts";

const byName = {
  digits,
  fashion_mnist: fashionMnist,
  cifar10,
  cifar100,
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
 * The dataset of a known name, or the one at a path: class folders of images (a folder, `.tar` or `.tar.gz` file), a
 * folder or official archive of CIFAR's binary version, or a folder of Fashion-MNIST's files.
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
  const looksLikePath = /[/\\]|\.(tar|tgz|gz)$|^\./i.test(nameOrPath);
  const info = nameOrPath === "" ? undefined : lookAt(nameOrPath);
  if (info?.isDirectory) return datasetInFolder(nameOrPath);
  if (info !== undefined) return datasetInArchive(nameOrPath);
  if (!looksLikePath) return datasetByName(nameOrPath);
  throw new DatasetError(
    `Cannot open "${nameOrPath}": it must be a folder, a .tar or a .tar.gz file, got nothing there. ` +
      `Check the spelling, or use a known name: ${datasetNames.join(", ")}.`,
  );
}

function datasetInFolder(path: string): Dataset {
  const holds = (name: string): boolean => lookAt(`${path}/${name}`)?.isFile ?? false;
  if (holds("test_batch.bin") || holds("cifar-10-batches-bin/test_batch.bin")) return cifar10({ path });
  if (holds("test.bin") || holds("cifar-100-binary/test.bin")) return cifar100({ path });
  const idx = "t10k-images-idx3-ubyte";
  return holds(idx) || holds(`${idx}.gz`) ? fashionMnist({ folder: path }) : imageFolder({ path });
}

function datasetInArchive(path: string): Dataset {
  const name = path.split(/[/\\]/).at(-1)!;
  if (name.startsWith("cifar-10-binary")) return cifar10({ path });
  return name.startsWith("cifar-100-binary") ? cifar100({ path }) : imageFolder({ path });
}
