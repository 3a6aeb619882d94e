/**
 * Reads a snapshot in the layout of `format.ts` from bytes that come in pieces of any size, and checks all of it: the
 * checksums of the layout, and the state's snapshot inside, record by record. It keeps no more than one block of that.
 *
 * @module
 */
import { createHash, type Hash } from "node:crypto";
import { ByteReader, CodecError } from "../../codec/byte_reader.ts";
import { ByteWriter } from "../../codec/byte_writer.ts";
import { bytesToText, equalBytes, toHex } from "../../codec/bytes.ts";
import { crc32 } from "../../codec/checksum.ts";
import { SnapshotBlocks, type SnapshotCounts, type SnapshotVisitor } from "../../core/kv/snapshot_blocks.ts";
import {
  BACKUP_MAGIC,
  BACKUP_PREFIX_BYTES,
  BACKUP_VERSION,
  BackupError,
  type BackupHead,
  decodeHead,
  DIGEST_BYTES,
  END_MARK,
  GIVEN_UP_MARK,
  MAX_HEAD_BYTES,
  MAX_PART_BYTES,
  MAX_REASON_BYTES,
  TOTALS_BYTES,
} from "./format.ts";

/** Who hears what a snapshot holds. Bytes may be reused after each call. Nothing is certain before the end. */
export interface BackupVisitor extends SnapshotVisitor {
  readonly onHead?: (head: BackupHead) => void;
  /** A part of the state's snapshot. */
  readonly onPart?: (slice: Uint8Array) => void;
}

/** A snapshot that is whole. */
export interface BackupSummary extends SnapshotCounts {
  readonly head: BackupHead;
  /** The version of the layout. */
  readonly formatVersion: number;
  /** All bytes. */
  readonly size_bytes: number;
  /** The SHA-256 of the snapshot, in hexadecimal digits. */
  readonly digest: string;
}

const LENGTH_BYTES = 4;
const CRC_BYTES = 4;

/** Reads one snapshot. `name` is what messages call it. */
export class BackupReader {
  readonly #name: string;
  readonly #visitor: BackupVisitor;
  readonly #blocks: SnapshotBlocks;
  readonly #hash: Hash = createHash("sha256");
  readonly #buffer = new ByteWriter(64 * 1024);
  #offset = 0;
  #head: BackupHead | null = null;
  #parts = 0;
  #partBytes = 0;
  #digest: string | null = null;

  constructor(name: string, visitor: BackupVisitor = {}) {
    this.#name = name;
    this.#visitor = visitor;
    this.#blocks = new SnapshotBlocks({
      ...visitor,
      onHeader: (header) => {
        const head = this.#head!;
        if (header.revision !== head.revision || header.time !== head.time_ms) {
          throw new CodecError(`its head says revision ${head.revision}, the state has ${header.revision}`);
        }
        visitor.onHeader?.(header);
      },
    });
  }

  /** What is known from the beginning; null before. */
  get head(): BackupHead | null {
    return this.#head;
  }

  /** How many keys were read. */
  get entries(): number {
    return this.#blocks.counts.entries;
  }

  /**
   * Takes the next bytes.
   *
   * @throws {BackupError} when they are not those of a snapshot; nothing more is to be written then
   */
  write(bytes: Uint8Array): void {
    this.#buffer.raw(bytes);
    try {
      while (this.#step());
    } catch (error) {
      if (error instanceof CodecError) throw this.#damaged(error.message, error);
      throw error;
    }
  }

  /**
   * Nothing follows.
   *
   * @throws {BackupError} when something is missing
   */
  finish(): BackupSummary {
    const head = this.#head;
    if (head === null || this.#digest === null) {
      const size = this.#offset + this.#buffer.length;
      if (size < BACKUP_MAGIC.length) throw new BackupError("damaged", `${this.#name} is no snapshot of kvpaxos`);
      throw new BackupError(
        "truncated",
        `${this.#name} is cut short: it ends after ${size} bytes without its end; take another snapshot`,
      );
    }
    return {
      head,
      formatVersion: BACKUP_VERSION,
      size_bytes: this.#offset,
      digest: this.#digest,
      ...this.#blocks.counts,
    };
  }

  #damaged(why: string, cause?: unknown): BackupError {
    const text = `${this.#name} is damaged at offset ${this.#offset}: ${why}; use another copy or another snapshot`;
    return new BackupError("damaged", text, { cause });
  }

  /** Reads the next item, if it is there as a whole. */
  #step(): boolean {
    const buffer = this.#buffer;
    if (this.#digest !== null) {
      if (buffer.length > 0) throw this.#damaged("bytes follow its end");
      return false;
    }
    if (this.#head === null) return this.#readHead();
    if (buffer.length < LENGTH_BYTES) return false;
    const length = new ByteReader(buffer.bytes, 0, buffer.length).u32();
    if (length === END_MARK) return this.#readEnd();
    if (length === GIVEN_UP_MARK) return this.#readReason();
    if (length < 1 || length > MAX_PART_BYTES) throw this.#damaged(`a part of ${length} bytes`);
    const end = LENGTH_BYTES + length;
    if (buffer.length < end + CRC_BYTES) return false;
    const part = buffer.bytes.subarray(LENGTH_BYTES, end);
    if (crc32(part) !== new ByteReader(buffer.bytes, end, buffer.length).u32()) {
      throw this.#damaged("a checksum does not match");
    }
    this.#blocks.write(part);
    this.#visitor.onPart?.(part);
    this.#parts++;
    this.#partBytes += length;
    return this.#pass(end + CRC_BYTES);
  }

  #readHead(): boolean {
    const { bytes, length } = this.#buffer;
    const begin = bytes.subarray(0, Math.min(length, BACKUP_MAGIC.length));
    if (!equalBytes(begin, BACKUP_MAGIC.subarray(0, begin.length))) {
      throw new BackupError("damaged", `${this.#name} is no snapshot of kvpaxos`);
    }
    if (length < BACKUP_PREFIX_BYTES) return false;
    const reader = new ByteReader(bytes, BACKUP_MAGIC.length, length);
    const version = reader.u32();
    if (version > BACKUP_VERSION) {
      throw new BackupError(
        "version",
        `${this.#name} has format version ${version}; this program reads up to version ${BACKUP_VERSION}: use the ` +
          "version that wrote it, or a later one",
      );
    }
    const size = reader.u32();
    if (version < 1 || size > MAX_HEAD_BYTES) throw this.#damaged("a checksum does not match");
    const end = BACKUP_PREFIX_BYTES + size;
    if (length < end + CRC_BYTES) return false;
    if (crc32(bytes.subarray(0, end)) !== new ByteReader(bytes, end, length).u32()) {
      throw this.#damaged("a checksum does not match");
    }
    this.#head = decodeHead(bytes.subarray(BACKUP_PREFIX_BYTES, end));
    this.#visitor.onHead?.(this.#head);
    return this.#pass(end + CRC_BYTES);
  }

  #readEnd(): boolean {
    const { bytes, length } = this.#buffer;
    const digestAt = LENGTH_BYTES + TOTALS_BYTES;
    if (length < digestAt + DIGEST_BYTES) return false;
    const reader = new ByteReader(bytes, LENGTH_BYTES, length);
    const [parts, size] = [reader.u32(), reader.u64()];
    this.#hash.update(bytes.subarray(0, digestAt));
    const digest = bytes.subarray(digestAt, digestAt + DIGEST_BYTES);
    const found = new Uint8Array(this.#hash.digest());
    if (!equalBytes(found, digest)) throw this.#damaged("the checksum of the whole does not match");
    if (parts !== this.#parts || size !== this.#partBytes) throw this.#damaged("parts are missing");
    this.#blocks.finish();
    this.#digest = toHex(found);
    this.#offset += digestAt + DIGEST_BYTES;
    this.#buffer.drop(digestAt + DIGEST_BYTES);
    return true;
  }

  #readReason(): boolean {
    const { bytes, length } = this.#buffer;
    if (length < 2 * LENGTH_BYTES) return false;
    const size = new ByteReader(bytes, LENGTH_BYTES, length).u32();
    if (size > MAX_REASON_BYTES) throw this.#damaged("a checksum does not match");
    if (length < 2 * LENGTH_BYTES + size) return false;
    const reason = bytesToText(bytes.subarray(2 * LENGTH_BYTES, 2 * LENGTH_BYTES + size));
    throw new BackupError("given-up", `${this.#name} was given up by the server: ${reason}`);
  }

  #pass(count: number): true {
    this.#hash.update(this.#buffer.bytes.subarray(0, count));
    this.#buffer.drop(count);
    this.#offset += count;
    return true;
  }
}
