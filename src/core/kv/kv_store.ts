/**
 * The state machine that is replicated: entries, sessions and watches behind one interface. Deterministic: the
 * same commands with the same times in the same order give the same state, the same results and the same
 * {@link KVStore.hash} on every replica and every runtime.
 *
 * A command is applied in one go: it is decoded, checked, executed, its result encoded, and its events delivered.
 *
 * @module
 */
import { CodecError } from "../../codec/byte_reader.ts";
import { ByteWriter } from "../../codec/byte_writer.ts";
import { EMPTY, type Key, keyFromBytes, keyToBytes } from "../../codec/bytes.ts";
import { crc32 } from "../../codec/checksum.ts";
import { KvError } from "../errors.ts";
import type { SnapshotSink, SnapshotSource, StateMachine } from "../replication.ts";
import { type Command, isRead, type Once, type ReadOperation } from "./command.ts";
import { decodeCommand, decodeOwnedCommand, encodeCommand, writeCommand } from "./command_codec.ts";
import { conflictsOf, hasExpiry } from "./conflicts.ts";
import { EntryTable } from "./entry_table.ts";
import { KeySampler } from "./key_sampler.ts";
import { checkCommand, checkLimits, DEFAULT_LIMITS, type Limits } from "./limits.ts";
import { Executor, type ReadResult, stampRevision } from "./operations.ts";
import { PlainPuts } from "./plain_put.ts";
import type { ValuePlace } from "./record_page.ts";
import { decodeResult, encodeResult, writePlainPutResult, writeResult } from "./result_codec.ts";
import type { Entry, ErrorResult, Result, WatchEvent } from "./result.ts";
import { SessionTable } from "./session_table.ts";
import { hashState } from "./snapshot_format.ts";
import { StateRestore } from "./snapshot_sink.ts";
import { StateSnapshot } from "./snapshot_source.ts";
import { type Watch, WatchHub, type WatchListener, type WatchOptions } from "./watch_hub.ts";

export type { Watch, WatchListener, WatchOptions } from "./watch_hub.ts";

/** How many keys, and how many sessions, one {@link KVStore.dueCommand} removes at most. */
const DUE_LIMIT = 1000;

/** A larger buffer is not kept for the next result. */
const KEPT_WRITER_BYTES = 256 * 1024;

/**
 * A key-value store as a deterministic state machine. By itself it keeps everything in memory and knows no clock:
 * hand it to a replication protocol, or apply commands to it in a test.
 *
 * @example
 * ```ts
 * import { decodeResult, encodeCommand, KVStore, keyFromText } from "@x/kvpaxos";
 *
 * const store = new KVStore();
 * const bytes = encodeCommand({ type: "increment", key: keyFromText("visits"), delta: 1n });
 * const result = decodeResult(store.apply(bytes, 1_700_000_000_000));
 * console.assert(result.type === "integer" && result.value === 1n);
 * console.assert(store.revision === 1);
 * ```
 *
 * @example A snapshot, taken in slices while the store goes on, and restored elsewhere
 * ```ts
 * import { keyFromText, KVStore } from "@x/kvpaxos";
 *
 * const store = new KVStore();
 * store.execute({ type: "increment", key: keyFromText("visits"), delta: 1n }, 0);
 *
 * const copy = new KVStore();
 * const sink = copy.restore();
 * const source = store.snapshot();
 * for (let slice = source.next(65536); slice !== null; slice = source.next(65536)) sink.write(slice);
 * source.close();
 * sink.finish();
 * console.assert(copy.hash() === store.hash());
 * ```
 */
export class KVStore implements StateMachine {
  /** The limits in force. Those that decide what a command does must be the same on every replica. */
  readonly limits: Limits;
  readonly #hub: WatchHub;
  readonly #hashSeed: number;
  readonly #record = (event: WatchEvent): void => this.#hub.record(event);
  #table: EntryTable;
  #sessions: SessionTable;
  #executor: Executor;
  #writer = new ByteWriter(1024);
  #snapshot: StateSnapshot | null = null;
  #isRecovering = false;
  #sampler = new KeySampler();
  readonly #plainPuts: PlainPuts;

  /**
   * An empty store. `limits` replaces some of {@link DEFAULT_LIMITS}. `hashSeed`, a 32-bit number that clients cannot
   * know, keeps them from making lookups slow by keys that collide; nothing that can be seen depends on it.
   *
   * @throws {KvError} when they do not go together
   */
  constructor(options: { readonly limits?: Partial<Limits>; readonly hashSeed?: number } = {}) {
    this.#hashSeed = options.hashSeed ?? 0;
    this.limits = { ...DEFAULT_LIMITS, ...options.limits };
    checkLimits(this.limits);
    this.#hub = new WatchHub(this.limits);
    this.#plainPuts = new PlainPuts(this.limits, this.#hub);
    this.#table = new EntryTable(0, 0, this.#record, this.#hashSeed);
    this.#sessions = new SessionTable(this.limits, 0);
    this.#executor = new Executor(this.#table, this.limits);
  }

  /** How many commands have changed an entry. */
  get revision(): number {
    return this.#table.revision;
  }

  /** How many entries there are, due ones that have not been removed yet included. */
  get size(): number {
    return this.#table.size;
  }

  /** The log time: the highest time given with a command, in milliseconds since the Unix epoch. */
  get time(): number {
    return this.#table.time;
  }

  /** How many sessions there are. */
  get sessions(): number {
    return this.#sessions.size;
  }

  /** How many watches are open. */
  get watchers(): number {
    return this.#hub.watchers;
  }

  /** The oldest revision from which {@link watch} and {@link events} can start. */
  get oldestRevision(): number {
    return this.#hub.oldestRevision;
  }

  /**
   * Executes the command in `bytes` and returns the bytes of its result, in fresh memory. Bytes that are not a
   * command, or one that breaks a limit, give an {@link ErrorResult}.
   */
  apply(bytes: Uint8Array, time: number): Uint8Array {
    return this.applyFrom(bytes, 0, bytes.length, time, true);
  }

  /** {@link apply} for the command `source[start, end)`; the result is empty unless `isAwaited`. */
  applyFrom(source: Uint8Array, start: number, end: number, time: number, isAwaited: boolean): Uint8Array {
    if (!this.#plainPuts.apply(this.#table, source, start, end, time)) {
      // An error that names a place in the command must not depend on what is around it.
      const bytes = start === 0 && end === source.length ? source : source.subarray(start, end);
      return this.#apply(bytes, time, isAwaited);
    }
    let result = EMPTY;
    if (isAwaited) {
      const writer = this.#cleanWriter();
      writePlainPutResult(writer, this.#table.revision);
      result = writer.take();
    }
    this.#hub.deliver();
    return result;
  }

  /** As {@link apply}, without the bytes. The result shares its entries with the store: do not write to them. */
  execute(command: Command, time: number): Result {
    const result = command.type === "once"
      ? decodeResult(this.#once(command, time, false))
      : this.#execute(command, time, false);
    this.#hub.deliver();
    return result;
  }

  /** Answers a `get` or `range` from the present state; other commands give an {@link ErrorResult}. */
  query(bytes: Uint8Array): Uint8Array {
    try {
      const command = decodeCommand(bytes);
      if (isRead(command)) return this.#encode(this.read(command));
      throw new KvError("INVALID_ARGUMENT", `a ${command.type} is no query: it goes through the log`);
    } catch (error) {
      if (error instanceof KvError) return encodeResult(this.#error(error));
      if (!(error instanceof CodecError)) throw error;
      return encodeResult(this.#error(new KvError("INVALID_ARGUMENT", `not a query: ${error.message}`)));
    }
  }

  /** Where the value at the key `source[start, end)` lies, until the next command; null when there is none. */
  locate(source: Uint8Array, start: number, end: number): ValuePlace | null {
    return this.#table.locate(source, start, end);
  }

  /** The entry at `key`. A large value is shared with the store: do not write to it. */
  entry(key: Key): Entry | undefined {
    return this.#table.live(key);
  }

  /** Answers a read from the present state. The result shares its entries with the store: do not write to them. */
  read(operation: ReadOperation): ReadResult {
    this.#executor.begin(false);
    return this.#executor.read(operation);
  }

  /**
   * Some key, for `random` in [0, 1), or null when there is none. All keys are about equally likely over many calls;
   * up to 1,000 keys they are exactly so.
   */
  randomKey(random: number): Key | null {
    return this.#sampler.next(this.#table, random);
  }

  /**
   * Calls `listener` with every event in [start, end), those from `fromRevision` on that have already happened
   * before this returns.
   *
   * @throws {Compacted} when `fromRevision` is older than the history that is kept
   */
  watch(options: WatchOptions, listener: WatchListener): Watch {
    return this.#hub.watch(options, listener);
  }

  /**
   * Past events in [start, end) from `fromRevision` on: about `limit`, as many as fill up the last revision, so that
   * the next call can start after it.
   *
   * @throws {Compacted} when `fromRevision` is older than the history that is kept
   */
  events(options: WatchOptions & { readonly limit: number }): readonly WatchEvent[] {
    return this.#hub.events(options);
  }

  /** The time from which {@link dueCommand} has something to remove, or null for never. */
  nextDue(): number | null {
    const entry = this.#table.nextDue();
    const session = this.#sessions.nextDue();
    if (entry === null || session === null) return entry ?? session;
    return Math.min(entry, session);
  }

  /** The command to put through the log when something is due. */
  dueCommand(): Uint8Array {
    return encodeCommand({ type: "expireDue", limit: DUE_LIMIT });
  }

  /** The keys that the command in `bytes` reads or writes, or null for all. Bytes that are no command concern none. */
  conflicts(bytes: Uint8Array): readonly string[] | null {
    try {
      return conflictsOf(decodeCommand(bytes));
    } catch (error) {
      if (!(error instanceof CodecError)) throw error;
      return [];
    }
  }

  /** The keys that the query in `bytes` reads, or null for all. */
  queryConflicts(bytes: Uint8Array): readonly string[] | null {
    return this.conflicts(bytes);
  }

  /** Whether one of the keys has an entry that expires: whether it is there depends on the log time. */
  isTimed(keys: readonly string[]): boolean {
    return hasExpiry(keys as readonly Key[], this.#table);
  }

  /**
   * Starts a snapshot of the present state, to be taken in slices while the store goes on.
   *
   * @throws {Error} when one is open already
   */
  snapshot(): SnapshotSource {
    if (this.#snapshot !== null) throw new Error("a snapshot is open already: close it first");
    const snapshot = new StateSnapshot(this.#table, this.#sessions, () => {
      if (this.#snapshot === snapshot) this.#snapshot = null;
    });
    this.#snapshot = snapshot;
    return snapshot;
  }

  /**
   * Starts a snapshot beside that of {@link snapshot}, for whoever takes the state away. Any number can be open; each
   * costs memory for what changes before it is written: `held_bytes`, about.
   */
  backup(): SnapshotSource & { readonly held_bytes: number } {
    return new StateSnapshot(this.#table, this.#sessions, () => {});
  }

  /**
   * Starts to replace the state by a snapshot. Nothing changes until its `finish` has verified the whole; then
   * watches are ended with {@link Compacted}, because the events in between are not known.
   */
  restore(): SnapshotSink {
    const newTable = (revision: number, time: number): EntryTable => {
      const table = new EntryTable(revision, time, this.#record, this.#hashSeed);
      if (this.#isRecovering) table.index.gather();
      return table;
    };
    return new StateRestore(this.limits, newTable, (table, sessions) => {
      // An open snapshot goes on with the state that it was made of.
      this.#snapshot = null;
      this.#table = table;
      this.#sessions = sessions;
      this.#executor = new Executor(table, this.limits);
      this.#sampler = new KeySampler();
      this.#hub.restart(table.revision);
    });
  }

  /**
   * While the store is recovering, keys are put in order only when their order is needed, or at the end. What commands do,
   * and what can be read, is the same.
   */
  recovering(isOn: boolean): void {
    this.#isRecovering = isOn;
    if (isOn) this.#table.index.gather();
    else this.#table.index.settle();
  }

  /**
   * A CRC-32 of the whole replicated state: entries, sessions, revision and log time. Equal on replicas that have
   * applied the same commands, and after a restore. Takes time in proportion to the state.
   */
  hash(): number {
    return hashState(this.#table, this.#sessions);
  }

  #apply(bytes: Uint8Array, time: number, isAwaited: boolean): Uint8Array {
    let command: Command;
    try {
      command = decodeOwnedCommand(bytes);
    } catch (error) {
      if (!(error instanceof CodecError)) throw error;
      this.#table.begin(time);
      return encodeResult(this.#error(new KvError("INVALID_ARGUMENT", `not a command: ${error.message}`)));
    }
    let bytesOfResult = EMPTY;
    if (command.type === "once") {
      bytesOfResult = this.#once(command, time, true);
    } else {
      const result = this.#execute(command, time, true);
      if (isAwaited) bytesOfResult = this.#encode(result);
    }
    this.#hub.deliver();
    return bytesOfResult;
  }

  #execute(command: Exclude<Command, Once>, time: number, owned: boolean): Result {
    const table = this.#table;
    table.begin(time);
    try {
      checkCommand(command, this.limits);
    } catch (error) {
      if (!(error instanceof KvError)) throw error;
      return this.#error(error);
    }
    switch (command.type) {
      case "openSession": {
        const { incarnation } = this.#sessions.open(command.session, table.time);
        return { type: "session", revision: table.revision, incarnation };
      }
      case "closeSession":
        this.#sessions.close(command.session);
        break;
      case "expireDue":
        table.removeDue(command.limit);
        this.#sessions.removeIdle(table.time, command.limit);
        break;
      default: {
        this.#executor.begin(owned);
        const result = this.#executor.execute(command);
        if (result.type === "txn") stampRevision(result, table.revision);
        return result;
      }
    }
    return { type: "done", revision: table.revision };
  }

  #once(once: Once, time: number, owned: boolean): Uint8Array {
    const table = this.#table;
    table.begin(time);
    try {
      checkCommand(once, this.limits);
      const fingerprint = this.#fingerprint(once);
      const found = this.#sessions.begin(once, fingerprint, table.time);
      if ("fingerprint" in found) return keyToBytes(found.result);
      const bytes = this.#encode(this.#execute(once.operation, time, owned));
      this.#sessions.keep(found, once.sequence, { fingerprint, result: keyFromBytes(bytes) });
      return bytes;
    } catch (error) {
      if (!(error instanceof KvError)) throw error;
      return encodeResult(this.#error(error));
    }
  }

  #fingerprint(once: Once): number {
    const writer = this.#cleanWriter();
    writeCommand(writer, once.operation);
    return crc32(writer.view());
  }

  #encode(result: Result): Uint8Array {
    const writer = this.#cleanWriter();
    writeResult(writer, result);
    return writer.take();
  }

  #cleanWriter(): ByteWriter {
    if (this.#writer.bytes.length > KEPT_WRITER_BYTES) this.#writer = new ByteWriter(1024);
    this.#writer.reset();
    return this.#writer;
  }

  #error(error: KvError): ErrorResult {
    return { type: "error", revision: this.#table.revision, code: error.code, message: error.message };
  }
}
