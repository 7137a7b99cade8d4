import { listedImages, openDataset } from "../../../datasets/open_dataset.ts";
import type { Batch, BatchOptions, ImageSource, OpenDataset, Transform } from "../../../dsl/data.ts";
import { png } from "../fixtures.ts";

/** PNG files of 3×`height`×`width` whose samples depend on file and place; `names` of them, written to a folder. */
export async function writeImages(
  folder: string,
  count: number,
  extent: readonly [height: number, width: number] = [6, 8],
): Promise<readonly string[]> {
  const [height, width] = extent;
  const paths = Array.from({ length: count }, (_, i) => `${folder}/${String(i).padStart(3, "0")} ä.png`);
  for (const [i, path] of paths.entries()) {
    const samples = Array.from({ length: 3 * height * width }, (_, at) => (i * 37 + at * 11 + at * at) % 256);
    await Deno.writeFile(path, await png(width, height, 3, samples));
  }
  return paths;
}

/** What {@linkcode listed} is given besides its files. */
export interface Listing {
  readonly shape?: readonly [number, number, number];
  readonly augment?: readonly Transform[];
  readonly evaluation?: readonly Transform[];
  readonly cache?: string;
  readonly version?: string;
}

/** A dataset of files, three classes in turn; its test split is its first three images. */
export function listed(sources: readonly ImageSource[], options: Listing = {}): OpenDataset {
  const { shape = [3, 6, 8], augment = usual, evaluation = [], cache, version = "1" } = options;
  const set = (count: number) =>
    listedImages(Uint16Array.from({ length: count }, (_, i) => i % 3), {
      source: (index) => sources[index]!,
      version,
      ...(cache === undefined ? {} : { cache }),
    });
  return openDataset({
    kind: "files",
    classNames: ["a", "b", "c"],
    shape,
    normalization: { mean: [0, 0, 0], std: [1 / 255, 1 / 255, 1 / 255] },
    augment,
    evaluation,
    train: set(sources.length),
    test: set(3),
    source: "files of a test",
  });
}

const usual: readonly Transform[] = [{ kind: "crop", pad: 2, mode: "reflect" }, { kind: "flip", probability: 0.5 }];

/** All batches of a training pass. */
export async function all(open: OpenDataset, options: Partial<BatchOptions> = {}): Promise<Batch[]> {
  return await Array.fromAsync(open.batches({ split: "train", batch: 4, seed: 7, epoch: 1, ...options }));
}
