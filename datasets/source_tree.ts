import { readArchive } from "./archive.ts";
import { isJunk, type SourceFile, testFolders, type Tree } from "./class_folders.ts";
import { breather, lookAt, readBytes, requireFile, unreadable, versionOf } from "./files.ts";

/** A folder or archive of images, before anything was decoded. */
export interface Source {
  /** What tells this version of the data from another. */
  readonly version: string;
  /** Lists the files; unpacks an archive. */
  tree(): Promise<Tree>;
}

/** Looks at a folder or archive. The version of a folder costs a look at each file, so only a cache asks for it. */
export async function lookAtSource(
  path: string,
  info: Deno.FileInfo,
  versioned: boolean,
  signal: AbortSignal | undefined,
): Promise<Source> {
  if (!info.isDirectory) {
    requireFile(path, info);
    return { version: versionOf(info), tree: async () => archiveTree(await readArchive(path)) };
  }
  const { tree, versions } = await folderTree(path, versioned, signal);
  return { version: versioned ? await digest(versions.join("\n")) : "", tree: () => Promise.resolve(tree) };
}

/** SHA-256 of a text, in hexadecimal. */
export async function digest(text: string): Promise<string> {
  const bytes = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function archiveTree(entries: Awaited<ReturnType<typeof readArchive>>): Tree {
  const kept = entries.filter(({ path }) => path !== "" && !path.split("/").some(isJunk));
  // An archive of one folder that holds the splits is as good as one of the splits.
  const tops = new Set(kept.map(({ path }) => path.split("/")[0]!));
  const inner = tops.size === 1 && !tops.has("train") ? `${[...tops][0]}/` : "";
  const below = kept.filter(({ path }) => path.startsWith(inner));
  return {
    files: below.flatMap(({ path, bytes }) =>
      bytes === undefined ? [] : [{ path: path.slice(inner.length), read: () => Promise.resolve(bytes) }]
    ),
    folders: below.flatMap(({ path, bytes }) => bytes === undefined ? [path.slice(inner.length)] : []),
  };
}

interface Walk {
  readonly files: SourceFile[];
  readonly folders: string[];
  readonly versions: string[];
  readonly versioned: boolean;
  readonly breathe: () => Promise<void>;
}

async function folderTree(
  path: string,
  versioned: boolean,
  signal: AbortSignal | undefined,
): Promise<{ tree: Tree; versions: readonly string[] }> {
  let root = path;
  let tops = await names(root);
  const [only] = tops;
  if (tops.length === 1 && only !== "train" && lookAt(`${root}/${only}`)?.isDirectory) {
    root = `${root}/${only}`;
    tops = await names(root);
  }
  const walk: Walk = { files: [], folders: [], versions: [], versioned, breathe: breather(signal) };
  for (const top of tops) {
    const inside = ["train", ...testFolders].includes(top) && lookAt(`${root}/${top}`)?.isDirectory;
    if (inside) await walkSplit(walk, root, top);
    else walk.folders.push(top);
  }
  return { tree: walk, versions: walk.versions };
}

async function walkSplit(walk: Walk, root: string, split: string): Promise<void> {
  walk.folders.push(split);
  const above = await Promise.all([Deno.realPath(root), Deno.realPath(`${root}/${split}`)]);
  for (const name of await names(`${root}/${split}`)) {
    await visit(walk, root, `${split}/${name}`, new Set(above));
  }
}

/** Adds a file, or a folder with all below it. A folder seen before or above ends there, so loops of links do too. */
async function visit(walk: Walk, root: string, relative: string, seen: Set<string>): Promise<void> {
  const path = `${root}/${relative}`;
  let info: Deno.FileInfo;
  try {
    info = Deno.statSync(path);
  } catch (error) {
    throw unreadable(path, error);
  }
  await walk.breathe();
  if (!info.isDirectory) {
    requireFile(path, info);
    walk.files.push({ path: relative, read: () => readBytes(path) });
    if (walk.versioned) walk.versions.push(`${relative}:${versionOf(info)}`);
    return;
  }
  const real = await Deno.realPath(path);
  if (seen.has(real)) return;
  seen.add(real);
  walk.folders.push(relative);
  for (const name of await names(path)) await visit(walk, root, `${relative}/${name}`, seen);
}

async function names(folder: string): Promise<string[]> {
  try {
    return (await Array.fromAsync(Deno.readDir(folder), ({ name }) => name)).filter((name) => !isJunk(name)).sort();
  } catch (error) {
    throw unreadable(folder, error);
  }
}
