/**
 * Writes a snapshot in slices while the store goes on. Starting one takes constant time: the index of keys is
 * cloned copy-on-write, and an entry or session that has not been written yet is captured by the command that
 * first changes it. So the snapshot shows one revision, and costs memory only for what changes meanwhile.
 *
 * @module
 */
import { ByteWriter } from "../../codec/byte_writer.ts";
import type { Key } from "../../codec/bytes.ts";
import type { SnapshotSource } from "../replication.ts";
import type { EntryCapture, EntryTable } from "./entry_table.ts";
import type { KeyCursor } from "./ordered_index.ts";
import type { Entry } from "./result.ts";
import type { KeptResult, LoadedSession, Session, SessionCapture, SessionTable } from "./session_table.ts";
import {
  beginBlock,
  BLOCK,
  endBlock,
  SNAPSHOT_MAGIC,
  SNAPSHOT_VERSION,
  type StateHeader,
  writeEntryRecord,
  writeHeader,
  writeResultRecord,
  writeSessionRecord,
} from "./snapshot_format.ts";

/** A snapshot of the entries and sessions as they were when it was made. */
export class StateSnapshot implements SnapshotSource, EntryCapture, SessionCapture {
  readonly #table: EntryTable;
  readonly #sessions: SessionTable;
  readonly #header: StateHeader;
  readonly #onClose: () => void;
  readonly #writer = new ByteWriter(64 * 1024);
  #phase: "header" | "entries" | "sessions" | "footer" | "end" = "header";
  #crc = 0;

  readonly #keys: KeyCursor;
  /** The last key written: what changes up to there is of no concern. */
  #lastKey: Key | null = null;
  readonly #capturedEntries = new Map<Key, Entry>();
  #captured_bytes = 0;
  #entryCount = 0;
  /** How many entries there were at the start, at least 1. */
  readonly #entriesInAll: number;

  readonly #liveSessions: IterableIterator<Session>;
  #liveSessionsDone = false;
  /** The use number of the last session begun: sessions are in ascending order of it, as long as they are unchanged. */
  #lastUse = 0;
  #capturedSessions: LoadedSession[] = [];
  /** Results of the session that is being written. */
  #results: [number, KeptResult][] = [];
  #nextResult = 0;
  #sessionCount = 0;
  #resultCount = 0;

  /** Starts a snapshot; `onClose` is called when it is closed. */
  constructor(table: EntryTable, sessions: SessionTable, onClose: () => void) {
    this.#table = table;
    this.#sessions = sessions;
    this.#onClose = onClose;
    this.#header = { revision: table.revision, time: table.time, uses: sessions.uses };
    this.#entriesInAll = Math.max(1, table.size);
    this.#keys = table.index.clone().cursor("" as Key);
    this.#liveSessions = sessions.values();
    table.captures.add(this);
    sessions.captures.add(this);
  }

  /** About how much memory is held for entries that have changed before they were written. */
  get held_bytes(): number {
    return this.#captured_bytes;
  }

  get revision(): number {
    return this.#header.revision;
  }

  captureEntry(key: Key, entry: Entry): void {
    // Not there at the start, or written since: then its first change has been captured.
    if (entry.modRevision > this.#header.revision) return;
    if (this.#lastKey !== null && key <= this.#lastKey) return;
    this.#capturedEntries.set(key, entry);
    this.#captured_bytes += sizeOf(key, entry);
  }

  captureSession(session: Session): void {
    if (session.useNumber > this.#header.uses || session.useNumber <= this.#lastUse) return;
    this.#capturedSessions.push({ ...session, results: new Map(session.results) });
  }

  progress(): number {
    if (this.#phase === "header") return 0;
    return this.#phase === "entries" ? this.#entryCount / this.#entriesInAll : 1;
  }

  next(size: number): Uint8Array | null {
    if (this.#phase === "header") return this.#writeHeader();
    if (this.#phase === "entries") {
      const block = this.#writeEntries(size);
      if (block !== null) return block;
      this.#phase = "sessions";
      this.#table.captures.remove(this);
    }
    if (this.#phase === "sessions") {
      const block = this.#writeSessions(size);
      if (block !== null) return block;
      this.#phase = "footer";
      this.#sessions.captures.remove(this);
    }
    return this.#phase === "footer" ? this.#writeFooter() : null;
  }

  close(): void {
    this.#phase = "end";
    this.#table.captures.remove(this);
    this.#sessions.captures.remove(this);
    this.#capturedEntries.clear();
    this.#captured_bytes = 0;
    this.#capturedSessions = [];
    this.#results = [];
    this.#onClose();
  }

  #writeHeader(): Uint8Array {
    this.#phase = "entries";
    beginBlock(this.#writer, BLOCK.header);
    this.#writer.key(SNAPSHOT_MAGIC);
    this.#writer.varint(SNAPSHOT_VERSION);
    writeHeader(this.#writer, this.#header);
    return this.#endBlock();
  }

  #writeEntries(size: number): Uint8Array | null {
    beginBlock(this.#writer, BLOCK.entries);
    const before = this.#entryCount;
    do {
      const key = this.#keys.next();
      if (key === null) break;
      const entry = this.#capturedEntries.get(key) ?? this.#table.stored(key);
      if (entry === undefined || entry.modRevision > this.#header.revision) {
        throw new Error(`an entry changed during the snapshot of revision ${this.#header.revision} unseen`);
      }
      if (this.#capturedEntries.delete(key)) this.#captured_bytes -= sizeOf(key, entry);
      this.#lastKey = key;
      this.#entryCount++;
      writeEntryRecord(this.#writer, key, entry);
    } while (this.#writer.length < size);
    return this.#entryCount === before ? null : this.#endBlock();
  }

  #writeSessions(size: number): Uint8Array | null {
    beginBlock(this.#writer, BLOCK.sessions);
    let written = false;
    do {
      if (this.#nextResult < this.#results.length) {
        const [sequence, kept] = this.#results[this.#nextResult++]!;
        writeResultRecord(this.#writer, sequence, kept);
        this.#resultCount++;
      } else {
        const session = this.#takeSession();
        if (session === null) break;
        writeSessionRecord(this.#writer, session);
        this.#results = [...session.results];
        this.#nextResult = 0;
        this.#sessionCount++;
      }
      written = true;
    } while (this.#writer.length < size);
    return written ? this.#endBlock() : null;
  }

  /** A session that has not been written: first those that are as they were, then those that were captured. */
  #takeSession(): LoadedSession | null {
    if (!this.#liveSessionsDone) {
      const session = this.#liveSessions.next().value as Session | undefined;
      if (session !== undefined && session.useNumber <= this.#header.uses) {
        this.#lastUse = session.useNumber;
        return session;
      }
      this.#liveSessionsDone = true;
    }
    return this.#capturedSessions.pop() ?? null;
  }

  #writeFooter(): Uint8Array {
    this.#phase = "end";
    beginBlock(this.#writer, BLOCK.footer);
    this.#writer.varint(this.#entryCount);
    this.#writer.varint(this.#sessionCount);
    this.#writer.varint(this.#resultCount);
    this.#writer.u32(this.#crc);
    return this.#endBlock();
  }

  #endBlock(): Uint8Array {
    this.#crc = endBlock(this.#writer, this.#crc);
    return this.#writer.take();
  }
}

/** What an entry takes up besides its bytes, about. */
const ENTRY_OVERHEAD = 150;

function sizeOf(key: Key, entry: Entry): number {
  return ENTRY_OVERHEAD + key.length + entry.value.length;
}
