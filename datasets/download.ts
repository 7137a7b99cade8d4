import type { LoadContext } from "../dsl/data.ts";
import { DatasetError } from "../dsl/errors.ts";
import { firstLine, lookAt } from "./files.ts";

/** A file to fetch. */
export interface Download {
  /** Address. */
  readonly url: string;
  /** Where it is put. */
  readonly file: string;
  /** Expected SHA-256, in hexadecimal. */
  readonly sha256: string;
}

/**
 * Fetches a file unless it is there. It appears under its name only when whole and with the right checksum.
 *
 * @throws {DatasetError} If the server does not give the file, or gives another one.
 */
export async function download({ url, file, sha256 }: Download, context: LoadContext): Promise<void> {
  if (lookAt(file) !== undefined) return;
  const part = `${file}.${crypto.randomUUID()}.part`;
  const body = await request(url, file, context);
  await Deno.mkdir(file.replace(/\/[^/]*$/, ""), { recursive: true });
  try {
    const got = await save(url, body, part, context);
    if (got !== sha256) {
      throw new DatasetError(
        `Cannot use "${url}": its SHA-256 must be ${sha256}, got ${got}. Try again, or put the right file at "${file}".`,
      );
    }
    await Deno.rename(part, file);
  } catch (error) {
    await Deno.remove(part).catch(() => {});
    context.signal?.throwIfAborted();
    throw error instanceof DatasetError ? error : failed(url, file, error);
  }
}

async function request(url: string, file: string, context: LoadContext): Promise<Response> {
  try {
    const response = await fetch(url, context.signal === undefined ? {} : { signal: context.signal });
    if (response.ok && response.body !== null) return response;
    await response.body?.cancel();
    throw new Error(`status ${response.status}`);
  } catch (error) {
    context.signal?.throwIfAborted();
    throw failed(url, file, error);
  }
}

/** Writes the body as it comes and gives its SHA-256. */
async function save(url: string, response: Response, part: string, context: LoadContext): Promise<string> {
  const { createHash } = await import("node:crypto");
  const hash = createHash("sha256");
  const length = Number(response.headers.get("content-length") ?? 0);
  using output = await Deno.open(part, { write: true, createNew: true });
  let done = 0;
  for await (const chunk of response.body!) {
    hash.update(chunk);
    for (let at = 0; at < chunk.length;) at += await output.write(chunk.subarray(at));
    done += chunk.length;
    context.progress?.(`downloading ${url}`, length > 0 ? Math.min(1, done / length) : 0);
  }
  return hash.digest("hex");
}

function failed(url: string, file: string, error: unknown): DatasetError {
  const got = firstLine(error instanceof Error ? error.message : String(error));
  return new DatasetError(
    `Cannot download "${url}": the server must give the file, got "${got}". ` +
      `Check the network and --allow-net, or put the file at "${file}".`,
    { cause: error },
  );
}
