/**
 * What was appended and is not yet on its way to the disk, laid out as it will lie there.
 *
 * Records are copied once, into memory that is used again after every flush; appending makes no garbage.
 * Headers are filled in when a flush takes the frames, because only then is it known where they go.
 *
 * @module
 */
import { FRAME_HEADER_BYTES, KIND_RECORDS, RECORD_HEADER_BYTES, writeFrameHeader } from "./frame.ts";

const INITIAL_BYTES = 4 * 1024;
/** Memory beyond this is given back after a flush. */
const KEPT_BYTES = 8 * 1024 * 1024;

/** Frames on their way to the disk. */
export interface TakenFrames {
  /** What to write. Valid until the next append. */
  readonly bytes: Uint8Array;
  /** The length of each frame, and how many records it holds. */
  readonly frames: readonly { readonly bytes: number; readonly count: number }[];
}

/** A queue of records, in frames. */
export class PendingFrames {
  #frame_bytes: number;
  #bytes: Uint8Array = new Uint8Array(INITIAL_BYTES);
  #view: DataView = new DataView(this.#bytes.buffer);
  #length = 0;
  /** Where the frames not yet taken start, and how many records each holds. */
  #starts: number[] = [];
  #counts: number[] = [];

  /** A frame is closed when its body would grow past `frame_bytes`. */
  constructor(frame_bytes: number) {
    this.#frame_bytes = frame_bytes;
  }

  get isEmpty(): boolean {
    return this.#starts.length === 0;
  }

  /** The bytes of all frames. */
  get bytes(): number {
    return this.isEmpty ? 0 : this.#length - this.#starts[0]!;
  }

  /** The bytes of the first frame. */
  get firstFrameBytes(): number {
    return this.#endOf(0) - this.#starts[0]!;
  }

  #endOf(index: number): number {
    return this.#starts[index + 1] ?? this.#length;
  }

  #reserve(count: number): void {
    if (this.#length + count <= this.#bytes.length) return;
    // What was taken is written: a queue that is never quite empty must not grow for ever.
    const from = this.#starts[0] ?? this.#length;
    const needed = this.#length - from + count;
    if (from > 0) {
      for (let i = 0; i < this.#starts.length; i++) this.#starts[i]! -= from;
    }
    const kept = this.#bytes.subarray(from, this.#length);
    this.#length -= from;
    if (2 * needed <= this.#bytes.length) {
      this.#bytes.set(kept);
      return;
    }
    const grown = new Uint8Array(Math.max(this.#bytes.length * 2, needed));
    grown.set(kept);
    this.#bytes = grown;
    this.#view = new DataView(grown.buffer);
  }

  /** Copies a record to the end of the queue. */
  append(payload: Uint8Array): void {
    const bytes = RECORD_HEADER_BYTES + payload.length;
    const open = this.#starts.length - 1;
    if (open < 0 || this.#length - this.#starts[open]! - FRAME_HEADER_BYTES + bytes > this.#frame_bytes) {
      this.#reserve(FRAME_HEADER_BYTES + bytes);
      this.#starts.push(this.#length);
      this.#counts.push(0);
      this.#length += FRAME_HEADER_BYTES;
    } else {
      this.#reserve(bytes);
    }
    this.#view.setUint32(this.#length, payload.length, true);
    this.#bytes.set(payload, this.#length + RECORD_HEADER_BYTES);
    this.#length += bytes;
    this.#counts[this.#counts.length - 1]!++;
  }

  /**
   * Takes the first frame, and those after it while all together have at most `limit_bytes`, finished for being
   * written at `offset` of the segment with `tag`, where everything up to `durable` is durable, which is all
   * that was taken before.
   */
  take(limit_bytes: number, tag: number, offset: number, durable: number): TakenFrames {
    if (this.isEmpty) throw new RangeError("there is nothing to take");
    const from = this.#starts[0]!;
    const frames: { bytes: number; count: number }[] = [];
    let firstPosition = durable + 1;
    let end = from;
    while (frames.length < this.#starts.length) {
      const start = end;
      const next = this.#endOf(frames.length);
      if (frames.length > 0 && next - from > limit_bytes) break;
      const count = this.#counts[frames.length]!;
      const bodyLength = next - start - FRAME_HEADER_BYTES;
      const header = { kind: KIND_RECORDS, bodyLength, count, firstPosition, durable };
      writeFrameHeader(this.#bytes, this.#view, start, header, tag, offset + start - from);
      frames.push({ bytes: next - start, count });
      firstPosition += count;
      end = next;
    }
    const bytes = this.#bytes.subarray(from, end);
    this.#starts.splice(0, frames.length);
    this.#counts.splice(0, frames.length);
    if (this.isEmpty) {
      this.#length = 0;
      if (this.#bytes.length > KEPT_BYTES) {
        this.#bytes = new Uint8Array(INITIAL_BYTES);
        this.#view = new DataView(this.#bytes.buffer);
      }
    }
    return { bytes, frames };
  }
}
