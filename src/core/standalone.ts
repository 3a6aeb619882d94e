/**
 * Replication without replicas: one server whose log is its only promise. A command is acknowledged after the
 * batch that holds it is durable and applied; because nothing is applied before it is durable, a read from the
 * machine's state never shows what a crash could take back.
 *
 * What is proposed in one turn of the event loop makes one batch, one record of the log. The log syncs all records
 * that were appended while its last sync ran together, so syncs are shared under load and a lone client waits
 * for nobody.
 *
 * @module
 */
import type { Clock } from "../ports/clock.ts";
import type { Log, LogError } from "../ports/log.ts";
import { applyFrom, BatchBuilder, readBatch } from "./batch.ts";
import { KvError, OutcomeUnknown } from "./errors.ts";
import { Housekeeping } from "./housekeeping.ts";
import { readFrom, submitTo } from "./promise_forms.ts";
import type { Completion, Replication, ReplicationState, ReplicationStatus, StateMachine } from "./replication.ts";
import { DEFAULT_SNAPSHOT_OPTIONS, type SnapshotOptions, Snapshotter } from "./snapshotter.ts";

/** What a {@link Standalone} is made of. */
export interface StandaloneOptions extends Partial<SnapshotOptions> {
  /** Where commands become durable; the server closes it. */
  readonly log: Log;
  /** Stamps batches and ends turns. */
  readonly clock: Clock;
  /** What the commands are applied to; empty at first. */
  readonly stateMachine: StateMachine;
  /** A batch is closed, and another begun, once it has this many bytes. @default 4194304 */
  readonly maxBatch_bytes?: number;
  /** Commands are refused while this many bytes of them wait. @default 268435456 */
  readonly maxPending_bytes?: number;
}

/** Commands on their way through the log together. */
interface Batch {
  readonly builder: BatchBuilder;
  readonly completions: Completion[];
  /** Where the batch is in the log; 0 before it is appended. */
  position: number;
  /** The batch's bytes once sealed. */
  sealed: Uint8Array;
}

const NOTHING = new Uint8Array(0);
const REPLAY_BYTES = 4 * 1024 * 1024;
/** How many emptied batches are kept to be used again. */
const MAX_SPARE = 16;

/** One durable server. */
export class Standalone implements Replication {
  #log: Log;
  #clock: Clock;
  #machine: StateMachine;
  #snapshotter: Snapshotter;
  #housekeeping: Housekeeping;
  #maxBatch_bytes: number;
  #maxPending_bytes: number;

  #state: ReplicationState = "starting";
  #reason: string | null = null;
  #applied = 0;
  #appliedPosition = 0;
  #time = 0;
  #pending = 0;
  #pending_bytes = 0;

  /** The batch that takes proposals, and full ones before it. */
  #open: Batch[] = [];
  /** Batches in the log, not yet applied. */
  #logged: Batch[] = [];
  /** Batches to use again. */
  #spare: Batch[] = [];
  #flushScheduled = false;
  #draining = false;

  #failureListener: ((error: KvError) => void) | null = null;
  #closing: { resolve: () => void; reject: (error: unknown) => void }[] | null = null;

  /** A server that does not serve yet: {@link start} it. */
  constructor(options: StandaloneOptions) {
    this.#log = options.log;
    this.#clock = options.clock;
    this.#machine = options.stateMachine;
    this.#maxBatch_bytes = options.maxBatch_bytes ?? 4 * 1024 * 1024;
    this.#maxPending_bytes = options.maxPending_bytes ?? 256 * 1024 * 1024;
    const { log, clock, stateMachine } = options;
    const sizes = {
      snapshotEvery_bytes: options.snapshotEvery_bytes ?? DEFAULT_SNAPSHOT_OPTIONS.snapshotEvery_bytes,
      snapshotSlice_bytes: options.snapshotSlice_bytes ?? DEFAULT_SNAPSHOT_OPTIONS.snapshotSlice_bytes,
    };
    this.#snapshotter = new Snapshotter(log, clock, stateMachine, sizes, (position) => log.truncate(position));
    this.#housekeeping = new Housekeeping(clock, stateMachine, (command, done) => this.propose(command, done));
  }

  /** Restores the stored snapshot, replays the log after it, and begins to serve. */
  start(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#state !== "starting") throw new KvError("CLOSED", `cannot start: this server is ${this.#state}`);
      this.#machine.recovering?.(true);
      this.#recover();
      this.#machine.recovering?.(false);
      this.#log.listen({
        onDurable: (position) => this.#onDurable(position),
        onFailure: (error) => this.#onLogFailure(error),
      });
      this.#state = "serving";
      this.#housekeeping.turn(true);
      resolve();
    });
  }

  #recover(): void {
    const snapshot = this.#log.readSnapshot();
    if (snapshot !== null) {
      const sink = this.#machine.restore();
      for (const slice of snapshot.slices()) sink.write(slice);
      sink.finish();
      this.#appliedPosition = snapshot.position;
    }
    while (this.#appliedPosition < this.#log.lastPosition) {
      for (const record of this.#log.read(this.#appliedPosition + 1, REPLAY_BYTES)) {
        const { payload } = record;
        readBatch(payload, 0, payload.length, (start, end, time) => {
          this.#time = time;
          applyFrom(this.#machine, payload, start, end, time, false);
        });
        this.#appliedPosition = record.position;
      }
    }
  }

  /** Logs a command, applies it when it is durable, then calls `done`. See {@link Replication.propose}. */
  propose(command: Uint8Array, done: Completion): void {
    if (this.#state !== "serving" || this.#closing !== null) {
      const error = this.#refusal();
      this.#clock.defer(() => done(error, NOTHING));
      return;
    }
    if (this.#pending_bytes + command.length > this.#maxPending_bytes) {
      const error = new KvError(
        "UNAVAILABLE",
        `${this.#pending_bytes} bytes of commands wait to be logged; the limit is ${this.#maxPending_bytes}: try again later`,
      );
      this.#clock.defer(() => done(error, NOTHING));
      return;
    }
    let batch = this.#open.at(-1);
    if (batch === undefined || batch.builder.bytes >= this.#maxBatch_bytes) {
      batch = this.#spare.pop() ?? { builder: new BatchBuilder(), completions: [], position: 0, sealed: NOTHING };
      this.#open.push(batch);
    }
    batch.builder.add(command);
    batch.completions.push(done);
    this.#pending++;
    this.#pending_bytes += command.length;
    this.#scheduleFlush();
  }

  /** Calls `done` at once: the state reflects every acknowledged write. See {@link Replication.barrier}. */
  barrier(done: (error: KvError | null) => void): void {
    // Applied is durable here and acknowledged comes after applied: the state reflects every acknowledged write.
    done(this.#state === "serving" ? null : this.#refusal());
  }

  /** {@link propose} as a promise. */
  submit(command: Uint8Array): Promise<Uint8Array> {
    return submitTo(this, command);
  }

  /** The answer of the machine to `query`, from its present state. */
  read(query: Uint8Array): Promise<Uint8Array> {
    return readFrom(this, this.#machine, query);
  }

  /** Figures for status pages and metrics. */
  status(): ReplicationStatus {
    return {
      protocol: "none",
      state: this.#state,
      reason: this.#reason,
      applied: this.#applied,
      pending: this.#pending,
      appliedPosition: this.#appliedPosition,
      snapshots: this.#snapshotter.taken,
      snapshotFailure: this.#snapshotter.failure,
      cluster: null,
    };
  }

  /** Names who is told, once, when the log has failed. */
  onFailure(callback: (error: KvError) => void): void {
    this.#failureListener = callback;
  }

  /** Finishes what was accepted, closes the log, and stops. */
  close(): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#state === "closed") return resolve();
      if (this.#closing !== null) {
        this.#closing.push({ resolve, reject });
        return;
      }
      this.#closing = [{ resolve, reject }];
      this.#housekeeping.turn(false);
      this.#snapshotter.close();
      if (this.#pending === 0 || this.#state !== "serving") this.#finishClosing();
    });
  }

  #refusal(): KvError {
    if (this.#state === "failed") {
      return new KvError("STORAGE_FAILED", `the server stopped taking requests: ${this.#reason}`);
    }
    if (this.#state === "starting") return new KvError("UNAVAILABLE", "the server is still starting: try again soon");
    return new KvError("UNAVAILABLE", "the server is stopping: try another one, or again later");
  }

  #scheduleFlush(): void {
    if (this.#flushScheduled || this.#draining) return;
    this.#flushScheduled = true;
    this.#clock.defer(() => this.#flush());
  }

  #flush(): void {
    this.#flushScheduled = false;
    if (this.#state !== "serving") return;
    this.#time = Math.max(this.#time, this.#clock.now());
    const open = this.#open;
    this.#open = [];
    for (const [index, batch] of open.entries()) {
      batch.sealed = batch.builder.seal(this.#time);
      try {
        batch.position = this.#log.append(batch.sealed);
      } catch (error) {
        // The log has stopped and says why to its listener; what it did not take stays in the queue for that.
        this.#open = open.slice(index);
        this.#fail(`the log takes no records: ${error instanceof Error ? error.message : String(error)}`);
        return;
      }
      this.#logged.push(batch);
    }
  }

  #onDurable(position: number): void {
    this.#draining = true;
    let thrown: { readonly error: unknown } | null = null;
    while (this.#logged.length > 0 && this.#logged[0]!.position <= position) {
      const batch = this.#logged.shift()!;
      const { sealed } = batch;
      const bytes = sealed.length;
      readBatch(sealed, 0, bytes, (start, end, time, index) => {
        const result = applyFrom(this.#machine, sealed, start, end, time, true);
        this.#pending--;
        this.#pending_bytes -= end - start;
        this.#applied++;
        try {
          batch.completions[index]!(null, result);
        } catch (error) {
          // A caller's own fault must not keep the rest of the batch from being applied.
          thrown ??= { error };
        }
      });
      this.#appliedPosition = batch.position;
      this.#recycle(batch);
      if (this.#snapshotter.isDue(bytes)) this.#snapshotter.begin(this.#appliedPosition);
    }
    this.#draining = false;
    if (this.#open.length > 0) this.#scheduleFlush();
    else if (this.#closing !== null && this.#logged.length === 0) this.#finishClosing();
    this.#housekeeping.schedule();
    if (thrown !== null) throw (thrown as { readonly error: unknown }).error;
  }

  #recycle(batch: Batch): void {
    if (this.#spare.length >= MAX_SPARE || batch.sealed.length > this.#maxBatch_bytes) return;
    batch.builder.reset();
    batch.completions.length = 0;
    batch.position = 0;
    batch.sealed = NOTHING;
    this.#spare.push(batch);
  }

  #onLogFailure(error: LogError): void {
    this.#fail(error.message);
  }

  #fail(reason: string): void {
    if (this.#state === "failed" || this.#state === "closed") return;
    this.#state = "failed";
    this.#reason = reason;
    this.#housekeeping.turn(false);
    this.#snapshotter.close();
    const logged = this.#logged;
    const open = this.#open;
    this.#logged = [];
    this.#open = [];
    this.#pending = 0;
    this.#pending_bytes = 0;
    // A record whose sync failed may still be on the disk after a restart; one that never left surely is not.
    const unknown = new OutcomeUnknown(`the disk failed while the write was under way: ${reason}`);
    const refused = this.#refusal();
    for (const batch of logged) for (const done of batch.completions) done(unknown, NOTHING);
    for (const batch of open) for (const done of batch.completions) done(refused, NOTHING);
    this.#failureListener?.(refused);
    if (this.#closing !== null) this.#finishClosing();
  }

  #finishClosing(): void {
    const waiting = this.#closing ?? [];
    this.#log.close((error) => {
      if (this.#state !== "failed") this.#state = "closed";
      for (const { resolve, reject } of waiting) {
        if (error === null || this.#state === "failed") resolve();
        else reject(error);
      }
    });
  }
}
