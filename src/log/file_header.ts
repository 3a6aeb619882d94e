/**
 * The header that every file of a log begins with: what it is, in which format version, whose, and which.
 *
 * The version is read before anything else is believed, because a newer version may lay out the rest
 * differently, down to the checksum.
 *
 * Layout, little-endian: magic 8 bytes · format version u32 · kind u32 · identity 16 bytes · number u64 ·
 * CRC of the bytes before u32.
 *
 * @module
 */
import { ByteReader } from "../codec/byte_reader.ts";
import { ByteWriter } from "../codec/byte_writer.ts";
import { equalBytes, textToBytes, toHex } from "../codec/bytes.ts";
import { crc32 } from "../codec/checksum.ts";
import { LogError } from "../ports/log.ts";

/** The version of the format of the directory that this software reads and writes. */
export const FORMAT_VERSION = 1;

/** Bytes of a file's header. */
export const FILE_HEADER_BYTES = 44;

/** Bytes of a log's identity. */
export const IDENTITY_BYTES = 16;

const MAGIC = textToBytes("kvpaxos\n");
const CRC_OFFSET = FILE_HEADER_BYTES - 4;

/** What a file of a log can be. */
export const FILE_META = 1;
/** A segment; its number is the segment's. */
export const FILE_SEGMENT = 2;
/** A snapshot; its number is the position it stands for. */
export const FILE_SNAPSHOT = 3;

/** The remedy that every message about damage ends with. */
export const RESTORE: string = "restore the directory from a backup or another replica, " +
  "or remove it to start empty (what it holds is then lost)";

/** The header of a file of the kind `kind` with the number `number`. */
export function encodeFileHeader(kind: number, identity: Uint8Array, number: number): Uint8Array {
  const writer = new ByteWriter(FILE_HEADER_BYTES);
  writer.raw(MAGIC);
  writer.u32(FORMAT_VERSION);
  writer.u32(kind);
  writer.raw(identity);
  writer.u64(number);
  writer.u32(crc32(writer.view()));
  return writer.take();
}

/**
 * The identity in the header at the start of `bytes`, or null when that is not a header of this kind and number.
 *
 * @throws {LogError} `version` when a newer version wrote it
 */
export function parseFileHeader(bytes: Uint8Array, kind: number, number: number, file: string): Uint8Array | null {
  if (bytes.length < FILE_HEADER_BYTES || !equalBytes(bytes.subarray(0, MAGIC.length), MAGIC)) return null;
  const reader = new ByteReader(bytes, MAGIC.length);
  const version = reader.u32();
  const sound = crc32(bytes.subarray(0, CRC_OFFSET)) === new ByteReader(bytes, CRC_OFFSET).u32();
  // A flipped bit in the version of a file that this version wrote is damage: its checksum does not match. One
  // that a newer version wrote may have its checksum elsewhere, so only the file that exists to say it is asked.
  if (version > FORMAT_VERSION && (sound || kind === FILE_META)) {
    throw new LogError(
      "version",
      `${file} has format version ${version}; this software reads up to version ${FORMAT_VERSION}: run the version ` +
        "that wrote the directory, or a later one",
      { file },
    );
  }
  if (!sound || version !== FORMAT_VERSION || reader.u32() !== kind) return null;
  const identity = reader.raw(IDENTITY_BYTES).slice();
  return reader.u64() === number ? identity : null;
}

/**
 * Checks that the header at the start of `bytes` is this log's.
 *
 * @throws {LogError} `damaged` or `version`
 */
export function checkFileHeader(
  bytes: Uint8Array,
  kind: number,
  identity: Uint8Array,
  number: number,
  file: string,
): void {
  const found = parseFileHeader(bytes, kind, number, file);
  if (found === null) {
    throw new LogError("damaged", `the header of ${file} is damaged: ${RESTORE}`, { file, offset: 0 });
  }
  if (!equalBytes(found, identity)) {
    throw new LogError(
      "damaged",
      `${file} belongs to another log (${toHex(found)}, not ${toHex(identity)}): ${RESTORE}`,
      { file, offset: 0 },
    );
  }
}
