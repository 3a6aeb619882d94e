/**
 * A put without conditions, expiry or previous entry, as bytes: by far the most frequent command, and each replica applies
 * all of them. It is written without making the command first, and read without making anything: no command, no key as
 * a string, no value of its own. Most puts are over a key that is there; then nothing of theirs outlives them but the
 * bytes that are copied over those of the entry and into the history.
 *
 * Whatever else a command is, or whatever a put needs besides, takes the ordinary way through `operations.ts`, and
 * what can be seen is the same on both.
 *
 * @module
 */
import type { ByteWriter } from "../../codec/byte_writer.ts";
import { TAG } from "./command_codec.ts";
import type { EntryTable } from "./entry_table.ts";
import type { Limits } from "./limits.ts";
import type { WatchHub } from "./watch_hub.ts";

/** The shortest: tag, the length of no key, condition, expiry, and the length of no value. */
const SHORTEST = 5;

/**
 * Appends the bytes of a put without conditions or expiry, whose key and value are parts of `source`: as `writeCommand`
 * would, without making the command first.
 */
export function writePlainPut(
  writer: ByteWriter,
  source: Uint8Array,
  keyStart: number,
  keyEnd: number,
  valueStart: number,
  valueEnd: number,
): void {
  writer.u8(TAG.put);
  writer.blobRange(source, keyStart, keyEnd);
  writer.u8(0);
  writer.u8(0);
  writer.blobRange(source, valueStart, valueEnd);
}

/** Where the parts of a plain put lie in its bytes, and what became of it. One is used for many, one after the other. */
export class PlainPut {
  keyStart = 0;
  keyEnd = 0;
  valueStart = 0;
  valueEnd = 0;
  /** Of the entry that it has made. */
  version = 0;
  createRevision = 0;

  /**
   * Finds the parts of the command `source[start, end)`; false when it is no plain put, or one of more bytes than are
   * worth the trouble: the lengths of what fits into a record have two bytes at most.
   */
  read(source: Uint8Array, start: number, end: number): boolean {
    if (end - start < SHORTEST || source[start] !== TAG.put) return false;
    let at = start + 1;
    let length = source[at++]!;
    if (length > 127) {
      const high = source[at++]!;
      if (high > 127) return false;
      length += (high << 7) - 128;
    }
    this.keyStart = at;
    at += length;
    this.keyEnd = at;
    // At least the condition, the expiry and a length must follow.
    if (at > end - 3 || source[at] !== 0 || source[at + 1] !== 0) return false;
    at += 2;
    length = source[at++]!;
    if (length > 127) {
      if (at === end) return false;
      const high = source[at++]!;
      if (high > 127) return false;
      length += (high << 7) - 128;
    }
    this.valueStart = at;
    this.valueEnd = at + length;
    return this.valueEnd === end;
  }
}

/** Does plain puts over keys that are there. */
export class PlainPuts {
  readonly #limits: Limits;
  readonly #hub: WatchHub;
  readonly #put = new PlainPut();

  constructor(limits: Limits, hub: WatchHub) {
    this.#limits = limits;
    this.#hub = hub;
  }

  /**
   * Does the command `source[start, end)` in `table`, and records its event, if it is such a put. Otherwise returns false:
   * then it is to be done in the ordinary way, and nothing has happened yet but that the log time may have moved on.
   */
  apply(table: EntryTable, source: Uint8Array, start: number, end: number, time: number): boolean {
    const put = this.#put;
    if (!put.read(source, start, end)) return false;
    const keyLength = put.keyEnd - put.keyStart;
    if (keyLength === 0 || keyLength > this.#limits.maxKeyBytes) return false;
    if (put.valueEnd - put.valueStart > this.#limits.maxValueBytes) return false;
    table.begin(time);
    if (!table.overwrite(source, put)) return false;
    this.#hub.recordPut(table.revision, source, put);
    return true;
  }
}
