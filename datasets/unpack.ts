import type { LoadContext } from "../dsl/data.ts";
import { DatasetError } from "../dsl/errors.ts";
import { digest, firstLine, lookAt, realPath, versionOf } from "./files.ts";

// Unpacked bytes kept in memory; more go to the cache folder.
const IN_MEMORY = 2 ** 30;

/**
 * Contents of a gzip file: the bytes, or the path of a file in the cache folder that holds them if they are many.
 *
 * @throws {DatasetError} If the data is damaged or cut, or is large and there is no cache folder.
 */
export async function unpack(
  path: string,
  file: Deno.FsFile,
  context: LoadContext,
  most: number = IN_MEMORY,
): Promise<Uint8Array | string> {
  const info = file.statSync();
  const kept = context.cache === undefined ? undefined : await keptAt(context.cache, path, info);
  if (kept !== undefined && lookAt(kept.file) !== undefined) return kept.file;
  const chunks: Uint8Array[] = [];
  let length = 0;
  let spill: Spill | undefined;
  try {
    for await (const chunk of inflated(path, file, info.size, context)) {
      length += chunk.length;
      if (spill !== undefined) await spill.write(chunk);
      else chunks.push(chunk);
      if (spill !== undefined || length <= most) continue;
      if (kept === undefined) throw tooLarge(path, most);
      spill = await spillTo(kept);
      for (const before of chunks.splice(0)) await spill.write(before);
    }
    if (spill !== undefined) return await spill.finish();
  } catch (error) {
    await spill?.discard();
    throw error;
  }
  const whole = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}

async function* inflated(
  path: string,
  file: Deno.FsFile,
  size: number,
  context: LoadContext,
): AsyncGenerator<Uint8Array, void, void> {
  // Piece by piece node:zlib is half again as fast as DecompressionStream.
  const { createGunzip } = await import("node:zlib");
  const gunzip = createGunzip({ chunkSize: 2 ** 20 });
  let failure: unknown;
  let done = 0;
  const feed = async (): Promise<void> => {
    const buffer = new Uint8Array(2 ** 20);
    file.seekSync(0, Deno.SeekMode.Start);
    for (let read = await file.read(buffer); read !== null && !gunzip.destroyed; read = await file.read(buffer)) {
      done += read;
      if (gunzip.write(buffer.slice(0, read))) continue;
      await new Promise<void>((resolve) => {
        const go = (): void => {
          gunzip.off("drain", go).off("close", go);
          resolve();
        };
        gunzip.on("drain", go).on("close", go);
      });
    }
    gunzip.end();
  };
  const fed = feed().catch((error) => void gunzip.destroy(failure = error));
  try {
    for await (const chunk of gunzip) {
      context.signal?.throwIfAborted();
      context.progress?.(`unpacking ${path}`, Math.min(1, done / size));
      yield new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    }
  } catch (error) {
    context.signal?.throwIfAborted();
    throw damaged(path, failure ?? error);
  } finally {
    gunzip.destroy();
    await fed;
  }
}

interface Kept {
  readonly folder: string;
  readonly file: string;
  /** What the name of every version of this source begins with. */
  readonly stem: string;
}

async function keptAt(folder: string, path: string, info: Deno.FileInfo): Promise<Kept> {
  const stem = `unpacked-${(await digest(await realPath(path))).slice(0, 16)}-`;
  return { folder, file: `${folder}/${stem}${(await digest(versionOf(info))).slice(0, 8)}.tar`, stem };
}

interface Spill {
  write(bytes: Uint8Array): Promise<void>;
  finish(): Promise<string>;
  discard(): Promise<void>;
}

async function spillTo({ folder, file, stem }: Kept): Promise<Spill> {
  await Deno.mkdir(folder, { recursive: true });
  const part = `${file}.${crypto.randomUUID()}.part`;
  const output = await Deno.open(part, { write: true, createNew: true });
  return {
    async write(bytes) {
      for (let at = 0; at < bytes.length;) {
        at += await output.write(bytes.subarray(at)).catch((error) => Promise.reject(noRoom(part, error)));
      }
    },
    async finish() {
      output.close();
      for await (const { name } of Deno.readDir(folder)) {
        if (name.startsWith(stem) && name.endsWith(".tar")) await Deno.remove(`${folder}/${name}`);
      }
      await Deno.rename(part, file);
      return file;
    },
    async discard() {
      try {
        output.close();
      } catch {
        // It was finished.
      }
      await Deno.remove(part).catch(() => {});
    },
  };
}

function damaged(path: string, error: unknown): unknown {
  if (error instanceof DatasetError) return error;
  return new DatasetError(
    `Cannot unpack "${path}": its gzip data must be whole, got "${
      firstLine(error instanceof Error ? error.message : String(error))
    }". Copy or download it again.`,
    { cause: error },
  );
}

function noRoom(part: string, error: unknown): DatasetError {
  return new DatasetError(
    `Cannot write "${part}": the disk must have room for the unpacked archive, got "${
      firstLine(error instanceof Error ? error.message : String(error))
    }". Free some space, or give another runs folder.`,
    { cause: error },
  );
}

function tooLarge(path: string, most: number): DatasetError {
  return new DatasetError(
    `Cannot unpack "${path}": without a cache folder it must unpack to at most ${most} bytes, got more. ` +
      "Give a cache folder, unpack it yourself, or pack it as .tar or .zip.",
  );
}
