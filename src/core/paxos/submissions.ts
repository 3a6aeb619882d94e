/**
 * Commands on their way from this replica's front doors to the leader and back as results. What is proposed in one turn
 * makes one batch; batches are numbered when they are first sent, and every one that has not been applied is sent again
 * to the next leader, so a change of leaders is nothing that a client notices.
 *
 * Invariants:
 * - Batches are sent, and so applied, in the order of their numbers; each is applied once (see `origins.ts`).
 * - A command fails as `UNAVAILABLE` only while it was never sent to anybody. One that was sent stays under way until
 *   it is applied, even after its caller was told that its outcome is unknown.
 *
 * @module
 */
import { BatchBuilder } from "../batch.ts";
import { type KvError, OutcomeUnknown } from "../errors.ts";
import type { Completion } from "../replication.ts";
import type { BatchName } from "./value.ts";

/** What submissions are made of. Times are milliseconds of the monotonic clock. */
export interface SubmissionsOptions {
  /** Sends a batch to the leader; `first` is the number of the first that was not applied. */
  readonly send: (number: number, first: number, batch: Uint8Array) => void;
  /** Why nobody leads, for callers whose commands were not sent. */
  readonly unavailable: () => KvError;
  /** A command that was not sent for so long has failed. */
  readonly patience: () => number;
  /** A command that was sent and not applied for so long has an unknown outcome. */
  readonly outcome_ms: number;
  /** Batches that were not applied for so long are sent again. */
  readonly resend_ms: number;
  /** A batch is closed once it has so many bytes. */
  readonly maxBatch_bytes: number;
}

/** A batch that was sent. */
interface Sent {
  readonly number: number;
  readonly batch: Uint8Array;
  readonly commands: number;
  /** Who waits; null when they were told that the outcome is unknown. */
  completions: readonly Completion[] | null;
  readonly since: number;
}

/** A batch that takes commands. */
interface Open {
  readonly builder: BatchBuilder;
  readonly completions: Completion[];
  readonly since: number;
}

/** What is large takes longer to be chosen: so many bytes under way put off their repetition by a millisecond. */
const BYTES_PER_MS = 16 * 1024;

/** A builder whose batch was larger is let go with its memory. */
const SPARE_BYTES = 64 * 1024;

const NOTHING = new Uint8Array(0);

/** Commands that were taken and not applied. */
export class Submissions {
  readonly #options: SubmissionsOptions;
  #open: Open[] = [];
  /** For the next batch: most turns have one, and its memory need not be made anew. */
  #spare: BatchBuilder | null = null;
  #sent: Sent[] = [];
  #number = 0;
  #sentAt = 0;
  #count = 0;
  #bytes = 0;

  constructor(options: SubmissionsOptions) {
    this.#options = options;
  }

  /** How many commands wait. */
  get count(): number {
    return this.#count;
  }

  /** How many bytes of commands wait. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Whether commands wait to be sent. */
  get hasOpen(): boolean {
    return this.#open.length > 0;
  }

  /** When {@link onTick} wants to be called. */
  get deadline(): number {
    let deadline = Number.POSITIVE_INFINITY;
    if (this.#open.length > 0) deadline = this.#open[0]!.since + this.#options.patience();
    if (this.#sent.length > 0) {
      deadline = Math.min(deadline, this.#resendAt);
      const waiting = this.#sent.find(({ completions }) => completions !== null);
      if (waiting !== undefined) deadline = Math.min(deadline, waiting.since + this.#options.outcome_ms);
    }
    return deadline;
  }

  get #resendAt(): number {
    return this.#sentAt + this.#options.resend_ms + Math.floor(this.#bytes / BYTES_PER_MS);
  }

  /** Takes a command. */
  add(command: Uint8Array, done: Completion, now: number): void {
    let open = this.#open.at(-1);
    if (open === undefined || open.builder.bytes >= this.#options.maxBatch_bytes) {
      open = { builder: this.#spare ?? new BatchBuilder(), completions: [], since: now };
      this.#spare = null;
      this.#open.push(open);
    }
    open.builder.add(command);
    open.completions.push(done);
    this.#count++;
    this.#bytes += command.length;
  }

  /** Sends what has gathered, stamped with the wall time. Only to be called while somebody leads. */
  flush(wallTime: number, now: number): void {
    const open = this.#open;
    if (open.length === 0) return;
    this.#open = [];
    if (this.#sent.length === 0) this.#sentAt = now;
    for (const { builder, completions, since } of open) {
      const batch = builder.seal(wallTime).slice();
      this.#bytes += batch.length - builder.commandBytes;
      if (batch.length <= SPARE_BYTES) {
        builder.reset();
        this.#spare = builder;
      }
      const sent = { number: ++this.#number, batch, commands: completions.length, completions, since };
      this.#sent.push(sent);
      this.#options.send(sent.number, this.#sent[0]!.number, batch);
    }
  }

  /** Sends again all that was sent and not applied: somebody else leads now, or nothing has come of it. */
  resend(now: number): void {
    this.#sentAt = now;
    const [first] = this.#sent;
    for (const { number, batch } of this.#sent) this.#options.send(number, first!.number, batch);
  }

  /** A batch of this replica is about to be applied: returns who waits for its results. */
  onApplying({ number }: BatchName, now: number): readonly Completion[] | null {
    const [head] = this.#sent;
    // A learner that was started again applies once more what was answered before.
    if (head === undefined || number < head.number) return null;
    if (number > head.number) throw new Error(`batch ${number} is applied before ${head.number}`);
    this.#sent.shift();
    this.#sentAt = now;
    this.#release(head);
    return head.completions;
  }

  /** Batches up to `number` are part of a snapshot that has replaced the state: their results are lost. */
  onSkipped(number: number): void {
    while (this.#sent.length > 0 && this.#sent[0]!.number <= number) {
      const sent = this.#sent.shift()!;
      this.#release(sent);
      const error = new OutcomeUnknown(
        "the write took effect, but its result is lost: this replica was behind and took over a snapshot",
      );
      for (const done of sent.completions ?? []) done(error, NOTHING);
    }
  }

  #release(sent: Sent): void {
    this.#bytes -= sent.batch.length;
    if (sent.completions !== null) this.#count -= sent.commands;
  }

  /** Gives up on what has waited for too long; sends again what has not been applied. */
  onTick(now: number, isLed: boolean): void {
    const { outcome_ms } = this.#options;
    const isOver = this.#open.length > 0 && now - this.#open[0]!.since >= this.#options.patience();
    if (isOver) this.failOpen(this.#options.unavailable());
    const error = new OutcomeUnknown(
      `the write was sent to the leader ${outcome_ms} ms ago and has not been confirmed: it may still take effect`,
    );
    for (const sent of this.#sent) {
      if (now - sent.since < outcome_ms) break;
      this.#tell(sent, error);
    }
    if (this.#sent.length > 0 && now >= this.#resendAt) {
      if (isLed) this.resend(now);
      else this.#sentAt = now;
    }
  }

  #tell(sent: Sent, error: KvError): void {
    const { completions } = sent;
    if (completions === null) return;
    sent.completions = null;
    this.#count -= sent.commands;
    for (const done of completions) done(error, NOTHING);
  }

  /** Fails everything that was not sent. */
  failOpen(error: KvError): void {
    const open = this.#open;
    this.#open = [];
    for (const { builder, completions } of open) {
      this.#count -= completions.length;
      this.#bytes -= builder.commandBytes;
      for (const done of completions) done(error, NOTHING);
    }
  }

  /** Fails everything: what was sent has an unknown outcome. The replica is at its end. */
  fail(refused: KvError, unknown: KvError): void {
    this.failOpen(refused);
    const sent = this.#sent;
    this.#sent = [];
    for (const each of sent) this.#tell(each, unknown);
  }
}
