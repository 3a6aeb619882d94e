/**
 * The frames that replicas exchange, and how they are found again in a stream of bytes.
 *
 * Layout, little-endian: body length u32 · version u8 · type u8 · 0 u16 · CRC u32 · body. The CRC is that of the body,
 * continued from `length xor version << 24 xor type << 16`, so that a damaged header does not pass either.
 *
 * Invariant: a body is handed out whole and only when its checksum holds; after a fault nothing more is.
 *
 * @module
 */
import { crc32 } from "../../codec/checksum.ts";
import { EMPTY } from "../../codec/bytes.ts";

/** The version of all that replicas say to each other. */
export const PEER_PROTOCOL_VERSION = 2;

/** The first byte that a replica sends on a connection. No RESP command begins with it. */
export const PEER_FIRST_BYTE = 0xf6;

/** The first bytes that a replica sends on a connection. */
export const PEER_MAGIC: Uint8Array = new Uint8Array([PEER_FIRST_BYTE, 0x6b, 0x76, 0x70]);

/** Bytes of a frame before its body. */
export const FRAME_HEADER_BYTES = 12;

/** Who is calling. The layout of its frame is the same in every version. */
export const TYPE_HELLO = 1;
/** The caller is heard. */
export const TYPE_WELCOME = 2;
/** The caller is not heard, and why. The layout of its frame and body is the same in every version. */
export const TYPE_REFUSAL = 3;
/** A frame of the replication protocol. */
export const TYPE_MESSAGE = 4;
/** Asks for a sign of life. */
export const TYPE_PING = 5;
/** A sign of life. */
export const TYPE_PONG = 6;
/** Asks the caller to prove that it knows the cluster's secret: a nonce. */
export const TYPE_CHALLENGE = 7;
/** The caller's proof. */
export const TYPE_PROOF = 8;

/** Memory that grew past this for a large frame is let go. */
const LARGEST_KEPT_BUFFER = 2 * 1024 * 1024;
/** Once this much of a frame has come, all of it is expected, and memory taken for it at once. */
const EARNEST_BYTES = 16 * 1024;
/** The least memory taken for a frame that comes in parts. */
const SMALLEST_BUFFER = 4 * 1024;

/** Bytes that are no frame of ours. The connection that they came on cannot be understood any further. */
export class PeerFrameError extends Error {
  override readonly name = "PeerFrameError";
}

/** Whether `bytes` begins as a replica does. */
export function isPeerMagic(bytes: Uint8Array): boolean {
  return bytes.length >= PEER_MAGIC.length && PEER_MAGIC.every((byte, i) => bytes[i] === byte);
}

function seedOf(length: number, version: number, type: number): number {
  return (length ^ (version << 24) ^ (type << 16)) >>> 0;
}

/** Writes the header of the frame that carries `body` at `target[at]`. */
export function writeFrameHeader(
  target: Uint8Array,
  at: number,
  type: number,
  body: Uint8Array,
  version: number = PEER_PROTOCOL_VERSION,
): void {
  const { length } = body;
  const crc = crc32(body, seedOf(length, version, type));
  target[at] = length;
  target[at + 1] = length >>> 8;
  target[at + 2] = length >>> 16;
  target[at + 3] = length >>> 24;
  target[at + 4] = version;
  target[at + 5] = type;
  target[at + 6] = 0;
  target[at + 7] = 0;
  target[at + 8] = crc;
  target[at + 9] = crc >>> 8;
  target[at + 10] = crc >>> 16;
  target[at + 11] = crc >>> 24;
}

/** A frame in fresh memory. */
export function encodeFrame(type: number, body: Uint8Array = EMPTY, version?: number): Uint8Array {
  const frame = new Uint8Array(FRAME_HEADER_BYTES + body.length);
  writeFrameHeader(frame, 0, type, body, version);
  frame.set(body, FRAME_HEADER_BYTES);
  return frame;
}

function readU32(bytes: Uint8Array, at: number): number {
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
}

/** Takes a frame. `body` is valid until the call returns. */
export type FrameHandler = (type: number, body: Uint8Array, version: number) => void;

/** Finds frames in bytes that come in pieces of any size. */
export class FrameReader {
  /** The longest body that is taken, in bytes. A connection that says more is not waited for. */
  maxBody_bytes: number;
  #onFrame: FrameHandler;
  /** The beginning of a frame whose end has not come. */
  #carry: Uint8Array = EMPTY;
  #held = 0;
  #isStopped = false;

  /** Hands every frame to `onFrame`. */
  constructor(maxBody_bytes: number, onFrame: FrameHandler) {
    this.maxBody_bytes = maxBody_bytes;
    this.#onFrame = onFrame;
  }

  /** Whether the bytes so far end where a frame does. */
  get isBetweenFrames(): boolean {
    return this.#held === 0;
  }

  /** Hands out no more frames. */
  stop(): void {
    this.#isStopped = true;
    this.#carry = EMPTY;
    this.#held = 0;
  }

  /**
   * Takes the bytes that came next, and hands out the frames that they complete.
   *
   * @throws {PeerFrameError} when the bytes are no frames, or a frame is too large
   */
  push(chunk: Uint8Array): void {
    // Never a Node `Buffer`, whose `slice` would give the receiver a view where it means to copy.
    const bytes = new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.length);
    let at = this.#held === 0 ? 0 : this.#completeCarried(bytes);
    while (!this.#isStopped && bytes.length - at >= FRAME_HEADER_BYTES) {
      const size = this.#sizeOf(bytes, at);
      if (size > bytes.length - at) break;
      this.#hand(bytes, at, size);
      at += size;
    }
    if (this.#isStopped || at >= bytes.length) return;
    const rest = bytes.length - at;
    this.#keep(bytes, at, rest, rest < FRAME_HEADER_BYTES ? FRAME_HEADER_BYTES : this.#sizeOf(bytes, at));
  }

  /** Adds to the carried frame what it lacks, and hands it out if that is all. Returns where the next one begins. */
  #completeCarried(bytes: Uint8Array): number {
    let at = 0;
    // Once to complete the header, which tells the length, and once to complete the frame.
    for (;;) {
      const size = this.#held < FRAME_HEADER_BYTES ? FRAME_HEADER_BYTES : this.#sizeOf(this.#carry, 0);
      const count = Math.min(size - this.#held, bytes.length - at);
      this.#keep(bytes, at, count, size);
      at += count;
      if (this.#held < size) return at;
      if (this.#sizeOf(this.#carry, 0) === size) break;
    }
    const whole = this.#carry;
    const size = this.#held;
    this.#held = 0;
    if (whole.length > LARGEST_KEPT_BUFFER) this.#carry = EMPTY;
    this.#hand(whole, 0, size);
    return at;
  }

  /** Carries `bytes[at, at + count)`, as part of a frame of `size` bytes. */
  #keep(bytes: Uint8Array, at: number, count: number, size: number): void {
    const needed = this.#held + count;
    if (needed > this.#carry.length) {
      // Grown as bytes come, as a length alone costs the sender nothing; but who sends much of it means it.
      const least = needed < EARNEST_BYTES ? 0 : LARGEST_KEPT_BUFFER;
      const reserved = Math.min(size, Math.max(this.#carry.length * 2, least));
      const grown = new Uint8Array(Math.max(needed, SMALLEST_BUFFER, reserved));
      grown.set(this.#carry.subarray(0, this.#held));
      this.#carry = grown;
    }
    this.#carry.set(bytes.subarray(at, at + count), this.#held);
    this.#held = needed;
  }

  /** How many bytes the frame has whose header is at `bytes[at]`. */
  #sizeOf(bytes: Uint8Array, at: number): number {
    const length = readU32(bytes, at);
    const type = bytes[at + 5]!;
    if (type < TYPE_HELLO || type > TYPE_PROOF || bytes[at + 6] !== 0 || bytes[at + 7] !== 0) {
      throw new PeerFrameError("bytes that are no frame");
    }
    if (length > this.maxBody_bytes) {
      throw new PeerFrameError(`a frame of ${length} bytes, where ${this.maxBody_bytes} is the most`);
    }
    return FRAME_HEADER_BYTES + length;
  }

  #hand(bytes: Uint8Array, at: number, size: number): void {
    const version = bytes[at + 4]!;
    const type = bytes[at + 5]!;
    if (version !== PEER_PROTOCOL_VERSION && type !== TYPE_HELLO && type !== TYPE_REFUSAL) {
      throw new PeerFrameError(`a frame of version ${version}, where ${PEER_PROTOCOL_VERSION} is spoken`);
    }
    const body = bytes.subarray(at + FRAME_HEADER_BYTES, at + size);
    if (crc32(body, seedOf(body.length, version, type)) !== readU32(bytes, at + 8)) {
      throw new PeerFrameError(`a frame of ${body.length} bytes with a wrong checksum`);
    }
    this.#onFrame(type, body, version);
  }
}
