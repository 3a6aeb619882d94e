/**
 * What waits to leave for one peer: frames, gathered in few large pieces of memory, so that a turn's frames leave in
 * one write and a queue of many small frames costs little more than their bytes.
 *
 * Invariant: what is taken is in the order in which it was added, and every frame is taken, or cleared, once.
 *
 * @module
 */
import { FRAME_HEADER_BYTES, writeFrameHeader } from "./frame.ts";
import { SharedCopies } from "./shared_copies.ts";

/** Small frames are gathered in pieces of this many bytes at most. */
const SEGMENT_BYTES = 128 * 1024;
const FIRST_SEGMENT_BYTES = 4 * 1024;
/** A body from here on is a piece of its own. */
const LARGE_BODY_BYTES = 64 * 1024;
/** A larger body is cut into pieces of this size, so that a slow socket shows that it moves. */
const PIECE_BYTES = 256 * 1024;

interface Piece {
  readonly bytes: Uint8Array;
  /** How many frames end in it. */
  readonly frames: number;
  /** Whether a frame ends where it ends. */
  readonly isBoundary: boolean;
}

/** What was taken off a queue. */
export interface Batch {
  readonly chunks: readonly Uint8Array[];
  readonly bytes: number;
  /** How many frames end in it. */
  readonly frames: number;
}

/** Frames for one peer. */
export class FrameQueue {
  readonly #copies: SharedCopies;
  #pieces: Piece[] = [];
  #segment = new Uint8Array(FIRST_SEGMENT_BYTES);
  #used = 0;
  #framesInSegment = 0;
  #bytes = 0;
  #frames = 0;

  /** An empty queue; `copies` are shared with the queues of other peers. */
  constructor(copies: SharedCopies = new SharedCopies()) {
    this.#copies = copies;
  }

  /** How many bytes wait. */
  get bytes(): number {
    return this.#bytes;
  }

  /** How many frames wait, in whole or in part. */
  get frames(): number {
    return this.#frames;
  }

  /** Adds a frame; `body` is copied. */
  add(type: number, body: Uint8Array): void {
    const isLarge = body.length >= LARGE_BODY_BYTES;
    const room = FRAME_HEADER_BYTES + (isLarge ? 0 : body.length);
    this.#reserve(room);
    writeFrameHeader(this.#segment, this.#used, type, body);
    this.#bytes += FRAME_HEADER_BYTES + body.length;
    this.#frames++;
    if (!isLarge) {
      this.#segment.set(body, this.#used + FRAME_HEADER_BYTES);
      this.#used += room;
      this.#framesInSegment++;
      return;
    }
    this.#used += room;
    this.#seal(false);
    const copy = this.#copies.copyOf(body);
    for (let at = 0; at < copy.length; at += PIECE_BYTES) {
      const isLast = at + PIECE_BYTES >= copy.length;
      const bytes = copy.subarray(at, isLast ? copy.length : at + PIECE_BYTES);
      this.#pieces.push({ bytes, frames: isLast ? 1 : 0, isBoundary: isLast });
    }
  }

  #reserve(count: number): void {
    const needed = this.#used + count;
    if (needed <= this.#segment.length) return;
    if (needed > SEGMENT_BYTES) {
      this.#seal(true);
      this.#segment = new Uint8Array(SEGMENT_BYTES);
      return;
    }
    const grown = new Uint8Array(Math.min(SEGMENT_BYTES, Math.max(needed, this.#segment.length * 2)));
    grown.set(this.#segment.subarray(0, this.#used));
    this.#segment = grown;
  }

  #seal(isBoundary: boolean): void {
    if (this.#used === 0) return;
    const isFull = this.#used * 2 > this.#segment.length;
    const bytes = isFull ? this.#segment.subarray(0, this.#used) : this.#segment.slice(0, this.#used);
    // Whoever takes a piece keeps it: the memory of a full segment goes with it, a small content is copied out.
    if (isFull) this.#segment = new Uint8Array(this.#segment.length);
    this.#pieces.push({ bytes, frames: this.#framesInSegment, isBoundary });
    this.#used = 0;
    this.#framesInSegment = 0;
  }

  /**
   * Takes what comes first: pieces until there are `enough_bytes`, and with `isWhole` further until a frame ends.
   * The memory is the caller's.
   */
  take(enough_bytes: number, isWhole: boolean): Batch {
    this.#seal(true);
    let count = 0;
    let bytes = 0;
    let frames = 0;
    for (const piece of this.#pieces) {
      count++;
      bytes += piece.bytes.length;
      frames += piece.frames;
      if (bytes >= enough_bytes && (!isWhole || piece.isBoundary)) break;
    }
    const chunks = this.#pieces.splice(0, count).map((piece) => piece.bytes);
    this.#bytes -= bytes;
    this.#frames -= frames;
    return { chunks, bytes, frames };
  }

  /** Throws away what waits; returns how many frames that were. */
  clear(): number {
    const frames = this.#frames;
    this.#pieces = [];
    this.#used = 0;
    this.#framesInSegment = 0;
    this.#bytes = 0;
    this.#frames = 0;
    return frames;
  }
}
