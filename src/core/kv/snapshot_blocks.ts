/**
 * Takes a snapshot apart into its blocks, in slices of any size, and the blocks into their records. What it checks needs no
 * memory for the state: every block's checksum, that the first is a header of a version that it knows, that keys ascend,
 * that the footer's counts and checksum fit, and that nothing follows.
 *
 * @module
 */
import { ByteReader, CodecError } from "../../codec/byte_reader.ts";
import { ByteWriter } from "../../codec/byte_writer.ts";
import type { Key } from "../../codec/bytes.ts";
import { crc32 } from "../../codec/checksum.ts";
import { readEntry } from "./result_codec.ts";
import type { Entry } from "./result.ts";
import type { KeptResult, LoadedSession } from "./session_table.ts";
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

/** What a snapshot is made of, as it is told. Whoever throws a `CodecError` refuses the snapshot. */
export interface SnapshotVisitor {
  /** Comes first. */
  readonly onHeader?: (header: StateHeader) => void;
  /** An entry; keys ascend. */
  readonly onEntry?: (key: Key, entry: Entry) => void;
  /** A session without its results, which follow it. */
  readonly onSession?: (session: Omit<LoadedSession, "results">) => void;
  /** A result of the latest session. */
  readonly onResult?: (sequence: number, kept: KeptResult) => void;
}

/** How much a snapshot holds. */
export interface SnapshotCounts {
  readonly entries: number;
  readonly sessions: number;
  readonly results: number;
}

/** Reads one snapshot. */
export class SnapshotBlocks {
  readonly #visitor: SnapshotVisitor;
  /** Bytes that are not yet a whole block. */
  readonly #buffer = new ByteWriter(64 * 1024);
  /** How many bytes came before those. */
  #offset = 0;
  #crc = 0;
  #failure: CodecError | null = null;
  #header: StateHeader | null = null;
  #lastKey: Key | null = null;
  #entries = 0;
  #sessions = 0;
  #results = 0;
  #hasEnded = false;

  constructor(visitor: SnapshotVisitor) {
    this.#visitor = visitor;
  }

  /** What was found so far. */
  get counts(): SnapshotCounts {
    return { entries: this.#entries, sessions: this.#sessions, results: this.#results };
  }

  /**
   * Takes the next bytes, which may be reused after the call.
   *
   * @throws {CodecError} when the bytes so far are not the beginning of a snapshot
   */
  write(slice: Uint8Array): void {
    this.#guard(() => {
      this.#buffer.raw(slice);
      this.#readBlocks();
    });
  }

  /**
   * Nothing follows.
   *
   * @throws {CodecError} when the bytes are not a whole snapshot
   */
  finish(): void {
    this.#guard(() => {
      if (this.#buffer.length > 0 || !this.#hasEnded) {
        throw new CodecError(`cut short after ${this.#offset + this.#buffer.length} bytes`);
      }
    });
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
    if (this.#hasEnded) throw new CodecError("bytes after the footer");
    const body = new ByteReader(block, BLOCK_HEAD_BYTES, bodyEnd);
    const type = block[0]!;
    if (type === BLOCK.header) this.#readHeader(body);
    else if (this.#header === null) throw new CodecError(`it is of type ${type}; a snapshot starts with a header`);
    else if (type === BLOCK.entries) this.#readEntries(body, this.#header);
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
    this.#visitor.onHeader?.(this.#header);
  }

  #readEntries(body: ByteReader, header: StateHeader): void {
    while (body.remaining > 0) {
      const key = body.key();
      const entry = readEntry(body);
      if (this.#lastKey !== null && key <= this.#lastKey) throw new CodecError("keys are not in ascending order");
      const { version, createRevision, modRevision } = entry;
      if (version < 1 || createRevision < 1 || createRevision > modRevision || modRevision > header.revision) {
        throw new CodecError(`an entry with version ${version} and revisions ${createRevision} to ${modRevision}`);
      }
      this.#lastKey = key;
      this.#entries++;
      this.#visitor.onEntry?.(key, entry);
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
        if (useNumber > this.#header!.uses) throw new CodecError(`a session with use number ${useNumber}`);
        if (incarnation < 1 || incarnation > useNumber) {
          throw new CodecError(`a session of incarnation ${incarnation} with use number ${useNumber}`);
        }
        const acknowledged = body.varint();
        this.#visitor.onSession?.({ id, incarnation, lastUsed, useNumber, acknowledged });
        this.#sessions++;
      } else if (kind === SESSION_RECORD.result && this.#sessions > 0) {
        const sequence = body.varint();
        const fingerprint = body.u32();
        const result = body.key();
        this.#visitor.onResult?.(sequence, { fingerprint, result });
        this.#results++;
      } else {
        throw new CodecError(`a session record of kind ${kind}`);
      }
    }
  }

  #readFooter(body: ByteReader): void {
    const counts = [body.varint(), body.varint(), body.varint()];
    const found = [this.#entries, this.#sessions, this.#results];
    if (counts.join() !== found.join()) {
      throw new CodecError(
        `it counts ${counts.join(", ")} entries, sessions and results; there are ${found.join(", ")}`,
      );
    }
    const crc = body.u32();
    if (crc !== this.#crc) throw new CodecError(`the checksum of the whole is ${this.#crc}, not ${crc} as it says`);
    this.#hasEnded = true;
  }
}
