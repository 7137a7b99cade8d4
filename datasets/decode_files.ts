import { DatasetError } from "../dsl/errors.ts";
import type { LoadContext } from "../dsl/data.ts";
import type { LabelledFile } from "./class_folders.ts";
import { imageDecoder, type Picture, writePlanes } from "./decode_image.ts";
import { breather, readBytes } from "./files.ts";
import type { ImageHeader } from "./image_header.ts";
import { sourceReader } from "./read_source.ts";

/** Images of one size, as planes. */
export interface Planes {
  /** Channels, height, width. */
  readonly shape: readonly [channels: number, height: number, width: number];
  /** Pixels in N, C, H, W order. */
  readonly pixels: Uint8Array;
  /** Whether grey and colour files came together. */
  readonly mixed: boolean;
}

// Files read at once: hides the wait for the disk and bounds what is held in memory.
const AT_ONCE = 64;

// What one set may take in memory, 4 GiB: past this a typed array cannot be counted on.
const MOST_BYTES = 2 ** 32;

/**
 * Decodes files of one image size in order. One channel if all are grey, else three.
 *
 * @throws {DatasetError} If a file cannot be decoded or differs in size from the first.
 */
export async function decodeFiles(
  place: string,
  files: readonly LabelledFile[],
  context: LoadContext,
): Promise<Planes> {
  const decoder = imageDecoder();
  using reader = sourceReader();
  const breathe = breather(context.signal);
  let first: { readonly path: string; readonly header: ImageHeader } | undefined;
  let channels = 1;
  let pixels = new Uint8Array();
  let greys = 0;
  const add = (picture: Picture, index: number): void => {
    const area = picture.header.width * picture.header.height;
    if (picture.header.grey) greys++;
    if (index === 0) pixels = new Uint8Array(files.length * area * (channels = picture.header.grey ? 1 : 3));
    if (channels === 1 && !picture.header.grey) {
      pixels = tripled(pixels, index, area, files.length);
      channels = 3;
    }
    writePlanes(picture, pixels, index * channels * area, channels);
  };
  for (let from = 0; from < files.length; from += AT_ONCE) {
    const some = files.slice(from, from + AT_ONCE);
    const contents = await Promise.all(some.map(({ source }) => {
      const whole = !("bytes" in source) && source.from === undefined;
      return whole ? readBytes(source.path) : reader.read(source);
    }));
    for (const [i, { path }] of some.entries()) {
      const picture = await decoder.decode(path, contents[i]!, (header) => {
        first ??= { path, header };
        requireFit(place, files.length, path, header, first);
      });
      add(picture, from + i);
      await breathe();
    }
    if (from % 1024 === 0) context.progress?.(`decoding ${place}`, from / files.length);
  }
  context.progress?.(`decoding ${place}`, 1);
  const { height, width } = first!.header;
  return { shape: [channels, height, width], pixels, mixed: greys > 0 && greys < files.length };
}

function requireFit(
  place: string,
  count: number,
  path: string,
  header: ImageHeader,
  first: { readonly path: string; readonly header: ImageHeader },
): void {
  const { width, height } = first.header;
  if (header.width !== width || header.height !== height) {
    throw new DatasetError(
      `Cannot use "${path}" of "${place}": all images must have one size, ${height}×${width} as "${first.path}", ` +
        `got ${header.height}×${header.width}. Resize the images first, or open them by imageFolder({ path, size }).`,
    );
  }
  const bytes = count * 3 * width * height;
  if (path === first.path && bytes > MOST_BYTES) {
    throw new DatasetError(
      `Cannot use "${place}": decoded images must fit into ${MOST_BYTES / 2 ** 30} GiB, ` +
        `got ${count} images of ${height}×${width}, ${
          (bytes / 2 ** 30).toFixed(1)
        } GiB. Use fewer or smaller images, ` +
        "or open them by imageFolder({ path, size }).",
    );
  }
}

/** Room for three channels, with the grey images so far repeated in each. */
function tripled(grey: Uint8Array, done: number, area: number, count: number): Uint8Array<ArrayBuffer> {
  const colour = new Uint8Array(count * 3 * area);
  for (let image = 0; image < done; image++) {
    const plane = grey.subarray(image * area, (image + 1) * area);
    for (let channel = 0; channel < 3; channel++) colour.set(plane, (image * 3 + channel) * area);
  }
  return colour;
}
