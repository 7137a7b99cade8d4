import type { LoadContext } from "../dsl/data.ts";
import { DatasetError } from "../dsl/errors.ts";
import { transferNote } from "./transfer_note.ts";

/** The part of a file that is there already, and notes beside it that tell which file it is of. */
export interface Part {
  /** Where it lies. */
  readonly path: string;
  /** Where the notes lie. */
  readonly notes: string;
  /** Bytes that are there. */
  size(): number;
  /** Adds bytes. @throws {DatasetError} If there is no room. */
  write(bytes: Uint8Array): Promise<void>;
  /** Writes the notes. @throws {DatasetError} If there is no room. */
  keep(notes: string): Promise<void>;
  /** Goes to the end, where bytes are added, and gives its place. */
  toEnd(): Promise<number>;
  /** Removes all bytes, and the notes. */
  empty(): Promise<void>;
  /** Reads on, or from a place. */
  read(buffer: Uint8Array, from?: number): Promise<number | null>;
  /** Removes the part and the notes. */
  discard(): Promise<void>;
  /** Closes the part. */
  close(): void;
}

/** What is asked for. */
export interface Wanted {
  /** Address. */
  readonly url: string;
  /** Where it is put. */
  readonly file: string;
  /** Expected number of bytes; any unless said. */
  readonly bytes?: number;
  /** Milliseconds without a byte after which the server is asked again; a minute unless said. */
  readonly patience?: number;
}

/** A failure that may be gone at the next attempt. */
export class Retry extends Error {}

/** What tells a version of the file at an address, as the server said it with the first bytes. */
interface Notes {
  readonly url: string;
  readonly validator?: string;
}

/**
 * Fetches what a part lacks, all of it if the server cannot give a part or has another file by now.
 *
 * Source: RFC 9110, sections 13.1.5 (If-Range), 14.2 (Range), 14.4 (Content-Range), 15.5.17 (416).
 *
 * @throws {Retry} If the connection broke, the server was silent or says that it has no time.
 * @throws {DatasetError} If the file has another size, or the disk has no room.
 */
export async function fetchRest(wanted: Wanted, part: Part, context: LoadContext): Promise<void> {
  const watch = watchdog(wanted.patience ?? 60_000, context.signal);
  try {
    const { response, from } = await request(wanted, part, watch.signal);
    if (response === undefined) return;
    const total = totalOf(response, from);
    if (total !== undefined && wanted.bytes !== undefined && total !== wanted.bytes) {
      await response.body?.cancel();
      await part.discard();
      throw anotherSize(wanted, total);
    }
    await save(wanted, response, part, from, total ?? wanted.bytes, watch, context);
  } catch (error) {
    if (error instanceof DatasetError || error instanceof Retry) throw error;
    if (context.signal?.aborted) throw error;
    const silent = watch.silent();
    if (silent !== undefined) throw new Retry(silent, { cause: error });
    // fetch() says TypeError for everything that may go wrong on the way.
    throw error instanceof TypeError ? new Retry(error.message, { cause: error }) : error;
  } finally {
    watch.stop();
  }
}

async function request(
  wanted: Wanted,
  part: Part,
  signal: AbortSignal,
): Promise<{ readonly response?: Response; readonly from: number }> {
  const from = await part.toEnd();
  const validator = from > 0 ? await validatorOf(part, wanted.url) : undefined;
  // A file that is packed once more on the way would have another size and checksum.
  const headers = new Headers({ "accept-encoding": "identity" });
  if (validator !== undefined) {
    headers.set("range", `bytes=${from}-`);
    headers.set("if-range", validator);
  }
  const response = await fetch(wanted.url, { headers, signal });
  const { status } = response;
  if (status === 206 && startOf(response) === from) return { response, from };
  if (status === 200 && response.body !== null) {
    await part.empty();
    const said = response.headers.get("etag");
    // A weak tag does not promise the same bytes.
    const tag = said?.startsWith("W/") ? undefined : said;
    await part.keep(
      JSON.stringify({ url: wanted.url, validator: tag ?? response.headers.get("last-modified") ?? undefined }),
    );
    return { response, from: 0 };
  }
  await response.body?.cancel();
  if (status === 416) {
    const size = Number(/^bytes \*\/(\d+)$/.exec(response.headers.get("content-range") ?? "")?.[1]);
    if (wanted.bytes !== undefined && size >= 0 && size !== wanted.bytes) {
      await part.discard();
      throw anotherSize(wanted, size);
    }
    // Whole already, which the checksum will tell.
    if (size === from) return { from };
  }
  if (status === 416 || status === 206) {
    await part.empty();
    throw new Retry(`status ${status} to a request from byte ${from} on`);
  }
  const passing = status >= 500 || status === 408 || status === 429;
  throw passing ? new Retry(`status ${status}`) : new Error(`status ${status}`);
}

async function save(
  wanted: Wanted,
  response: Response,
  part: Part,
  from: number,
  total: number | undefined,
  watch: Watchdog,
  context: LoadContext,
): Promise<void> {
  const note = transferNote();
  const what = `downloading ${wanted.url}`;
  let done = from;
  let told = -Infinity;
  const tell = (now: number): void => {
    told = now;
    context.progress?.(what, total === undefined ? 0 : Math.min(1, done / total), note(done, total, now / 1000));
  };
  tell(performance.now());
  for await (const chunk of response.body!) {
    watch.fed();
    done += chunk.length;
    if (total !== undefined && done > total) {
      await part.discard();
      throw anotherSize(wanted, done);
    }
    await part.write(chunk);
    const now = performance.now();
    if (now - told >= 200) tell(now);
  }
  tell(performance.now());
  if (total !== undefined && done < total) throw new Retry(`${done} of ${total} bytes`);
}

interface Watchdog {
  readonly signal: AbortSignal;
  /** Says that something came. */
  fed(): void;
  /** What to tell if nothing came for too long. */
  silent(): string | undefined;
  stop(): void;
}

function watchdog(patience: number, stopped: AbortSignal | undefined): Watchdog {
  const hungry = new AbortController();
  let timer: ReturnType<typeof setTimeout>;
  const wait = (): void => void (timer = setTimeout(() => hungry.abort(), patience));
  wait();
  return {
    signal: stopped === undefined ? hungry.signal : AbortSignal.any([hungry.signal, stopped]),
    fed: () => {
      clearTimeout(timer);
      wait();
    },
    silent: () => hungry.signal.aborted ? `no byte for ${patience / 1000} s` : undefined,
    stop: () => clearTimeout(timer),
  };
}

/** The tag or date with which a part may be continued; none if it is of another address. */
async function validatorOf(part: Part, url: string): Promise<string | undefined> {
  try {
    const notes = JSON.parse(await Deno.readTextFile(part.notes)) as Notes;
    return notes.url === url ? notes.validator : undefined;
  } catch {
    return undefined;
  }
}

function startOf(response: Response): number | undefined {
  const start = /^bytes (\d+)-/.exec(response.headers.get("content-range") ?? "")?.[1];
  return start === undefined ? undefined : Number(start);
}

function totalOf(response: Response, from: number): number | undefined {
  const length = response.headers.get("content-length");
  return length === null ? undefined : from + Number(length);
}

function anotherSize({ url, file, bytes }: Wanted, got: number): DatasetError {
  const rule = bytes === undefined ? "the server must send as many bytes as it says" : `it must have ${bytes} bytes`;
  return new DatasetError(
    `Cannot use "${url}": ${rule}, got ${got}. Try again, or put the right file at "${file}".`,
  );
}
