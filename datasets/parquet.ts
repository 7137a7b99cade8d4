import type { LoadContext } from "../dsl/data.ts";
import { DatasetError } from "../dsl/errors.ts";
import type { LabelledFile } from "./class_folders.ts";
import { breather, firstLine, unreadable } from "./files.ts";
import { readColumn, type Value } from "./parquet/column.ts";
import { type Column, type Footer, readFooter } from "./parquet/footer.ts";
import { hyparquet } from "./parquet/library.ts";
import { stretch } from "./read_source.ts";

/** What a parquet file of images is expected to hold. */
export interface ParquetLayout {
  /** Names that the column of images may have, best first: a struct whose `bytes` are a JPEG or PNG file. */
  readonly image: readonly string[];
  /** Names that the column of labels may have, best first: class indices. */
  readonly label: readonly string[];
  /** Name of each class. */
  readonly classNames: readonly string[];
}

/**
 * Encoded images and labels of a parquet file as Hugging Face's `datasets` writes them.
 *
 * Read by `hyparquet`, one row group at a time. If the file names its classes (as `datasets` does in its metadata), they
 * must be those of the layout.
 *
 * @throws {DatasetError} If the file is none, is cut or damaged, or holds other columns, classes or labels.
 */
export async function readParquet(
  path: string,
  layout: ParquetLayout,
  context: LoadContext = {},
): Promise<readonly LabelledFile[]> {
  const library = await hyparquet();
  using file = open(path);
  const files: LabelledFile[] = [];
  const breathe = breather(context.signal);
  try {
    const footer = readFooter(library, file.statSync().size, (from, length) => stretch(file, from, length));
    const [image, label] = columnsOf(path, footer, layout);
    requireClasses(path, footer, label.path[0]!, layout.classNames);
    for (const [index, group] of footer.groups.entries()) {
      const [images, labels] = [image, label].map(({ path, optional }) => {
        const chunk = group.chunks.get(path.join("\n"));
        if (chunk === undefined) throw new Error(`a row group without ${path.join(".")}`);
        return readColumn(library, stretch(file, chunk.from, chunk.length), chunk, group.rows, optional);
      }) as [readonly Value[], readonly Value[]];
      for (let i = 0; i < group.rows; i++) {
        files.push(imageOf(path, files.length, images[i], labels[i], layout.classNames.length));
      }
      context.progress?.(`reading ${path}`, (index + 1) / footer.groups.length);
      await breathe();
    }
  } catch (error) {
    context.signal?.throwIfAborted();
    throw error instanceof DatasetError ? error : damaged(path, error);
  }
  if (files.length > 0) return files;
  throw new DatasetError(`Cannot read "${path}": it must hold images, got no rows. Copy or download it again.`);
}

/** The column of image bytes and that of labels. */
function columnsOf(path: string, { columns }: Footer, { image, label }: ParquetLayout): readonly [Column, Column] {
  const find = (wanted: readonly string[], inside: readonly string[]): Column => {
    for (const name of wanted) {
      const found = columns.find((column) =>
        column.path[0] === name && (column.path.length === 1 || column.path.slice(1).join() === inside.join())
      );
      if (found !== undefined) return found;
    }
    throw new DatasetError(
      `Cannot read "${path}": it must have a column ${wanted.join(" or ")}, ` +
        `got ${columns.map((column) => column.path.join(".")).join(", ")}. Give the parquet files of this dataset.`,
    );
  };
  return [find(image, ["bytes"]), find(label, [])];
}

/** Checks the order of classes that `datasets` writes beside the table, if it is there. */
function requireClasses(path: string, { notes }: Footer, column: string, classNames: readonly string[]): void {
  const text = notes.get("huggingface");
  if (text === undefined) return;
  const names = JSON.parse(text)?.info?.features?.[column]?.names;
  if (!Array.isArray(names) || names.join() === classNames.join()) return;
  const at = classNames.findIndex((name, label) => names[label] !== name);
  throw new DatasetError(
    `Cannot read "${path}": its classes must be those of the dataset, "${classNames[at]}" at ${at}, ` +
      `got "${names[at]}". Give the parquet files of this dataset.`,
  );
}

function imageOf(path: string, row: number, bytes: Value, label: Value, classes: number): LabelledFile {
  const name = `${path} row ${row}`;
  if (!(bytes instanceof Uint8Array)) {
    throw new DatasetError(
      `Cannot read "${name}": an image must be the bytes of a JPEG or PNG file, got ${bytes ?? "none"}. ` +
        "Give parquet files with the images inside.",
    );
  }
  if (typeof label !== "number" || label < 0 || label >= classes) {
    throw new DatasetError(
      `Cannot read "${name}": labels must be from 0 to ${classes - 1}, got ${label ?? "none"}. ` +
        "Copy or download it again.",
    );
  }
  return { path: name, label, source: { path: name, bytes } };
}

function damaged(path: string, error: unknown): DatasetError {
  // What a missing field leads to in the library says nothing to a reader.
  const told = error instanceof Error && !(error instanceof TypeError) && !(error instanceof RangeError);
  const got = told ? firstLine(error.message) : "a header or page that is damaged";
  return new DatasetError(
    `Cannot read "${path}": it must be a whole parquet file, got "${got}". Copy or download it again.`,
    { cause: error },
  );
}

function open(path: string): Deno.FsFile {
  try {
    return Deno.openSync(path);
  } catch (error) {
    throw unreadable(path, error);
  }
}
