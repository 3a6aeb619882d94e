/**
 * The one path that every front door takes: a {@link Command} goes in, a {@link Result} comes out. Reads are
 * answered from the store's own state after a read barrier, everything else goes through the log.
 *
 * @module
 */
import { ByteWriter } from "../codec/byte_writer.ts";
import { KvError } from "../core/errors.ts";
import type { Key } from "../codec/bytes.ts";
import { type Command, isRead, type ReadOperation } from "../core/kv/command.ts";
import { writeCommand } from "../core/kv/command_codec.ts";
import { writePlainPut } from "../core/kv/plain_put.ts";
import { conflictsOf } from "../core/kv/conflicts.ts";
import type { KVStore } from "../core/kv/kv_store.ts";
import { checkCommand } from "../core/kv/limits.ts";
import { decodeResult } from "../core/kv/result_codec.ts";
import type { ErrorResult, Result } from "../core/kv/result.ts";
import type { Completion, Replication } from "../core/replication.ts";

/**
 * How a command ended. Exactly one of the two is null. An {@link ErrorResult} is a result: the store itself
 * refused; an error comes from the way there.
 */
export type Done = (error: KvError | null, result: Result | null) => void;

/** Executes commands for the front doors of one server. */
export class Service {
  /** For what a front door may read in the turn in which a barrier called back. */
  readonly store: KVStore;
  readonly replication: Replication;
  readonly #locksKeys: boolean;
  #writer = new ByteWriter(4096);

  constructor(replication: Replication, store: KVStore) {
    this.replication = replication;
    this.#locksKeys = replication.locksKeys === true;
    this.store = store;
  }

  /** Executes any command: {@link read} for what only reads, {@link write} for the rest. */
  execute(command: Command, done: Done): void {
    if (isRead(command)) this.read(command, done);
    else this.write(command, done);
  }

  /** Answers from the store's own state, linearizably. May call back before it returns. */
  read(operation: ReadOperation, done: Done): void {
    this.replication.barrier((error) => {
      if (error !== null) done(error, null);
      else done(null, this.store.read(operation));
    }, this.keysOf(operation));
  }

  /** What a read says of its keys to a barrier: null for all, and where the protocol does not ask. */
  keysOf(operation: ReadOperation): readonly Key[] | null {
    return this.#locksKeys ? conflictsOf(operation) : null;
  }

  /**
   * Answers from the store's own state, whatever the other replicas know by now: at once, and while no majority can
   * be reached too. What is shown was true once, and may be older than what was shown before.
   */
  readStale(operation: ReadOperation, done: Done): void {
    if (this.mayReadStale()) done(null, this.store.read(operation));
    else this.read(operation, done);
  }

  /** Whether the store may be read without a barrier by who does not mind; if not, {@link read} says why. */
  mayReadStale(): boolean {
    return this.replication.status().state === "serving";
  }

  /**
   * Executes a command through the log, reads included: so a read that follows an unfinished write of the same
   * connection keeps its place. Byte fields of the command may be reused after the call.
   */
  write(command: Command, done: Done): void {
    try {
      checkCommand(command, this.store.limits);
    } catch (error) {
      if (!(error instanceof KvError)) throw error;
      done(error, null);
      return;
    }
    this.#writer.reset();
    writeCommand(this.#writer, command);
    this.replication.propose(this.#writer.view(), (error, result) => {
      if (error !== null) done(error, null);
      else done(null, decodeResult(result));
    });
  }

  /** Whether a key and a value of these sizes keep to the limits; if not, {@link write} says why. */
  mayPut(keyBytes: number, valueBytes: number): boolean {
    const { maxKeyBytes, maxValueBytes } = this.store.limits;
    return keyBytes > 0 && keyBytes <= maxKeyBytes && valueBytes <= maxValueBytes;
  }

  /**
   * A put without conditions or expiry, from bytes to bytes: `done` gets the bytes of the result. The key and the
   * value are parts of `source`, which may be reused after the call; {@link mayPut} has said that they keep to the
   * limits.
   */
  put(
    source: Uint8Array,
    keyStart: number,
    keyEnd: number,
    valueStart: number,
    valueEnd: number,
    done: Completion,
  ): void {
    this.#writer.reset();
    writePlainPut(this.#writer, source, keyStart, keyEnd, valueStart, valueEnd);
    this.replication.propose(this.#writer.view(), done);
  }
}

/** The error that an {@link ErrorResult} stands for. */
export function errorOf(result: ErrorResult): KvError {
  return new KvError(result.code, result.message);
}
