import type { LoadContext } from "../dsl/data.ts";
import { type ArchiveEntry, readArchive } from "./archive.ts";
import {
  isJunk,
  requireImageName,
  type SourceFile,
  type SplitFolders,
  type Tree,
  usualSplits,
} from "./class_folders.ts";
import { breather, digest, lookAt, realPath, requireFile, unreadable, versionOf } from "./files.ts";
import { arePlain } from "./plain_folders.ts";

/** A folder or archive of images, before anything was decoded. */
export interface Source {
  /** What tells this version of the data from another. */
  readonly version: string;
  /** Lists the files; unpacks an archive. */
  tree(): Promise<Tree>;
}

/** How a folder or archive is looked at. */
export interface LookOptions {
  /** Names of the folders below which images are looked for. */
  readonly splits?: SplitFolders;
  /** Also look into class folders that are in no split. */
  readonly plain?: boolean;
  /** Tell one version of a folder from another, which costs a look at each file, so only a cache asks for it. */
  readonly versioned: boolean;
}

/** Looks at a folder or archive. */
export async function lookAtSource(
  path: string,
  info: Deno.FileInfo,
  { splits = usualSplits, plain = false, versioned }: LookOptions,
  context: LoadContext,
): Promise<Source> {
  const tops = [...splits.train, ...splits.test];
  if (!info.isDirectory) {
    requireFile(path, info);
    return { version: versionOf(info), tree: async () => archiveTree(await readArchive(path, context), tops) };
  }
  const { tree, versions } = await folderTree(path, tops, { plain, versioned }, context.signal);
  return { version: versioned ? await digest(versions.join("\n")) : "", tree: () => Promise.resolve(tree) };
}

function archiveTree(entries: readonly ArchiveEntry[], tops: readonly string[]): Tree {
  const kept = entries.filter(({ path }) => path !== "" && !path.split("/").some(isJunk));
  // An archive of one folder that holds the splits is as good as one of the splits.
  const found = new Set(kept.map(({ path }) => path.split("/")[0]!));
  const [only] = found;
  const inner = found.size === 1 && !tops.includes(only!) ? `${only}/` : "";
  const below = kept.filter(({ path }) => path.startsWith(inner));
  return {
    files: below.flatMap(({ path, source }) =>
      source === undefined ? [] : [{ path: path.slice(inner.length), source }]
    ),
    folders: below.flatMap(({ path, source }) => source === undefined ? [path.slice(inner.length)] : []),
  };
}

interface Walk {
  /** What messages call the folder. */
  readonly place: string;
  /** Whether the folders at the top are classes. */
  readonly classes: boolean;
  readonly root: string;
  readonly files: SourceFile[];
  readonly folders: string[];
  readonly versions: string[];
  readonly versioned: boolean;
  readonly breathe: () => Promise<void>;
}

async function folderTree(
  path: string,
  splits: readonly string[],
  { plain, versioned }: Required<Pick<LookOptions, "plain" | "versioned">>,
  signal: AbortSignal | undefined,
): Promise<{ tree: Tree; versions: readonly string[] }> {
  let root = path;
  let tops = entriesIn(root);
  const [only] = tops;
  if (tops.length === 1 && !splits.includes(only!.name) && lookAt(`${root}/${only!.name}`)?.isDirectory) {
    root = `${root}/${only!.name}`;
    tops = entriesIn(root);
  }
  const isFile = (entry: Deno.DirEntry) => entry.isFile || entry.isSymlink && isFileAt(`${root}/${entry.name}`);
  const classes = plain && arePlain(tops.filter((entry) => !isFile(entry)).map(({ name }) => name));
  const walk: Walk = {
    place: path,
    classes,
    root,
    files: [],
    folders: [],
    versions: [],
    versioned,
    breathe: breather(signal),
  };
  for (const entry of tops) {
    const top = entry.name;
    if (isFile(entry)) {
      await visit(walk, "", entry, new Set());
      continue;
    }
    const isFolder = (classes || splits.includes(top)) && lookAt(`${root}/${top}`)?.isDirectory === true;
    if (isFolder || !classes) walk.folders.push(top);
    if (!isFolder) continue;
    const above = await Promise.all([realPath(root), realPath(`${root}/${top}`)]);
    for (const entry of entriesIn(`${root}/${top}`)) await visit(walk, top, entry, new Set(above));
  }
  return { tree: walk, versions: walk.versions };
}

/** Adds a file, or a folder with all below it. A folder seen before or above ends there, so loops of links do too. */
async function visit(walk: Walk, folder: string, entry: Deno.DirEntry, seen: Set<string>): Promise<void> {
  const relative = folder === "" ? entry.name : `${folder}/${entry.name}`;
  const path = `${walk.root}/${relative}`;
  await walk.breathe();
  // Most entries tell what they are; the others, and versions, cost a look each.
  const info = walk.versioned || !(entry.isFile || entry.isDirectory) ? look(path) : undefined;
  if (!(info?.isDirectory ?? entry.isDirectory)) {
    if (info !== undefined) requireFile(path, info);
    // At once: a folder that was never meant as a dataset may be large.
    if (walk.classes && folder !== "") requireImageName(walk.place, relative);
    walk.files.push({ path: relative, source: { path } });
    if (info !== undefined && walk.versioned) walk.versions.push(`${relative}:${versionOf(info)}`);
    return;
  }
  const real = await realPath(path);
  if (seen.has(real)) return;
  seen.add(real);
  walk.folders.push(relative);
  for (const inner of entriesIn(path)) await visit(walk, relative, inner, seen);
}

/** Whether a link leads to a file; one that leads nowhere is no part of a dataset here. */
function isFileAt(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

function look(path: string): Deno.FileInfo {
  try {
    return Deno.statSync(path);
  } catch (error) {
    throw unreadable(path, error);
  }
}

function entriesIn(folder: string): Deno.DirEntry[] {
  try {
    const entries = Array.from(Deno.readDirSync(folder)).filter(({ name }) => !isJunk(name));
    return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  } catch (error) {
    throw unreadable(folder, error);
  }
}
