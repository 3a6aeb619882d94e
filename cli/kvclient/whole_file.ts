/**
 * A file that is there as a whole or not at all: it is written under another name, made durable, and then given its own.
 *
 * @module
 */
import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import process from "node:process";
import { Failure } from "../exit_code.ts";

/** Ends the name of a file that is being written. */
export const PART_SUFFIX = ".part";

/** Writes one file, readable by its owner only. */
export class WholeFile {
  readonly #path: string;
  readonly #file: FileHandle;

  private constructor(path: string, file: FileHandle) {
    this.#path = path;
    this.#file = file;
  }

  /** Begins the file at `path`. What is there stays until {@link commit}. */
  static async create(path: string): Promise<WholeFile> {
    return await attempt(path, async () => new WholeFile(path, await open(path + PART_SUFFIX, "w", 0o600)));
  }

  /** Adds to the end. */
  async write(bytes: Uint8Array): Promise<void> {
    await attempt(this.#path, async () => {
      for (let at = 0; at < bytes.length;) {
        at += (await this.#file.write(bytes, at, bytes.length - at)).bytesWritten;
      }
    });
  }

  /** Makes it durable and gives it its name, in the place of what was there. */
  async commit(): Promise<void> {
    await attempt(this.#path, async () => {
      await this.#file.sync();
      await this.#file.close();
      await rename(this.#path + PART_SUFFIX, this.#path);
      // Windows has no such call and journals names itself.
      if (process.platform === "win32") return;
      const directory = await open(dirname(this.#path), "r");
      try {
        await directory.sync();
      } finally {
        await directory.close();
      }
    });
  }

  /** Gives up: nothing is left. */
  async abort(): Promise<void> {
    await this.#file.close().catch(() => {});
    await rm(this.#path + PART_SUFFIX, { force: true }).catch(() => {});
  }
}

async function attempt<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new Failure(`cannot write ${path}: ${why}`, undefined, { cause });
  }
}
