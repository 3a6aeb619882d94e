/**
 * Linearizable reads from this replica's own state. Reads that come together make one request to the leader, which
 * answers with a slot (see `read_rounds.ts`); when that slot is applied here, the state reflects every write that was
 * acknowledged anywhere before the reads came.
 *
 * Invariant: a read joins only a request that is sent after it came.
 *
 * @module
 */
import type { KvError } from "../errors.ts";

/** What reads are made of. Times are milliseconds of the monotonic clock. */
export interface ReadsOptions {
  /** Sends a request to the leader. */
  readonly send: (id: number) => void;
  /** The slot up to which the machine has executed. */
  readonly applied: () => number;
  /** Why reads cannot be confirmed. */
  readonly unavailable: () => KvError;
  /** A read that was not confirmed for so long has failed. */
  readonly patience: () => number;
  /** A request that was not answered for so long is sent again. */
  readonly resend_ms: number;
}

/** Called when the state may be read, or with the reason why not. */
export type ReadDone = (error: KvError | null) => void;

/** Reads that go through the leader together. */
interface Group {
  readonly waiting: ReadDone[];
  readonly since: number;
  /** The identifier of the first request that was sent for them, 0 before. */
  id: number;
  /** The slot that must be applied first, -1 while it is not known. */
  slot: number;
}

/** Reads that wait. */
export class Reads {
  readonly #options: ReadsOptions;
  #gathering: Group | null = null;
  #asked: Group | null = null;
  #confirmed: Group[] = [];
  #lastId = 0;
  #sentAt = 0;

  constructor(options: ReadsOptions) {
    this.#options = options;
  }

  /** How many reads wait. */
  get count(): number {
    let count = (this.#gathering?.waiting.length ?? 0) + (this.#asked?.waiting.length ?? 0);
    for (const { waiting } of this.#confirmed) count += waiting.length;
    return count;
  }

  /** When {@link onTick} wants to be called. */
  get deadline(): number {
    const first = this.#confirmed[0] ?? this.#asked ?? this.#gathering;
    const patience = first === null ? Number.POSITIVE_INFINITY : first.since + this.#options.patience();
    return this.#asked === null ? patience : Math.min(patience, this.#sentAt + this.#options.resend_ms);
  }

  /** Whether reads wait for a request. */
  get wantsRequest(): boolean {
    return this.#gathering !== null && this.#asked === null;
  }

  /** Takes a read. */
  add(done: ReadDone, now: number): void {
    this.#gathering ??= { waiting: [], since: now, id: 0, slot: -1 };
    this.#gathering.waiting.push(done);
  }

  /** Sends a request for what has gathered, unless one is under way. Only to be called while somebody leads. */
  flush(now: number): void {
    if (!this.wantsRequest) return;
    this.#asked = this.#gathering;
    this.#gathering = null;
    this.#asked!.id = this.#lastId + 1;
    this.#send(now);
  }

  /** Sends the request under way again: somebody else leads now, or no answer came. */
  resend(now: number): void {
    if (this.#asked !== null) this.#send(now);
  }

  #send(now: number): void {
    this.#sentAt = now;
    // A fresh number every time: whichever request is answered was sent after all of its reads came.
    this.#options.send(++this.#lastId);
  }

  /** Takes an answer. */
  onReply(id: number, slot: number, now: number): void {
    const asked = this.#asked;
    if (asked === null || id < asked.id || id > this.#lastId) return;
    this.#asked = null;
    asked.slot = slot;
    this.#confirmed.push(asked);
    this.onApplied();
    this.flush(now);
  }

  /** Lets reads go for which enough has been applied. */
  onApplied(): void {
    const applied = this.#options.applied();
    while (this.#confirmed.length > 0 && this.#confirmed[0]!.slot <= applied) {
      for (const done of this.#confirmed.shift()!.waiting) done(null);
    }
  }

  /** Gives up on what has waited for too long; asks again. */
  onTick(now: number, isLed: boolean): void {
    const { resend_ms } = this.#options;
    const patience_ms = this.#options.patience();
    const isOver = (group: Group): boolean => now - group.since >= patience_ms;
    const over: Group[] = [];
    while (this.#confirmed.length > 0 && isOver(this.#confirmed[0]!)) over.push(this.#confirmed.shift()!);
    if (this.#asked !== null && isOver(this.#asked)) {
      over.push(this.#asked);
      this.#asked = null;
    }
    if (this.#gathering !== null && isOver(this.#gathering)) {
      over.push(this.#gathering);
      this.#gathering = null;
    }
    this.#fail(over, this.#options.unavailable());
    if (this.#asked !== null && now - this.#sentAt >= resend_ms) {
      if (isLed) this.resend(now);
      else this.#sentAt = now;
    }
  }

  /** Fails everything. */
  fail(error: KvError): void {
    const all = [...this.#confirmed, this.#asked, this.#gathering].filter((group) => group !== null);
    this.#confirmed = [];
    this.#asked = null;
    this.#gathering = null;
    this.#fail(all, error);
  }

  #fail(groups: readonly Group[], error: KvError): void {
    for (const { waiting } of groups) for (const done of waiting) done(error);
  }
}
