import { assertAlmostEquals, assertEquals } from "@std/assert";
import { fashionMnist } from "../../datasets/fashion_mnist.ts";
import { readIdx } from "../../datasets/idx.ts";
import { statistics } from "../../datasets/statistics.ts";
import { assertRefused, gzip, idx, inFolder, write } from "./fixtures.ts";

const debian = "/usr/share/datasets/fashion-mnist";

async function fixture(): Promise<Record<string, Uint8Array>> {
  const images = (count: number) => idx([count, 28, 28], new Uint8Array(count * 784).map((_, i) => i % 251));
  return {
    "train-images-idx3-ubyte.gz": await gzip(images(3)),
    "train-labels-idx1-ubyte": idx([3], [9, 0, 4]),
    "t10k-images-idx3-ubyte": images(2),
    "t10k-labels-idx1-ubyte.gz": await gzip(idx([2], [1, 2])),
  };
}

Deno.test("fashionMnist() reads plain and gzipped IDX files of a given folder", () =>
  inFolder(async (folder) => {
    await write(folder, await fixture());
    const open = await fashionMnist({ folder }).open();
    assertEquals([...open.train.labels], [9, 0, 4]);
    assertEquals([...open.test.labels], [1, 2]);
    assertEquals(open.train.pixels.length, 3 * 784);
    assertEquals(open.train.pixels[784 + 5], (784 + 5) % 251);
    assertEquals(open.classNames[9], "Ankle boot");
  }));

Deno.test("fashionMnist() lists where it looked and what to do", () =>
  inFolder((folder) =>
    assertRefused(
      () => fashionMnist({ folder }).open(),
      "Cannot open Fashion-MNIST: its files train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz, " +
        `t10k-images-idx3-ubyte.gz, t10k-labels-idx1-ubyte.gz must lie in "${folder}", got nothing there. ` +
        "Install the Debian package dataset-fashion-mnist, give fashionMnist({ folder }), " +
        "or allow fashionMnist({ download: true }). On the command line, say --dataset PATH or --download.",
    )
  ));

Deno.test("fashionMnist() refuses a cut IDX file", () =>
  inFolder(async (folder) => {
    const files = await fixture();
    await write(folder, { ...files, "t10k-images-idx3-ubyte": files["t10k-images-idx3-ubyte"]!.slice(0, -1) });
    await assertRefused(
      () => fashionMnist({ folder }).open(),
      `Cannot read "${folder}/t10k-images-idx3-ubyte": the IDX file must be whole, 1584 bytes, got 1583. ` +
        "Copy or download it again.",
    );
  }));

Deno.test("fashionMnist() refuses an IDX file with another magic number", () =>
  inFolder(async (folder) => {
    await write(folder, { ...await fixture(), "train-labels-idx1-ubyte": idx([3], [9, 0, 4], 0x0803) });
    await assertRefused(
      () => fashionMnist({ folder }).open(),
      `Cannot read "${folder}/train-labels-idx1-ubyte": an IDX file of 1 axis starts with 0x00000801, ` +
        "got 0x00000803. Give the file of that name, gzipped or not.",
    );
  }));

Deno.test("fashionMnist() refuses a label out of range", () =>
  inFolder(async (folder) => {
    await write(folder, { ...await fixture(), "train-labels-idx1-ubyte": idx([3], [9, 10, 4]) });
    await assertRefused(
      () => fashionMnist({ folder }).open(),
      `Cannot read "${folder}/train-labels-idx1-ubyte": labels must be from 0 to 9, got 10 at image 1. ` +
        "Copy or download it again.",
    );
  }));

Deno.test("fashionMnist() refuses images and labels of different counts or sizes", () =>
  inFolder(async (folder) => {
    await write(folder, { ...await fixture(), "train-labels-idx1-ubyte": idx([2], [9, 1]) });
    await assertRefused(
      () => fashionMnist({ folder }).open(),
      `Cannot read "${folder}/train-labels-idx1-ubyte": it must hold one label for each of 3 images, got 2. ` +
        "Give images and labels of one split.",
    );
    await write(folder, {
      "train-labels-idx1-ubyte": idx([3], [9, 0, 4]),
      "t10k-images-idx3-ubyte": idx([2, 2, 2], new Uint8Array(8)),
    });
    await assertRefused(
      () => fashionMnist({ folder }).open(),
      `Cannot read "${folder}/t10k-images-idx3-ubyte": images must be 28×28, got 2×2. ` +
        "Give Fashion-MNIST's own files.",
    );
  }));

Deno.test("fashionMnist() refuses an empty file and damaged gzip data", () =>
  inFolder(async (folder) => {
    const files = await fixture();
    await write(folder, { ...files, "train-labels-idx1-ubyte": "" });
    await assertRefused(
      () => fashionMnist({ folder }).open(),
      `Cannot read "${folder}/train-labels-idx1-ubyte": a file of a dataset must not be empty, got 0 bytes. ` +
        "Copy or download it again.",
    );
    const whole = files["train-images-idx3-ubyte.gz"]!;
    await write(folder, { "train-images-idx3-ubyte.gz": whole.slice(0, whole.length >> 1) });
    await assertRefused(
      () => fashionMnist({ folder }).open(),
      `Cannot unpack "${folder}/train-images-idx3-ubyte.gz": its gzip data must be whole, ` +
        'got "unexpected end of file". Copy or download it again.',
    );
  }));

Deno.test("readIdx() refuses a file shorter than its own header", () =>
  assertRefused(
    // deno-lint-ignore require-await -- a throw becomes a rejection
    async () => readIdx("x", new Uint8Array([0, 0, 8]), 3),
    'Cannot read "x": the IDX file must be whole, 16 bytes, got 3. Copy or download it again.',
  ));

Deno.test({
  name: "fashionMnist() opens the Debian package's files, whose statistics are the constants" +
    (installed() ? "" : " (ignored: the package dataset-fashion-mnist is not installed)"),
  ignore: !installed(),
  fn: async () => {
    const open = await fashionMnist().open();
    assertEquals([open.train.length, open.test.length], [60000, 10000]);
    const counts = new Array(10).fill(0);
    for (const label of open.train.labels) counts[label]++;
    assertEquals(counts, new Array(10).fill(6000));
    const { mean, std } = statistics(open.train, open.shape);
    // The constants are rounded to four decimals.
    assertAlmostEquals(mean[0]!, open.normalization.mean[0]!, 5e-5);
    assertAlmostEquals(std[0]!, open.normalization.std[0]!, 5e-5);
  },
});

function installed(): boolean {
  try {
    return Deno.statSync(debian).isDirectory;
  } catch {
    return false;
  }
}
