/**
 * What can be set on a client and on each of its operations, with the defaults in one place.
 *
 * @module
 */
import { KvError } from "../core/errors.ts";
import { DEFAULT_LIMITS, type Limits } from "../core/kv/limits.ts";
import type { Consistency } from "../core/kv/stale_read.ts";
import type { Clock } from "../ports/clock.ts";
import type { Random } from "../ports/random.ts";
import type { ValueCodec } from "./codecs.ts";
import type { Connector, ServerAddress } from "./connection.ts";

/** How a client behaves, whatever it runs on. */
export interface ClientTuning {
  /** How long an operation may take in all, retries included, in milliseconds. @default 5000 */
  readonly deadline_ms?: number;
  /** How long a connection may take to be made before the next server is tried. @default 2000 */
  readonly connectTimeout_ms?: number;
  /**
   * A server that leaves requests unanswered and says nothing at all for this long is given up for another
   * connection, where they are sent again. @default 2000
   */
  readonly silence_ms?: number;
  /** How often a connection that only watches is tried with a read. @default 10000 */
  readonly keepalive_ms?: number;
  /** The first wait between attempts; it doubles. @default 20 */
  readonly backoffBase_ms?: number;
  /** The longest wait between attempts. @default 2000 */
  readonly backoffMax_ms?: number;
  /** The first wait before a datagram is sent again; it doubles. @default 100 */
  readonly resend_ms?: number;
  /** How many operations may be under way at once; one more fails at once with UNAVAILABLE. @default 10000 */
  readonly maxPending?: number;
  /** The limits that the servers were started with, when they are not the default. */
  readonly limits?: Partial<Limits>;
}

/** What a client is made of. `connect` of the runtime's entry fills in all but the servers. */
export interface ClientOptions<Value = Uint8Array> extends ClientTuning {
  /** The servers: any one will do, the others are there for when it fails. */
  readonly servers: readonly ServerAddress[];
  /** Makes connections. */
  readonly connector: Connector;
  /** Measures deadlines and delays. */
  readonly clock: Clock;
  /** Draws session ids and jitter. */
  readonly random: Random;
  /** How values become bytes. @default bytesCodec */
  readonly codec?: ValueCodec<Value>;
}

/** What every operation takes. */
export interface OperationOptions {
  /**
   * Gives the operation up. One that was not sent is `ABORTED` and changed nothing; a write that was sent is
   * `OutcomeUnknown`. Either has the signal's reason as `cause`.
   */
  readonly signal?: AbortSignal;
  /** How long this operation may take in all. @default the client's */
  readonly deadline_ms?: number;
}

/** What every read takes. */
export interface ReadOptions extends OperationOptions {
  /**
   * `stale` takes what the replica that is asked happens to know, however old, without asking the others: at once, and
   * while no majority of them can be reached. Two such reads may go back in time. @default "linearizable"
   */
  readonly consistency?: Consistency;
}

/** When a value is to go. Without either it stays. */
export interface ExpiryOptions {
  /** So many milliseconds after the write. */
  readonly ttl_ms?: number;
  /** At this time, in milliseconds since the Unix epoch. */
  readonly expiresAt_ms?: number;
}

/** What a put takes. */
export interface PutOptions extends OperationOptions, ExpiryOptions {
  /** Keep the expiry that the key has. */
  readonly keepTtl?: boolean;
  /** Write only when the key is absent. */
  readonly ifAbsent?: boolean;
  /** Write only when the key is present. */
  readonly ifPresent?: boolean;
  /** Return the entry as it was before. */
  readonly returnPrevious?: boolean;
}

/** What a delete takes. */
export interface DeleteOptions extends OperationOptions {
  /** Return the entry as it was before. */
  readonly returnPrevious?: boolean;
}

/** {@link ClientTuning}, complete and checked. */
export type Tuning = Required<Omit<ClientTuning, "limits">> & { readonly limits: Limits };

/** The tuning unless other values are given. */
export const DEFAULT_TUNING: Tuning = {
  deadline_ms: 5000,
  connectTimeout_ms: 2000,
  silence_ms: 2000,
  keepalive_ms: 10_000,
  backoffBase_ms: 20,
  backoffMax_ms: 2000,
  resend_ms: 100,
  maxPending: 10_000,
  limits: DEFAULT_LIMITS,
};

/** Timers count in 31 bits of milliseconds. */
const MAX_DURATION_MS = 2 ** 31 - 1;

/** Throws unless `value` is a duration that a timer can count. */
export function checkDuration(name: string, value: number): void {
  if (!(value > 0 && value <= MAX_DURATION_MS)) {
    throw new KvError(
      "INVALID_ARGUMENT",
      `${name} is ${value}; it is a number of milliseconds above 0, at most 2^31 - 1`,
    );
  }
}

/** Fills in the defaults and checks what was given. */
export function tuningOf(given: ClientTuning): Tuning {
  const tuning: Record<string, number> = {};
  const { limits: _, ...numbers } = DEFAULT_TUNING;
  for (const [name, fallback] of Object.entries(numbers)) {
    const value = given[name as keyof typeof numbers] ?? fallback;
    if (name.endsWith("_ms")) checkDuration(name, value);
    else if (!(value >= 1)) throw new KvError("INVALID_ARGUMENT", `${name} is ${value}; it is at least 1`);
    tuning[name] = value;
  }
  return { ...(tuning as Omit<Tuning, "limits">), limits: { ...DEFAULT_LIMITS, ...given.limits } };
}
