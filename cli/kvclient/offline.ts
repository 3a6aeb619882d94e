/**
 * What commands work with that talk to no server.
 *
 * @module
 */
import type { CommandLine } from "../command_line.ts";
import type { Style, Terminal } from "../terminal.ts";

/** One run of such a command. */
export interface OfflineContext {
  readonly terminal: Terminal;
  readonly line: CommandLine;
  /** Whether output is for programs. */
  readonly json: boolean;
  readonly style: Style;
  /** Aborts when the user interrupts. */
  readonly signal: AbortSignal;
}

/** A command that talks to no server. Returns the exit code. */
export type RunOffline = (context: OfflineContext) => Promise<number>;
