/**
 * Locks: one holder at a time, and a token by which whatever the lock guards can tell a holder of the past from the
 * present one. docs/locks.md says what is promised.
 *
 * @module
 */
import { textToBytes } from "../../codec/bytes.ts";
import type { TxnCompare } from "../txn_builder.ts";
import { when } from "../txn_builder.ts";
import type { Claim, ClaimHost } from "./claim.ts";
import { comeFirst, comeFirstAtOnce } from "./queue.ts";

/** What {@link KVClient.tryLock} takes. */
export interface TryLockOptions {
  /**
   * How long the lock outlasts a holder that is gone, in whole milliseconds from 100 on. It is refreshed three times as
   * often, and a holder that cannot do so gives it up after nine tenths of it. @default 10000
   */
  readonly ttl_ms?: number;
}

/** What {@link KVClient.lock} takes. */
export interface LockOptions extends TryLockOptions {
  /** How long to wait while others hold it, in milliseconds, 0 for not at all; then it is `LOCK_HELD`. @default for ever */
  readonly wait_ms?: number;
  /** Ends the wait with `ABORTED`. It does nothing to a lock that is held. */
  readonly signal?: AbortSignal;
}

/** How long a lock outlasts a holder that is gone, unless told otherwise. */
export const DEFAULT_TTL_MS = 10_000;

/**
 * A lock that is held until it is released or lost. It is lost when it could not be refreshed in time, when somebody has
 * removed its key, or when its client is closed.
 *
 * @example Every write is refused once the lock is another's
 * ```ts
 * import { connect, op, stringCodec } from "@x/kvpaxos";
 *
 * async function example(): Promise<void> {
 *   await using client = connect({ servers: "127.0.0.1:32000", codec: stringCodec });
 *   await using lock = await client.lock("reports/nightly", { ttl_ms: 10_000 });
 *   const { succeeded } = await client.txn({ compare: [lock.fence], then: [op.put("reports/state", "running")] });
 *   if (!succeeded) throw new Error("the lock was lost");
 *   await fetch("https://example.com/work", {
 *     signal: lock.signal,
 *     headers: { "x-fencing-token": String(lock.token) },
 *   });
 * }
 * void example;
 * ```
 */
export class Lock implements AsyncDisposable {
  /** The name of the lock. */
  readonly name: string;
  readonly #claim: Claim;

  /** The lock of a claim that is first. */
  constructor(name: string, claim: Claim) {
    this.name = name;
    this.#claim = claim;
  }

  /**
   * The fencing token: a whole number that is higher for every later holder. Give it to whatever the lock guards, which
   * has to refuse a lower one than it has seen.
   */
  get token(): number {
    return this.#claim.token;
  }

  /** The key in the store that stands for the lock. It is there, made at the revision `token`, while the lock is held. */
  get key(): string {
    return this.#claim.key;
  }

  /** Holds in a transaction while the lock is held: what guards data in the same store. */
  get fence(): TxnCompare<never> {
    return when.createRevision(this.key, "=", this.token);
  }

  /** Aborts when the lock is lost, with a `LOCK_LOST` as its reason. It does not when the lock is released. */
  get signal(): AbortSignal {
    return this.#claim.signal;
  }

  /** Whether the lock is held, by this client's own clock. */
  get isHeld(): boolean {
    return this.#claim.isHeld;
  }

  /**
   * Gives the lock to the next in the queue. Resolves to whether it was held until then. When no server can be asked it
   * rejects; the lock then goes by itself when its time is over.
   */
  release(): Promise<boolean> {
    return this.#claim.withdraw();
  }

  /** Releases the lock; where that cannot be done it goes when its time is over. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.release().catch(() => false);
  }
}

/** Takes a lock, after those who have asked for it before. */
export async function lock(host: ClaimHost, name: string, options: LockOptions): Promise<Lock> {
  return new Lock(name, await comeFirst(host, claimOptions(name, options), options));
}

/** Takes a lock that nobody holds or waits for; null when somebody does. */
export async function tryLock(host: ClaimHost, name: string, options: TryLockOptions): Promise<Lock | null> {
  const claim = await comeFirstAtOnce(host, claimOptions(name, options));
  return claim === null ? null : new Lock(name, claim);
}

function claimOptions(
  name: string,
  { ttl_ms = DEFAULT_TTL_MS }: TryLockOptions,
): { readonly name: string; readonly value: Uint8Array; readonly ttl_ms: number } {
  return { name, value: textToBytes(""), ttl_ms };
}
