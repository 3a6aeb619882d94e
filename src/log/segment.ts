/**
 * One file of the log: which records it holds and where to look for them.
 *
 * Its index is sparse, one entry per stretch of file, so that the memory a log takes depends on its bytes on
 * disk by a factor of thousands, not on the number of its records.
 *
 * @module
 */
import { FILE_HEADER_BYTES } from "./file_header.ts";
import { segmentName } from "./file_names.ts";
import { frameTag } from "./frame.ts";

/** Bytes of file between two entries of the index: what a look-up reads in vain at most, a frame apart. */
const INDEX_STEP_BYTES = 64 * 1024;

/** A segment, as far as it has been read or written. */
export class Segment {
  readonly number: number;
  readonly name: string;
  /** What its frames are bound to. */
  readonly tag: number;
  /** The position of its first record, or of the first that it would hold. */
  readonly firstPosition: number;
  /** The position of its last record; one less than {@link firstPosition} while it is empty. */
  lastPosition: number;
  /** Where the next frame goes. */
  end: number = FILE_HEADER_BYTES;
  #positions: number[] = [];
  #offsets: number[] = [];

  constructor(number: number, identity: Uint8Array, firstPosition: number) {
    this.number = number;
    this.name = segmentName(number);
    this.tag = frameTag(identity, number);
    this.firstPosition = firstPosition;
    this.lastPosition = firstPosition - 1;
  }

  /** Takes note of a frame that lies at {@link end} and has `bytes` bytes and `count` records. */
  add(bytes: number, count: number): void {
    const last = this.#offsets.at(-1);
    if (count > 0 && (last === undefined || this.end - last >= INDEX_STEP_BYTES)) {
      this.#positions.push(this.lastPosition + 1);
      this.#offsets.push(this.end);
    }
    this.end += bytes;
    this.lastPosition += count;
  }

  /** The offset of a frame from which a walk forward meets the record at `position`, which is in this segment. */
  locate(position: number): number {
    let low = 0;
    let high = this.#positions.length - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (this.#positions[middle]! <= position) low = middle;
      else high = middle - 1;
    }
    return this.#offsets[low] ?? FILE_HEADER_BYTES;
  }
}
