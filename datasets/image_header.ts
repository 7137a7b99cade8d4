import { DatasetError } from "../dsl/errors.ts";
import { fileKind } from "./file_kind.ts";
import { requireBytes } from "./files.ts";

/** What the first bytes of an image file tell. */
export interface ImageHeader {
  /** File format. */
  readonly format: "jpeg" | "png";
  /** Pixels a row. */
  readonly width: number;
  /** Rows. */
  readonly height: number;
  /** Whether the file stores one brightness a pixel instead of colour. */
  readonly grey: boolean;
  /** Whether the file stores four inks a pixel instead of three colours. */
  readonly cmyk: boolean;
}

// Pixels of the largest image that is read, 2^27: above it a damaged header could take all memory.
const MOST_PIXELS = 2 ** 27;

/**
 * Format and size of an image, without decoding it, so that a wrong or huge image is refused before memory is taken.
 *
 * Source: ITU-T T.81 annex B (JPEG markers); PNG specification, third edition, 11.2.1 (IHDR).
 *
 * @throws {DatasetError} If the file is neither JPEG nor PNG, or of a kind that is not read.
 */
export function readHeader(path: string, bytes: Uint8Array): ImageHeader {
  requireBytes(path, bytes);
  if (bytes[0] === 0xff && bytes[1] === 0xd8) return jpegHeader(path, bytes);
  if ([0x89, 0x50, 0x4e, 0x47].every((byte, i) => bytes[i] === byte)) return pngHeader(path, bytes);
  throw new DatasetError(
    `Cannot decode "${path}": it must be a JPEG or PNG image, got ${fileKind(bytes)}. Replace or remove the file.`,
  );
}

function jpegHeader(path: string, bytes: Uint8Array): ImageHeader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 2;
  while (at + 9 < bytes.length && bytes[at] === 0xff) {
    const marker = bytes[at + 1]!;
    if (marker === 0xff) {
      at++;
    } else if (marker === 0x01 || (marker >= 0xd0 && marker <= 0xd8)) {
      at += 2;
    } else if (marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc) {
      const [depth, components] = [bytes[at + 4]!, bytes[at + 9]!];
      if (depth !== 8) throw refused(path, `a JPEG image must have 8 bits a sample, got ${depth}`);
      if (components !== 1 && components !== 3 && components !== 4) {
        throw refused(path, `a JPEG image must be grey, colour or CMYK, got ${components} components`);
      }
      return sized(path, {
        format: "jpeg",
        width: view.getUint16(at + 7),
        height: view.getUint16(at + 5),
        grey: components === 1,
        cmyk: components === 4,
      });
    } else {
      at += 2 + view.getUint16(at + 2);
    }
  }
  throw new DatasetError(
    `Cannot decode "${path}": its JPEG data must be whole, got ${bytes.length} bytes without a frame header. ` +
      "Replace or remove the file.",
  );
}

function pngHeader(path: string, bytes: Uint8Array): ImageHeader {
  if (bytes.length < 33) {
    throw new DatasetError(
      `Cannot decode "${path}": its PNG data must be whole, got ${bytes.length} bytes. Replace or remove the file.`,
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [depth, colour, interlace] = [bytes[24]!, bytes[25]!, bytes[28]!];
  if (view.getUint32(12) !== 0x49484452) {
    throw new DatasetError(
      `Cannot decode "${path}": its PNG data must begin with an IHDR chunk, got another. ` +
        "Replace or remove the file.",
    );
  }
  if (!depths[colour]?.includes(depth)) {
    throw refused(path, `a PNG image must be of a kind that PNG has, got colour type ${colour} of ${depth} bits`);
  }
  if (interlace !== 0 && depth < 8) {
    throw refused(path, `an interlaced PNG image must have 8 or 16 bits a sample, got ${depth}`);
  }
  return sized(path, {
    format: "png",
    width: view.getUint32(16),
    height: view.getUint32(20),
    grey: colour === 0 || colour === 4,
    cmyk: false,
  });
}

// Bits a sample by colour type: grey, colour, palette, grey with alpha, colour with alpha.
const depths: Readonly<Record<number, readonly number[]>> = {
  0: [1, 2, 4, 8, 16],
  2: [8, 16],
  3: [1, 2, 4, 8],
  4: [8, 16],
  6: [8, 16],
};

function sized(path: string, header: ImageHeader): ImageHeader {
  const { width, height } = header;
  if (width * height > MOST_PIXELS) {
    throw refused(
      path,
      `an image must have at most ${MOST_PIXELS} pixels, got ${height}×${width}`,
      "Make it smaller or remove it.",
    );
  }
  if (width > 0 && height > 0) return header;
  throw refused(path, `an image must have pixels, got ${header.height}×${header.width}`);
}

function refused(path: string, rule: string, next = "Save it as 8-bit colour."): DatasetError {
  return new DatasetError(`Cannot decode "${path}": ${rule}. ${next}`);
}
