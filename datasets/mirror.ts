import type { LoadContext } from "../dsl/data.ts";
import { type Checksum, download } from "./download.ts";

/** Where the files of a dataset are fetched from instead of their official address. */
export interface Mirror {
  /** Address of the folder that holds the files under their official names. */
  readonly address: string;
  /** SHA-256 of files that differ from the official ones, e.g. because they were packed again, by name. */
  readonly sha256?: Readonly<Record<string, string>>;
}

/** A file of a dataset as it is published. */
export interface OfficialFile {
  /** Its name. */
  readonly name: string;
  /** Address of the folder that holds it. */
  readonly address: string;
  /** Number of bytes. */
  readonly bytes: number;
  /** Checksum, in hexadecimal. */
  readonly checksum: Checksum;
}

/**
 * Fetches a file into a folder from its official address, or from a mirror, and gives its path.
 *
 * @throws {DatasetError} If the server does not give the file, gives another one, or the disk has no room.
 */
export async function fetchOfficial(
  official: OfficialFile,
  folder: string,
  from: true | Mirror,
  context: LoadContext,
): Promise<string> {
  const { name, address, bytes, checksum } = official;
  const file = `${folder}/${name}`;
  if (from === true) {
    await download({ url: `${address}/${name}`, file, bytes, checksum }, context);
    return file;
  }
  const url = `${from.address.replace(/\/+$/, "")}/${name}`;
  const own = from.sha256?.[name];
  await download(
    own === undefined ? { url, file, bytes, checksum } : { url, file, checksum: { sha256: own } },
    context,
  );
  return file;
}
