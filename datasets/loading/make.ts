import { DatasetError } from "../../dsl/errors.ts";
import type { ImageSource } from "../../dsl/data.ts";
import { type RandomStream, stream } from "../../dsl/random.ts";
import { rasterWriter } from "../augment.ts";
import type { ImageDecoder } from "../decode_image.ts";
import type { ImageHeader } from "../image_header.ts";
import { type Change, changes } from "../transforms/plan.ts";
import { interleaved, planar, planesOf, type Raster } from "../transforms/raster.ts";
import type { Job, Make, Recipe } from "./job.ts";
import { openCache, type PixelCache } from "./pixel_cache.ts";
import { nameOf, sourceReader } from "../read_source.ts";

/** Makes images of one pass in one thread. */
export interface Maker {
  readonly make: Make;
  /** Loads what an image needs to be decoded, by decoding one for nothing; that it cannot be is told when it is made. */
  warm(source: ImageSource): Promise<void>;
  /** Closes files. */
  close(): void;
}

// What one image may take while it is decoded, 64 Mpixel: the largest of ImageNet has a third of it.
const MOST_PIXELS = 2 ** 26;

/**
 * A maker of the images of a recipe: reads, decodes, changes, normalises and writes them into a batch. A decoder that
 * has been used is fast from the first image on.
 */
export function imageMaker(recipe: Recipe, decoder: ImageDecoder): Maker {
  const { shape, stored, random } = recipe;
  const size = shape[0] * shape[1] * shape[2];
  const write = rasterWriter(recipe.normalization);
  const whole = changes(recipe.transforms);
  const files = fileMaker(recipe, decoder);
  const streams: RandomStream[] = [];
  const streamOf = (view: number): RandomStream | undefined =>
    random && (streams[view] ??= stream(random.seed, "augment", random.epoch, view));
  const finish = (job: Job, position: number, raster: Raster, change: Change): void => {
    job.images.forEach((images, view) => {
      const done = change(raster, job.draws[position]!, streamOf(view));
      requireExtent(recipe, done, job.sources?.[position]);
      write(images, position * size, done);
    });
  };
  const storedShape = [shape[0], ...stored] as const;
  const frame = planar(new Uint8Array(), 0, storedShape);
  const area = stored[0] * stored[1];
  return {
    make: (job, position) => {
      const { pixels, sources } = job;
      if (sources !== undefined) {
        return files.raster(sources[position]!, job.index[position]!)
          .then(({ raster, change }) => finish(job, position, raster, change));
      }
      const at = (job.packed ? position : job.index[position]!) * shape[0] * area;
      const planes = frame.planes.map((_, channel) => at + channel * area);
      finish(job, position, { samples: pixels!, planes, rows: frame.rows, columns: frame.columns }, whole);
      return undefined;
    },
    warm: files.warm,
    close: files.close,
  };
}

/** Images from files, through the cache where there is one, and what is still to be done to them. */
function fileMaker({ kind, shape, transforms, cache }: Recipe, decoder: ImageDecoder): {
  raster(source: ImageSource, index: number): Promise<{ readonly raster: Raster; readonly change: Change }>;
  warm(source: ImageSource): Promise<void>;
  close(): void;
} {
  const reader = sourceReader();
  const [whole, rest] = [changes(transforms), changes(transforms, cache?.transforms ?? 0)];
  const fixed = changes(transforms.slice(0, cache?.transforms ?? 0));
  let kept: Promise<PixelCache | undefined> | undefined;
  let open: PixelCache | undefined;
  const decode = async (source: ImageSource): Promise<Raster> => {
    const { header, samples, stride } = await decoder.decode(nameOf(source), reader.read(source), (header) => {
      requireReadable(kind, shape[0], source, header);
    });
    return interleaved(bytesOf(samples), [shape[0], header.height, header.width], stride, header.grey);
  };
  return {
    raster: async (source, index) => {
      if (cache !== undefined) open = await (kept ??= openCache(cache));
      if (open === undefined) return { raster: await decode(source), change: whole };
      const found = open.read(index);
      if (found !== undefined) return { raster: planar(found, 0, cache!.shape), change: rest };
      const raster = fixed(await decode(source), index);
      open.write(index, planesOf(raster));
      return { raster, change: rest };
    },
    warm: (source) => decode(source).then(() => {}, () => {}),
    close: () => {
      reader.close();
      open?.close();
    },
  };
}

/** The same bytes, of one type for all images: loops over two types run slower. */
function bytesOf({ buffer, byteOffset, byteLength }: Uint8Array | Uint8ClampedArray): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

function requireReadable(kind: string, channels: number, { path }: ImageSource, header: ImageHeader): void {
  const { width, height, grey } = header;
  if (width * height > MOST_PIXELS) {
    throw new DatasetError(
      `Cannot decode "${path}": an image must have at most ${MOST_PIXELS} pixels, got ${height}×${width}. ` +
        "Make it smaller or remove it.",
    );
  }
  if (!grey && channels === 1) {
    throw new DatasetError(
      `Cannot use "${path}" of ${kind}: images of one channel must be grey, got colour. Convert it to grey.`,
    );
  }
}

function requireExtent({ kind, shape }: Recipe, { rows, columns }: Raster, source: ImageSource | undefined): void {
  const [, height, width] = shape;
  if (rows.length === height && columns.length === width) return;
  throw new DatasetError(
    `Cannot use ${source === undefined ? "an image" : `"${source.path}"`} of ${kind}: its transforms must end at ` +
      `${height}×${width}, got ${rows.length}×${columns.length}. Add a "resize", "centerCrop" or "resizedCrop".`,
  );
}
