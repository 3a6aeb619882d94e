/**
 * Reads a snapshot, in slices of any size, into a state of its own, and hands it over only when the whole has
 * been verified: every block's checksum, the order and sanity of the records, the footer's counts and checksum,
 * and that nothing follows. Until then, and after any error, the store is as it was.
 *
 * @module
 */
import { ByteReader, CodecError } from "../../codec/byte_reader.ts";
import { ByteWriter } from "../../codec/byte_writer.ts";
import type { Key } from "../../codec/bytes.ts";
import { crc32 } from "../../codec/checksum.ts";
import type { SnapshotSink } from "../replication.ts";
import type { EntryTable } from "./entry_table.ts";
import type { Limits } from "./limits.ts";
import { readEntry } from "./result_codec.ts";
import { type KeptResult, type LoadedSession, SessionTable } from "./session_table.ts";
import {
  BLOCK,
  BLOCK_HEAD_BYTES,
  BLOCK_TAIL_BYTES,
  readHeader,
  SESSION_RECORD,
  SNAPSHOT_MAGIC,
  SNAPSHOT_VERSION,
  type StateHeader,
} from "./snapshot_format.ts";

/** Takes a verified state. */
export type Install = (table: EntryTable, sessions: SessionTable) => void;

interface OpenSession extends LoadedSession {
  readonly results: Map<number, KeptResult>;
}

/** Takes the slices of a snapshot and installs its state at the end. */
export class StateRestore implements SnapshotSink {
  readonly #limits: Limits;
  readonly #newTable: (revision: number, time: number) => EntryTable;
  readonly #install: Install;
  /** Bytes that are not yet a whole block. */
  readonly #buffer = new ByteWriter(64 * 1024);
  /** How many bytes came before those. */
  #offset = 0;
  #crc = 0;
  #failure: CodecError | null = null;
  #header: StateHeader | null = null;
  #table: EntryTable | null = null;
  #lastKey: Key | null = null;
  readonly #sessions = new Map<Key, OpenSession>();
  #session: OpenSession | null = null;
  #resultCount = 0;
  #ended = false;

  /** `newTable` makes an empty table at a revision and time; `install` takes the verified state. */
  constructor(limits: Limits, newTable: (revision: number, time: number) => EntryTable, install: Install) {
    this.#limits = limits;
    this.#newTable = newTable;
    this.#install = install;
  }

  /** @throws {CodecError} when the bytes so far are not the beginning of a snapshot */
  write(slice: Uint8Array): void {
    this.#guard(() => {
      this.#buffer.raw(slice);
      this.#readBlocks();
    });
  }

  /** @throws {CodecError} when the bytes are not a whole snapshot */
  finish(): void {
    this.#guard(() => {
      if (this.#buffer.length > 0 || !this.#ended) {
        throw new CodecError(`cut short after ${this.#offset + this.#buffer.length} bytes`);
      }
    });
    const sessions = this.#loadSessions();
    this.#failure = new CodecError("the snapshot has been restored already");
    this.#install(this.#table!, sessions);
  }

  /** Once one step has failed every later one does. */
  #guard(step: () => void): void {
    if (this.#failure !== null) throw this.#failure;
    try {
      step();
    } catch (error) {
      if (!(error instanceof CodecError)) throw error;
      this.#failure = new CodecError(`snapshot, block at offset ${this.#offset}: ${error.message}`);
      throw this.#failure;
    }
  }

  #readBlocks(): void {
    const buffer = this.#buffer;
    let at = 0;
    while (buffer.length - at >= BLOCK_HEAD_BYTES) {
      const length = new ByteReader(buffer.bytes, at + 1, buffer.length).u32();
      const end = at + BLOCK_HEAD_BYTES + length + BLOCK_TAIL_BYTES;
      if (end > buffer.length) break;
      const block = buffer.bytes.subarray(at, end);
      this.#readBlock(block);
      this.#offset += block.length;
      at = end;
    }
    buffer.drop(at);
  }

  #readBlock(block: Uint8Array): void {
    const bodyEnd = block.length - BLOCK_TAIL_BYTES;
    const expected = new ByteReader(block, bodyEnd).u32();
    const actual = crc32(block.subarray(0, bodyEnd));
    if (actual !== expected) throw new CodecError(`its checksum is ${actual}, not ${expected} as it says`);
    if (this.#ended) throw new CodecError("bytes after the footer");
    const body = new ByteReader(block, BLOCK_HEAD_BYTES, bodyEnd);
    const type = block[0]!;
    if (type === BLOCK.header) this.#readHeader(body);
    else if (this.#table === null) throw new CodecError(`it is of type ${type}; a snapshot starts with a header`);
    else if (type === BLOCK.entries) this.#readEntries(body, this.#table);
    else if (type === BLOCK.sessions) this.#readSessions(body);
    else if (type === BLOCK.footer) this.#readFooter(body);
    else throw new CodecError(`unknown type ${type}`);
    body.finish();
    this.#crc = crc32(block.subarray(0, bodyEnd), this.#crc);
  }

  #readHeader(body: ByteReader): void {
    if (this.#header !== null) throw new CodecError("a second header");
    if (body.key() !== SNAPSHOT_MAGIC) throw new CodecError("it is not the header of a snapshot");
    const version = body.varint();
    if (version !== SNAPSHOT_VERSION) {
      throw new CodecError(`format version ${version}; this program reads version ${SNAPSHOT_VERSION}`);
    }
    this.#header = readHeader(body);
    this.#table = this.#newTable(this.#header.revision, this.#header.time);
  }

  #readEntries(body: ByteReader, table: EntryTable): void {
    while (body.remaining > 0) {
      const key = body.key();
      const entry = readEntry(body);
      if (this.#lastKey !== null && key <= this.#lastKey) throw new CodecError("keys are not in ascending order");
      const { version, createRevision, modRevision } = entry;
      if (version < 1 || createRevision < 1 || createRevision > modRevision || modRevision > table.revision) {
        throw new CodecError(`an entry with version ${version} and revisions ${createRevision} to ${modRevision}`);
      }
      this.#lastKey = key;
      table.load(key, entry);
    }
  }

  #readSessions(body: ByteReader): void {
    while (body.remaining > 0) {
      const kind = body.u8();
      if (kind === SESSION_RECORD.session) {
        const id = body.key();
        const incarnation = body.varint();
        const lastUsed = body.varint();
        const useNumber = body.varint();
        if (this.#sessions.has(id)) throw new CodecError("a session that is there twice");
        if (useNumber > this.#header!.uses) throw new CodecError(`a session with use number ${useNumber}`);
        if (incarnation < 1 || incarnation > useNumber) {
          throw new CodecError(`a session of incarnation ${incarnation} with use number ${useNumber}`);
        }
        this.#session = { id, incarnation, lastUsed, useNumber, acknowledged: body.varint(), results: new Map() };
        this.#sessions.set(id, this.#session);
      } else if (kind === SESSION_RECORD.result && this.#session !== null) {
        const sequence = body.varint();
        if (this.#session.results.has(sequence)) throw new CodecError(`sequence ${sequence} twice in a session`);
        const fingerprint = body.u32();
        this.#session.results.set(sequence, { fingerprint, result: body.key() });
        this.#resultCount++;
      } else {
        throw new CodecError(`a session record of kind ${kind}`);
      }
    }
  }

  #readFooter(body: ByteReader): void {
    const counts = [body.varint(), body.varint(), body.varint()];
    const found = [this.#table!.size, this.#sessions.size, this.#resultCount];
    if (counts.join() !== found.join()) {
      throw new CodecError(
        `it counts ${counts.join(", ")} entries, sessions and results; there are ${found.join(", ")}`,
      );
    }
    const crc = body.u32();
    if (crc !== this.#crc) throw new CodecError(`the checksum of the whole is ${this.#crc}, not ${crc} as it says`);
    this.#ended = true;
  }

  #loadSessions(): SessionTable {
    const table = new SessionTable(this.#limits, this.#header!.uses);
    const sessions = [...this.#sessions.values()].sort((a, b) => a.useNumber - b.useNumber);
    for (const session of sessions) table.load(session);
    return table;
  }
}
