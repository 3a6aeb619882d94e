/**
 * Elections: a lock whose holder tells the others something, and a way to follow who holds it.
 *
 * @module
 */
import { equalBytes } from "../../codec/bytes.ts";
import { KvError } from "../../core/errors.ts";
import type { ValueCodec } from "../codecs.ts";
import type { EntryView } from "../entries.ts";
import { type Claim, type ClaimHost, isClaim } from "./claim.ts";
import { DEFAULT_TTL_MS, Lock, type LockOptions } from "./lock.ts";
import { comeFirst, standing } from "./queue.ts";

/** What {@link KVClient.elect} takes. */
export interface ElectOptions<Value> extends LockOptions {
  /** What the leader tells the others, such as its address. */
  readonly value: Value;
}

/** Who leads. */
export interface Leader<Value> {
  /** What the leader tells. */
  readonly value: Value;
  /** Its fencing token: higher for every later leader. */
  readonly token: number;
  /** The key in the store that stands for it. */
  readonly key: string;
}

/**
 * A leadership that is held until it is resigned or lost: a {@link Lock} with a value.
 *
 * @example
 * ```ts
 * import { connect, stringCodec } from "@x/kvpaxos";
 *
 * async function example(): Promise<void> {
 *   await using client = connect({ servers: "127.0.0.1:32000", codec: stringCodec });
 *   await using leadership = await client.elect("scheduler", { value: "10.0.0.7:9000" });
 *   while (leadership.isHeld) {
 *     await leadership.proclaim("10.0.0.7:9000, 12 jobs");
 *   }
 * }
 * void example;
 * ```
 */
export class Leadership<Value> extends Lock {
  readonly #claim: Claim;
  readonly #codec: ValueCodec<Value>;

  /** The leadership of a claim that is first. */
  constructor(name: string, claim: Claim, codec: ValueCodec<Value>) {
    super(name, claim);
    this.#claim = claim;
    this.#codec = codec;
  }

  /** Tells the others something else. Rejects with `LOCK_LOST` when another may lead. */
  async proclaim(value: Value): Promise<void> {
    await this.#claim.publish(this.#codec.encode(value));
  }

  /** Lets the next in the queue lead: the same as {@link Lock.release}. */
  resign(): Promise<boolean> {
    return this.release();
  }
}

/** Waits to lead, after those who have asked for it before. */
export async function elect<Value>(
  host: ClaimHost,
  name: string,
  codec: ValueCodec<Value>,
  options: ElectOptions<Value>,
): Promise<Leadership<Value>> {
  const { value, ttl_ms = DEFAULT_TTL_MS } = options;
  const claim = await comeFirst(host, { name, value: codec.encode(value), ttl_ms }, options);
  return new Leadership(name, claim, codec);
}

/**
 * The leader of now and each one after it, and each value it tells; null while there is none. A leader that came and went
 * unseen, while the servers were away for long, is left out.
 */
export async function* observe<Value>(
  host: ClaimHost,
  name: string,
  codec: ValueCodec<Value>,
  signal: AbortSignal | undefined,
): AsyncGenerator<Leader<Value> | null, void, undefined> {
  let told: Claimant | null | undefined;
  for (;;) {
    const seen = new Map<string, EntryView<Uint8Array>>();
    const watch = host.client.watch({ prefix: `${name}/`, ...(signal === undefined ? {} : { signal }) });
    try {
      await watch.ready;
      // What is listed afterwards has all that happened up to this revision.
      const { revision } = await host.client.ping();
      for (const { key, ...entry } of await standing(host, name, signal)) seen.set(key, entry);
      let leader = firstOf(seen);
      if (!isSame(told, leader)) yield view(told = leader, codec);
      for await (const event of watch) {
        if (event.revision <= revision || !isClaim(name, event.key)) continue;
        if (event.type === "put") seen.set(event.key, event.entry);
        else seen.delete(event.key);
        leader = firstOf(seen);
        if (!isSame(told, leader)) yield view(told = leader, codec);
      }
      return;
    } catch (error) {
      if (signal?.aborted === true) return;
      if (!(error instanceof KvError) || (error.code !== "COMPACTED" && error.code !== "WATCH_OVERFLOW")) throw error;
    } finally {
      await watch.return();
    }
  }
}

interface Claimant {
  readonly key: string;
  readonly entry: EntryView<Uint8Array>;
}

function firstOf(claims: ReadonlyMap<string, EntryView<Uint8Array>>): Claimant | null {
  let first: Claimant | null = null;
  for (const [key, entry] of claims) {
    if (first === null || entry.createRevision < first.entry.createRevision) first = { key, entry };
  }
  return first;
}

/** Whether nothing is new: a claim that is only refreshed tells nothing. */
function isSame(told: Claimant | null | undefined, leader: Claimant | null): boolean {
  if (told === undefined || told === null || leader === null) return told === leader;
  return told.entry.createRevision === leader.entry.createRevision && equalBytes(told.entry.value, leader.entry.value);
}

function view<Value>(leader: Claimant | null, codec: ValueCodec<Value>): Leader<Value> | null {
  if (leader === null) return null;
  const { key, entry } = leader;
  return { key, token: entry.createRevision, value: codec.decode(entry.value) };
}
