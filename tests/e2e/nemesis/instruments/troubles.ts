/**
 * What is wrong with the world of a server under test at the moment: told by a file, which is read again and again. A
 * signal would end a process that is not far enough to listen to it.
 *
 * @module
 */
import { readFileSync } from "node:fs";

/** The troubles. Everything absent is in order. */
export interface Troubles {
  /** How much longer each sync takes, in milliseconds. */
  readonly syncDelay_ms?: number;
  /** The next sync fails, and all after it. */
  readonly failSync?: boolean;
  /** There is no space left for anything that makes a file longer. */
  readonly isFull?: boolean;
  /** How far the wall clock is off, in milliseconds. */
  readonly clockOffset_ms?: number;
}

const NONE: Troubles = {};
/** How often the file is read. */
const READ_MS = 20;

/** The present troubles. */
export class TroubleFile {
  #now: Troubles = NONE;
  readonly #path: string;

  /** `path` is that of a JSON file, which need not be there. */
  constructor(path: string) {
    this.#path = path;
    this.#read();
    if (path !== "") setInterval(() => this.#read(), READ_MS).unref();
  }

  get now(): Troubles {
    return this.#now;
  }

  #read(): void {
    try {
      this.#now = JSON.parse(readFileSync(this.#path, "utf8")) as Troubles;
    } catch (error) {
      if (!(error instanceof Error) || !("code" in error) || error.code !== "ENOENT") throw error;
      this.#now = NONE;
    }
  }
}
