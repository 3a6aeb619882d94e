/**
 * A client of anything that speaks RESP and knows what every Redis knows: GET, SET, DEL, INCRBY, APPEND, and MULTI,
 * EXEC and WATCH. It has no sessions and repeats nothing, so it is what a usual Redis client is.
 *
 * Invariant: no answer is a guess. A refusal in a reply, or a server that could not be reached, says that nothing was
 * done; silence, or a connection that broke after the command had left, is `OUTCOME_UNKNOWN`, for reads as well.
 *
 * @module
 */
import type { ServerAddress } from "../../client/connection.ts";
import { EMPTY, equalBytes, keyFromText } from "../../codec/bytes.ts";
import { KvError, OutcomeUnknown } from "../../core/errors.ts";
import type { Compare, Operation, Txn } from "../../core/kv/command.ts";
import type { Entry, Result } from "../../core/kv/result.ts";
import type { Caller } from "../callers.ts";
import { errorOfLine } from "../resp_client.ts";
import { RespErrorReply, type RespReply } from "../resp_reply_parser.ts";
import { type PlainCommand, PlainConnection } from "./connection.ts";

/** What a plain client is of. */
export interface PlainRespOptions {
  /** It stays with one of them while that works, and begins with the one at `first`. */
  readonly servers: readonly ServerAddress[];
  /** @default 0 */
  readonly first?: number;
  /** Null for the server's own password. */
  readonly user: string | null;
  readonly password: string | null;
  /** Opens the sockets. @default plain ones */
  readonly caller?: Caller;
  /** How long one operation may take. */
  readonly deadline_ms: number;
  /** Whether to ask with READONLY for reads that may be stale, as our own servers and Redis Cluster know it. */
  readonly readOnly: boolean;
}

const CONNECT_MS = 2000;
/** Prefixes of refusals that speak against the server rather than the request: another one is tried next. */
const ELSEWHERE = /^(READONLY|MASTERDOWN|CLUSTERDOWN|LOADING|TRYAGAIN|MISCONF)\b/;

/** Does one operation at a time. */
export class PlainRespClient {
  readonly #options: PlainRespOptions;
  #at: number;
  #connection: PlainConnection | null = null;
  #isClosed = false;

  constructor(options: PlainRespOptions) {
    this.#options = options;
    this.#at = (options.first ?? 0) % options.servers.length;
  }

  /** Does an operation, of those that plain Redis can do. Rejects with a {@link KvError}. */
  async execute(operation: Operation): Promise<Result> {
    const until_ms = performance.now() + this.#options.deadline_ms;
    const call = async (...commands: PlainCommand[]): Promise<RespReply[]> => {
      const connection = await this.#connected(until_ms);
      return await connection.call(commands, Math.max(1, until_ms - performance.now()));
    };
    switch (operation.type) {
      case "get":
        return { type: "get", revision: 0, entry: entryOf(this.#checked(await call(["GET", operation.key]))[0]!) };
      case "getMany": {
        const gets = operation.keys.map((key): PlainCommand => ["GET", key]);
        const replies = this.#checked(await call(["MULTI"], ...gets, ["EXEC"]));
        return { type: "many", revision: 0, entries: this.#checked(listOf(replies.at(-1)!)).map(entryOf) };
      }
      case "put":
        this.#checked(await call(["SET", operation.key, operation.value]));
        return { type: "put", revision: 0, written: true, previous: null };
      case "delete": {
        const [deleted] = this.#checked(await call(["DEL", operation.key]));
        return { type: "delete", revision: 0, deleted: Number(deleted), previous: null };
      }
      case "increment": {
        const [sum] = this.#checked(await call(["INCRBY", operation.key, keyFromText(String(operation.delta))]));
        return { type: "integer", revision: 0, value: BigInt(sum as number | bigint) };
      }
      case "append": {
        const [length] = this.#checked(await call(["APPEND", operation.key, operation.value]));
        return { type: "integer", revision: 0, value: BigInt(length as number | bigint) };
      }
      case "txn":
        return await this.#transaction(operation, call);
      default:
        throw new KvError("INVALID_ARGUMENT", `plain RESP has nothing like ${operation.type}`);
    }
  }

  /** Closes it; what is under way is of unknown outcome. */
  close(): void {
    this.#isClosed = true;
    this.#connection?.close();
  }

  async #transaction(
    { compare, then }: Txn,
    call: (...commands: PlainCommand[]) => Promise<RespReply[]>,
  ): Promise<Result> {
    const keys = [...new Set(compare.map(({ key }) => key))];
    const gets = keys.map((key): PlainCommand => ["GET", key]);
    // What is lost here has done nothing: only what comes after MULTI writes.
    const seen = await call(["WATCH", ...keys], ...gets).catch((error: unknown) => {
      if (!(error instanceof OutcomeUnknown)) throw error;
      throw new KvError("UNAVAILABLE", `before anything was written: ${error.message}`, { cause: error });
    });
    const values = new Map(keys.map((key, at) => [key, this.#checked(seen)[at + 1] as Uint8Array | null]));
    const connection = this.#connection;
    if (!compare.every((each) => holds(each, values.get(each.key)!))) {
      await call(["UNWATCH"]);
      return { type: "txn", revision: 0, succeeded: false, results: [] };
    }
    if (connection === null || !connection.isOpen) {
      throw new KvError("UNAVAILABLE", "the connection that watched the keys broke; nothing was written");
    }
    const replies = this.#checked(await call(["MULTI"], ...then.map(commandOf), ["EXEC"]));
    const executed = replies.at(-1)!;
    // Not the same as a comparison that does not hold: nothing is known of the values but that something changed.
    if (executed === null) throw new KvError("UNAVAILABLE", "a watched key was written meanwhile; nothing was done");
    if (listOf(executed).some((reply) => reply instanceof RespErrorReply)) {
      throw new OutcomeUnknown("a part of the transaction failed, and the others may have been done");
    }
    return { type: "txn", revision: 0, succeeded: true, results: [] };
  }

  /** The connection in use, or one to the next server that can be reached. */
  async #connected(until_ms: number): Promise<PlainConnection> {
    if (this.#connection?.isOpen === true) return this.#connection;
    const { servers, user, password, readOnly } = this.#options;
    // Where the last one broke, the next server is tried first.
    if (this.#connection !== null) this.#at = (this.#at + 1) % servers.length;
    this.#connection = null;
    let last: unknown = null;
    for (let tried = 0; tried < servers.length && performance.now() < until_ms; tried++) {
      if (this.#isClosed) throw new KvError("CLOSED", "the client is closed");
      const left_ms = Math.max(1, Math.min(CONNECT_MS, until_ms - performance.now()));
      try {
        const connection = await PlainConnection.open(servers[this.#at]!, left_ms, this.#options.caller);
        const greeting: PlainCommand[] = [
          ...password === null ? [] : [["AUTH", ...(user === null ? [] : [keyFromText(user)]), keyFromText(password)]],
          ...readOnly ? [["READONLY"]] : [],
        ];
        if (greeting.length > 0) {
          const refused = (await connection.call(greeting, left_ms)).find((reply) => reply instanceof RespErrorReply);
          if (refused !== undefined) {
            connection.close();
            throw errorOfLine(refused.line);
          }
        }
        return this.#connection = connection;
      } catch (error) {
        last = error;
        this.#at = (this.#at + 1) % servers.length;
      }
    }
    // Whatever was unknown about a greeting, the operation itself did not leave.
    const why = last instanceof KvError ? last : new KvError("UNAVAILABLE", "no server could be reached in time");
    throw why.code === "OUTCOME_UNKNOWN" ? new KvError("UNAVAILABLE", why.message, { cause: why }) : why;
  }

  /** The replies, of which none is an error. The last error counts: that of EXEC says what became of the rest. */
  #checked(replies: readonly RespReply[]): readonly RespReply[] {
    const refused = replies.findLast((reply) => reply instanceof RespErrorReply);
    if (refused === undefined) return replies;
    // A server that takes no writes now, or not yet: the next operation is asked of another one.
    if (ELSEWHERE.test(refused.line) && this.#options.servers.length > 1) this.#connection?.close();
    const error = errorOfLine(refused.line);
    throw ELSEWHERE.test(refused.line) ? new KvError("UNAVAILABLE", refused.line, { cause: error }) : error;
  }
}

function commandOf(operation: Operation): PlainCommand {
  if (operation.type === "put") return ["SET", operation.key, operation.value];
  if (operation.type === "delete") return ["DEL", operation.key];
  throw new KvError("INVALID_ARGUMENT", `plain RESP does ${operation.type} in no transaction of ours`);
}

/** Whether a comparison holds, of those that can be made of a value alone. */
function holds(compare: Compare, value: Uint8Array | null): boolean {
  if (compare.target === "value" && compare.operator === "=") {
    return value !== null && equalBytes(value, compare.operand);
  }
  if (compare.target === "version" && compare.operator === "=" && compare.operand === 0) return value === null;
  throw new KvError(
    "INVALID_ARGUMENT",
    `plain RESP cannot compare the ${compare.target} of a key with ${compare.operator}`,
  );
}

function entryOf(reply: RespReply): Entry | null {
  if (reply === null) return null;
  const value = reply instanceof Uint8Array ? reply : EMPTY;
  return { value, version: 0, createRevision: 0, modRevision: 0, expiry: 0 };
}

function listOf(reply: RespReply): readonly RespReply[] {
  if (Array.isArray(reply)) return reply as readonly RespReply[];
  throw new OutcomeUnknown("the answer to EXEC is no list");
}
