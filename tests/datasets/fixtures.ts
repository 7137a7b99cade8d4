import { assertEquals, assertRejects } from "@std/assert";
import { DatasetError } from "../../dsl/errors.ts";

/** Runs `use` in a fresh folder that is gone afterwards. */
export async function inFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "cohort_datasets_" });
  try {
    await use(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Writes files, by path below `folder`, with the folders they need. A path that ends in "/" is an empty folder. */
export async function write(folder: string, files: Readonly<Record<string, Uint8Array | string>>): Promise<void> {
  const made = new Set<string>();
  for (const [path, content] of Object.entries(files)) {
    const full = `${folder}/${path}`;
    const above = full.slice(0, full.lastIndexOf("/"));
    if (!made.has(above)) await Deno.mkdir(above, { recursive: true });
    made.add(above);
    if (path.endsWith("/")) continue;
    // At once: some tests write thousands of small files, and turns of the event loop would be most of their time.
    Deno.writeFileSync(full, typeof content === "string" ? new TextEncoder().encode(content) : content);
  }
}

/** Asserts that a promise is refused with a DatasetError of exactly this message. */
export async function assertRefused(act: () => Promise<unknown>, message: string): Promise<void> {
  const error = await assertRejects(act, DatasetError);
  assertEquals((error as Error).message, message);
}

/** A PNG file of the given samples. */
export async function png(
  width: number,
  height: number,
  channels: number,
  samples: readonly number[],
  depth: 8 | 16 = 8,
): Promise<Uint8Array> {
  const { encode } = await import("npm:fast-png@8");
  const data = depth === 8 ? Uint8Array.from(samples) : Uint16Array.from(samples);
  return encode({ width, height, channels, depth, data });
}

/** A PNG file of one colour. */
export function flat(side: number, ...colour: readonly number[]): Promise<Uint8Array> {
  return png(side, side, colour.length, Array.from({ length: side * side }, () => colour).flat());
}

/** A PNG file from its raw parts, for kinds that no encoder here writes. */
export async function rawPng(
  header: { width: number; height: number; depth: number; colour: number; interlace?: number },
  scanlines: readonly number[],
  chunks: readonly (readonly [type: string, bytes: readonly number[]])[] = [],
): Promise<Uint8Array> {
  const { crc32, deflateSync } = await import("node:zlib");
  const start = new Uint8Array(13);
  const view = new DataView(start.buffer);
  view.setUint32(0, header.width);
  view.setUint32(4, header.height);
  start.set([header.depth, header.colour, 0, 0, header.interlace ?? 0], 8);
  const chunk = (type: string, bytes: Iterable<number>): number[] => {
    const body = [...new TextEncoder().encode(type), ...bytes];
    return [...bigEndian(body.length - 4), ...body, ...bigEndian(crc32(Uint8Array.from(body)))];
  };
  return Uint8Array.from([
    ...[0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a],
    ...chunk("IHDR", start),
    ...chunks.flatMap(([type, bytes]) => chunk(type, bytes)),
    ...chunk("IDAT", deflateSync(Uint8Array.from(scanlines))),
    ...chunk("IEND", []),
  ]);
}

/** A JPEG file of one colour; one number is grey. */
export async function jpeg(side: number, ...colour: readonly number[]): Promise<Uint8Array> {
  const { default: encode } = await import("npm:@jsquash/jpeg@1/encode.js");
  const [r, g = r, b = r] = colour;
  const data = Uint8ClampedArray.from({ length: side * side * 4 }, (_, i) => [r!, g!, b!, 255][i % 4]!);
  const image = { data, width: side, height: side, colorSpace: "srgb" } as ImageData;
  return new Uint8Array(await encode(image, { quality: 100, color_space: colour.length === 1 ? 1 : 3 }));
}

/** A tar archive; a path that ends in "/" is a folder. `prefixed` puts folders into the ustar prefix field. */
export function tar(files: Readonly<Record<string, Uint8Array>>, prefixed = false): Uint8Array {
  const blocks: Uint8Array[] = [];
  for (const [path, bytes] of Object.entries(files)) {
    const header = new Uint8Array(512);
    const cut = prefixed ? path.lastIndexOf("/", path.length - 2) : -1;
    const put = (text: string, at: number) => new TextEncoder().encodeInto(text, header.subarray(at));
    put(path.slice(cut + 1), 0);
    put("0000644\0", 100);
    put(bytes.length.toString(8).padStart(11, "0"), 124);
    put("        ", 148);
    put(path.endsWith("/") ? "5" : "0", 156);
    put("ustar\x0000", 257);
    if (cut > 0) put(path.slice(0, cut), 345);
    put(header.reduce((sum, byte) => sum + byte, 0).toString(8).padStart(6, "0") + "\0 ", 148);
    blocks.push(header, bytes, new Uint8Array((512 - bytes.length % 512) % 512));
  }
  return concat([...blocks, new Uint8Array(1024)]);
}

/** A zip archive; a path that ends in "/" is a folder. Every other file is stored, the rest deflated. */
export async function zip(
  files: Readonly<Record<string, Uint8Array>>,
  options: { readonly password?: string } = {},
): Promise<Uint8Array> {
  const { configure, Uint8ArrayReader, Uint8ArrayWriter, ZipWriter } = await import("@zip.js/zip.js");
  configure({ useWebWorkers: false });
  const writer = new ZipWriter(new Uint8ArrayWriter());
  for (const [i, [path, bytes]] of Object.entries(files).entries()) {
    const directory = path.endsWith("/");
    await writer.add(path, directory ? undefined : new Uint8ArrayReader(bytes), {
      ...options,
      directory,
      level: i % 2 === 0 ? 0 : 6,
    });
  }
  return await writer.close();
}

/** A parquet file of images as Hugging Face's `datasets` writes it: a struct of bytes and path, and 64-bit labels. */
export async function parquet(
  images: readonly Uint8Array[],
  labels: readonly number[],
  options: { readonly image?: string; readonly label?: string; readonly names?: readonly string[] } = {},
): Promise<Uint8Array> {
  const { parquetWriteBuffer } = await import("npm:hyparquet-writer@0.17");
  const { image = "img", label = "label", names } = options;
  const features = { [image]: { _type: "Image" }, [label]: { names, _type: "ClassLabel" } };
  const file = parquetWriteBuffer({
    columnData: [
      { name: image, data: images.map((bytes, i) => ({ bytes, path: `${i}.png` })) },
      { name: label, data: labels.map(BigInt) },
    ],
    schema: [
      { name: "schema", num_children: 2 },
      { name: image, num_children: 2, repetition_type: "OPTIONAL" },
      { name: "bytes", type: "BYTE_ARRAY", repetition_type: "OPTIONAL" },
      { name: "path", type: "BYTE_ARRAY", repetition_type: "OPTIONAL", converted_type: "UTF8" },
      { name: label, type: "INT64", repetition_type: "OPTIONAL" },
    ],
    rowGroupSize: 2,
    kvMetadata: [{ key: "huggingface", value: JSON.stringify({ info: { features } }) }],
  });
  return new Uint8Array(file);
}

/** Bytes packed by gzip. */
export async function gzip(bytes: Uint8Array): Promise<Uint8Array> {
  const { gzipSync } = await import("node:zlib");
  return new Uint8Array(gzipSync(bytes));
}

/** An IDX file of unsigned bytes. */
export function idx(
  sizes: readonly number[],
  bytes: ArrayLike<number>,
  magic: number = 0x0800 + sizes.length,
): Uint8Array {
  return Uint8Array.from([...bigEndian(magic), ...sizes.flatMap(bigEndian), ...Array.from(bytes)]);
}

/** Arrays one after another. */
export function concat(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** Two classes, two training images and one held-out image each, 2×2 grey: the brightness tells which. */
export async function tinyFolder(): Promise<Record<string, Uint8Array>> {
  return {
    "train/cat/a.png": await flat(2, 10),
    "train/cat/b.png": await flat(2, 20),
    "train/dog/a.png": await flat(2, 30),
    "train/dog/b.png": await flat(2, 40),
    "test/cat/a.png": await flat(2, 50),
    "test/dog/a.png": await flat(2, 60),
  };
}

function bigEndian(value: number): number[] {
  return [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];
}
