import { assertEquals, assertRejects } from "@std/assert";
import { imageFolder } from "../../datasets/image_folder.ts";
import { assertRefused, flat, gzip, inFolder, jpeg, tar, tinyFolder, write } from "./fixtures.ts";

Deno.test("imageFolder() numbers classes by name and images by path", () =>
  inFolder(async (folder) => {
    await write(folder, await tinyFolder());
    const open = await imageFolder({ path: folder }).open();
    assertEquals(open.classNames, ["cat", "dog"]);
    assertEquals(open.shape, [1, 2, 2]);
    assertEquals([...open.train.labels], [0, 0, 1, 1]);
    assertEquals([0, 4, 8, 12].map((at) => open.train.pixels[at]), [10, 20, 30, 40]);
    assertEquals([...open.test.pixels], [50, 50, 50, 50, 60, 60, 60, 60]);
    assertEquals(imageFolder({ path: folder }).classes, undefined);
  }));

Deno.test("imageFolder() reads an archive as it reads the folder", () =>
  inFolder(async (folder) => {
    const files = await tinyFolder();
    await write(folder, files);
    const wrapped = Object.fromEntries(Object.entries(files).map(([path, bytes]) => [`./pets/${path}`, bytes]));
    await write(folder, { "../pets.tar": tar(wrapped), "../pets.tar.gz": await gzip(tar(files)) });
    try {
      const fromFolder = await imageFolder({ path: folder }).open();
      for (const name of ["pets.tar", "pets.tar.gz"]) {
        const open = await imageFolder({ path: `${folder}/../${name}` }).open();
        assertEquals([open.classNames, open.train, open.test], [
          fromFolder.classNames,
          fromFolder.train,
          fromFolder.test,
        ]);
      }
    } finally {
      await Promise.all(["pets.tar", "pets.tar.gz"].map((name) => Deno.remove(`${folder}/../${name}`)));
    }
  }));

Deno.test("imageFolder() takes val/ or valid/ for test/, inner folders, and leaves out what systems leave behind", () =>
  inFolder(async (folder) => {
    await write(folder, {
      "pets/train/cat/images/1.png": await flat(2, 1),
      "pets/train/dog/images/2.png": await flat(2, 2),
      "pets/train/dog/.DS_Store": "x",
      "pets/train/dog/Thumbs.db": "x",
      "pets/valid/cat/3.png": await flat(2, 3),
      "pets/valid/dog/4.png": await flat(2, 4),
    });
    const open = await imageFolder({ path: folder }).open();
    assertEquals([open.train.length, open.test.length], [2, 2]);
  }));

Deno.test("imageFolder() computes constants, and augments by size", () =>
  inFolder(async (folder) => {
    await write(folder, {
      "train/cat/1.png": await flat(16, 0),
      "train/dog/1.png": await flat(16, 255),
      "test/cat/1.png": await flat(16, 0),
      "test/dog/1.png": await flat(16, 0),
    });
    const open = await imageFolder({ path: folder }).open();
    assertEquals(open.normalization, { mean: [0.5], std: [0.5] });
    assertEquals(open.augment, [{ kind: "crop", pad: 4, mode: "reflect" }, { kind: "flip", probability: 0.5 }]);
    const own = await imageFolder({ path: folder, augment: [], normalization: { mean: [0], std: [1] } }).open();
    assertEquals([own.augment, own.normalization.std], [[], [1]]);
  }));

Deno.test("imageFolder() gives CIFAR-10's class names and shape CIFAR-10's constants", () =>
  inFolder(async (folder) => {
    const image = await jpeg(32, 200, 100, 50);
    for (const name of "airplane automobile bird cat deer dog frog horse ship truck".split(" ")) {
      await write(folder, { [`train/${name}/0.jpg`]: image, [`test/${name}/0.jpg`]: image });
    }
    const open = await imageFolder({ path: folder }).open();
    assertEquals(open.shape, [3, 32, 32]);
    assertEquals(open.normalization, { mean: [0.4914, 0.4822, 0.4465], std: [0.2470, 0.2435, 0.2616] });
  }));

Deno.test("imageFolder() refuses a path where nothing is", () =>
  assertRefused(
    () => imageFolder({ path: "no/such/folder" }).open(),
    'Cannot open "no/such/folder": it must be a folder, a .tar, a .tar.gz or a .zip file, got nothing there. ' +
      "Check the spelling.",
  ));

Deno.test("imageFolder() refuses folders without splits, with the names it found", () =>
  inFolder(async (folder) => {
    const rule =
      `Cannot open "${folder}": a dataset holds train/<class>/ and test/<class>/ (or val/, valid/), or <class>/ alone, got `;
    await assertRefused(() => imageFolder({ path: folder }).open(), `${rule}nothing. Arrange the images so.`);
    await write(folder, { "cat/1.png": await flat(2, 1), "dog/1.png": await flat(2, 1) });
    await write(folder, { "train/cat/1.png": await flat(2, 1) });
    await assertRefused(
      () => imageFolder({ path: folder }).open(),
      `${rule}"cat", "dog", "train". Arrange the images so.`,
    );
  }));

Deno.test("imageFolder() refuses a single class", () =>
  inFolder(async (folder) => {
    await write(folder, { "train/cat/1.png": await flat(2, 1), "test/cat/1.png": await flat(2, 1) });
    await assertRefused(
      () => imageFolder({ path: folder }).open(),
      `Cannot use "${folder}": a dataset needs at least two classes, got only "cat" in train/. Add class folders.`,
    );
  }));

Deno.test("imageFolder() refuses splits with different classes", () =>
  inFolder(async (folder) => {
    await write(folder, { ...await tinyFolder(), "train/eel/1.png": await flat(2, 1) });
    await assertRefused(
      () => imageFolder({ path: folder }).open(),
      `Cannot use "${folder}": train/ and test/ must hold the same class folders, got "eel" in train/ only. ` +
        "Add the missing folder or remove this one.",
    );
    await Deno.rename(`${folder}/train/eel`, `${folder}/test/fox`);
    await assertRefused(
      () => imageFolder({ path: folder }).open(),
      `Cannot use "${folder}": train/ and test/ must hold the same class folders, got "fox" in test/ only. ` +
        "Add the missing folder or remove this one.",
    );
  }));

Deno.test("imageFolder() refuses classes and splits without images", () =>
  inFolder(async (folder) => {
    await write(folder, { ...await tinyFolder(), "train/eel/": "", "test/eel/": "" });
    await assertRefused(
      () => imageFolder({ path: folder }).open(),
      `Cannot use "${folder}": every class needs a training image, got none in "train/eel". ` +
        "Add images or remove the class folder from both splits.",
    );
    await write(folder, { "train/eel/1.png": await flat(2, 1) });
    await Deno.remove(`${folder}/test/cat/a.png`);
    await Deno.remove(`${folder}/test/dog/a.png`);
    await assertRefused(
      () => imageFolder({ path: folder }).open(),
      `Cannot use "${folder}": the held-out split must hold images, got none in test/. ` +
        "Add images to its class folders.",
    );
  }));

Deno.test("imageFolder() refuses files that are not in class folders or not images by name", () =>
  inFolder(async (folder) => {
    await write(folder, { ...await tinyFolder(), "train/cat/notes.txt": "x" });
    await assertRefused(
      () => imageFolder({ path: folder }).open(),
      `Cannot read "train/cat/notes.txt" of "${folder}": class folders hold .jpg, .jpeg and .png files only, ` +
        "got extension .txt. Convert it or move it away.",
    );
    await Deno.rename(`${folder}/train/cat/notes.txt`, `${folder}/train/notes.png`);
    await assertRefused(
      () => imageFolder({ path: folder }).open(),
      `Cannot read "train/notes.png" of "${folder}": a split holds class folders only, got a file. ` +
        "Move it into the folder of its class.",
    );
  }));

Deno.test("imageFolder() refuses images of different sizes", () =>
  inFolder(async (folder) => {
    await write(folder, { ...await tinyFolder(), "train/dog/b.png": await flat(3, 1) });
    await assertRefused(
      () => imageFolder({ path: folder }).open(),
      `Cannot use "train/dog/b.png" of "${folder}": all images must have one size, 2×2 as "train/cat/a.png", ` +
        "got 3×3. Resize the images first, or open them by imageFolder({ path, size }).",
    );
  }));

Deno.test({
  name: "imageFolder() follows links once, so that loops of links end",
  ignore: Deno.build.os === "windows", // links need a privilege there
  fn: () =>
    inFolder(async (folder) => {
      await write(folder, { ...await tinyFolder(), "elsewhere/c.png": await flat(2, 70) });
      await Deno.symlink(`${folder}/train/cat`, `${folder}/train/cat/self`);
      await Deno.symlink(folder, `${folder}/train/cat/up`);
      await Deno.symlink(`${folder}/elsewhere`, `${folder}/train/dog/more`);
      const open = await imageFolder({ path: folder }).open();
      assertEquals([...open.train.labels], [0, 0, 1, 1, 1]);
      await Deno.symlink(`${folder}/train/dog/b2.png`, `${folder}/train/dog/b1.png`);
      await Deno.symlink(`${folder}/train/dog/b1.png`, `${folder}/train/dog/b2.png`);
      await assertRejects(
        () => imageFolder({ path: folder }).open(),
        Error,
        `Cannot read "${folder}/train/dog/b1.png"`,
      );
    }),
});

Deno.test("imageFolder() stops on request", () =>
  inFolder(async (folder) => {
    await write(folder, await tinyFolder());
    await assertRejects(() => imageFolder({ path: folder }).open({ signal: AbortSignal.abort() }), DOMException);
  }));
