/**
 * From the callbacks of {@link Service} to values and promises, in one place. A read whose barrier calls back at
 * once gives its result at once, so that the hot path makes no promise.
 *
 * @module
 */
import type { KvError } from "../../core/errors.ts";
import type { Command, ReadOperation } from "../../core/kv/command.ts";
import type { Consistency } from "../../core/kv/stale_read.ts";
import type { Result } from "../../core/kv/result.ts";
import type { Done, Service } from "../service.ts";
import type { CommandService } from "./command_service.ts";

/**
 * The result of a read: at once where the barrier calls back at once, else as a promise.
 *
 * @throws {KvError} when the barrier fails
 */
export function settleRead(
  service: CommandService,
  operation: ReadOperation,
  consistency: Consistency = "linearizable",
): Result | Promise<Result> {
  let result: Result | null = null;
  let failure: KvError | null = null;
  let resolve: ((result: Result) => void) | null = null;
  let reject: ((error: KvError) => void) | null = null;
  const done: Done = (error, value) => {
    if (error !== null) {
      if (reject === null) failure = error;
      else reject(error);
    } else if (value !== null) {
      if (resolve === null) result = value;
      else resolve(value);
    }
  };
  if (consistency === "stale") service.readStale(operation, done);
  else service.read(operation, done);
  if (result !== null) return result;
  if (failure !== null) throw failure;
  return new Promise((onResult, onError) => {
    resolve = onResult;
    reject = onError;
  });
}

/**
 * Executes a command; `use` turns its result into what is wanted, in the turn in which the command was applied:
 * what it reads from the store is the state that the command left.
 */
export function settle<Value>(
  service: CommandService,
  command: Command,
  use: (result: Result) => Value,
): Promise<Value> {
  return new Promise((resolve, reject) => {
    service.execute(command, (error, result) => {
      if (error !== null || result === null) {
        reject(error);
        return;
      }
      try {
        resolve(use(result));
      } catch (failure) {
        reject(failure);
      }
    });
  });
}

/** Calls `use` once the store reflects every write acknowledged anywhere before; its value is the promise's. */
export function settleBarrier<Value>(service: Service, use: () => Value): Promise<Value> {
  return new Promise((resolve, reject) => {
    service.replication.barrier((error) => {
      if (error !== null) {
        reject(error);
        return;
      }
      try {
        resolve(use());
      } catch (failure) {
        reject(failure);
      }
    });
  });
}
