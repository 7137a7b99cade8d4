/**
 * The folder of a run: spec, log, checkpoint and weights, each written whole or not at all.
 *
 * @module
 */

import { CheckpointError } from "../../dsl/errors.ts";

/** Writes a file; replaced in tests by writers that fail. */
export type WriteFile = (path: string, bytes: Uint8Array) => Promise<void>;

/** A folder `runs/<name>`. */
export class RunFolder {
  /** Path of the folder. */
  readonly path: string;
  readonly #write: WriteFile;

  private constructor(path: string, write: WriteFile) {
    this.path = path;
    this.#write = write;
  }

  /**
   * Makes a folder for a new run: `name`, or `name-2`, `name-3`, … where that exists, so that nothing is overwritten.
   *
   * @throws {CheckpointError} If it cannot be made.
   */
  static async create(parent: string, name: string, write: WriteFile = Deno.writeFile): Promise<RunFolder> {
    try {
      await Deno.mkdir(parent, { recursive: true });
      for (let attempt = 1;; attempt++) {
        const path = `${parent}/${attempt === 1 ? name : `${name}-${attempt}`}`;
        try {
          await Deno.mkdir(path);
          return new RunFolder(path, write);
        } catch (error) {
          if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
        }
      }
    } catch (error) {
      throw cannotWrite(`${parent}/${name}`, parent, error);
    }
  }

  /** The folder of a run that goes on. */
  static existing(path: string, write: WriteFile = Deno.writeFile): RunFolder {
    return new RunFolder(path, write);
  }

  /** Writes a file by way of a temporary one, so that a crash leaves the old or the new content. */
  async write(name: string, content: Uint8Array | string): Promise<string> {
    const path = `${this.path}/${name}`;
    const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
    try {
      await this.#write(`${path}.part`, bytes);
      await Deno.rename(`${path}.part`, path);
    } catch (error) {
      await Deno.remove(`${path}.part`).catch(() => {});
      throw cannotWrite(path, this.path.replace(/\/[^/]*$/, ""), error);
    }
    return path;
  }
}

function cannotWrite(path: string, folder: string, error: unknown): CheckpointError {
  const [reason, next] = error instanceof Deno.errors.NotCapable
    ? ["no permission", `Run with --allow-write=${folder}.`]
    : /No space left|os error 28/.test(String(error))
    ? ["a full disk", "Free some space; what was saved before is still there."]
    : [error instanceof Error ? error.message : String(error), "Choose another folder with --runs."];
  return new CheckpointError(`Cannot save ${path}: the folder has to be writable, got ${reason}. ${next}`);
}
