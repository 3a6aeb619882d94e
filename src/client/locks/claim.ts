/**
 * A claim: a key that stays for as long as its owner keeps refreshing it, and so a place in a queue that is given up
 * by whoever is gone. Locks and leaderships are claims that have come first.
 *
 * Invariants: the owner counts from before a request was sent, and the store from when the request came into the log, which
 * is later; the owner stops {@link HELD_SHARE} into its time, on a clock that does not jump. So an owner has given up before
 * the store does, unless its clock stands still or the servers' clocks jump, and for these there is the token. A claim
 * that has ended stays ended, whatever is still on its way.
 *
 * @module
 */
import { type Key, toHex } from "../../codec/bytes.ts";
import { KvError } from "../../core/errors.ts";
import type { Compare, Operation } from "../../core/kv/command.ts";
import type { Result } from "../../core/kv/result.ts";
import type { Clock, Timer } from "../../ports/clock.ts";
import type { Random } from "../../ports/random.ts";
import { keyOf } from "../codecs.ts";
import { errorOfCode } from "../errors.ts";
import { boundsOf } from "../key_range.ts";
import type { KVClient } from "../kv_client.ts";

/** What claims are made with. */
export interface ClaimHost {
  readonly client: KVClient;
  readonly clock: Clock;
  readonly random: Random;
}

/** What a claim is made of. */
export interface ClaimOptions {
  readonly name: string;
  /** What is stored at its key. */
  readonly value: Uint8Array;
  readonly ttl_ms: number;
}

/** The share of its time for which an owner relies on a claim. The rest is for stopping, and for clocks that differ. */
export const HELD_SHARE = 0.9;
/** A claim is refreshed so often in its time: two refreshes may fail. */
const REFRESHES = 3;
/** How soon a refresh that has failed is tried again: so often in its time. */
const RETRIES = 30;
const ID_BYTES = 16;
const ID = /^[0-9a-f]{32}$/;

/** Whether `key` is that of a claim on `name`, and not of one on a longer name, or somebody's data. */
export function isClaim(name: string, key: string): boolean {
  return key.length === name.length + 1 + 2 * ID_BYTES && ID.test(key.slice(name.length + 1));
}

/** One place in a queue. */
export class Claim {
  /** Its key: the name, a slash and a number that nobody else draws. */
  readonly key: string;
  /** The revision at which the key came to be. Grows from claim to claim. */
  readonly token: number;
  /** Whether nobody else was in the queue when it came. */
  readonly isAlone: boolean;
  readonly #host: ClaimHost;
  readonly #options: ClaimOptions;
  readonly #bytes: Key;
  readonly #lost = new AbortController();
  /** Until when the owner relies on it, on the monotonic clock. */
  #until_ms = 0;
  #isEnded = false;
  #refresh: Timer | null = null;
  #alarm: Timer | null = null;

  private constructor(host: ClaimHost, options: ClaimOptions, key: string, token: number, isAlone: boolean) {
    this.#host = host;
    this.#options = options;
    this.#bytes = keyOf(key);
    this.key = key;
    this.token = token;
    this.isAlone = isAlone;
  }

  /** Takes the last place in the queue. Rejects with a {@link KvError}; then nothing stays for longer than its time. */
  static async enter(host: ClaimHost, options: ClaimOptions, signal: AbortSignal): Promise<Claim> {
    const { name, value, ttl_ms } = options;
    const text = `${name}/${toHex(host.random.bytes(ID_BYTES))}`;
    const key = keyOf(text);
    const sent_ms = host.clock.monotonic();
    const expiry = { type: "after", duration_ms: ttl_ms } as const;
    const result = await host.client.execute({
      type: "txn",
      compare: [],
      then: [
        { type: "put", key, value, expiry, condition: "always", returnPrevious: false },
        { type: "range", ...boundsOf({ prefix: `${name}/` }), limit: 2, reverse: false, projection: "keys" },
      ],
      else: [],
    }, { signal });
    const [put, range] = resultsOf(result);
    const isAlone = range?.type === "range" && range.entries.length === 1;
    const claim = new Claim(host, options, text, put!.revision, isAlone);
    claim.#extend(sent_ms);
    return claim;
  }

  /** Aborts when the claim is lost, with a `LOCK_LOST` as its reason; not when it is withdrawn. */
  get signal(): AbortSignal {
    return this.#lost.signal;
  }

  /** Whether it surely is still there. */
  get isHeld(): boolean {
    // A process that stood still may ask before its timers have run.
    if (!this.#isEnded && this.#host.clock.monotonic() >= this.#until_ms) this.#lose(this.#overdue());
    return !this.#isEnded;
  }

  /** Changes the value. Rejects with `LOCK_LOST` when the claim is not there any more. */
  async publish(value: Uint8Array): Promise<void> {
    if (!this.isHeld) throw this.#gone("it is not held any more");
    const sent_ms = this.#host.clock.monotonic();
    const expiry = { type: "after", duration_ms: this.#options.ttl_ms } as const;
    const put = { type: "put", key: this.#bytes, value, expiry, condition: "always", returnPrevious: false } as const;
    const isThere = await this.#ifThere(put, {});
    if (isThere) this.#extend(sent_ms);
    else this.#lose(this.#gone("its key is gone"));
    if (!this.isHeld) throw this.#gone("it is not held any more");
  }

  /** Ends it and removes its key. Resolves to whether the key was still there. */
  withdraw(): Promise<boolean> {
    this.#end();
    return this.#ifThere({ type: "delete", key: this.#bytes, returnPrevious: false }, {});
  }

  /** The key was seen to be gone. */
  missed(): void {
    this.#lose(this.#gone("its key is gone"));
  }

  /** A request that was sent at a time has given it its whole time again. */
  #extend(sent_ms: number): void {
    if (this.#isEnded) return;
    const { clock } = this.#host;
    const { ttl_ms } = this.#options;
    this.#until_ms = Math.max(this.#until_ms, sent_ms + ttl_ms * HELD_SHARE);
    if (!this.isHeld) return;
    const now_ms = clock.monotonic();
    this.#alarm?.cancel();
    this.#alarm = clock.after(this.#until_ms - now_ms, () => void this.isHeld);
    this.#later(sent_ms + ttl_ms / REFRESHES - now_ms);
  }

  #later(wait_ms: number): void {
    this.#refresh?.cancel();
    this.#refresh = this.#host.clock.after(Math.max(0, wait_ms), () => this.#keep());
  }

  #keep(): void {
    if (!this.isHeld) return;
    const { ttl_ms } = this.#options;
    const sent_ms = this.#host.clock.monotonic();
    const expiry = { type: "after", duration_ms: ttl_ms } as const;
    const operation = { type: "expire", key: this.#bytes, expiry, condition: "always" } as const;
    this.#ifThere(operation, { deadline_ms: Math.ceil(ttl_ms / REFRESHES) }).then((isThere) => {
      if (isThere) this.#extend(sent_ms);
      else this.#lose(this.#gone("its key is gone: its time was over, or somebody has removed it"));
    }, (error: unknown) => {
      if (this.#isEnded) return;
      if (error instanceof KvError && error.code === "CLOSED") this.#lose(this.#gone("its client was closed", error));
      else this.#later(ttl_ms / RETRIES);
    });
  }

  /** Does an operation if the key is still the one that was made, and tells whether it was. */
  async #ifThere(operation: Operation, options: { readonly deadline_ms?: number }): Promise<boolean> {
    const compare: Compare = { key: this.#bytes, target: "createRevision", operator: "=", operand: this.token };
    const txn = { type: "txn", compare: [compare], then: [operation], else: [] } as const;
    const result = await this.#host.client.execute(txn, options);
    resultsOf(result);
    return result.type === "txn" && result.succeeded;
  }

  #lose(error: KvError): void {
    if (this.#isEnded) return;
    this.#end();
    this.#lost.abort(error);
  }

  #end(): void {
    this.#isEnded = true;
    this.#refresh?.cancel();
    this.#alarm?.cancel();
  }

  #overdue(): KvError {
    const held_ms = Math.round(this.#options.ttl_ms * HELD_SHARE);
    return this.#gone(`it could not be refreshed for ${held_ms} ms, which is ${HELD_SHARE * 100} % of its ttl_ms`);
  }

  #gone(why: string, cause?: KvError): KvError {
    const message = `the claim on ${JSON.stringify(this.#options.name)} with the token ${this.token} is lost: ${why}`;
    return new KvError("LOCK_LOST", message, cause === undefined ? undefined : { cause });
  }
}

/** The results of a transaction. Throws when one of them is an error. */
function resultsOf(result: Result): readonly Result[] {
  const results = result.type === "txn" ? result.results : [];
  for (const each of results) if (each.type === "error") throw errorOfCode(each.code, each.message);
  return results;
}
