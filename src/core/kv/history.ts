/**
 * The latest events, kept so that a watcher can resume by revision. Bounded by events and by bytes, and dropped
 * by whole revisions, so that a revision is either kept with all its events or not at all.
 *
 * Events are kept as bytes, in chunks of many: a hundred thousand overwritten values as objects of their own would
 * cost the garbage collector more than the commands that wrote them, for something that is seldom read.
 *
 * @module
 */
import { ByteReader } from "../../codec/byte_reader.ts";
import { ByteWriter } from "../../codec/byte_writer.ts";
import type { Limits } from "./limits.ts";
import type { PlainPut } from "./plain_put.ts";
import { readEvent, writeEvent, writePutEvent } from "./result_codec.ts";
import type { WatchEvent } from "./result.ts";

/** A chunk is closed at this size, unless a revision goes on. */
const CHUNK_BYTES = 64 * 1024;

/** What is dropped at once is at most about this part of what may be kept. */
const CHUNKS_AT_LEAST = 16;

/** The most that an event takes up besides its key and value. */
const EVENT_OVERHEAD = 64;

interface Chunk {
  readonly writer: ByteWriter;
  lastRevision: number;
  events: number;
}

/** The events of the latest revisions, in their order. */
export class History {
  /** Each holds whole revisions; the last one is being written. */
  #chunks: Chunk[] = [];
  /** The memory of a chunk that was dropped, for the next one. */
  #spare: ByteWriter | null = null;
  #events = 0;
  #bytes = 0;
  #floor: number;
  readonly #maxEvents: number;
  readonly #maxBytes: number;
  readonly #chunkEvents: number;
  readonly #chunkBytes: number;

  /** Starts empty after revision `floor`. */
  constructor(limits: Limits, floor: number) {
    this.#maxEvents = limits.maxHistoryEvents;
    this.#maxBytes = limits.maxHistoryBytes;
    this.#chunkEvents = Math.max(1, Math.floor(this.#maxEvents / CHUNKS_AT_LEAST));
    this.#chunkBytes = Math.min(CHUNK_BYTES, Math.floor(this.#maxBytes / CHUNKS_AT_LEAST));
    this.#floor = floor;
  }

  /** The highest revision whose events may be gone: those of later ones are all here. */
  get floor(): number {
    return this.#floor;
  }

  /** How many events are kept. */
  get length(): number {
    return this.#events;
  }

  /** How many bytes they take up. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Adds an event; its revision is not below that of the one before. */
  push(event: WatchEvent): void {
    const { revision, key, entry } = event;
    const chunk = this.#chunkFor(revision, key.length + entry.value.length);
    if (chunk === null) return;
    const before = chunk.writer.length;
    writeEvent(chunk.writer, event);
    this.#onAdded(chunk, before, revision);
  }

  /** {@link push} for a plain put that has just been done, whose key and value are parts of `source`. */
  pushPut(revision: number, source: Uint8Array, put: PlainPut): void {
    const chunk = this.#chunkFor(revision, put.keyEnd - put.keyStart + put.valueEnd - put.valueStart);
    if (chunk === null) return;
    const before = chunk.writer.length;
    writePutEvent(chunk.writer, revision, source, put);
    this.#onAdded(chunk, before, revision);
  }

  /** Calls `visit` with the events from `revision` on, in order, until it returns false. */
  scan(revision: number, visit: (event: WatchEvent) => boolean): void {
    for (const chunk of this.#chunks) {
      if (chunk.lastRevision < revision) continue;
      const reader = new ByteReader(chunk.writer.bytes, 0, chunk.writer.length);
      while (reader.remaining > 0) {
        const event = readEvent(reader);
        if (event.revision >= revision && !visit(event)) return;
      }
    }
  }

  /** Where an event of a key and a value of `length` bytes goes; null when it is not kept. */
  #chunkFor(revision: number, length: number): Chunk | null {
    // The rest of a revision that is too large to be kept.
    if (revision <= this.#floor) return null;
    if (this.#maxEvents === 0) {
      this.#floor = revision;
      return null;
    }
    const last = this.#chunks[this.#chunks.length - 1];
    const size = length + EVENT_OVERHEAD;
    if (last !== undefined) {
      const full = last.events >= this.#chunkEvents || last.writer.length + size > this.#chunkBytes;
      if (!full || last.lastRevision === revision) return last;
    }
    const writer = this.#spare ?? new ByteWriter(Math.max(size, this.#chunkBytes));
    this.#spare = null;
    const chunk: Chunk = { writer, lastRevision: 0, events: 0 };
    this.#chunks.push(chunk);
    return chunk;
  }

  /** The last chunk has an event more, from `before` on. */
  #onAdded(chunk: Chunk, before: number, revision: number): void {
    chunk.lastRevision = revision;
    chunk.events++;
    this.#events++;
    this.#bytes += chunk.writer.length - before;
    while (this.#events > this.#maxEvents || this.#bytes > this.#maxBytes) this.#dropChunk();
  }

  #dropChunk(): void {
    const chunk = this.#chunks.shift()!;
    this.#floor = chunk.lastRevision;
    this.#events -= chunk.events;
    this.#bytes -= chunk.writer.length;
    if (chunk.writer.bytes.length <= this.#chunkBytes) {
      chunk.writer.reset();
      this.#spare = chunk.writer;
    }
  }
}
