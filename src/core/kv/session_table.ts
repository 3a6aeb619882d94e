/**
 * Sessions: what makes a write that is sent twice happen once. A session keeps the result of each of its
 * operations, and a fingerprint of the operation, until its client acknowledges it.
 *
 * Everything is bounded: results per session, sessions, bytes; a session that is idle too long by log time, or
 * the one idle longest when there is no room, is forgotten as a whole, and a client that comes back is told so
 * (`SESSION_UNKNOWN`) rather than served twice. The table is in the order of last use, so both take constant time.
 *
 * Invariant: a session that was forgotten stays so. A late copy of its opening opens a session of the same name that
 * knows none of its results, so every opening is another *incarnation*, and an operation of an earlier one is refused.
 *
 * @module
 */
import type { Key } from "../../codec/bytes.ts";
import { KvError } from "../errors.ts";
import { Captures } from "./captures.ts";
import type { Once } from "./command.ts";
import type { Limits } from "./limits.ts";

/** A result that was given, and the fingerprint of the operation that gave it. */
export interface KeptResult {
  /** CRC-32 of the operation's bytes. */
  readonly fingerprint: number;
  /** The bytes of the result, as a byte string: immutable, and small where the result is. */
  readonly result: Key;
}

/** One client's session. */
export interface Session {
  readonly id: Key;
  /**
   * Which opening of the session this is: the number of the use of any session that opened it. That number is
   * deterministic, part of every snapshot, and never given twice, because it goes up with each use and never down.
   * The revision would not do, since opening a session does not raise it, nor the log time, which may stand still:
   * opened, closed and opened again, a session could have the same one.
   */
  readonly incarnation: number;
  /** Log time of the latest use, in milliseconds since the Unix epoch. */
  lastUsed: number;
  /** Which use of any session this was, counted over the life of the table: the order of last use. */
  useNumber: number;
  /** Results of sequences below this one are forgotten. */
  acknowledged: number;
  /** By sequence. */
  readonly results: Map<number, KeptResult>;
  /** What the session takes up, about. */
  bytes: number;
}

/** A session as a snapshot has it. */
export type LoadedSession = Readonly<Omit<Session, "bytes">>;

/** Told of a session before it changes or goes. */
export interface SessionCapture {
  captureSession(session: Session): void;
}

/** What a session takes up in memory besides its id and results, in bytes, about. */
const SESSION_OVERHEAD = 200;
/** What a kept result takes up besides its bytes. */
const RESULT_OVERHEAD = 100;

/** All sessions. */
export class SessionTable {
  /** The snapshots that are being taken. */
  readonly captures: Captures<SessionCapture> = new Captures();
  readonly #limits: Limits;
  /** In the order of last use, the one idle longest first. */
  readonly #sessions = new Map<Key, Session>();
  #uses: number;
  #bytes = 0;

  /** Starts empty, after `uses` uses. */
  constructor(limits: Limits, uses: number) {
    this.#limits = limits;
    this.#uses = uses;
  }

  /** How many sessions there are. */
  get size(): number {
    return this.#sessions.size;
  }

  /** How often sessions have been used. */
  get uses(): number {
    return this.#uses;
  }

  /** What all sessions take up in memory, in bytes, about. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The sessions, the one idle longest first. */
  values(): IterableIterator<Session> {
    return this.#sessions.values();
  }

  /**
   * Opens a session or marks it as used. One that is open stays as it is, in its incarnation: a client that asks
   * again because the answer was lost, or whose request was repeated on its way, must not lose what it has.
   */
  open(id: Key, time: number): Session {
    const known = this.#find(id, time);
    if (known !== undefined) {
      this.#use(known, time);
      return known;
    }
    while (this.#sessions.size >= this.#limits.maxSessions) this.#forget(this.#oldest()!);
    const incarnation = ++this.#uses;
    const session: Session = {
      id,
      incarnation,
      lastUsed: time,
      useNumber: incarnation,
      acknowledged: 0,
      results: new Map(),
      bytes: SESSION_OVERHEAD + id.length,
    };
    this.#sessions.set(id, session);
    this.#bytes += session.bytes;
    return session;
  }

  /** Forgets a session, if it is there. */
  close(id: Key): void {
    const session = this.#sessions.get(id);
    if (session !== undefined) this.#forget(session);
  }

  /**
   * Looks for the result of an operation that may have been done before: the result that was kept, or the
   * session in which to {@link keep} the one that the operation gives now.
   *
   * @throws {KvError} SESSION_UNKNOWN, SESSION_STALE, SESSION_CONFLICT or SESSION_FULL
   */
  begin(once: Once, fingerprint: number, time: number): KeptResult | Session {
    const session = this.#enter(once, time);
    this.#acknowledge(session, once.acknowledged);
    const { sequence } = once;
    if (sequence < session.acknowledged) {
      throw new KvError(
        "SESSION_STALE",
        `sequence ${sequence} is below ${session.acknowledged}, which the client has acknowledged`,
      );
    }
    const kept = session.results.get(sequence);
    if (kept !== undefined) {
      if (kept.fingerprint === fingerprint) return kept;
      throw new KvError("SESSION_CONFLICT", `sequence ${sequence} was used before with a different operation`);
    }
    if (session.results.size >= this.#limits.maxSessionResults) {
      throw new KvError(
        "SESSION_FULL",
        `the session has ${session.results.size} unacknowledged results, which is the limit; acknowledge some`,
      );
    }
    if (session.bytes >= this.#limits.maxSessionBytes) {
      throw new KvError(
        "SESSION_FULL",
        `the session's unacknowledged results take up ${session.bytes} bytes; the limit is ` +
          `${this.#limits.maxSessionBytes} bytes; acknowledge some`,
      );
    }
    return session;
  }

  /** The session of an operation, marked as used. One of another incarnation is left as it is. */
  #enter({ session: id, incarnation }: Once, time: number): Session {
    if (incarnation === null) return this.open(id, time);
    const session = this.#find(id, time);
    if (session === undefined) {
      throw new KvError(
        "SESSION_UNKNOWN",
        "the session is not known: it was never opened, was closed, or was unused for too long; open one anew",
      );
    }
    if (session.incarnation !== incarnation) {
      throw new KvError(
        "SESSION_UNKNOWN",
        `incarnation ${incarnation} of the session is not known: it was closed, or was unused for too long; the ` +
          `present one is ${session.incarnation}, in which what was sent before must not be sent again`,
      );
    }
    this.#use(session, time);
    return session;
  }

  /** Keeps the result of an operation that {@link begin} has not found, in the session it gave. */
  keep(session: Session, sequence: number, kept: KeptResult): void {
    session.results.set(sequence, kept);
    this.#grow(session, RESULT_OVERHEAD + kept.result.length);
    while (this.#bytes > this.#limits.maxSessionTableBytes && this.#sessions.size > 1) this.#forget(this.#oldest()!);
  }

  /** Forgets up to `limit` sessions that have been idle too long at `time`. */
  removeIdle(time: number, limit: number): void {
    for (let removed = 0; removed < limit; removed++) {
      const session = this.#oldest();
      if (session === undefined || !this.#isIdle(session, time)) return;
      this.#forget(session);
    }
  }

  /** When the first session has been idle too long, or null. */
  nextDue(): number | null {
    const session = this.#oldest();
    return session === undefined ? null : session.lastUsed + this.#limits.sessionIdle_ms;
  }

  /** Puts back a session of a snapshot. They come in the order of last use; the table keeps the results. */
  load(loaded: LoadedSession): void {
    let bytes = SESSION_OVERHEAD + loaded.id.length;
    for (const kept of loaded.results.values()) bytes += RESULT_OVERHEAD + kept.result.length;
    this.#sessions.set(loaded.id, { ...loaded, bytes });
    this.#bytes += bytes;
  }

  #oldest(): Session | undefined {
    return this.#sessions.values().next().value;
  }

  #isIdle(session: Session, time: number): boolean {
    return session.lastUsed + this.#limits.sessionIdle_ms <= time;
  }

  #find(id: Key, time: number): Session | undefined {
    const session = this.#sessions.get(id);
    if (session === undefined || !this.#isIdle(session, time)) return session;
    this.#forget(session);
    return undefined;
  }

  #use(session: Session, time: number): void {
    for (const capture of this.captures.all) capture.captureSession(session);
    session.lastUsed = time;
    session.useNumber = ++this.#uses;
    this.#sessions.delete(session.id);
    this.#sessions.set(session.id, session);
  }

  #acknowledge(session: Session, below: number): void {
    if (below <= session.acknowledged) return;
    // Whichever is shorter: the sequences that are skipped or the results that are kept.
    if (below - session.acknowledged <= session.results.size) {
      for (let sequence = session.acknowledged; sequence < below; sequence++) this.#drop(session, sequence);
    } else {
      for (const sequence of session.results.keys()) if (sequence < below) this.#drop(session, sequence);
    }
    session.acknowledged = below;
  }

  #drop(session: Session, sequence: number): void {
    const kept = session.results.get(sequence);
    if (kept === undefined) return;
    session.results.delete(sequence);
    this.#grow(session, -(RESULT_OVERHEAD + kept.result.length));
  }

  #grow(session: Session, bytes: number): void {
    session.bytes += bytes;
    this.#bytes += bytes;
  }

  #forget(session: Session): void {
    for (const capture of this.captures.all) capture.captureSession(session);
    this.#sessions.delete(session.id);
    this.#bytes -= session.bytes;
  }
}
