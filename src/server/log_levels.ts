/**
 * How much a server logs, as something that can be changed while it runs. The library configures no log: whoever does,
 * such as `kvserver`, hands one of these to the server.
 *
 * @module
 */

/** How important a message is. */
export type LogLevel = "trace" | "debug" | "info" | "warning" | "error" | "fatal";

/** The levels of messages, from the least to the most important. */
export const LOG_LEVELS: readonly LogLevel[] = ["trace", "debug", "info", "warning", "error", "fatal"];

/** Decides which messages are logged. */
export interface LogLevels {
  /** The least important level that is logged, by category; a category without one has that of the category above it. */
  levels(): Readonly<Record<string, LogLevel>>;
  /**
   * Sets the level of a category such as `kvpaxos.server`, and of those below it that have none of their own; null takes
   * it away again.
   *
   * @throws {RangeError} for a category that there cannot be, or the level of the topmost being taken away
   */
  setLevel(category: string, level: LogLevel | null): void;
}
