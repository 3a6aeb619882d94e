/**
 * The replies that a connection owes, in the order of the requests: a reply that is ready waits for those
 * before it. While the client does not read, results wait here and not as bytes, and what they hold is counted.
 *
 * @module
 */
import type { KvError } from "../../core/errors.ts";
import { decodeResult, encodeResult, isPlainPutResult } from "../../core/kv/result_codec.ts";
import type { Result } from "../../core/kv/result.ts";
import type { CommandMeter } from "../metrics/door_metrics.ts";
import type { RespConnection } from "./connection.ts";
import { replyByRun, replyFault, replyResult, type ReplyTo, type Run } from "./replies.ts";
import { ReplyWriter } from "./reply_writer.ts";
import { errorResult } from "./resp_errors.ts";

/** One reply that is owed, or ready. */
export class Slot {
  /** The RESP version in which the request was made. */
  readonly protocol: 2 | 3;
  /** Whether the client asked for no reply. */
  readonly muted: boolean;
  /** How many bytes the request took. */
  readonly weight: number;
  /** Counts the request, unless that was done when it came. */
  readonly meter: CommandMeter | null;
  /** When the request was read, on the clock of the turns. */
  readonly begun_ms: number;
  ready = false;
  /** Whether replying may change what the client is or looks at the state: the command behind it begins after that. */
  changesClient = false;
  /** How many bytes the result holds, once it is ready. */
  held = 0;

  /** How the result reads. */
  reply: ReplyTo | null = null;
  /** Replies by itself, instead of a result. */
  run: Run | null = null;
  /** A failure on the way to the store. */
  error: KvError | null = null;
  result: Result | null = null;
  bytes: Uint8Array | null = null;
  /**
   * What {@link bytes} are: the reply in RESP; the bytes of a result to pass on, as failures then are too; or
   * the bytes of the result of a plain put.
   */
  form: "reply" | "encoded" | "put" = "reply";

  constructor(protocol: 2 | 3, muted: boolean, weight: number, meter: CommandMeter | null, begun_ms: number) {
    this.protocol = protocol;
    this.muted = muted;
    this.weight = weight;
    this.meter = meter;
    this.begun_ms = begun_ms;
  }
}

/** Slots in order. */
export class ReplyQueue {
  readonly #connection: RespConnection;
  #slots: Slot[] = [];
  #head = 0;
  #heldBytes = 0;

  constructor(connection: RespConnection) {
    this.#connection = connection;
  }

  /** How many replies are owed. */
  get length(): number {
    return this.#slots.length - this.#head;
  }

  /** Adds the last one. */
  push(slot: Slot): void {
    this.#slots.push(slot);
  }

  /** How many bytes the ready ones hold. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Whether the first one is ready. */
  get isReady(): boolean {
    return this.#slots[this.#head]?.ready === true;
  }

  /** Whether the last reply may change what the client is: no command begins before it is written. */
  get changesClient(): boolean {
    return this.#slots.length > 0 && this.#slots[this.#slots.length - 1]!.changesClient;
  }

  /** Counts what a slot holds that has just become ready. */
  hold(slot: Slot): void {
    slot.held = slot.result === null ? (slot.bytes?.length ?? 0) : sizeOf(slot.result);
    this.#heldBytes += slot.held;
  }

  /** Writes the replies that are ready to `out`, as long as it holds no more than `room` bytes. */
  drain(out: ReplyWriter, room: number): void {
    while (out.size <= room) {
      const slot = this.#slots[this.#head];
      if (slot === undefined || !slot.ready) return;
      this.#shift();
      this.#heldBytes -= slot.held;
      this.#write(slot, slot.muted ? new ReplyWriter() : out);
    }
  }

  /** Forgets all of them. */
  clear(): void {
    this.#slots = [];
    this.#head = 0;
    this.#heldBytes = 0;
  }

  #shift(): void {
    this.#head++;
    if (this.#head === this.#slots.length) {
      this.#slots = [];
      this.#head = 0;
    } else if (this.#head >= 1024 && this.#head * 2 > this.#slots.length) {
      this.#slots = this.#slots.slice(this.#head);
      this.#head = 0;
    }
  }

  #write(slot: Slot, out: ReplyWriter): void {
    out.protocol = slot.protocol;
    if (slot.form === "encoded") out.bulk(slot.error === null ? slot.bytes! : encodeResult(errorResult(slot.error)));
    else if (slot.error !== null) replyFault(this.#connection, slot.error, out);
    else if (slot.run !== null) slot.meter?.end(replyByRun(this.#connection, slot.run, out), slot.begun_ms);
    else if (slot.form === "put") this.#writePut(slot.bytes!, out);
    else if (slot.bytes !== null) out.raw(slot.bytes);
    else replyResult(this.#connection, slot.result!, slot.reply!, out);
  }

  #writePut(bytes: Uint8Array, out: ReplyWriter): void {
    if (isPlainPutResult(bytes)) out.ok();
    else replyResult(this.#connection, decodeResult(bytes), () => out.ok(), out);
  }
}

/** About how many bytes a result keeps in memory. */
function sizeOf(result: Result): number {
  switch (result.type) {
    case "get":
      return 64 + (result.entry?.value.length ?? 0);
    case "put":
    case "delete":
      return 64 + (result.previous?.value.length ?? 0);
    case "value":
      return 64 + result.value.length;
    case "many": {
      let size = 64;
      for (const entry of result.entries) size += 64 + (entry?.value.length ?? 0);
      return size;
    }
    case "range": {
      let size = 64;
      for (const { key, entry } of result.entries) size += 64 + key.length + entry.value.length;
      return size;
    }
    case "txn": {
      let size = 64;
      for (const inner of result.results) size += sizeOf(inner);
      return size;
    }
    default:
      return 64;
  }
}
