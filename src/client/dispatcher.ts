/**
 * Takes operations, sends them over the link, and sends them again when that is safe.
 *
 * Invariants: a write keeps its session and sequence for as long as some copy of it may be under way, so it is
 * applied at most once; operations are sent in the order in which they were issued (what runs concurrently may still
 * be applied in another).
 *
 * @module
 */
import { KvError } from "../core/errors.ts";
import type { Operation } from "../core/kv/command.ts";
import { encodeCommand } from "../core/kv/command_codec.ts";
import { checkCommand } from "../core/kv/limits.ts";
import { staleReadOf } from "../core/kv/stale_read.ts";
import type { ErrorResult, Result } from "../core/kv/result.ts";
import type { Key } from "../codec/bytes.ts";
import type { Clock } from "../ports/clock.ts";
import type { Random } from "../ports/random.ts";
import { Backoff } from "./backoff.ts";
import type { Connection } from "./connection.ts";
import { blamesServer, errorOfCode, isTransient } from "./errors.ts";
import { Ledger } from "./ledger.ts";
import { Link, type LinkOwner } from "./link.ts";
import { Liveness } from "./liveness.ts";
import { checkDuration, type ClientOptions, type ReadOptions, type Tuning, tuningOf } from "./options.ts";
import { mutates, type PendingOperation, PendingQueue } from "./pending.ts";
import { Session } from "./session.ts";
import type { ClientStatus } from "./status.ts";
import { judge } from "./verdict.ts";
import { Watches } from "./watches.ts";
import { Wire } from "./wire.ts";

/** A key that nobody stores at, read to see whether a server answers. */
const PROBE: Operation = { type: "get", key: "\0" as Key };

/** The logic of one client. Synchronous: handlers run to completion, promises are made only at the face of it. */
export class Dispatcher implements LinkOwner {
  readonly tuning: Tuning;
  readonly clock: Clock;
  readonly watches: Watches;
  #random: Random;
  #serverCount: number;
  #link: Link;
  #liveness: Liveness;
  #queue = new PendingQueue();
  #wire: Wire;
  #ledger: Ledger;
  #session: Session;
  /** Spaces the changes of server that refusals ask for, which would otherwise chase each other. */
  #leaving: Backoff;
  #leaveAfter_ms = 0;
  #closed = false;

  constructor(options: Omit<ClientOptions, "codec">) {
    const { clock, random, servers } = options;
    if (servers.length === 0) throw new KvError("INVALID_ARGUMENT", "no servers; give at least one");
    this.tuning = tuningOf(options);
    const { silence_ms, keepalive_ms, backoffBase_ms, backoffMax_ms } = this.tuning;
    this.clock = clock;
    this.#random = random;
    this.#serverCount = servers.length;
    this.#session = new Session(random);
    this.#link = new Link({ ...this.tuning, clock, random, servers, connector: options.connector }, this);
    this.#leaving = new Backoff(random, { base_ms: backoffBase_ms, max_ms: backoffMax_ms, free: servers.length - 1 });
    this.#wire = new Wire(clock, random, this.tuning.resend_ms, backoffMax_ms);
    this.#ledger = new Ledger(clock, this.#wire, (operation) => this.#expire(operation));
    this.watches = new Watches(clock, random, this.tuning, {
      newId: () => this.#wire.newId(),
      connection: () => this.#link.connection,
      ensure: () => this.#link.ensure(),
      onStarted: () => this.#liveness.touch(),
    });
    this.#liveness = new Liveness(clock, silence_ms, keepalive_ms, {
      isWaiting: () => this.#wire.size > 0,
      isWatching: () => this.watches.size > 0,
      probe: () => void this.submit(PROBE).catch(() => this.#liveness.touch()),
      onSilent: (silence) => {
        const { host, port } = this.#link.server;
        this.#link.leave(new KvError("UNAVAILABLE", `${host}:${port} has not answered for ${silence} ms`));
      },
    });
  }

  get status(): ClientStatus {
    return {
      server: this.#link.server,
      connected: this.#link.connection !== null,
      pending: this.#ledger.size,
      inFlight: this.#wire.size,
      watches: this.watches.size,
    };
  }

  /** Does an operation. The bytes in it are copied before this returns. Rejects with a {@link KvError}. */
  submit(operation: Operation, options: ReadOptions = {}): Promise<Result> {
    return new Promise((resolve, reject) => {
      // What is thrown in here rejects the promise.
      this.accept(operation, options, (error, result) => error === null ? resolve(result!) : reject(error));
    });
  }

  /** Resolves when no operation is under way. */
  idle(): Promise<void> {
    return this.#ledger.idle();
  }

  /** Ends everything: what was not sent and what only reads is `CLOSED`, a write that was sent is unknown. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    const connection = this.#link.connection;
    for (const operation of this.#ledger.list()) this.#giveUp(operation, "CLOSED", "the client was closed");
    if (connection !== null && this.#session.state === "open") {
      connection.request(this.#wire.newId(), encodeCommand({ type: "closeSession", session: this.#session.id }));
    }
    // The opening of a session may still be resent: no caller waits for it, but its timer does.
    this.#wire.landAll();
    this.watches.close();
    this.#link.close();
    this.#liveness.stop();
    this.#ledger.close();
  }

  /** As {@link submit}, with a callback, which is called once unless this throws. */
  accept(operation: Operation, options: ReadOptions, settle: PendingOperation["settle"]): void {
    const { signal, deadline_ms = this.tuning.deadline_ms } = options;
    if (this.#closed) throw new KvError("CLOSED", "the client is closed");
    if (signal?.aborted === true) {
      throw new KvError("ABORTED", `${operation.type} was aborted before it began`, { cause: signal.reason });
    }
    checkDuration("deadline_ms", deadline_ms);
    checkCommand(operation, this.tuning.limits);
    if (this.#ledger.size >= this.tuning.maxPending) {
      throw new KvError(
        "UNAVAILABLE",
        `${this.#ledger.size} operations of this client are under way, which is the limit (maxPending); ` +
          "wait for some of them before issuing more",
      );
    }
    const isStale = options.consistency === "stale";
    if (isStale) staleReadOf(operation);
    const kind = mutates(operation) ? "write" : "read";
    const pending = this.#ledger.begin({ kind, command: operation, deadline_ms, isStale, settle });
    if (signal !== undefined) {
      const abort = () => this.#giveUp(pending, "ABORTED", "it was aborted", signal.reason);
      signal.addEventListener("abort", abort, { once: true });
      pending.unlisten = () => signal.removeEventListener("abort", abort);
    }
    this.#queue.push(pending);
    this.#drain();
  }

  /** Sends what may be sent. */
  #drain(): void {
    if (this.#closed || this.#queue.first === null) return;
    const connection = this.#link.connection;
    if (connection === null) {
      this.#link.ensure();
      return;
    }
    for (let operation = this.#queue.first; operation !== null; operation = this.#queue.first) {
      if (this.#wire.size >= connection.maxInFlight) return;
      if (operation.kind === "write" && !this.#place(operation, connection)) return;
      this.#queue.remove(operation);
      this.#send(operation, connection);
    }
  }

  /** Gives a write its session and sequence; false when it has to wait for one. */
  #place(operation: PendingOperation, connection: Connection): boolean {
    if (operation.session !== null) return true;
    if (this.#session.state === "lost") this.#session = new Session(this.#random);
    if (this.#session.state === "new") this.#openSession(connection);
    if (this.#session.state !== "open" || !this.#session.hasRoom) return false;
    operation.session = this.#session;
    operation.sequence = this.#session.take();
    return true;
  }

  #openSession(connection: Connection): void {
    const session = this.#session;
    session.state = "opening";
    const opening = this.#ledger.begin({
      kind: "session",
      command: { type: "openSession", session: session.id },
      deadline_ms: this.tuning.deadline_ms,
      isStale: false,
      settle: (_error, result) => {
        if (result?.type === "session") session.opened(result.incarnation);
        else session.state = "new";
      },
    });
    this.#send(opening, connection);
  }

  #send(operation: PendingOperation, connection: Connection): void {
    if (this.#wire.size === 0) this.#liveness.touch();
    this.#wire.send(operation, connection);
  }

  onUp(): void {
    this.watches.onUp();
    this.#drain();
  }

  onDown(error: KvError, isLasting: boolean): void {
    this.#liveness.stop();
    const again: PendingOperation[] = [];
    for (const operation of this.#wire.landAll()) {
      operation.inDoubt = true;
      if (operation.kind === "session") this.#ledger.settle(operation, error, null);
      else again.push(operation);
    }
    this.#queue.restore(again);
    this.watches.onDown(error, isLasting);
    if (isLasting) {
      for (const operation of this.#ledger.list()) this.#ledger.fail(operation, error);
    }
    for (const operation of this.#queue.list()) {
      // Where some servers are away and one cannot be trusted, it is the latter that somebody has to do something about.
      if (operation.lastError?.code !== "TLS_FAILED") operation.lastError = error;
    }
    if (this.watches.size > 0) this.#link.ensure();
    this.#drain();
  }

  onReply(id: number, bytes: Uint8Array): void {
    this.#liveness.touch();
    const operation = this.#wire.get(id);
    if (operation === undefined) return;
    let result: Result;
    try {
      result = operation.read(bytes);
    } catch (cause) {
      this.#link.leave(new KvError("PROTOCOL_ERROR", `the reply to ${operation.describe()} makes no sense`, { cause }));
      return;
    }
    this.#wire.land(operation);
    if (result.type === "error") this.#refuse(operation, errorOfCode(result.code, result.message), result);
    else {
      this.#link.praise();
      if (operation.kind === "write" || operation.backoff !== null) this.#leaving.reset();
      this.#ledger.settle(operation, null, result);
    }
    this.#drain();
  }

  onRefused(id: number, error: KvError): void {
    this.#liveness.touch();
    const operation = this.#wire.get(id);
    if (operation === undefined) return;
    this.#wire.land(operation);
    this.#refuse(operation, error, null);
    this.#drain();
  }

  onWatching(id: number, revision: number): void {
    this.#liveness.touch();
    this.#link.praise();
    this.watches.onWatching(id, revision);
  }

  onEvents(id: number, events: Uint8Array): void {
    this.#liveness.touch();
    const garbage = this.watches.onEvents(id, events);
    if (garbage !== null) this.#link.leave(garbage);
  }

  onWatchEnd(id: number, error: KvError): void {
    this.#liveness.touch();
    if (this.watches.onEnd(id, error)) this.#leaveFor(error);
  }

  /** The server refused an operation (with `reply`, when the refusal came in a reply). */
  #refuse(operation: PendingOperation, error: KvError, reply: ErrorResult | null): void {
    const { code } = error;
    operation.lastError = error;
    if (operation.kind === "session") {
      this.#refuseSession(operation, error);
      return;
    }
    if (code === "STORAGE_FAILED") operation.storageFailures++;
    const verdict = judge({
      code,
      reply,
      write: operation.kind === "write",
      inDoubt: operation.inDoubt,
      reliable: this.#link.connection?.reliable ?? true,
      storageFailedEverywhere: operation.storageFailures >= this.#serverCount,
    });
    operation.inDoubt = verdict.inDoubt;
    if (code === "SESSION_UNKNOWN" && operation.session !== null) operation.session.state = "lost";
    switch (verdict.action) {
      case "resession":
        operation.session = null;
        operation.sequence = 0;
        this.#queue.restore([operation]);
        return;
      case "retry":
        this.#retryLater(operation);
        if (blamesServer(code)) this.#leaveFor(error);
        return;
      case "final":
      case "refused":
        this.#ledger.fail(operation, error);
    }
  }

  /** The session could not be opened: the writes that wait for it share the refusal. */
  #refuseSession(opening: PendingOperation, error: KvError): void {
    this.#ledger.settle(opening, error, null);
    for (const operation of this.#queue.list()) {
      if (operation.kind !== "write" || operation.session !== null) continue;
      operation.lastError = error;
      if (error.code === "STORAGE_FAILED") operation.storageFailures++;
      if (!isTransient(error.code) || operation.storageFailures >= this.#serverCount) {
        this.#ledger.fail(operation, error);
      } else {
        this.#queue.remove(operation);
        this.#retryLater(operation);
      }
    }
    if (blamesServer(error.code)) this.#leaveFor(error);
  }

  #retryLater(operation: PendingOperation): void {
    const { backoffBase_ms: base_ms, backoffMax_ms: max_ms } = this.tuning;
    operation.backoff ??= new Backoff(this.#random, { base_ms, max_ms, free: this.#serverCount - 1 });
    operation.timer = this.clock.after(operation.backoff.fail(), () => {
      operation.timer = null;
      this.#queue.restore([operation]);
      this.#drain();
    });
  }

  #leaveFor(error: KvError): void {
    const now = this.clock.monotonic();
    if (this.#serverCount === 1 || now < this.#leaveAfter_ms) return;
    this.#leaveAfter_ms = now + this.#leaving.fail();
    this.#link.leave(error);
  }

  #expire(operation: PendingOperation): void {
    const { deadline_ms, lastError } = operation;
    const because = lastError === null ? "no answer came" : lastError.message;
    this.#giveUp(operation, "DEADLINE_EXCEEDED", `the deadline of ${deadline_ms} ms passed: ${because}`, lastError);
  }

  /** Settles an operation whose answer is not waited for any longer. */
  #giveUp(
    operation: PendingOperation,
    code: "DEADLINE_EXCEEDED" | "ABORTED" | "CLOSED",
    why: string,
    cause: unknown = null,
  ): void {
    if (operation.settled) return;
    if (operation.id !== 0) {
      operation.inDoubt = true;
      this.#link.connection?.forget(operation.id);
      this.#wire.land(operation);
    }
    const options = cause === null ? undefined : { cause };
    this.#ledger.fail(operation, new KvError(code, `${operation.describe()}: ${why}`, options));
    this.#drain();
  }
}
