/**
 * What `bench loader` measures of this project: stages one by one, whole passes, and how long training waits.
 *
 * @module
 */
import { rasterWriter } from "../../datasets/augment.ts";
import { imageDecoder } from "../../datasets/decode_image.ts";
import { sourceReader } from "../../datasets/read_source.ts";
import { listedImages, openDataset } from "../../datasets/open_dataset.ts";
import { cifar10Normalization } from "../../datasets/cifar_names.ts";
import { published } from "../../datasets/published.ts";
import { changes } from "../../datasets/transforms/plan.ts";
import { interleaved, planesOf, type Raster } from "../../datasets/transforms/raster.ts";
import type { ImageSet, OpenDataset, Transform } from "../../dsl/data.ts";
import { stream } from "../../dsl/random.ts";

/** Microseconds an image: each stage in one thread, and whole passes from memory and from files. */
export interface LoaderTimes {
  readonly engine: string;
  /** Bytes of a file. */
  readonly read: number;
  /** From JPEG to samples. */
  readonly decode: number;
  /** Random changes. */
  readonly augment: number;
  /** Normalised floats in a batch. */
  readonly batch: number;
  /** A pass over decoded images, with all workers. */
  readonly memory: number;
  /** A pass over files, with all workers. */
  readonly files: number;
}

/** Stages and passes, in the order they are told. */
export const timed: readonly Exclude<keyof LoaderTimes, "engine">[] = [
  "read",
  "decode",
  "augment",
  "batch",
  "memory",
  "files",
];

/** Which images are loaded, and how. */
export interface LoaderWork {
  /** JPEG files of one size. */
  readonly paths: readonly string[];
  /** Pad 4, crop and flip of 32×32 images, or what is usual for ImageNet. */
  readonly transforms: "cifar" | "imagenet";
  readonly batch: number;
  readonly workers: number;
}

/** The transforms of a work; those of `bench/pytorch/loader.py`. */
export function transformsOf({ transforms }: Pick<LoaderWork, "transforms">): readonly Transform[] {
  return transforms === "imagenet"
    ? published.switokd.imagenet.augment!
    : [{ kind: "crop", pad: 4, mode: "zero" }, { kind: "flip", probability: 0.5 }];
}

/** Times every stage and both passes once. */
export async function measureLoader(work: LoaderWork): Promise<LoaderTimes> {
  const stages = await measureStages(work);
  const decoded = await decodeAll(work.paths);
  return {
    engine: `cohort, Deno ${Deno.version.deno}`,
    ...stages,
    memory: await passOver(datasetOf(work, decoded), work, undefined),
    files: await passOver(datasetOf(work), work, work.workers),
  };
}

/** The files as a dataset, read one by one or, where `decoded` is given, from memory. */
export function datasetOf(work: LoaderWork, decoded?: Decoded): OpenDataset {
  const { paths } = work;
  const labels = Uint16Array.from(paths, (_, i) => i % 10);
  const set: ImageSet = decoded === undefined
    ? listedImages(labels, { source: (index) => ({ path: paths[index]! }), version: "" })
    : { length: labels.length, pixels: decoded.pixels, labels, stored: decoded.extent };
  const edge = work.transforms === "imagenet" ? 224 : 32;
  return openDataset({
    kind: "jpeg",
    classNames: Array.from({ length: 10 }, (_, label) => `class ${label}`),
    shape: [3, edge, edge],
    normalization: cifar10Normalization,
    augment: transformsOf(work),
    evaluation: work.transforms === "imagenet" ? published.switokd.imagenet.evaluation! : [],
    train: set,
    test: set,
    source: "files of a bench",
  });
}

/** Decoded images of one size. */
export interface Decoded {
  readonly pixels: Uint8Array;
  readonly extent: readonly [height: number, width: number];
}

/** Decodes every file; all have the size of the first. */
export async function decodeAll(paths: readonly string[]): Promise<Decoded> {
  const [reader, decode] = [sourceReader(), decoding()];
  const first = planesOf(await decode(paths[0]!, reader.read({ path: paths[0]! })));
  const pixels = new Uint8Array(paths.length * first.length);
  let extent: readonly [number, number] = [0, 0];
  for (const [i, path] of paths.entries()) {
    const raster = await decode(path, reader.read({ path }));
    extent = [raster.rows.length, raster.columns.length];
    pixels.set(planesOf(raster), i * first.length);
  }
  reader.close();
  return { pixels, extent };
}

async function measureStages(work: LoaderWork): Promise<Omit<LoaderTimes, "engine" | "memory" | "files">> {
  const paths = work.paths.slice(0, work.transforms === "cifar" ? 2000 : 100);
  const [reader, decode] = [sourceReader(), decoding()];
  const change = changes(transformsOf(work));
  const random = stream(0, "augment", 1, 0);
  const write = rasterWriter(cifar10Normalization);
  let contents: readonly Uint8Array[] = [];
  const rasters: Raster[] = [];
  let changed: readonly Raster[] = [];
  const read = await micros(paths.length, () => {
    contents = paths.map((path) => reader.read({ path }));
  });
  const decodeTime = await micros(paths.length, async () => {
    rasters.length = 0;
    for (const [i, path] of paths.entries()) rasters.push(await decode(path, contents[i]!));
  });
  const augment = await micros(paths.length, () => {
    changed = rasters.map((raster, i) => change(raster, i, random));
  });
  const size = 3 * changed[0]!.rows.length * changed[0]!.columns.length;
  const batch = await micros(paths.length, () => {
    for (let start = 0; start < changed.length; start += work.batch) {
      const some = changed.slice(start, start + work.batch);
      const out = new Float32Array(some.length * size);
      some.forEach((raster, i) => write(out, i * size, raster));
    }
  });
  reader.close();
  return { read, decode: decodeTime, augment, batch };
}

async function passOver(data: OpenDataset, { batch }: LoaderWork, workers: number | undefined): Promise<number> {
  const began = performance.now();
  let images = 0;
  const pass = data.batches({
    split: "train",
    batch,
    seed: 0,
    epoch: 1,
    ...(workers === undefined ? {} : { workers }),
  });
  for await (const { count } of pass) images += count;
  return (performance.now() - began) * 1000 / images;
}

function decoding(): (path: string, bytes: Uint8Array) => Promise<Raster> {
  const decoder = imageDecoder();
  return async (path, bytes) => {
    const { header, samples, stride } = await decoder.decode(path, bytes, () => {});
    const plain = new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength);
    return interleaved(plain, [3, header.height, header.width], stride, header.grey);
  };
}

async function micros(images: number, run: () => void | Promise<void>): Promise<number> {
  const began = performance.now();
  await run();
  return (performance.now() - began) * 1000 / images;
}
