/**
 * What the routes for entries need of the server behind them: the store's own service in the thread that owns it, or the
 * way there from another.
 *
 * @module
 */
import type { Key } from "../../codec/bytes.ts";
import type { Command, ReadOperation } from "../../core/kv/command.ts";
import type { Limits } from "../../core/kv/limits.ts";
import type { Entry } from "../../core/kv/result.ts";
import type { Done } from "../service.ts";

/** What is said of an entry beside its value. */
export type EntryFigures = Omit<Entry, "value">;

/** Executes commands. */
export interface CommandService {
  readonly store: {
    readonly limits: Limits;
    /**
     * The entry of a key. To be asked in a callback of {@link execute} only, and of the key that the command is about: it
     * is the one that the command left.
     */
    entry(key: Key): EntryFigures | undefined;
  };
  /** As in `Service`. */
  execute(command: Command, done: Done): void;
  /** As in `Service`. */
  read(operation: ReadOperation, done: Done): void;
  /** As in `Service`. */
  readStale(operation: ReadOperation, done: Done): void;
}
