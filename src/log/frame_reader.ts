/**
 * Reads frames of one segment through a window, so that a walk over a segment takes few reads and little memory
 * whatever the size of the segment.
 *
 * @module
 */
import type { DiskFile } from "../ports/disk.ts";
import { FRAME_HEADER_BYTES, FRAME_MAGIC, type FrameHeader, isValidBody, parseFrameHeader } from "./frame.ts";

/** A frame that was found whole. */
export interface Frame {
  readonly offset: number;
  /** Where the next frame starts. */
  readonly end: number;
  readonly header: FrameHeader;
  /** A view of memory that is never written again. */
  readonly body: Uint8Array;
}

/** Walks over a segment's file. */
export class FrameReader {
  readonly size: number;
  #file: DiskFile;
  #tag: number;
  #window_bytes: number;
  #window: Uint8Array = new Uint8Array(0);
  #start = 0;

  constructor(file: DiskFile, tag: number, window_bytes: number) {
    this.#file = file;
    this.#tag = tag;
    this.#window_bytes = window_bytes;
    this.size = file.size();
  }

  /** Up to `length` bytes at `offset`, fewer only at the end of the file. */
  #bytes(offset: number, length: number): Uint8Array {
    const wanted = Math.min(length, this.size - offset);
    if (wanted <= 0) return new Uint8Array(0);
    if (offset < this.#start || offset + wanted > this.#start + this.#window.length) {
      this.#window = this.#file.read(offset, Math.max(wanted, this.#window_bytes));
      this.#start = offset;
    }
    const at = offset - this.#start;
    return this.#window.subarray(at, Math.min(at + wanted, this.#window.length));
  }

  /** The header at `offset`, or null. Its body may still be damaged. */
  headerAt(offset: number): FrameHeader | null {
    return parseFrameHeader(this.#bytes(offset, FRAME_HEADER_BYTES), this.#tag, offset);
  }

  /** The frame at `offset`, or null when there is no valid one. */
  frameAt(offset: number): Frame | null {
    const header = this.headerAt(offset);
    if (header === null) return null;
    const start = offset + FRAME_HEADER_BYTES;
    if (header.bodyLength > this.size - start) return null;
    const body = this.#bytes(start, header.bodyLength);
    return isValidBody(header, body) ? { offset, end: start + header.bodyLength, header, body } : null;
  }

  /** The offset of the first frame header at or after `offset`, wherever it lies, or null. */
  findHeader(offset: number): number | null {
    let at = offset;
    while (at + FRAME_HEADER_BYTES <= this.size) {
      const bytes = this.#bytes(at, this.#window_bytes);
      if (bytes.length < FRAME_HEADER_BYTES) return null;
      const last = bytes.length - FRAME_HEADER_BYTES;
      for (let i = bytes.indexOf(FRAME_MAGIC[0]!); i >= 0 && i <= last; i = bytes.indexOf(FRAME_MAGIC[0]!, i + 1)) {
        if (parseFrameHeader(bytes.subarray(i, i + FRAME_HEADER_BYTES), this.#tag, at + i) !== null) return at + i;
      }
      at += last + 1;
    }
    return null;
  }

  /** The end of the last byte at or after `offset` that is not zero; `offset` when there is none. */
  contentEnd(offset: number): number {
    let end = offset;
    for (let at = offset; at < this.size;) {
      const bytes = this.#bytes(at, this.#window_bytes);
      if (bytes.length === 0) break;
      for (let i = bytes.length - 1; i >= 0; i--) {
        if (bytes[i] !== 0) {
          end = at + i + 1;
          break;
        }
      }
      at += bytes.length;
    }
    return end;
  }
}
