/**
 * Writes a snapshot in the layout of `format.ts`, part by part, keeping nothing but a hash.
 *
 * @module
 */
import { createHash, type Hash } from "node:crypto";
import { ByteWriter } from "../../codec/byte_writer.ts";
import { textToBytes } from "../../codec/bytes.ts";
import { crc32 } from "../../codec/checksum.ts";
import {
  BACKUP_MAGIC,
  BACKUP_VERSION,
  type BackupHead,
  encodeHead,
  END_MARK,
  GIVEN_UP_MARK,
  MAX_PART_BYTES,
  MAX_REASON_BYTES,
} from "./format.ts";

/** The bytes of one snapshot, in the order {@link begin}, {@link part}…, {@link end}. All that is returned is fresh memory. */
export class BackupWriter {
  readonly #hash: Hash = createHash("sha256");
  readonly #writer = new ByteWriter(4096);
  #parts = 0;
  #size = 0;

  /** The beginning. */
  begin(head: BackupHead): Uint8Array {
    const bytes = encodeHead(head);
    const writer = this.#writer;
    writer.raw(BACKUP_MAGIC);
    writer.u32(BACKUP_VERSION);
    writer.u32(bytes.length);
    writer.raw(bytes);
    writer.u32(crc32(writer.view()));
    return this.#take();
  }

  /** A slice of the state's snapshot. */
  part(slice: Uint8Array): Uint8Array {
    for (let at = 0; at < slice.length; at += MAX_PART_BYTES) {
      const bytes = slice.subarray(at, at + MAX_PART_BYTES);
      this.#writer.u32(bytes.length);
      this.#writer.raw(bytes);
      this.#writer.u32(crc32(bytes));
      this.#parts++;
      this.#size += bytes.length;
    }
    return this.#take();
  }

  /** The end of a snapshot that is whole. */
  end(): Uint8Array {
    this.#writer.u32(END_MARK);
    this.#writer.u32(this.#parts);
    this.#writer.u64(this.#size);
    this.#hash.update(this.#writer.view());
    this.#writer.raw(this.#hash.digest());
    return this.#writer.take();
  }

  /** The end of a snapshot that had to be given up. */
  giveUp(reason: string): Uint8Array {
    const text = textToBytes(reason).subarray(0, MAX_REASON_BYTES);
    this.#writer.reset();
    this.#writer.u32(GIVEN_UP_MARK);
    this.#writer.u32(text.length);
    this.#writer.raw(text);
    return this.#writer.take();
  }

  #take(): Uint8Array {
    const bytes = this.#writer.take();
    this.#writer.reset();
    this.#hash.update(bytes);
    return bytes;
  }
}
