import { DatasetError } from "../dsl/errors.ts";
import { firstLine } from "./files.ts";
import { type ImageHeader, readHeader } from "./image_header.ts";

/** A decoded image: interleaved samples, of which the first one (grey) or three (colour) of each pixel count. */
export interface Picture {
  /** Size and format. */
  readonly header: ImageHeader;
  /** Samples 0…255, `stride` a pixel. */
  readonly samples: Uint8Array | Uint8ClampedArray;
  /** Samples a pixel, alpha included. */
  readonly stride: number;
}

/** Turns the bytes of JPEG and PNG files into samples. */
export interface ImageDecoder {
  /**
   * Decodes one image after `accept` has seen its header.
   *
   * @throws {DatasetError} If the file is damaged or of a kind that is not read; whatever `accept` throws.
   */
  decode(path: string, bytes: Uint8Array, accept: (header: ImageHeader) => void): Promise<Picture>;
}

/**
 * A decoder of its own; codecs are loaded when the first image of a format asks for them.
 *
 * JPEG goes through mozjpeg as WebAssembly (`@jsquash/jpeg`): two to four times as fast as `jpeg-js` on 32×32 images,
 * about 30 µs each, so that 60 000 of them take a few seconds in one thread and no workers are needed. Both codecs want
 * read permission only.
 *
 * Alpha is dropped, 16-bit samples keep their high byte, palettes become colour, grey stays one channel. CMYK (and YCCK)
 * JPEG becomes RGB as 255 · (1 − ink) · (1 − black), which mozjpeg refuses and `jpeg-js` does. Of an animated PNG the
 * still image is taken.
 */
export function imageDecoder(): ImageDecoder {
  let jpeg: Promise<Codec> | undefined;
  let png: Promise<Codec> | undefined;
  let cmyk: Promise<Codec> | undefined;
  return {
    async decode(path, bytes, accept) {
      const header = readHeader(path, bytes);
      accept(header);
      const codec =
        await (header.format === "png"
          ? png ??= pngCodec()
          : header.cmyk
          ? cmyk ??= cmykCodec()
          : jpeg ??= jpegCodec());
      try {
        return codec(header, bytes);
      } catch (error) {
        // After a failure mozjpeg's memory is in no known state; used again it has been seen to loop for ever.
        jpeg = undefined;
        const got = error instanceof Error ? error.message : String(error);
        throw new DatasetError(
          `Cannot decode "${path}": its ${header.format.toUpperCase()} data must be whole, got "${firstLine(got)}". ` +
            "Replace or remove the file.",
          { cause: error },
        );
      }
    },
  };
}

/** Writes a picture as planes C, H, W at `out[at]`; grey fills all channels. */
export function writePlanes(picture: Picture, out: Uint8Array, at: number, channels: number): void {
  const { header, samples, stride } = picture;
  const area = header.width * header.height;
  for (let channel = 0; channel < channels; channel++) {
    let from = header.grey ? 0 : channel;
    const end = at + (channel + 1) * area;
    for (let to = at + channel * area; to < end; to++, from += stride) out[to] = samples[from]!;
  }
}

type Codec = (header: ImageHeader, bytes: Uint8Array) => Picture;

async function jpegCodec(): Promise<Codec> {
  const { default: factory } = await import("npm:@jsquash/jpeg@1/codec/dec/mozjpeg_dec.js");
  const said: string[] = [];
  const module = await factory({ noInitialRun: true, print: () => {}, printErr: (line: string) => said.push(line) });
  return (header, bytes) => {
    said.length = 0;
    let image: ImageData | null = null;
    try {
      image = module.decode(bytes.slice(), false);
    } catch {
      // The codec throws its exit status; what was wrong it has said before.
    }
    const cut = said.find((line) => line.startsWith("Premature end"));
    if (cut !== undefined || image === null) throw new Error(cut ?? said.at(-1) ?? "no image");
    return { header, samples: image.data as Uint8ClampedArray, stride: 4 };
  };
}

async function cmykCodec(): Promise<Codec> {
  const { decode } = await import("npm:jpeg-js@0.4");
  return (header, bytes) => {
    const image = decode(bytes, {
      useTArray: true,
      tolerantDecoding: false,
      maxMemoryUsageInMB: 4096,
      maxResolutionInMP: 135,
    });
    return { header, samples: image.data, stride: 4 };
  };
}

async function pngCodec(): Promise<Codec> {
  const { decode, convertIndexedToRgb } = await import("npm:fast-png@8");
  return (header, bytes) => {
    const image = decode(bytes, { checkCrc: true });
    const area = image.width * image.height;
    if (image.palette !== undefined) {
      const samples = convertIndexedToRgb(image);
      return { header, samples, stride: samples.length / area };
    }
    if (image.depth === 16) {
      return { header, samples: Uint8Array.from(image.data, (sample) => sample >> 8), stride: image.channels };
    }
    const samples = image.data as Uint8Array;
    return { header, samples: image.depth === 8 ? samples : spread(image, samples), stride: image.channels };
  };
}

/** One byte a pixel from 1, 2 or 4 bits a pixel, whose rows start at whole bytes. */
function spread(image: { width: number; height: number; depth: number }, packed: Uint8Array): Uint8Array {
  const { width, height, depth } = image;
  const rowBytes = Math.ceil(width * depth / 8);
  const most = (1 << depth) - 1;
  return Uint8Array.from({ length: width * height }, (_, i) => {
    const bit = (i % width) * depth;
    const byte = packed[Math.floor(i / width) * rowBytes + (bit >> 3)]!;
    return ((byte >> (8 - depth - (bit & 7))) & most) * 255 / most;
  });
}
