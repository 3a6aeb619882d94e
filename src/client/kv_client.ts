/**
 * The client: one face over every protocol. What makes it safe (sessions, retries, deadlines, failover) is in
 * `dispatcher.ts`; here operations are made and results are told.
 *
 * Invariant: no I/O, clock, timer or randomness but what is passed in, so that a simulator can run it.
 *
 * @module
 */
import { KvError } from "../core/errors.ts";
import type { Operation } from "../core/kv/command.ts";
import type { Result } from "../core/kv/result.ts";
import { bytesCodec, type KeyInput, keyOf, type ValueCodec } from "./codecs.ts";
import { Dispatcher } from "./dispatcher.ts";
import type { ClientStatus } from "./status.ts";
import { type EntryView, type KeyedEntryView, type KeyView, viewOptional } from "./entries.ts";
import { boundsOf, type KeyRange } from "./key_range.ts";
import type { ClaimHost } from "./locks/claim.ts";
import { elect, type ElectOptions, type Leader, type Leadership, observe } from "./locks/election.ts";
import { type Lock, lock, type LockOptions, tryLock, type TryLockOptions } from "./locks/lock.ts";
import type {
  ClientOptions,
  DeleteOptions,
  ExpiryOptions,
  OperationOptions,
  PutOptions,
  ReadOptions,
} from "./options.ts";
import { type RangeOptions, RangeQuery } from "./range_query.ts";
import { expiryOf, putOperation, type TxnInput, txnOperation, type TxnOutcome, viewItems } from "./txn_builder.ts";
import { type WatchOptions, WatchStream } from "./watch_stream.ts";

export type { ClientStatus } from "./status.ts";

/** What a put gave. */
export interface PutOutcome<Value> {
  /** Whether the condition held and the value was stored. */
  readonly written: boolean;
  /** The store's revision after it. */
  readonly revision: number;
  /** The entry before, where it was asked for and there was one. */
  readonly previous: EntryView<Value> | null;
}

/** What a delete gave. */
export interface DeleteOutcome<Value> {
  /** How many keys went. */
  readonly deleted: number;
  /** The store's revision after it. */
  readonly revision: number;
  /** The entry before, where it was asked for and there was one. */
  readonly previous: EntryView<Value> | null;
}

/** What a key is expected to hold: a revision (0 for absent), a value, or null for nothing. */
export type Expected<Value> = { readonly modRevision: number } | { readonly value: Value } | null;

/** What a compare-and-set gave. */
export interface SwapOutcome<Value> {
  /** Whether what was expected was there, so that the new value is. */
  readonly swapped: boolean;
  /** The store's revision after it. */
  readonly revision: number;
  /** What was there instead, when it was not swapped. */
  readonly entry: EntryView<Value> | null;
}

type Of<Type extends Result["type"]> = Extract<Result, { readonly type: Type }>;

/**
 * A client of a kvpaxos server or cluster.
 *
 * Operations that are issued without waiting are pipelined, and may be applied in any order; wait where the order
 * matters. Every operation has a total deadline. Writes are done exactly once, however often they are sent; one
 * whose fate cannot be learnt in time rejects with {@link OutcomeUnknown}. Nothing is connected before the first
 * operation.
 *
 * @example
 * ```ts
 * import { connect, stringCodec } from "@x/kvpaxos";
 *
 * async function example(): Promise<void> {
 *   await using client = connect({ servers: "127.0.0.1:32000", codec: stringCodec });
 *   await client.put("greeting", "hello", { ttl_ms: 60_000 });
 *   const entry = await client.get("greeting");
 *   console.log(entry?.value, entry?.modRevision);
 *   for await (const { key, value } of client.range({ prefix: "greet" })) console.log(key, value);
 * }
 * void example;
 * ```
 */
export class KVClient<Value = Uint8Array> implements AsyncDisposable {
  /** Hands the logic of a client to the view of it that `as` is about to make. */
  static #inherited: Dispatcher | null = null;
  #dispatcher: Dispatcher;
  #codec: ValueCodec<Value>;
  #options: ClientOptions<Value>;

  /** A client; nothing is connected before its first operation. */
  constructor(options: ClientOptions<Value>) {
    this.#options = options;
    // Without a codec the type of values is its default, bytes.
    this.#codec = options.codec ?? bytesCodec as unknown as ValueCodec<Value>;
    const inherited = KVClient.#inherited;
    KVClient.#inherited = null;
    this.#dispatcher = inherited ?? new Dispatcher(options);
  }

  /** The same client with values of another type: one connection, one session, and one close for both. */
  as<Other>(codec: ValueCodec<Other>): KVClient<Other> {
    KVClient.#inherited = this.#dispatcher;
    return new KVClient<Other>({ ...this.#options, codec });
  }

  /** Stores a value. With a condition that does not hold nothing changes, and `written` is false. */
  put(key: KeyInput, value: Value, options: PutOptions = {}): Promise<PutOutcome<Value>> {
    return this.#perform(
      "put",
      () => putOperation(key, this.#codec.encode(value), options),
      options,
      ({ written, revision, previous }) => ({ written, revision, previous: viewOptional(previous, this.#codec) }),
    );
  }

  /** The entry at a key, or null. */
  get(key: KeyInput, options: ReadOptions = {}): Promise<EntryView<Value> | null> {
    return this.#perform(
      "get",
      () => ({ type: "get", key: keyOf(key) }),
      options,
      ({ entry }) => viewOptional(entry, this.#codec),
    );
  }

  /** The entries at several keys, in their order and at one revision; null for those that are absent. */
  async getMany(keys: readonly KeyInput[], options: ReadOptions = {}): Promise<(EntryView<Value> | null)[]> {
    const { entries } = await this.#do("many", { type: "getMany", keys: keys.map(keyOf) }, options);
    return entries.map((entry) => viewOptional(entry, this.#codec));
  }

  /** Removes a key. */
  async delete(key: KeyInput, options: DeleteOptions = {}): Promise<DeleteOutcome<Value>> {
    const { returnPrevious = false } = options;
    const operation = { type: "delete", key: keyOf(key), returnPrevious } as const;
    const { deleted, revision, previous } = await this.#do("delete", operation, options);
    return { deleted, revision, previous: viewOptional(previous, this.#codec) };
  }

  /** Removes every key of a range, in one atomic step. */
  async deleteRange(range: KeyRange, options: OperationOptions = {}): Promise<DeleteOutcome<Value>> {
    const operation = { type: "deleteRange", ...boundsOf(range) } as const;
    const { deleted, revision } = await this.#do("delete", operation, options);
    return { deleted, revision, previous: null };
  }

  /** Reads a range page by page, in bytewise order of the keys; with `keysOnly`, the keys alone. */
  range(options?: RangeOptions & { readonly keysOnly?: false }): RangeQuery<KeyedEntryView<Value>>;
  /** The keys of a range, in bytewise order, fetched page by page. */
  range(options: RangeOptions & { readonly keysOnly: true }): RangeQuery<KeyView>;
  range(
    options: RangeOptions & { readonly keysOnly?: boolean } = {},
  ): RangeQuery<KeyedEntryView<Value>> | RangeQuery<KeyView> {
    const submit = (operation: Operation, each: ReadOptions) => this.#dispatcher.submit(operation, each);
    return options.keysOnly === true
      ? RangeQuery.keys(submit, options)
      : RangeQuery.entries(submit, options, this.#codec);
  }

  /** How many keys a range holds. */
  async count(range: KeyRange = {}, options: ReadOptions = {}): Promise<number> {
    const bounds = boundsOf(range);
    const operation = { type: "range", ...bounds, limit: 0, reverse: false, projection: "count" } as const;
    return (await this.#do("range", operation, options)).count;
  }

  /** Does one atomic step: the `then` operations when every comparison holds, the `else` operations otherwise. */
  async txn(input: TxnInput<Value>, options: OperationOptions = {}): Promise<TxnOutcome<Value>> {
    const { succeeded, revision, results } = await this.#do("txn", txnOperation(input, this.#codec), options);
    return { succeeded, revision, results: viewItems(results, this.#codec) };
  }

  /** Stores a value if the key still holds what is expected; otherwise tells what it holds. */
  async compareAndSet(
    key: KeyInput,
    expected: Expected<Value>,
    value: Value,
    options: OperationOptions & ExpiryOptions & { readonly keepTtl?: boolean } = {},
  ): Promise<SwapOutcome<Value>> {
    const compare = expected !== null && "value" in expected
      ? { key, target: "value", operator: "=", operand: expected.value } as const
      : { key, target: "modRevision", operator: "=", operand: expected?.modRevision ?? 0 } as const;
    const { succeeded, revision, results } = await this.txn({
      compare: [compare],
      then: [{ type: "put", key, value, options }],
      else: [{ type: "get", key }],
    }, options);
    const [item] = results;
    if (item?.type === "error") throw item.error;
    return { swapped: succeeded, revision, entry: item?.type === "get" ? item.entry : null };
  }

  /** Adds to the signed 64-bit decimal integer at the key (absent counts as 0) and returns the sum. */
  async increment(key: KeyInput, by: bigint | number = 1n, options: OperationOptions = {}): Promise<bigint> {
    const operation = { type: "increment", key: keyOf(key), delta: integerOf(by) } as const;
    return (await this.#do("integer", operation, options)).value;
  }

  /** Appends bytes to the value (absent counts as empty) and returns its new length in bytes. */
  async append(key: KeyInput, value: Value, options: OperationOptions = {}): Promise<number> {
    const operation = { type: "append", key: keyOf(key), value: this.#codec.encode(value) } as const;
    return Number((await this.#do("integer", operation, options)).value);
  }

  /** Sets when a key goes; returns whether the key was there. */
  async expire(key: KeyInput, expiry: ExpiryOptions, options: OperationOptions = {}): Promise<boolean> {
    if (expiry.ttl_ms === undefined && expiry.expiresAt_ms === undefined) {
      throw new KvError("INVALID_ARGUMENT", "neither ttl_ms nor expiresAt_ms; use persist to let the key stay");
    }
    const operation = { type: "expire", key: keyOf(key), expiry: expiryOf(expiry), condition: "always" } as const;
    return (await this.#do("expire", operation, options)).changed;
  }

  /** Lets a key stay that was to go; returns whether it was. */
  async persist(key: KeyInput, options: OperationOptions = {}): Promise<boolean> {
    const operation = { type: "expire", key: keyOf(key), expiry: { type: "none" }, condition: "present" } as const;
    return (await this.#do("expire", operation, options)).changed;
  }

  /**
   * How many milliseconds a key has left by this client's clock, at least 0; null when it stays, undefined when it
   * is not there.
   */
  async ttl(key: KeyInput, options: OperationOptions = {}): Promise<number | null | undefined> {
    const { entry } = await this.#do("get", { type: "get", key: keyOf(key) }, options);
    if (entry === null) return undefined;
    return entry.expiry === 0 ? null : Math.max(0, entry.expiry - this.#dispatcher.clock.now());
  }

  /** Watches a key, a range, or everything. The watch is begun at once, also when it is not iterated yet. */
  watch(options: WatchOptions = {}): WatchStream<Value> {
    return WatchStream.open(this.#dispatcher.watches, options, this.#codec);
  }

  /**
   * Waits for a lock, after those who have asked for it before, and holds it until it is released or lost. It is not
   * reentrant: who asks for a lock that it holds waits for itself. What the lock guards must be fenced by its token
   * (docs/locks.md). Rejects with `LOCK_HELD` when `wait_ms` has passed.
   */
  lock(name: string, options: LockOptions = {}): Promise<Lock> {
    return lock(this.#claimHost(), name, options);
  }

  /** Takes a lock if nobody holds it or waits for it; null when somebody does. */
  tryLock(name: string, options: TryLockOptions = {}): Promise<Lock | null> {
    return tryLock(this.#claimHost(), name, options);
  }

  /** Waits to lead, after those who have asked for it before, and tells the others a value. Otherwise as {@link lock}. */
  elect(name: string, options: ElectOptions<Value>): Promise<Leadership<Value>> {
    return elect(this.#claimHost(), name, this.#codec, options);
  }

  /** The leader of now and each one after it; null while there is none. Ends quietly when the signal aborts. */
  observe(
    name: string,
    options: Pick<OperationOptions, "signal"> = {},
  ): AsyncGenerator<Leader<Value> | null, void, undefined> {
    return observe(this.#claimHost(), name, this.#codec, options.signal);
  }

  /** Reads from a server; returns how long that took, in milliseconds, and the store's revision. */
  async ping(options: OperationOptions = {}): Promise<{ readonly latency_ms: number; readonly revision: number }> {
    const { clock } = this.#dispatcher;
    const since_ms = clock.monotonic();
    const { revision } = await this.#do("get", { type: "get", key: keyOf("\0") }, options);
    return { latency_ms: clock.monotonic() - since_ms, revision };
  }

  /**
   * Does any operation and gives its result as the store has it, for callers that make operations themselves. What
   * the store refuses rejects, as everywhere. The bytes in it are copied before this returns.
   */
  execute(operation: Operation, options: ReadOptions = {}): Promise<Result> {
    return this.#dispatcher.submit(operation, options);
  }

  /** Where the client stands, without asking a server. */
  status(): ClientStatus {
    return this.#dispatcher.status;
  }

  /**
   * Ends the session, every watch and the connection at once. What was not sent yet rejects with `CLOSED`, a write
   * that was with {@link OutcomeUnknown}. Never rejects.
   */
  close(): Promise<void> {
    this.#dispatcher.close();
    return Promise.resolve();
  }

  /** Lets the operations under way finish (each has its deadline), then closes. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#dispatcher.idle();
    this.#dispatcher.close();
  }

  #claimHost(): ClaimHost {
    return { client: this.as(bytesCodec), clock: this.#dispatcher.clock, random: this.#options.random };
  }

  /** Does an operation whose result is of a known type. */
  #do<Type extends Result["type"]>(type: Type, operation: Operation, options: ReadOptions): Promise<Of<Type>> {
    return this.#perform(type, () => operation, options, (result) => result);
  }

  /**
   * Does the operation that `make` gives, and shows its result to the caller by `view`. Whoever asks for what is asked for
   * most waits for this one promise and no other: more of them would be most of what is made per operation.
   */
  #perform<Type extends Result["type"], Outcome>(
    type: Type,
    make: () => Operation,
    options: ReadOptions,
    view: (result: Of<Type>) => Outcome,
  ): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      // What is thrown in here rejects the promise.
      const operation = make();
      this.#dispatcher.accept(operation, options, (error, result) => {
        if (error !== null || result === null) return reject(error);
        try {
          if (result.type !== type) {
            throw new KvError("PROTOCOL_ERROR", `a result of type ${result.type} for ${operation.type}`);
          }
          resolve(view(result as Of<Type>));
        } catch (reason) {
          reject(reason);
        }
      });
    });
  }
}

function integerOf(by: bigint | number): bigint {
  if (typeof by === "number" && !Number.isSafeInteger(by)) {
    throw new KvError("INVALID_ARGUMENT", `increment by ${by}; it is a whole number, as a bigint past 2^53`);
  }
  const delta = BigInt(by);
  if (delta !== BigInt.asIntN(64, delta)) {
    throw new KvError("OUT_OF_RANGE", `increment by ${delta}; it is a signed 64-bit integer`);
  }
  return delta;
}
