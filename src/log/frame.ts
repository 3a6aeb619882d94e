/**
 * A frame: the unit in which records reach the disk, and in which recovery keeps or drops them.
 *
 * A frame holds records of one flush, so it is valid as a whole or not at all. Its header has a checksum of
 * its own, so that a frame can be found and believed when its body, or the frame before it, is damaged. Two
 * things in the header decide what recovery may conclude:
 *
 * - The *tag* (drawn from the log's identity and the segment's number) and the *offset* bind the frame to the
 *   one place where it was written: bytes of another file, of an earlier life of this one, or of a write
 *   that went astray are no frame here, whatever their checksum.
 * - `durable` is the position up to which everything was synced when the frame was written. A frame found
 *   after a hole proves that what was in the hole had been durable if its `durable` reaches the hole.
 *
 * Layout, little-endian: magic u32 · kind u32 · body length u32 · record count u32 · tag u32 · offset u32 ·
 * first position u64 · durable u64 · body CRC u32 · CRC of the bytes before u32; then the body: for each
 * record its length u32 and its payload.
 *
 * @module
 */
import { crc32 } from "../codec/checksum.ts";

/** Bytes of a frame before its body. */
export const FRAME_HEADER_BYTES = 48;

/** Bytes before each payload inside a frame's body. */
export const RECORD_HEADER_BYTES = 4;

/** The largest payload of a record. */
export const MAX_RECORD_BYTES: number = 512 * 1024 * 1024;

/** The first bytes of every frame, as they lie in the file. */
export const FRAME_MAGIC: Uint8Array = new Uint8Array([0xf7, 0x6b, 0x76, 0x4c]);

const MAGIC_OFFSET = 0;
const KIND_OFFSET = 4;
const BODY_LENGTH_OFFSET = 8;
const COUNT_OFFSET = 12;
const TAG_OFFSET = 16;
const OFFSET_OFFSET = 20;
const FIRST_POSITION_OFFSET = 24;
const DURABLE_OFFSET = 32;
const BODY_CRC_OFFSET = 40;
const HEADER_CRC_OFFSET = 44;

const WORD = 0x1_0000_0000;

/** The frame holds records. */
export const KIND_RECORDS = 1;
/** No records: the log goes on in the next segment, which exists. */
export const KIND_SEAL = 2;
/** No records: the log was closed in good order here. */
export const KIND_CLOSE = 3;

/** What the header of a frame says. */
export interface FrameHeader {
  readonly kind: number;
  /** Bytes of the body. */
  readonly bodyLength: number;
  /** How many records the body holds; 0 for a mark. */
  readonly count: number;
  /** The position of the first record, or of the next one to be appended for a mark. */
  readonly firstPosition: number;
  /** Everything up to here was durable when the frame was written. */
  readonly durable: number;
  readonly bodyCrc: number;
}

function writeU64(view: DataView, at: number, value: number): void {
  view.setUint32(at, value % WORD, true);
  view.setUint32(at + 4, Math.floor(value / WORD), true);
}

/** By hand: for the few numbers of one frame a DataView costs more than the reading. */
function readU32(bytes: Uint8Array, at: number): number {
  return (bytes[at]! | bytes[at + 1]! << 8 | bytes[at + 2]! << 16 | bytes[at + 3]! << 24) >>> 0;
}

function readU64(bytes: Uint8Array, at: number): number {
  return readU32(bytes, at) + readU32(bytes, at + 4) * WORD;
}

/** Binds a header to its log and segment. */
export function frameTag(identity: Uint8Array, segment: number): number {
  const number = new Uint8Array(8);
  writeU64(new DataView(number.buffer), 0, segment);
  return crc32(number, crc32(identity));
}

/**
 * Fills in the header of the frame that starts at `bytes[start]`, whose body of `bodyLength` bytes is in place,
 * for being written at `offset` of its segment.
 */
export function writeFrameHeader(
  bytes: Uint8Array,
  view: DataView,
  start: number,
  header: Omit<FrameHeader, "bodyCrc">,
  tag: number,
  offset: number,
): void {
  const body = start + FRAME_HEADER_BYTES;
  bytes.set(FRAME_MAGIC, start + MAGIC_OFFSET);
  view.setUint32(start + KIND_OFFSET, header.kind, true);
  view.setUint32(start + BODY_LENGTH_OFFSET, header.bodyLength, true);
  view.setUint32(start + COUNT_OFFSET, header.count, true);
  view.setUint32(start + TAG_OFFSET, tag, true);
  view.setUint32(start + OFFSET_OFFSET, offset, true);
  writeU64(view, start + FIRST_POSITION_OFFSET, header.firstPosition);
  writeU64(view, start + DURABLE_OFFSET, header.durable);
  view.setUint32(start + BODY_CRC_OFFSET, crc32(bytes.subarray(body, body + header.bodyLength)), true);
  view.setUint32(start + HEADER_CRC_OFFSET, crc32(bytes.subarray(start, start + HEADER_CRC_OFFSET)), true);
}

/** A mark (a frame without records) in fresh memory. */
export function encodeMark(
  kind: number,
  lastPosition: number,
  durable: number,
  tag: number,
  offset: number,
): Uint8Array {
  const bytes = new Uint8Array(FRAME_HEADER_BYTES);
  const header = { kind, bodyLength: 0, count: 0, firstPosition: lastPosition + 1, durable };
  writeFrameHeader(bytes, new DataView(bytes.buffer), 0, header, tag, offset);
  return bytes;
}

/**
 * The header at the start of `bytes`, or null when there is none that was written for this `offset` under this
 * `tag`. The body is not looked at.
 */
export function parseFrameHeader(bytes: Uint8Array, tag: number, offset: number): FrameHeader | null {
  if (bytes.length < FRAME_HEADER_BYTES) return null;
  for (let i = 0; i < FRAME_MAGIC.length; i++) if (bytes[i] !== FRAME_MAGIC[i]) return null;
  // The checksum last: it costs the most.
  if (readU32(bytes, TAG_OFFSET) !== tag || readU32(bytes, OFFSET_OFFSET) !== offset) return null;
  if (readU32(bytes, HEADER_CRC_OFFSET) !== crc32(bytes.subarray(0, HEADER_CRC_OFFSET))) return null;
  return {
    kind: readU32(bytes, KIND_OFFSET),
    bodyLength: readU32(bytes, BODY_LENGTH_OFFSET),
    count: readU32(bytes, COUNT_OFFSET),
    firstPosition: readU64(bytes, FIRST_POSITION_OFFSET),
    durable: readU64(bytes, DURABLE_OFFSET),
    bodyCrc: readU32(bytes, BODY_CRC_OFFSET),
  };
}

/** Whether `body` is what the frame's writer wrote: the checksum, and records that fill it exactly. */
export function isValidBody(header: FrameHeader, body: Uint8Array): boolean {
  if (body.length !== header.bodyLength || crc32(body) !== header.bodyCrc) return false;
  let at = 0;
  for (let i = 0; i < header.count; i++) {
    if (at + RECORD_HEADER_BYTES > body.length) return false;
    at += RECORD_HEADER_BYTES + readU32(body, at);
  }
  return at === body.length;
}

/** The payloads of a valid body, in order, as views of it. */
export function payloads(body: Uint8Array): Uint8Array[] {
  const found: Uint8Array[] = [];
  let at = 0;
  while (at < body.length) {
    const start = at + RECORD_HEADER_BYTES;
    at = start + readU32(body, at);
    found.push(body.subarray(start, at));
  }
  return found;
}
