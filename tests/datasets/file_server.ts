import { createHash } from "node:crypto";

/** How a loopback server of one file behaves; like a good one unless said. */
export interface Manners {
  /** Answers a request for a part with the part; yes unless said. */
  readonly ranges?: boolean;
  /** Says which version of the file it has; the tag of its bytes unless said. */
  readonly tag?: string | undefined;
  /** Breaks the connection after so many bytes of an answer, by number of the answer. */
  readonly breaks?: Readonly<Record<number, number>>;
  /** Milliseconds before each thousand bytes. */
  readonly slow?: number;
  /** Says no length. */
  readonly unsized?: boolean;
  /** Status of the first answers, before it gives the file. */
  readonly refuses?: readonly number[];
}

/** A server of one file, and what it was asked. */
export interface FileServer {
  /** Address of the folder that holds the file. */
  readonly address: string;
  /** `Range` of each request, `undefined` where all was asked for. */
  readonly asked: (string | undefined)[];
  /** The file that is given from now on. */
  give(bytes: Uint8Array, manners?: Manners): void;
}

/** Runs `use` beside a server of files that all hold `bytes`. */
export async function withServer(
  bytes: Uint8Array,
  manners: Manners,
  use: (server: FileServer) => Promise<void>,
): Promise<void> {
  const asked: (string | undefined)[] = [];
  let [given, how] = [bytes, manners];
  // Not Deno.serve(), which cannot break a connection without a word on the terminal.
  const listener = Deno.listen({ port: 0, hostname: "127.0.0.1" });
  const answers: Promise<void>[] = [];
  const serving = (async () => {
    for await (const connection of listener) answers.push(answer(connection, () => [given, how], asked));
  })();
  try {
    await use({
      address: `http://127.0.0.1:${(listener.addr as Deno.NetAddr).port}`,
      asked,
      give: (bytes, manners = {}) => void ([given, how] = [bytes, manners]),
    });
  } finally {
    listener.close();
    await serving;
    await Promise.all(answers);
  }
}

/** SHA-256 of bytes, in hexadecimal. */
export function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** Answers one request and closes the connection. */
async function answer(
  connection: Deno.Conn,
  given: () => readonly [Uint8Array, Manners],
  asked: (string | undefined)[],
): Promise<void> {
  try {
    const headers = await readHead(connection);
    if (headers === undefined) return;
    asked.push(headers.get("range") ?? undefined);
    const [bytes, manners] = given();
    await writeAll(connection, ...reply(headers, bytes, manners, asked.length), manners.slow);
  } catch {
    // The client went away.
  } finally {
    connection.close();
  }
}

async function readHead(connection: Deno.Conn): Promise<Headers | undefined> {
  const buffer = new Uint8Array(2 ** 16);
  let text = "";
  while (!text.includes("\r\n\r\n")) {
    const read = await connection.read(buffer);
    if (read === null) return undefined;
    text += new TextDecoder().decode(buffer.subarray(0, read));
  }
  const lines = text.split("\r\n").slice(1).filter((line) => line.includes(":"));
  return new Headers(lines.map((line): [string, string] => [line.split(":")[0]!, line.slice(line.indexOf(":") + 1)]));
}

/** Head and body of an answer. */
function reply(asked: Headers, bytes: Uint8Array, manners: Manners, number: number): [head: string, body: Uint8Array] {
  const { ranges = true, breaks = {}, unsized = false, refuses = [] } = manners;
  const head = (status: number, headers: readonly string[]): string =>
    [`HTTP/1.1 ${status} -`, "connection: close", ...headers, "", ""].join("\r\n");
  const nothing = new Uint8Array();
  const refused = refuses[number - 1];
  if (refused !== undefined) return [head(refused, ["content-length: 0"]), nothing];
  const tag = "tag" in manners ? manners.tag : `"${sha256(bytes).slice(0, 8)}"`;
  const from = ranges ? startOf(asked, tag) : 0;
  if (from >= bytes.length && from > 0) {
    return [head(416, ["content-length: 0", `content-range: bytes */${bytes.length}`]), nothing];
  }
  const headers = [
    ...(tag === undefined ? [] : [`etag: ${tag}`]),
    ...(unsized ? [] : [`content-length: ${bytes.length - from}`]),
    ...(from > 0 ? [`content-range: bytes ${from}-${bytes.length - 1}/${bytes.length}`] : []),
  ];
  return [head(from > 0 ? 206 : 200, headers), bytes.subarray(from, from + (breaks[number] ?? Infinity))];
}

function startOf(asked: Headers, tag: string | undefined): number {
  const start = /^bytes=(\d+)-$/.exec(asked.get("range") ?? "")?.[1];
  return start === undefined || asked.get("if-range") !== tag ? 0 : Number(start);
}

async function writeAll(
  connection: Deno.Conn,
  head: string,
  body: Uint8Array,
  slow: number | undefined,
): Promise<void> {
  const pieces: Uint8Array[] = [new TextEncoder().encode(head)];
  const size = slow === undefined ? 2 ** 16 : 1000;
  for (let at = 0; at < body.length; at += size) pieces.push(body.subarray(at, at + size));
  for (const piece of pieces) {
    for (let at = 0; at < piece.length;) at += await connection.write(piece.subarray(at));
    if (slow !== undefined) await new Promise((resolve) => setTimeout(resolve, slow));
  }
}
