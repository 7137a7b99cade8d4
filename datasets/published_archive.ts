import type { LoadContext } from "../dsl/data.ts";
import { DatasetError } from "../dsl/errors.ts";
import { lookAt } from "./files.ts";
import { fetchOfficial, type Mirror, type OfficialFile } from "./mirror.ts";

/** A dataset that is published as one archive. */
export interface PublishedArchive {
  /** Identity, and name of its folder below the cache folder. */
  readonly kind: string;
  /** Name shown to people. */
  readonly name: string;
  /** Function that makes the dataset, for messages. */
  readonly call: string;
  /** The archive. */
  readonly archive: OfficialFile;
  /** Folder that the archive unpacks to; none if it unpacks to several. */
  readonly folder?: string;
  /** A folder that an unpacked archive has. */
  readonly marker: string;
}

/**
 * Path of the archive or of the folder it was unpacked to: `path` if given, else what lies below the cache folder
 * (`runs/cache` unless said), else the archive that is downloaded there.
 *
 * @throws {DatasetError} If it is nowhere and may not be downloaded.
 */
export async function findArchive(
  published: PublishedArchive,
  options: { readonly path?: string; readonly download?: boolean | Mirror },
  context: LoadContext,
): Promise<string> {
  const { kind, name, call, archive, folder, marker } = published;
  const kept = `${context.cache ?? "runs/cache"}/${kind}`;
  const { path, download = false } = options;
  const inner = (place: string) => folder === undefined ? [place] : [`${place}/${folder}`, place];
  const places = path === undefined
    ? [...inner(kept), `${kept}/${archive.name}`]
    : [...inner(path), `${path}/${archive.name}`];
  for (const place of places) {
    const info = lookAt(place);
    if (info?.isDirectory && lookAt(`${place}/${marker}`)?.isDirectory || info !== undefined && !info.isDirectory) {
      return place;
    }
  }
  if (path !== undefined && lookAt(path) !== undefined) return path; // which tells what is wrong with it
  if (download !== false) return await fetchOfficial(archive, kept, download, context);
  throw new DatasetError(
    `Cannot open ${name}: ${archive.name} or the folder it unpacks to must lie at "${
      path ?? kept
    }", got nothing there. ` +
      `Give ${call}({ path }), or allow ${call}({ download: true }). On the command line, say --dataset PATH or --download.`,
  );
}
