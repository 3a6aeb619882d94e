/**
 * The life of a replica, the same under every protocol: it starts, serves, and is closed or fails. Handlers run one at a
 * time and to their end; what comes together in a turn goes out together at its end; who closes finishes first what was
 * accepted.
 *
 * Invariant: no handler runs before the start or after the end, and none within another.
 *
 * @module
 */
import type { Clock } from "../ports/clock.ts";
import { type Log, LogError } from "../ports/log.ts";
import { KvError, OutcomeUnknown } from "./errors.ts";
import type { ReplicationState } from "./replication.ts";

/** How long a replica that closes waits for what it has accepted. */
const CLOSE_MS = 5000;

/** What lives. */
export interface LifeOwner {
  /** What follows from every handler, while the replica serves. */
  readonly after: () => void;
  /** The end of a turn for which {@link ReplicaLife.scheduleFlush} was called; itself a handler. */
  readonly flush: () => void;
  /** Whether everything that was accepted is answered. */
  readonly isIdle: () => boolean;
  /** The replica begins to close: what it does of its own accord ends. A handler. */
  readonly onClosing: () => void;
  /** Lets go of timers and of the transport. Nothing is called afterwards but {@link fail}. */
  readonly stop: () => void;
  /** Answers everything that waits: `refused` what surely did not happen, `unknown` what may have. */
  readonly fail: (refused: KvError, unknown: KvError) => void;
}

/** From start to end. */
export class ReplicaLife {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #owner: LifeOwner;
  #state: ReplicationState = "starting";
  #reason: string | null = null;
  #isHandling = false;
  #isFlushScheduled = false;
  #failureListener: ((error: KvError) => void) | null = null;
  #closing: { resolve: () => void; reject: (error: unknown) => void }[] | null = null;
  #closeBy = Number.POSITIVE_INFINITY;

  /** Not started yet. The log is closed at the end. */
  constructor(clock: Clock, log: Log, owner: LifeOwner) {
    this.#clock = clock;
    this.#log = log;
    this.#owner = owner;
  }

  /** Where it is. */
  get state(): ReplicationState {
    return this.#state;
  }

  /** Why it failed, or null. */
  get reason(): string | null {
    return this.#reason;
  }

  /** Whether handlers run. */
  get isServing(): boolean {
    return this.#state === "serving";
  }

  /** Whether requests are taken. */
  get isOpen(): boolean {
    return this.#state === "serving" && this.#closing === null;
  }

  /** When waiting for the end has an end: a deadline that the owner's alarm has to keep. */
  get closeBy(): number {
    return this.#closeBy;
  }

  /** Runs `open`, which reads what is stored and names who listens, and from then on handlers, `begin` the first. */
  start(open: () => void, begin: () => void): Promise<void> {
    return new Promise((resolve) => {
      if (this.#state !== "starting") throw new KvError("CLOSED", `cannot start: this replica is ${this.#state}`);
      open();
      this.#state = "serving";
      this.handle(begin);
      resolve();
    });
  }

  /** Runs a handler to its end, and then what follows from it. An assertion that fails ends the replica. */
  handle(handler: () => void): void {
    if (!this.isServing) return;
    if (this.#isHandling) throw new Error("a handler was called by another one");
    this.#isHandling = true;
    try {
      handler();
    } catch (error) {
      this.fail(error instanceof Error ? error.message : String(error));
      // A log that takes no more says why to its listener; anything else is a fault of this code.
      if (!(error instanceof LogError)) throw error;
    } finally {
      this.#isHandling = false;
    }
    if (this.isServing) this.#owner.after();
    if (this.isServing && this.#closing !== null) this.#closeWhenIdle();
  }

  /** Has the owner flush at the end of this turn. */
  scheduleFlush(): void {
    if (this.#isFlushScheduled || !this.isServing) return;
    this.#isFlushScheduled = true;
    this.#clock.defer(() => {
      this.#isFlushScheduled = false;
      this.handle(() => this.#owner.flush());
    });
  }

  /** What is said to a request that comes when the replica does not take any: nothing was changed. */
  refusal(): KvError {
    if (this.#state === "failed") {
      return new KvError("STORAGE_FAILED", `this replica stopped taking requests: ${this.#reason}`);
    }
    if (this.#state === "starting") return new KvError("UNAVAILABLE", "the replica is still starting: try again soon");
    return new KvError("UNAVAILABLE", "the replica is stopping: try another one, or again later");
  }

  /** Names who is told, once, when this replica has failed. */
  onFailure(callback: (error: KvError) => void): void {
    this.#failureListener = callback;
  }

  /** Ends the replica: it cannot be trusted to go on. */
  fail(reason: string): void {
    if (this.#state === "failed" || this.#state === "closed") return;
    this.#state = "failed";
    this.#reason = reason;
    this.#owner.stop();
    const refused = this.refusal();
    this.#owner.fail(refused, new OutcomeUnknown(`this replica failed while the write was under way: ${reason}`));
    this.#failureListener?.(refused);
    if (this.#closing !== null) this.#finishClosing();
  }

  /** Finishes what was accepted, if the others help, closes the log, and ends. */
  close(): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#state === "closed") return resolve();
      if (this.#closing !== null) {
        this.#closing.push({ resolve, reject });
        return;
      }
      this.#closing = [{ resolve, reject }];
      this.#closeBy = this.#clock.monotonic() + CLOSE_MS;
      if (this.#state === "starting") this.#owner.stop();
      if (this.isServing) this.handle(() => this.#owner.onClosing());
      else this.#finishClosing();
    });
  }

  #closeWhenIdle(): void {
    if (!this.#owner.isIdle() && this.#clock.monotonic() < this.#closeBy) return;
    this.#state = "closed";
    this.#owner.stop();
    const refused = new KvError("UNAVAILABLE", "the replica has stopped: try another one");
    this.#owner.fail(refused, new OutcomeUnknown("the replica stopped while the write was under way"));
    this.#finishClosing();
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
