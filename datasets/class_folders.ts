import type { ImageSource } from "../dsl/data.ts";
import { DatasetError } from "../dsl/errors.ts";

/** A file of a dataset, wherever it lies. */
export interface SourceFile {
  /** Path below the dataset's folder, e.g. `"train/cat/1.png"`. */
  readonly path: string;
  /** Where its contents lie. */
  readonly source: ImageSource;
}

/** Files and folders below a dataset's folder. */
export interface Tree {
  /** Every file. */
  readonly files: readonly SourceFile[];
  /** Path of every folder, so that an empty one is seen too. */
  readonly folders: readonly string[];
}

/** An image file and its class. */
export interface LabelledFile extends SourceFile {
  /** Class index. */
  readonly label: number;
}

/** Class folders put in order: classes by name, images by class and then by path. */
export interface ClassFolders {
  /** Names of the class folders, sorted by code unit. */
  readonly classNames: readonly string[];
  /** Training images. */
  readonly train: readonly LabelledFile[];
  /** Held-out images. */
  readonly test: readonly LabelledFile[];
  /** How they were chosen, if the source does not say it. */
  readonly heldOut?: string;
}

/** Which folders hold which split. */
export interface SplitFolders {
  /** Folders whose images are trained on, one after another. */
  readonly train: readonly string[];
  /** Folders that may hold the held-out split, best first. */
  readonly test: readonly string[];
}

/** The usual names of splits. */
export const usualSplits: SplitFolders = Object.freeze({
  train: Object.freeze(["train"]),
  test: Object.freeze(["test", "val", "valid"]),
});

/**
 * Images and labels of `train/<class>/…` and `test/<class>/…` (or `val/`, `valid/`).
 *
 * @throws {DatasetError} If the layout is another one, a class has no images, or the splits disagree.
 */
export function classFolders(place: string, tree: Tree, splits: SplitFolders = usualSplits): ClassFolders {
  const test = splits.test.find((name) => has(tree, name));
  if (!splits.train.every((name) => has(tree, name)) || test === undefined) throw noSplits(place, tree, splits);
  const trainClasses = joined(splits.train.map((name) => split(place, tree, name)));
  const testClasses = split(place, tree, test);
  const classNames = [...trainClasses.keys()].sort();
  if (classNames.length < 2) {
    throw new DatasetError(
      `Cannot use "${place}": a dataset needs at least two classes, ` +
        `got ${classNames.length === 0 ? "none" : `only "${classNames[0]}"`} in train/. Add class folders.`,
    );
  }
  requireSame(place, test, trainClasses, testClasses);
  for (const name of classNames) {
    if (trainClasses.get(name)!.length > 0) continue;
    throw new DatasetError(
      `Cannot use "${place}": every class needs a training image, got none in "train/${name}". ` +
        "Add images or remove the class folder from both splits.",
    );
  }
  const label = (classes: Classes): LabelledFile[] =>
    classNames.flatMap((name, label) => classes.get(name)!.map((file) => ({ ...file, label })));
  const testFiles = label(testClasses);
  if (testFiles.length === 0) {
    throw new DatasetError(
      `Cannot use "${place}": the held-out split must hold images, got none in ${test}/. Add images to its class folders.`,
    );
  }
  return { classNames, train: label(trainClasses), test: testFiles };
}

/** Whether a name is one that systems leave behind and no one means as data. */
export function isJunk(name: string): boolean {
  return name.startsWith(".") || name === "__MACOSX" || name === "Thumbs.db" || name === "desktop.ini";
}

type Classes = ReadonlyMap<string, readonly SourceFile[]>;

function split(place: string, tree: Tree, name: string): Classes {
  const classes = new Map<string, SourceFile[]>();
  const prefix = `${name}/`;
  for (const folder of tree.folders) {
    if (folder.startsWith(prefix)) classes.set(folder.slice(prefix.length).split("/")[0]!, []);
  }
  const files = tree.files.filter((file) => file.path.startsWith(prefix));
  for (const file of files.sort((a, b) => (a.path < b.path ? -1 : 1))) {
    requireInClass(place, file.path);
    requireImageName(place, file.path);
    const [className] = file.path.slice(prefix.length).split("/");
    const list = classes.get(className!);
    if (list === undefined) classes.set(className!, [file]);
    else list.push(file);
  }
  return classes;
}

/** Classes of several folders together; one that is in some of them only is left to {@linkcode requireSame}. */
function joined(parts: readonly Classes[]): Classes {
  if (parts.length === 1) return parts[0]!;
  const names = new Set(parts.flatMap((classes) => [...classes.keys()]));
  return new Map([...names].map((name) => [name, parts.flatMap((classes) => classes.get(name) ?? [])]));
}

function requireInClass(place: string, path: string): void {
  if (path.split("/").length >= 3) return;
  throw new DatasetError(
    `Cannot read "${path}" of "${place}": a split holds class folders only, got a file. ` +
      "Move it into the folder of its class.",
  );
}

/** Refuses a file in a class folder that is no image. @throws {DatasetError} If its name has another ending. */
export function requireImageName(place: string, path: string): void {
  if (/\.(jpe?g|png)$/i.test(path)) return;
  const [, extension = "none"] = /(\.[^./]*)$/.exec(path) ?? [];
  throw new DatasetError(
    `Cannot read "${path}" of "${place}": class folders hold .jpg, .jpeg and .png files only, ` +
      `got extension ${extension}. Convert it or move it away.`,
  );
}

function requireSame(place: string, test: string, trainClasses: Classes, testClasses: Classes): void {
  for (
    const [here, there, name] of [[trainClasses, testClasses, "train"], [testClasses, trainClasses, test]] as const
  ) {
    const lone = [...here.keys()].sort().find((className) => !there.has(className));
    if (lone === undefined) continue;
    throw new DatasetError(
      `Cannot use "${place}": train/ and ${test}/ must hold the same class folders, got "${lone}" in ${name}/ only. ` +
        "Add the missing folder or remove this one.",
    );
  }
}

function has(tree: Tree, top: string): boolean {
  return tree.folders.includes(top) || tree.files.some((file) => file.path.startsWith(`${top}/`));
}

function noSplits(place: string, tree: Tree, { train, test }: SplitFolders): DatasetError {
  const tops = new Set([...tree.folders, ...tree.files.map((file) => file.path)].map((path) => path.split("/")[0]!));
  const names = [...tops].sort();
  const shown = names.slice(0, 5).map((name) => `"${name}"`).join(", ") + (names.length > 5 ? ", …" : "");
  const needed = [...train, test[0]!].map((name) => `${name}/<class>/`).join(" and ");
  const others = test.length === 1 ? "" : ` (or ${test.slice(1).map((name) => `${name}/`).join(", ")})`;
  // Only sets of any classes may be without splits.
  const plain = test === usualSplits.test ? ", or <class>/ alone" : "";
  return new DatasetError(
    `Cannot open "${place}": a dataset holds ${needed}${others}${plain}, got ${shown === "" ? "nothing" : shown}. ` +
      "Arrange the images so.",
  );
}
