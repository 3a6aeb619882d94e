/**
 * How the outcome of a plan becomes a reply: results by the plan's own words, failures by the one error table.
 *
 * @module
 */
import { KvError } from "../../core/errors.ts";
import type { Result } from "../../core/kv/result.ts";
import { type RequestResult, resultOfCode } from "../metrics/door_metrics.ts";
import { RespError } from "./command_spec.ts";
import type { RespConnection } from "./connection.ts";
import type { ReplyWriter } from "./reply_writer.ts";
import { errorLine, type Fault } from "./resp_errors.ts";

/** Writes the reply to a result that is no error. */
export type ReplyTo = (result: Result, out: ReplyWriter) => void;

/** Replies by itself, or throws a refusal before it has written anything. */
export type Run = (connection: RespConnection, out: ReplyWriter) => void;

/** Writes an error, and counts it. */
export function replyFault(connection: RespConnection, fault: Fault, out: ReplyWriter): void {
  connection.context.stats.errors++;
  out.error(errorLine(fault));
}

/** Writes a result by `reply`, or as an error when it is one. */
export function replyResult(connection: RespConnection, result: Result, reply: ReplyTo, out: ReplyWriter): void {
  if (result.type === "error") replyFault(connection, result, out);
  else reply(result, out);
}

/** Runs what replies by itself; a refusal that it throws becomes its reply. Returns how it ended. */
export function replyByRun(connection: RespConnection, run: Run, out: ReplyWriter): RequestResult {
  try {
    run(connection, out);
    return "ok";
  } catch (error) {
    const line = lineOf(error);
    connection.context.stats.errors++;
    out.error(line);
    return error instanceof KvError ? resultOfCode(error.code) : "refused";
  }
}

/** The error line of a refusal that was thrown. Anything else is a fault of this program and is thrown on. */
export function lineOf(error: unknown): string {
  if (error instanceof RespError) return error.message;
  if (error instanceof KvError) return errorLine(error);
  throw error;
}
