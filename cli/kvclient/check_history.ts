/**
 * The history of a check as a file, written while it goes on, so that it need not be kept in memory.
 *
 * @module
 */
import type { HistoryEvent } from "../../src/sim/checker/history.ts";
import { writeJsonLines } from "../../src/sim/checker/json_lines.ts";
import { Failure } from "../exit_code.ts";
import type { Terminal } from "../terminal.ts";

/** How many events wait to be written together. */
const BATCH = 1000;

/** A file of JSON lines; nothing where no file is wanted. */
export class HistoryFile {
  readonly #terminal: Terminal;
  readonly #path: string | undefined;
  #waiting: HistoryEvent[] = [];

  /** Begins the file anew. Throws {@link Failure} when it cannot be written. */
  constructor(terminal: Terminal, path: string | undefined) {
    this.#terminal = terminal;
    this.#path = path;
    if (path !== undefined) this.#write(() => terminal.replaceFile(path, ""));
  }

  /** Takes the next event. */
  add(event: HistoryEvent): void {
    if (this.#path === undefined) return;
    this.#waiting.push(event);
    if (this.#waiting.length >= BATCH) this.flush();
  }

  /** Writes what waits. */
  flush(): void {
    const path = this.#path;
    if (path === undefined || this.#waiting.length === 0) return;
    const text = writeJsonLines(this.#waiting);
    this.#waiting = [];
    this.#write(() => this.#terminal.appendFile(path, text));
  }

  #write(action: () => void): void {
    try {
      action();
    } catch (error) {
      throw new Failure(`${this.#path}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
}
