import { assert, assertEquals, assertRejects } from "@std/assert";
import { cifar10, cifar100 } from "../../datasets/cifar.ts";
import { fashionMnist } from "../../datasets/fashion_mnist.ts";
import { DatasetError } from "../../dsl/errors.ts";
import { sha256, withServer } from "./file_server.ts";
import { assertRefused, gzip, idx, inFolder, tar } from "./fixtures.ts";

const record = (labels: readonly number[]) => Uint8Array.from([...labels, ...new Array(3072).fill(7)]);

async function tenArchive(): Promise<Uint8Array> {
  const batches = [1, 2, 3, 4, 5].map((part) =>
    [`cifar-10-batches-bin/data_batch_${part}.bin`, record([part])] as const
  );
  return await gzip(tar({ ...Object.fromEntries(batches), "cifar-10-batches-bin/test_batch.bin": record([9]) }));
}

Deno.test("cifar10() downloads once, from a server that is slow and breaks off", () =>
  inFolder(async (cache) => {
    const archive = await tenArchive();
    await withServer(archive, { slow: 1, breaks: { 1: 200 } }, async ({ address, asked }) => {
      const download = { address, sha256: { "cifar-10-binary.tar.gz": sha256(archive) } };
      for (const _ of [1, 2]) {
        const { train, test } = await cifar10({ download }).open({ cache });
        assertEquals([[...train.labels], [...test.labels]], [[1, 2, 3, 4, 5], [9]]);
      }
      assertEquals(asked.length, 2);
    });
  }));

Deno.test("cifar100() refuses a corrupt archive and a web page, and opens the right one afterwards", () =>
  inFolder(async (cache) => {
    const files = { "cifar-100-binary/train.bin": record([3, 97]), "cifar-100-binary/test.bin": record([4, 5]) };
    const archive = await gzip(tar(files));
    const name = "cifar-100-binary.tar.gz";
    await withServer(archive.map((byte, i) => i === 100 ? byte ^ 1 : byte), {}, async ({ address, give }) => {
      const download = { address, sha256: { [name]: sha256(archive) } };
      const open = () => cifar100({ download }).open({ cache });
      const start = `Cannot use "${address}/${name}": its SHA-256 must be ${sha256(archive)}, got `;
      for (const other of [undefined, new TextEncoder().encode("<!DOCTYPE html>")]) {
        if (other !== undefined) give(other);
        const error = await assertRejects(open, DatasetError);
        assert((error as Error).message.startsWith(start), (error as Error).message);
        assertEquals(Array.from(Deno.readDirSync(`${cache}/cifar100`)), []);
      }
      give(archive);
      assertEquals([...(await open()).train.labels], [97]);
    });
    await Deno.remove(`${cache}/cifar100`, { recursive: true });
    await withServer(archive, {}, ({ address }) =>
      assertRefused(
        () => cifar100({ download: { address } }).open({ cache }),
        `Cannot use "${address}/${name}": it must have 168513733 bytes, got ${archive.length}. ` +
          `Try again, or put the right file at "${cache}/cifar100/${name}".`,
      ));
  }));

Deno.test("fashionMnist() downloads its four files from a server without ranges", () =>
  inFolder(async (cache) => {
    const images = await gzip(idx([2, 28, 28], new Uint8Array(2 * 784).fill(9)));
    const labels = await gzip(idx([2], [3, 4]));
    const names = ["train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"];
    const files = Object.fromEntries(
      names.map((name) => [`${name}-ubyte.gz`, name.includes("images") ? images : labels]),
    );
    const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, (request) => {
      const file = files[new URL(request.url).pathname.slice("/data/".length)];
      return file === undefined ? new Response(null, { status: 404 }) : new Response(file.slice());
    });
    try {
      const download = {
        address: `http://127.0.0.1:${server.addr.port}/data/`,
        sha256: Object.fromEntries(Object.entries(files).map(([name, bytes]) => [name, sha256(bytes)])),
      };
      // A folder of its own: a system's package would be taken first.
      const folder = `${cache}/none`;
      const open = await fashionMnist({ folder, download }).open({ cache });
      assertEquals([[...open.train.labels], open.test.pixels.length], [[3, 4], 2 * 784]);
    } finally {
      await server.shutdown();
    }
  }));
