/**
 * How a RESP command is described. A command that touches data is a pure function from its arguments to a
 * *plan*: one store operation, and how its result reads in RESP. The same plan serves a lone command, one
 * inside MULTI/EXEC (whose plans become one transaction), and one under ONCE.
 *
 * @module
 */
import type { Command, Operation, ReadOperation } from "../../core/kv/command.ts";
import type { Result } from "../../core/kv/result.ts";
import type { RespConnection } from "./connection.ts";
import type { ReplyWriter } from "./reply_writer.ts";

/** The arguments of a command, its name first. Views of the receive buffer: valid until the turn ends. */
export type Args = readonly Uint8Array[];

/** What a command does. */
export type Plan =
  /** One operation on the store. `reply` is never given an error result: those are written by the connection. */
  | {
    readonly kind: "operation";
    readonly operation: Operation;
    readonly reply: (result: Result, out: ReplyWriter) => void;
    /** Whether replying may change what the client is: the next command begins after it. */
    readonly changesClient?: boolean;
  }
  /** Something that the connection or the server answers by itself. It must reply before it returns. */
  | {
    readonly kind: "local";
    readonly run: (connection: RespConnection, out: ReplyWriter) => void;
  }
  /**
   * Something that looks at the store itself. It runs in a turn in which a read barrier called back and every
   * earlier command of the connection is finished (inside EXEC: right after the transaction was applied), and
   * must reply before it returns. May throw {@link RespError} or a KvError instead of writing anything.
   */
  | {
    readonly kind: "inspect";
    /** What of the store it looks at: whoever may not read that is refused. */
    readonly reads: ReadOperation;
    readonly run: (connection: RespConnection, out: ReplyWriter) => void;
  }
  /**
   * Something that takes its time and concerns the client itself: no command behind it begins before `finish` was
   * called with what replies. Cannot stand in a transaction.
   */
  | {
    readonly kind: "wait";
    readonly begin: (
      connection: RespConnection,
      finish: (run: (connection: RespConnection, out: ReplyWriter) => void) => void,
    ) => void;
  }
  /** A command that is no operation, so that it cannot stand in a transaction. `reply` is as for an operation. */
  | {
    readonly kind: "command";
    readonly command: Command;
    readonly reply: (result: Result, out: ReplyWriter) => void;
  }
  /**
   * The bytes of a command, answered with the bytes of its result in a bulk string; failures too. Cannot stand
   * in a transaction.
   */
  | {
    readonly kind: "encoded";
    readonly command: Command;
    readonly bytes: Uint8Array;
    /** Whether it is a read that may be answered from what this replica knows. */
    readonly isStale: boolean;
  };

/** A command as the table has it, and as COMMAND tells it to clients. */
export interface CommandSpec {
  /** In lower case. */
  readonly name: string;
  /** How many arguments, the name included; negative for at least that many. */
  readonly arity: number;
  /** Redis's flags: `write`, `readonly`, `fast`, `denyoom`, `noscript`, `loading`, `stale`, … */
  readonly flags: readonly string[];
  /** First key, last key (negative counts from the end) and step, as COMMAND gives them; all 0 for no keys. */
  readonly keys: readonly [first: number, last: number, step: number];
  readonly group: "string" | "generic" | "connection" | "server" | "transactions" | "kvpaxos";
  /** One line, for COMMAND DOCS. */
  readonly summary: string;
  /**
   * What happens to the command between MULTI and EXEC: it is queued, executed at once, or refused.
   * @default "queue"
   */
  readonly inMulti?: "queue" | "now" | "refuse";
  /**
   * The connection's own short way from bytes to bytes, for the commands that matter most: a read of the one key,
   * or an overwrite of the one key by the one value. It does what the plan does.
   */
  readonly shortcut?: "get" | "put";
  /** Turns arguments (the arity holds) into a plan, or throws {@link RespError}. */
  readonly plan: (args: Args, connection: RespConnection) => Plan;
}

/** A command that is refused. The message is the whole RESP error line, prefix included: `ERR syntax error`. */
export class RespError extends Error {
  override readonly name: string = "RespError";
}

/**
 * A command that is not there, or has the wrong number of arguments. Between MULTI and EXEC it makes EXEC refuse,
 * where other errors take their place among the replies.
 */
export class UnknownCommandError extends RespError {
  override readonly name = "UnknownCommandError";
}

/** A command that the client's user may not do. Between MULTI and EXEC it makes EXEC refuse. */
export class PermissionError extends RespError {
  override readonly name = "PermissionError";
}
