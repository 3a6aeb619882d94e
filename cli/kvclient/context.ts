/**
 * What every command works with.
 *
 * @module
 */
import type { KvError } from "../../src/core/errors.ts";
import type { Consistency } from "../../src/core/kv/stale_read.ts";
import type { CommandLine } from "../command_line.ts";
import { EXIT } from "../exit_code.ts";
import type { Style, Terminal } from "../terminal.ts";
import { FLAGS } from "./flags.ts";
import type { Connect, Store } from "./store.ts";
import type { Resolved } from "./target.ts";

/** One run of the program. */
export interface Context {
  readonly terminal: Terminal;
  readonly line: CommandLine;
  readonly resolved: Resolved;
  readonly connect: Connect;
  /** Whether output is for programs. */
  readonly json: boolean;
  readonly style: Style;
  /** Aborts when the user interrupts. */
  readonly signal: AbortSignal;
}

/** A command that needs a client. Returns the exit code. */
export type RunCommand = (context: Context, store: Store) => Promise<number>;

/** Whether what is read may be stale. */
export function consistencyOf(line: CommandLine): Consistency {
  return line.get(FLAGS.stale) ? "stale" : "linearizable";
}

/** Writes a line of JSON. */
export function writeJson(terminal: Terminal, value: unknown): Promise<void> {
  return terminal.write(JSON.stringify(value) + "\n");
}

/** Writes a line of text. */
export function writeLine(terminal: Terminal, line: string): Promise<void> {
  return terminal.write(line + "\n");
}

/** The exit code for an error: whether no server could take the request, or something else went wrong. */
export function exitCodeOf(error: KvError): number {
  switch (error.code) {
    case "UNAVAILABLE":
    case "DEADLINE_EXCEEDED":
    case "STORAGE_FAILED":
    case "CLOSED":
      return EXIT.unavailable;
    case "LOCK_HELD":
      return EXIT.compareFailed;
    default:
      return EXIT.failed;
  }
}

/** An error as JSON has it. */
export function errorToJson(
  error: KvError,
): { readonly code: string; readonly message: string; readonly retryable: boolean } {
  return { code: error.code, message: error.message, retryable: error.retryable };
}

/** An error as people read it, with what to do about it where the message alone does not say. */
export function describeError(error: KvError, { resolved }: Pick<Context, "resolved">): string {
  switch (error.code) {
    case "UNAUTHENTICATED":
      if (resolved.target.protocol === "udp") {
        return "the server asks for a password, which UDP cannot carry; choose another --protocol";
      }
      return resolved.target.password === null
        ? "the server asks for a password; give it with --password-file FILE or as KVCLIENT_PASSWORD"
        : `the server refused the user or the password: ${error.message}`;
    case "OUTCOME_UNKNOWN":
      return `${error.message}; read the key to see whether it was written`;
    default:
      return error.message;
  }
}
