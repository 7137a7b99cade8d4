import { assertEquals } from "@std/assert";
import { readArchive } from "../../datasets/archive.ts";
import { sourceReader } from "../../datasets/read_source.ts";
import { assertRefused, concat, gzip, inFolder, tar, write } from "./fixtures.ts";

const text = (bytes: Uint8Array | undefined) => new TextDecoder().decode(bytes);
const bytes = (content: string) => new TextEncoder().encode(content);

Deno.test("readArchive() reads a tar file, gzipped or not", () =>
  inFolder(async (folder) => {
    const archive = tar({ "./a/": new Uint8Array(), "./a/one": bytes("1"), "two": bytes("x".repeat(700)) });
    await write(folder, { "plain.tar": archive, "packed.tar.gz": await gzip(archive) });
    using reader = sourceReader();
    for (const name of ["plain.tar", "packed.tar.gz"]) {
      const entries = await readArchive(`${folder}/${name}`);
      assertEquals(entries.map(({ path }) => path), ["a", "a/one", "two"]);
      assertEquals(entries.map(({ source }) => source && text(reader.read(source)).length), [undefined, 1, 700]);
    }
  }));

Deno.test("readArchive() joins the ustar prefix of a long path", () =>
  inFolder(async (folder) => {
    const path = `${"long/".repeat(25)}name`;
    await write(folder, { "a.tar": tar({ [path]: bytes("1") }, true) });
    assertEquals((await readArchive(`${folder}/a.tar`)).map((entry) => entry.path), [path]);
  }));

Deno.test("readArchive() reads long names of GNU tar and of pax", () =>
  inFolder(async (folder) => {
    const long = "n".repeat(150);
    const record = ` path=${long}\n`;
    const pax = `${record.length + 3}${record}`;
    const named = (type: string, content: string) => {
      const block = tar({ "header": bytes(content) }).slice(0, -1024);
      // Another type changes the header's sum by its difference from "0".
      const sum = parseInt(text(block.subarray(148, 154)), 8) + type.charCodeAt(0) - 48;
      block.set(bytes(type), 156);
      block.set(bytes(sum.toString(8).padStart(6, "0")), 148);
      return block;
    };
    const file = tar({ "short": bytes("1") });
    await write(folder, {
      "gnu.tar": concat([named("L", `${long}\0`), file]),
      "pax.tar": concat([named("x", pax), file]),
    });
    for (const name of ["gnu.tar", "pax.tar"]) {
      assertEquals((await readArchive(`${folder}/${name}`)).map((entry) => entry.path), [long]);
    }
  }));

Deno.test("readArchive() refuses a web page that was saved in place of the archive", () =>
  inFolder(async (folder) => {
    await write(folder, { "a.tar.gz": "<html>not found</html>" });
    await assertRefused(
      () => readArchive(`${folder}/a.tar.gz`),
      `Cannot open "${folder}/a.tar.gz": it must be a .tar, a .tar.gz or a .zip file, got a web page. ` +
        "Download it again, or pack the folder again.",
    );
  }));

Deno.test("readArchive() refuses gzipped files that are not tar", () =>
  inFolder(async (folder) => {
    await write(folder, { "a.tar.gz": await gzip(bytes("text ".repeat(200))) });
    await assertRefused(
      () => readArchive(`${folder}/a.tar.gz`),
      `Cannot open "${folder}/a.tar.gz": it must be a tar archive, gzipped or not, or a zip file, got other data ` +
        "at byte 0. Give a folder, a .tar, a .tar.gz or a .zip file.",
    );
  }));

Deno.test("readArchive() refuses a negative size instead of going round in circles", () =>
  inFolder(async (folder) => {
    const archive = tar({ "a": new Uint8Array(600) });
    const sum = parseInt(text(archive.subarray(148, 154)), 8);
    const old = archive.subarray(124, 135).reduce((total, byte) => total + byte, 0);
    const size = bytes("-0000001000");
    archive.set(size, 124);
    const changed = sum - old + size.reduce((total, byte) => total + byte, 0);
    archive.set(bytes(changed.toString(8).padStart(6, "0")), 148);
    await write(folder, { "a.tar": archive });
    await assertRefused(
      () => readArchive(`${folder}/a.tar`),
      `Cannot open "${folder}/a.tar": it must be a tar archive, gzipped or not, or a zip file, got other data ` +
        "at byte 0. Give a folder, a .tar, a .tar.gz or a .zip file.",
    );
  }));

Deno.test("readArchive() refuses cut and empty archives", () =>
  inFolder(async (folder) => {
    const whole = tar({ "a": new Uint8Array(2000) });
    await write(folder, { "cut.tar": whole.slice(0, 1000), "empty.tar": new Uint8Array(1024), "short.tar": "x" });
    await assertRefused(
      () => readArchive(`${folder}/cut.tar`),
      `Cannot open "${folder}/cut.tar": the archive must be whole, got 488 bytes where 2000 are needed. ` +
        "Copy or download it again.",
    );
    await assertRefused(
      () => readArchive(`${folder}/empty.tar`),
      `Cannot open "${folder}/empty.tar": a tar archive must hold at least one file, got 1024 bytes without any. ` +
        "Pack the folder again.",
    );
    await assertRefused(
      () => readArchive(`${folder}/short.tar`),
      `Cannot open "${folder}/short.tar": the archive must be whole, got 1 bytes where 512 are needed. ` +
        "Copy or download it again.",
    );
  }));
