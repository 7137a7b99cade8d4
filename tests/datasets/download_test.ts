import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { download } from "../../datasets/download.ts";
import { fetchOfficial } from "../../datasets/mirror.ts";
import { transferNote } from "../../datasets/transfer_note.ts";
import { DatasetError } from "../../dsl/errors.ts";
import { type FileServer, type Manners, sha256, withServer } from "./file_server.ts";
import { assertRefused, inFolder } from "./fixtures.ts";

const bytes = Uint8Array.from({ length: 300_000 }, (_, i) => (i * 7919) >> 3);
const checksum = { sha256: sha256(bytes) };

/** Runs `use` beside a server and an empty folder. */
function served(
  manners: Manners,
  use: (server: FileServer, file: string, url: string) => Promise<void>,
): Promise<void> {
  return inFolder((folder) =>
    withServer(bytes, manners, (server) => use(server, `${folder}/below/set.bin`, `${server.address}/set.bin`))
  );
}

function namesBeside(file: string): string[] {
  return Array.from(Deno.readDirSync(file.slice(0, file.lastIndexOf("/"))), ({ name }) => name).sort();
}

Deno.test("download() leaves the whole file and nothing else, and tells bytes, speed and time", () =>
  served({ slow: 3 }, async (_, file, url) => {
    const told: [what: string, fraction: number, note?: string | undefined][] = [];
    await download({ url, file, checksum, bytes: bytes.length }, { progress: (...event) => told.push(event) });
    assertEquals(await Deno.readFile(file), bytes);
    assertEquals(namesBeside(file), ["set.bin"]);
    const downloading = told.filter(([what]) => what === `downloading ${url}`);
    assertEquals(downloading.at(-1)![1], 1);
    assertMatch(downloading.at(-1)![2]!, /^293\.0 of 293\.0 KiB, [\d.]+ [KM]iB\/s$/);
    assert(downloading.some(([, , note]) => /^[\d.]+ of 293\.0 KiB, [\d.]+ [KM]iB\/s, \d+ s left$/.test(note!)));
  }));

Deno.test("download() keeps a file that is there", () =>
  served({}, async ({ asked }, file, url) => {
    await download({ url, file, checksum }, {});
    await Deno.writeTextFile(file, "old");
    await download({ url, file, checksum }, {});
    assertEquals(await Deno.readTextFile(file), "old");
    assertEquals(asked.length, 1);
  }));

Deno.test("download() goes on where a broken connection stopped", () =>
  served({ breaks: { 1: 100_000, 2: 50_000 } }, async ({ asked }, file, url) => {
    await download({ url, file, checksum, patience: 10_000 }, {});
    assertEquals(await Deno.readFile(file), bytes);
    // What the client had read when the connection broke may be less than what was sent.
    assertEquals(asked.length, 3);
    assertEquals(asked[0], undefined);
    for (const range of asked.slice(1)) assertMatch(range!, /^bytes=\d+-$/);
    assertEquals(namesBeside(file), ["set.bin"]);
  }));

Deno.test("download() goes on where an earlier process stopped", () =>
  served({ slow: 2 }, async ({ asked, give }, file, url) => {
    const stop = new AbortController();
    const progress = (_: string, fraction: number) => void (fraction > 0.3 && stop.abort());
    const stopped = download({ url, file, checksum }, { progress, signal: stop.signal });
    await assertRejects(() => stopped, DOMException);
    assertEquals(namesBeside(file), ["set.bin.part", "set.bin.part.json"]);
    const part = Deno.statSync(`${file}.part`).size;
    assert(part > 0 && part < bytes.length);
    give(bytes);
    await download({ url, file, checksum }, {});
    assertEquals(await Deno.readFile(file), bytes);
    assertEquals(asked, [undefined, `bytes=${part}-`]);
  }));

Deno.test("download() starts again when the file at the address is another by now", () =>
  served({ slow: 2 }, async ({ give }, file, url) => {
    const stop = new AbortController();
    const progress = (_: string, fraction: number) => void (fraction > 0.3 && stop.abort());
    await assertRejects(() => download({ url, file, checksum }, { progress, signal: stop.signal }), DOMException);
    const other = bytes.toReversed();
    give(other);
    await download({ url, file, checksum: { sha256: sha256(other) } }, {});
    assertEquals(await Deno.readFile(file), other);
  }));

Deno.test("download() starts again when a part turns out to be damaged", () =>
  served({}, async ({ asked, address }, file, url) => {
    await Deno.mkdir(file.slice(0, file.lastIndexOf("/")), { recursive: true });
    for (const length of [1000, bytes.length, bytes.length + 5]) {
      await Deno.writeFile(`${file}.part`, new Uint8Array(length).fill(1));
      await Deno.writeTextFile(
        `${file}.part.json`,
        JSON.stringify({ url, validator: `"${sha256(bytes).slice(0, 8)}"` }),
      );
      await download({ url, file, checksum, patience: 10_000 }, {});
      assertEquals(await Deno.readFile(file), bytes);
      await Deno.remove(file);
    }
    assertEquals(asked, [
      ...["bytes=1000-", undefined],
      ...[`bytes=${bytes.length}-`, undefined],
      ...[`bytes=${bytes.length + 5}-`, undefined],
    ]);
    // A part of another address is not gone on with.
    await Deno.writeFile(`${file}.part`, new Uint8Array(1000));
    await Deno.writeTextFile(`${file}.part.json`, JSON.stringify({ url: `${address}/old`, validator: '"a"' }));
    await download({ url, file, checksum }, {});
    assertEquals(asked.at(-1), undefined);
  }));

Deno.test("download() takes all again from a server without ranges", () =>
  served({ ranges: false, breaks: { 1: 100_000 } }, async ({ asked }, file, url) => {
    await download({ url, file, checksum, patience: 10_000 }, {});
    assertEquals(await Deno.readFile(file), bytes);
    assertEquals(asked.length, 2);
  }));

Deno.test("download() asks for all where nothing tells that the file is the same", () =>
  served({ tag: undefined, breaks: { 1: 100_000 } }, async ({ asked }, file, url) => {
    await download({ url, file, checksum, patience: 10_000 }, {});
    assertEquals(asked, [undefined, undefined]);
  }));

Deno.test("download() waits for a server that has no time", () =>
  served({ refuses: [503, 429] }, async ({ asked }, file, url) => {
    await download({ url, file, checksum, patience: 10_000 }, {});
    assertEquals(asked.length, 3);
  }));

Deno.test("download() gives up on a server that is silent, and keeps what came", () =>
  served({ breaks: { 1: 100_000 } }, async ({ give }, file, url) => {
    give(bytes, { slow: 400, breaks: { 1: 1000 } });
    await assertRefused(
      () => download({ url, file, checksum, patience: 100 }, {}),
      `Cannot download "${url}": the server must give the file, got "no byte for 0.1 s". ` +
        `Check the network and --allow-net, or put the file at "${file}".`,
    );
  }));

Deno.test("download() gives up on a server that always cuts the file", () =>
  served({ ranges: false, breaks: { 1: 1000, 2: 1000, 3: 1000, 4: 1000 } }, async ({ asked }, file, url) => {
    const error = await assertRejects(() => download({ url, file, checksum, patience: 10_000 }, {}), DatasetError);
    assertMatch((error as Error).message, /^Cannot download ".*": the server must give the file, got ".*body.*"\. /);
    assert(asked.length >= 3 && asked.length <= 4, `${asked.length} requests`);
    assert(!namesBeside(file).includes("set.bin"));
  }));

Deno.test("download() notices a file that is cut without a word", () =>
  served({ unsized: true }, async ({ give }, file, url) => {
    give(bytes.subarray(0, 1000), { unsized: true, tag: '"same"' });
    await assertRefused(
      () => download({ url, file, checksum, bytes: bytes.length, patience: 10_000 }, {}),
      `Cannot use "${url}": it must have 300000 bytes, got 1000. Try again, or put the right file at "${file}".`,
    );
    assert(!namesBeside(file).includes("set.bin"));
  }));

Deno.test("download() refuses a file with another checksum and leaves nothing", () =>
  served({}, async ({ give }, file, url) => {
    const corrupt = bytes.slice();
    corrupt[12345]! ^= 1;
    give(corrupt);
    for (const [name, wrong] of [["SHA-256", checksum], ["MD5", { md5: "0".repeat(32) }]] as const) {
      const error = await assertRejects(() => download({ url, file, checksum: wrong }, {}), DatasetError);
      const expected = Object.values(wrong)[0];
      const start = `Cannot use "${url}": its ${name} must be ${expected}, got `;
      assert((error as Error).message.startsWith(start), (error as Error).message);
      assert((error as Error).message.endsWith(`. Try again, or put the right file at "${file}".`));
      assertEquals(namesBeside(file), []);
    }
  }));

Deno.test("download() refuses a file of another size before it is fetched", () =>
  served({}, async (_, file, url) => {
    await assertRefused(
      () => download({ url, file, checksum, bytes: 299_999 }, {}),
      `Cannot use "${url}": it must have 299999 bytes, got 300000. Try again, or put the right file at "${file}".`,
    );
    assertEquals(namesBeside(file), []);
  }));

Deno.test("download() tells a status that will not change at once", () =>
  served({ refuses: [404] }, async ({ asked }, file, url) => {
    await assertRefused(
      () => download({ url, file, checksum }, {}),
      `Cannot download "${url}": the server must give the file, got "status 404". ` +
        `Check the network and --allow-net, or put the file at "${file}".`,
    );
    assertEquals(asked.length, 1);
  }));

Deno.test("download() tells what to do when nothing answers", () =>
  inFolder(async (folder) => {
    const fetched = download({ url: "data:broken", file: `${folder}/hello`, checksum, patience: 100 }, {});
    const error = await assertRejects(() => fetched, DatasetError);
    // What is between is the runtime's own reason.
    const [start, , end] = (error as Error).message.split(/(got ".*"\. )/);
    assertEquals(start, 'Cannot download "data:broken": the server must give the file, ');
    assertEquals(end, `Check the network and --allow-net, or put the file at "${folder}/hello".`);
  }));

Deno.test("download() stops on request", () =>
  served({}, async (_, file, url) => {
    const stopped = { signal: AbortSignal.abort() };
    await assertRejects(() => download({ url, file, checksum }, stopped), DOMException);
  }));

Deno.test("download() keeps the part when the disk is full, and goes on from it", () =>
  served({}, async ({ asked }, file, url) => {
    const { write } = Deno.FsFile.prototype;
    let room = 100_000;
    Deno.FsFile.prototype.write = function (this: Deno.FsFile, piece: Uint8Array<ArrayBuffer>) {
      if (room === 0) return Promise.reject(new Error("No space left on device (os error 28)"));
      const some = piece.subarray(0, room);
      room -= some.length;
      return write.call(this, some);
    };
    try {
      await assertRefused(
        () => download({ url, file, checksum, bytes: bytes.length }, {}),
        `Cannot write "${file}.part": the folder must be writable and have room for 300000 bytes, ` +
          'got "No space left on device (os error 28)". ' +
          "Free some space or allow it, and start again: the download goes on where it stopped.",
      );
    } finally {
      Deno.FsFile.prototype.write = write;
    }
    assertEquals(Deno.statSync(`${file}.part`).size, 100_000);
    await download({ url, file, checksum, bytes: bytes.length }, {});
    assertEquals(await Deno.readFile(file), bytes);
    assertEquals(asked, [undefined, "bytes=100000-"]);
  }));

Deno.test("download() refuses a folder that cannot be made", () =>
  inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/file`, "");
    const error = await assertRejects(
      () => download({ url: "data:,x", file: `${folder}/file/set.bin`, checksum }, {}),
      DatasetError,
    );
    assertMatch((error as Error).message, /^Cannot write ".*set\.bin\.part": the folder must be writable /);
  }));

Deno.test("download() fetches once when two ask at the same time", () =>
  served({ slow: 1 }, async ({ asked }, file, url) => {
    // Two handles of one process hold apart locks, as two processes do.
    await Promise.all([1, 2].map(() => download({ url, file, checksum }, {})));
    assertEquals(await Deno.readFile(file), bytes);
    assertEquals(asked.length, 1);
    assertEquals(namesBeside(file), ["set.bin"]);
  }));

Deno.test("fetchOfficial() takes the mirror's address, and its checksum where it has one", () =>
  inFolder((folder) =>
    withServer(bytes, {}, async ({ address }) => {
      const official = { name: "set.bin", address: "https://official.example", bytes: 300_000, checksum };
      assertEquals(await fetchOfficial(official, folder, { address: `${address}/` }, {}), `${folder}/set.bin`);
      await Deno.remove(`${folder}/set.bin`);
      const repacked = { ...official, bytes: 1, checksum: { md5: "0" } };
      await assertRejects(() => fetchOfficial(repacked, folder, { address }, {}), DatasetError, "it must have 1 bytes");
      const own = { address, sha256: { "set.bin": checksum.sha256 } };
      await fetchOfficial(repacked, folder, own, {});
      assertEquals(await Deno.readFile(`${folder}/set.bin`), bytes);
    })
  ));

Deno.test("transferNote() gives the speed of the last seconds", () => {
  const note = transferNote();
  const MiB = 2 ** 20;
  assertEquals(note(0, 100 * MiB, 0), "0.0 of 100.0 MiB");
  assertEquals(note(10 * MiB, 100 * MiB, 1), "10.0 of 100.0 MiB, 10.0 MiB/s, 9 s left");
  for (let second = 2; second < 20; second++) note(10 * MiB + second * 1024, 100 * MiB, second);
  assertEquals(note(10 * MiB + 20 * 1024, 100 * MiB, 20), "10.0 of 100.0 MiB, 1.0 KiB/s, 25 h 35 m left");
  assertEquals(note(10 * MiB + 40 * 1024, undefined, 21), "10.0 MiB, 4.2 KiB/s");
});
