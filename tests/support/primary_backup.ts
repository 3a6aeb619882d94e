/**
 * A replicated log with a fixed primary, for tests of whatever runs replicas: it needs no elections, goes on without a
 * minority of the backups, and stands still while the primary is away. A record is chosen once a majority, with the primary,
 * has made it durable.
 *
 * @module
 */
import { ByteReader } from "../../src/codec/byte_reader.ts";
import { ByteWriter } from "../../src/codec/byte_writer.ts";
import { bytesToText, textToBytes } from "../../src/codec/bytes.ts";
import { crc32 } from "../../src/codec/checksum.ts";
import { BatchBuilder, readBatch } from "../../src/core/batch.ts";
import { KvError, OutcomeUnknown } from "../../src/core/errors.ts";
import type { Completion, Replication, ReplicationState, ReplicationStatus } from "../../src/core/replication.ts";
import { LogError } from "../../src/ports/log.ts";
import type { Protocol, ReplicaParts } from "../../src/sim/run/protocols.ts";
import type { HostObserver, HostRoles } from "../../src/sim/world/host.ts";

const PRIMARY = 0;
const TICK_MS = 15;
const PATIENCE_MS = 400;
const READ_BYTES = 4096;
const NOTHING = new Uint8Array(0);
const KINDS = ["Append", "Ack", "Forward", "Reply", "Ask", "Tell"] as const;
type Kind = typeof KINDS[number];

/** What a replica may do wrong, for tests of what finds it. */
export type Bug =
  /** A backup acknowledges what is not durable. */
  | "acks early"
  /** A backup answers reads from what it has. */
  | "reads stale"
  /** A backup stamps what it applies with its own time. */
  | "stamps anew"
  /** A backup says that other values were chosen than were. */
  | "tells other values";

/** What a frame says: two numbers and bytes. */
interface Frame {
  readonly kind: Kind;
  readonly a: number;
  readonly b: number;
  readonly body: Uint8Array;
}

function encode(kind: Kind, a: number, b: number, body: Uint8Array): Uint8Array {
  const writer = new ByteWriter(32 + body.length);
  writer.u8(KINDS.indexOf(kind));
  writer.u64(a);
  writer.u64(b);
  writer.raw(body);
  return writer.take();
}

function decode(bytes: Uint8Array): Frame {
  const reader = new ByteReader(bytes);
  const kind = KINDS[reader.u8()];
  if (kind === undefined) throw new RangeError("a frame of no kind");
  return { kind, a: reader.u64(), b: reader.u64(), body: bytes.slice(17) };
}

/** One replica. */
export class PrimaryBackup implements Replication {
  readonly roles: HostRoles;
  readonly #parts: ReplicaParts;
  readonly #random: number;
  readonly #bug: Bug | null;
  #state: ReplicationState = "starting";
  #observer: HostObserver | null = null;
  #isDeaf = false;
  #applied = 0;
  #chosen = 0;
  /** The primary serves once everything that its log had at the start is chosen again. */
  #servesFrom = 0;
  #durable: number[] = [];
  #batch = new BatchBuilder();
  #open: Completion[] = [];
  #waiting = new Map<number, readonly Completion[]>();
  #asked = new Map<number, Completion>();
  #reads: { readonly position: number; readonly done: (error: KvError | null) => void }[] = [];
  #nextId = 0;
  #due = false;
  #onFailure: (error: KvError) => void = () => {};

  constructor(parts: ReplicaParts, bug: Bug | null = null) {
    this.#parts = parts;
    this.#bug = parts.id === PRIMARY ? null : bug;
    this.#random = parts.random.below(2 ** 20);
    this.roles = {
      names: ["follower"],
      crash: () => void (this.#isDeaf = true),
      restart: () => void (this.#isDeaf = false),
    };
  }

  observe = (observer: HostObserver): void => void (this.#observer = observer);

  start(): Promise<void> {
    const { log, transport, clock, replicas } = this.#parts;
    log.listen({
      onDurable: (position) => this.#onDurable(position),
      onFailure: (error) => {
        this.#state = "failed";
        this.#abandon();
        this.#onFailure(new KvError("STORAGE_FAILED", error.message));
      },
    });
    transport.listen({ onMessage: (from, body) => this.#onMessage(from, decode(body)) });
    this.#durable = Array.from({ length: replicas }, () => 0);
    this.#servesFrom = log.lastPosition;
    this.#state = "serving";
    this.#onDurable(log.durablePosition);
    clock.after(TICK_MS, () => this.#tick());
    this.#observer?.onNote("serves");
    return Promise.resolve();
  }

  get #isPrimary(): boolean {
    return this.#parts.id === PRIMARY;
  }

  get #isReady(): boolean {
    return this.#state === "serving" && this.#chosen >= this.#servesFrom;
  }

  propose(command: Uint8Array, done: Completion): void {
    const { clock, transport } = this.#parts;
    if (this.#state !== "serving" || (this.#isPrimary && !this.#isReady)) {
      clock.defer(() => done(new KvError("UNAVAILABLE", "not now"), NOTHING));
      return;
    }
    if (!this.#isPrimary) {
      const id = this.#ask(done);
      transport.send(PRIMARY, encode("Forward", id, 0, command));
      return;
    }
    this.#batch.add(command);
    this.#open.push(done);
    if (this.#open.length === 1) clock.defer(() => this.#flush());
  }

  /** Waits for an answer of the primary, for a while. */
  #ask(done: Completion): number {
    const id = ++this.#nextId * 2 ** 20 + this.#random;
    this.#asked.set(id, done);
    this.#parts.clock.after(PATIENCE_MS, () => {
      if (this.#asked.delete(id)) done(new OutcomeUnknown("the primary has not answered"), NOTHING);
    });
    return id;
  }

  #flush(): void {
    if (this.#state !== "serving") return;
    const completions = this.#open;
    const position = this.#append(this.#batch.seal(this.#parts.clock.now()));
    if (position === null) return;
    this.#open = [];
    this.#waiting.set(position, completions);
    this.#batch.reset();
  }

  /** Null when the log has stopped, of which it tells its listener. */
  #append(payload: Uint8Array): number | null {
    try {
      return this.#parts.log.append(payload);
    } catch (error) {
      if (error instanceof LogError) return null;
      throw error;
    }
  }

  #onDurable(position: number): void {
    const { id, log, transport } = this.#parts;
    this.#durable[id] = position;
    if (!this.#isPrimary) {
      if (!this.#isDeaf) transport.send(PRIMARY, encode("Ack", position, 0, NOTHING));
      this.#apply();
      return;
    }
    if (position === log.lastPosition) this.#share(false);
    this.#choose();
  }

  /** Sends what backups lack, or with `isTick` at least what is chosen. */
  #share(isTick: boolean): void {
    const { log, transport, replicas } = this.#parts;
    for (let peer = 1; peer < replicas; peer++) {
      const from = this.#durable[peer]! + 1;
      const records = from <= log.durablePosition ? log.read(from, READ_BYTES) : [];
      for (const { position, payload } of records) {
        transport.send(peer, encode("Append", position, this.#chosen, payload));
      }
      if (records.length === 0 && isTick) transport.send(peer, encode("Append", 0, this.#chosen, NOTHING));
    }
  }

  #choose(): void {
    const sorted = this.#durable.toSorted((a, b) => b - a);
    const chosen = Math.min(this.#durable[PRIMARY]!, sorted[Math.floor(sorted.length / 2)]!);
    if (chosen <= this.#chosen) return;
    this.#chosen = chosen;
    this.#apply();
  }

  #apply(): void {
    const { id, log, stateMachine } = this.#parts;
    while (this.#applied < Math.min(this.#chosen, this.#durable[id]!)) {
      for (const { position, payload } of log.read(this.#applied + 1, READ_BYTES)) {
        if (position > this.#chosen) break;
        const completions = this.#waiting.get(position) ?? [];
        this.#waiting.delete(position);
        this.#observer?.onChosen(position, crc32(payload) + (this.#bug === "tells other values" ? 1 : 0));
        readBatch(payload, 0, payload.length, (start, end, time, index) => {
          const command = payload.subarray(start, end);
          const result = stateMachine.apply(command, this.#bug === "stamps anew" ? this.#parts.clock.now() : time);
          completions[index]?.(null, result);
        });
        this.#applied = position;
      }
    }
    const ready = this.#reads.filter(({ position }) => position <= this.#applied);
    this.#reads = this.#reads.filter(({ position }) => position > this.#applied);
    for (const { done } of ready) done(null);
    this.#keepHouse();
  }

  #keepHouse(): void {
    const { clock, stateMachine } = this.#parts;
    const due = stateMachine.nextDue?.() ?? null;
    if (!this.#isPrimary || this.#due || due === null || !this.#isReady || clock.now() < due) return;
    this.#due = true;
    this.propose(stateMachine.dueCommand!(), () => void (this.#due = false));
  }

  #onMessage(from: number, { kind, a, b, body }: Frame): void {
    if (this.#state !== "serving" || this.#isDeaf) return;
    const { log, transport } = this.#parts;
    switch (kind) {
      case "Append":
        if (a === log.lastPosition + 1) {
          this.#append(body);
          if (this.#bug === "acks early") transport.send(from, encode("Ack", log.lastPosition, 0, NOTHING));
        } else transport.send(from, encode("Ack", log.durablePosition, 0, NOTHING));
        this.#chosen = Math.max(this.#chosen, b);
        this.#apply();
        return;
      case "Ack":
        this.#durable[from] = Math.max(this.#durable[from]!, a);
        this.#choose();
        return;
      case "Forward":
        this.propose(body, (error, result) => {
          const isKnown = error === null;
          const code = error?.code === "UNAVAILABLE" ? 1 : 2;
          const answer = isKnown ? result : textToBytes(error.message);
          transport.send(from, encode("Reply", a, isKnown ? 0 : code, answer));
        });
        return;
      case "Ask":
        if (this.#isReady) transport.send(from, encode("Tell", a, this.#chosen, NOTHING));
        return;
      case "Reply":
      case "Tell": {
        const done = this.#asked.get(a);
        this.#asked.delete(a);
        if (kind === "Tell" && done !== undefined) this.#reads.push({ position: b, done: (e) => done(e, NOTHING) });
        else if (b === 0) done?.(null, body);
        else done?.(new KvError(b === 1 ? "UNAVAILABLE" : "OUTCOME_UNKNOWN", bytesToText(body)), NOTHING);
        this.#apply();
      }
    }
  }

  #tick(): void {
    if (this.#state !== "serving") return;
    if (this.#isPrimary) {
      this.#share(true);
      this.#keepHouse();
    }
    this.#parts.clock.after(TICK_MS, () => this.#tick());
  }

  barrier(done: (error: KvError | null) => void): void {
    if ((this.#isPrimary && this.#isReady) || this.#bug === "reads stale") done(null);
    else if (this.#isPrimary || this.#state !== "serving") done(new KvError("UNAVAILABLE", "not now"));
    else {
      const id = this.#ask((error) => done(error === null ? null : new KvError("UNAVAILABLE", error.message)));
      this.#parts.transport.send(PRIMARY, encode("Ask", id, 0, NOTHING));
    }
  }

  submit(command: Uint8Array): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      this.propose(command, (error, result) => error === null ? resolve(result) : reject(error));
    });
  }

  read(query: Uint8Array): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      this.barrier((error) => error === null ? resolve(this.#parts.stateMachine.query(query)) : reject(error));
    });
  }

  status(): ReplicationStatus {
    return {
      protocol: "paxos",
      state: this.#state,
      reason: null,
      applied: this.#applied,
      pending: this.#waiting.size,
      appliedPosition: this.#applied,
      snapshots: 0,
      snapshotFailure: null,
      cluster: null,
    };
  }

  onFailure(callback: (error: KvError) => void): void {
    this.#onFailure = callback;
  }

  close(): Promise<void> {
    this.#state = "closed";
    this.#abandon();
    this.#parts.transport.close();
    return new Promise((resolve) => {
      this.#parts.log.close(() => resolve());
    });
  }

  #abandon(): void {
    const left = [...this.#waiting.values(), this.#open, [...this.#asked.values()]].flat();
    this.#waiting.clear();
    this.#open = [];
    this.#asked.clear();
    for (const done of left) done(new OutcomeUnknown("this replica has stopped"), NOTHING);
    for (const { done } of this.#reads.splice(0)) done(new KvError("UNAVAILABLE", "this replica has stopped"));
  }
}

/** The protocol, as runs take it. Nobody may be gone for good, because it may be the primary. */
export function primaryBackup(bug: Bug | null = null): Protocol {
  return {
    name: "primary-backup",
    replicas: [3, 5],
    tolerates: () => 0,
    isOwnLogComplete: false,
    make: (parts) => {
      const replication = new PrimaryBackup(parts, bug);
      return { replication, roles: replication.roles, observe: replication.observe };
    },
    describe: (frame) => {
      const { kind, a } = decode(frame);
      return kind === "Append" || kind === "Ack" ? `${kind} ${a}` : kind;
    },
  };
}

/** Without a bug. */
export const PRIMARY_BACKUP: Protocol = primaryBackup();
