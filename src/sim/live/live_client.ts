/**
 * What a live workload needs of whatever talks to the servers under test: a client library, or plain RESP.
 *
 * @module
 */
import { KvError, OutcomeUnknown } from "../../core/errors.ts";
import type { Operation, ReadOperation } from "../../core/kv/command.ts";
import type { Result } from "../../core/kv/result.ts";
import type { Classify } from "../run/outcome.ts";
import type { Dice } from "../run/workload.ts";

/** Does operations. Rejects with a {@link KvError}. */
export interface LiveClient {
  /** Does a write, or a transaction. */
  write(operation: Operation): Promise<Result>;
  /** Does a read, which may be asked of other servers than writes, or with less consistency. */
  read(operation: ReadOperation): Promise<Result>;
}

/** One sequence of operations: it waits for each before it does the next. */
export interface LiveActor {
  /** Its number, unique in the check. */
  readonly id: number;
  readonly client: LiveClient;
  readonly dice: Dice;
}

/**
 * What the errors of real clients say. Nothing is taken to have failed that may have happened; a read that met its
 * deadline is of unknown outcome, too, which constrains nothing.
 */
export const classifyLive: Classify = (error, isWrite) => {
  if (!(error instanceof KvError)) throw error;
  if (error.code === "OUTCOME_UNKNOWN") return "info";
  return !isWrite && error.code === "DEADLINE_EXCEEDED" ? "info" : "fail";
};

/** The result of an operation, which is of this type. After any other nobody knows what the server has done. */
export function resultAs<Type extends Result["type"]>(
  result: Result,
  type: Type,
): Extract<Result, { readonly type: Type }> {
  if (result.type === "error") throw new KvError(result.code, result.message);
  if (result.type !== type) {
    throw new OutcomeUnknown(`the answer is of type ${result.type}, which is not what was asked for: ${type}`);
  }
  // Narrowed by the line above; a generic parameter does not narrow.
  return result as Extract<Result, { readonly type: Type }>;
}
