import { assert, assertEquals, assertRejects } from "@std/assert";
import { download } from "../../datasets/download.ts";
import { DatasetError } from "../../dsl/errors.ts";
import { assertRefused, inFolder } from "./fixtures.ts";

// A data: address is fetched like any other, but needs no network.
const url = "data:application/octet-stream;base64,aGVsbG8=";
// printf hello | sha256sum
const sha256 = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

Deno.test("download() leaves the whole file and nothing else", () =>
  inFolder(async (folder) => {
    const told: string[] = [];
    const file = `${folder}/below/hello`;
    await download({ url, file, sha256 }, { progress: (what) => told.push(what) });
    assertEquals(await Deno.readTextFile(file), "hello");
    assertEquals(Array.from(Deno.readDirSync(`${folder}/below`), ({ name }) => name), ["hello"]);
    assert(told.includes(`downloading ${url}`));
  }));

Deno.test("download() keeps a file that is there", () =>
  inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/hello`, "old");
    await download({ url, file: `${folder}/hello`, sha256 }, {});
    assertEquals(await Deno.readTextFile(`${folder}/hello`), "old");
  }));

Deno.test("download() refuses a file with another checksum and leaves nothing", () =>
  inFolder(async (folder) => {
    const wrong = "0".repeat(64);
    await assertRefused(
      () => download({ url, file: `${folder}/hello`, sha256: wrong }, {}),
      `Cannot use "${url}": its SHA-256 must be ${wrong}, got ${sha256}. ` +
        `Try again, or put the right file at "${folder}/hello".`,
    );
    assertEquals(Array.from(Deno.readDirSync(folder)), []);
  }));

Deno.test("download() tells what to do when nothing answers", () =>
  inFolder(async (folder) => {
    const fetched = download({ url: "data:broken", file: `${folder}/hello`, sha256 }, {});
    const error = await assertRejects(() => fetched, DatasetError);
    // What is between is the runtime's own reason.
    const [start, , end] = (error as Error).message.split(/(got ".*"\. )/);
    assertEquals(start, 'Cannot download "data:broken": the server must give the file, ');
    assertEquals(end, `Check the network and --allow-net, or put the file at "${folder}/hello".`);
  }));

Deno.test("download() stops on request", () =>
  inFolder(async (folder) => {
    const stopped = { signal: AbortSignal.abort() };
    await assertRejects(() => download({ url, file: `${folder}/hello`, sha256 }, stopped), DOMException);
    assertEquals(Array.from(Deno.readDirSync(folder)), []);
  }));
