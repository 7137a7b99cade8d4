import { DatasetError, OptionError } from "../dsl/errors.ts";
import { stream } from "../dsl/random.ts";
import { type ClassFolders, type LabelledFile, requireImageName, type SourceFile, type Tree } from "./class_folders.ts";

/** Which images of class folders without splits are held out. */
export interface TestShareOptions {
  /** Share of each class; 0.1 unless said. */
  readonly testShare?: number;
  /** Seed of the choice; 0 unless said. */
  readonly testSeed?: number;
}

/** Refuses a share that is none. @throws {OptionError} If one of the options is outside its range. */
export function requireTestShare({ testShare = 0.1, testSeed = 0 }: TestShareOptions): void {
  if (!(testShare > 0 && testShare < 1)) {
    throw new OptionError(`Cannot hold out images: testShare is a share between 0 and 1, got ${testShare}. Say 0.1.`);
  }
  if (Number.isSafeInteger(testSeed) && testSeed >= 0) return;
  throw new OptionError(`Cannot hold out images: testSeed is an integer of at least 0, got ${testSeed}. Use 0.`);
}

const split = /^(train|training|test|testing|val|valid|validation)$/i;
const trainPart = /(^|[-_ ])train(ing)?([-_ ]|$)/i;
const testPart = /(^|[-_ ])(test(ing)?|val(id(ation)?)?)([-_ ]|$)/i;

/**
 * Whether folders of these names are classes and not splits: none is named as a split is, nor are two of them parts of
 * one split, as `seg_train` and `seg_test` are. A lone `bullet_train` is a class.
 */
export function arePlain(names: readonly string[]): boolean {
  if (names.length === 0 || names.some((name) => split.test(name))) return false;
  return !(names.some((name) => trainPart.test(name)) && names.some((name) => testPart.test(name)));
}

/** Names of the folders at the top of a tree, sorted by code unit. */
export function topFolders({ files, folders }: Tree): readonly string[] {
  const inside = files.map(({ path }) => path).filter((path) => path.includes("/"));
  return [...new Set([...folders, ...inside].map((path) => path.split("/")[0]!))].sort();
}

/**
 * Images and labels of `<class>/…`, some of them held out.
 *
 * Of each class `testShare` of the images are taken, rounded, at least one, and at least one is left: those whose paths
 * have the lowest random numbers. A number depends on the seed and the path below the dataset's folder alone, so every
 * machine takes the same images, and most of them stay when others are added.
 *
 * @throws {DatasetError} If an image has no class, or a class too few images.
 */
export function plainFolders(place: string, tree: Tree, options: TestShareOptions): ClassFolders {
  const { testShare = 0.1, testSeed = 0 } = options;
  const classNames = topFolders(tree);
  if (classNames.length < 2) {
    throw new DatasetError(
      `Cannot use "${place}": a dataset needs at least two classes, got only "${classNames[0]}". Add class folders.`,
    );
  }
  const byClass = Map.groupBy(inClasses(place, tree), ({ path }) => path.split("/")[0]!);
  const [train, test]: [LabelledFile[], LabelledFile[]] = [[], []];
  for (const [label, name] of classNames.entries()) {
    const files = byClass.get(name) ?? [];
    if (files.length < 2) {
      throw new DatasetError(
        `Cannot use "${place}": without train/ and test/ every class needs two images, one of them held out, ` +
          `got ${files.length} in "${name}". Add images or remove the class folder.`,
      );
    }
    const count = Math.min(Math.max(1, Math.round(testShare * files.length)), files.length - 1);
    const held = new Set(inRandomOrder(files, testSeed).slice(0, count));
    for (const file of files.sort(byPath)) (held.has(file) ? test : train).push({ ...file, label });
  }
  const heldOut = `${Math.round(1000 * testShare) / 10}% of each class held out by its paths (seed ${testSeed}), ` +
    "since there are no train/ and test/ folders";
  return { classNames, train, test, heldOut };
}

/** Images in class folders; lists and notes beside these are left out. */
function inClasses(place: string, { files }: Tree): readonly SourceFile[] {
  return files.filter(({ path }) => {
    if (path.includes("/")) {
      requireImageName(place, path);
      return true;
    }
    if (!/\.(jpe?g|png)$/i.test(path)) return false;
    throw new DatasetError(
      `Cannot read "${path}" of "${place}": an image lies in the folder of its class, got one beside the folders. ` +
        "Move it into the folder of its class.",
    );
  });
}

function inRandomOrder(files: readonly SourceFile[], seed: number): readonly SourceFile[] {
  // Some systems keep "é" as one character and some as two.
  const drawn = files.map((file) => ({ file, word: stream(seed, "test share", file.path.normalize("NFC")).word(0) }));
  return drawn.sort((a, b) => a.word - b.word || byPath(a.file, b.file)).map(({ file }) => file);
}

function byPath(a: SourceFile, b: SourceFile): number {
  return a.path < b.path ? -1 : 1;
}
