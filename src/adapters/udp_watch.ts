/**
 * A watch over datagrams: asks for the events since the last revision it has, waits a while, asks again. A lost
 * question or answer costs time and nothing else, because each question says from where.
 *
 * @module
 */
import type { ByteWriter } from "../codec/byte_writer.ts";
import type { Key } from "../codec/bytes.ts";
import type { WatchRequest } from "../client/connection.ts";
import { KvError } from "../core/errors.ts";
import { encodeCommand } from "../core/kv/command_codec.ts";
import { decodeEvents, decodeResult } from "../core/kv/result_codec.ts";
import { errorOfLine, writeCommand, writeKv } from "./resp_client.ts";
import { RespErrorReply, type RespReply } from "./resp_reply_parser.ts";

/** The connection, as its watches see it. */
export interface UdpWatchHost {
  /** Sends a question; returns a number by which it can be cancelled. */
  ask(write: (out: ByteWriter) => void, take: (reply: RespReply) => void): number;
  cancel(question: number): void;
  onWatching(revision: number): void;
  onEvents(events: Uint8Array): void;
  onEnd(error: KvError): void;
}

/** Events asked for at once; fewer when they do not fit a datagram. */
const LARGEST_PAGE = 256;
/** A question is asked again after this long. */
const PATIENCE_MS = 250;

/** One watch. */
export class UdpWatch {
  #start: Key;
  #end: Key | null;
  /** The next revision wanted; 0 until the present one is known. */
  #next: number;
  #begun = false;
  #page = LARGEST_PAGE;
  #interval_ms: number;
  #host: UdpWatchHost;
  #question = -1;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  constructor(request: WatchRequest, interval_ms: number, host: UdpWatchHost) {
    this.#start = request.start;
    this.#end = request.end;
    this.#next = request.fromRevision;
    this.#interval_ms = interval_ms;
    this.#host = host;
  }

  start(): void {
    this.#ask();
  }

  /** Ends it; the host hears nothing more. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    if (this.#question >= 0) this.#host.cancel(this.#question);
  }

  #ask(): void {
    if (this.#closed) return;
    if (this.#question >= 0) this.#host.cancel(this.#question);
    this.#question = this.#next === 0
      ? this.#host.ask((out) => writeKv(out, PRESENT), (reply) => this.#onPresent(reply))
      : this.#host.ask((out) => this.#writeQuestion(out), (reply) => this.#onAnswer(reply));
    this.#timer = setTimeout(() => this.#ask(), PATIENCE_MS);
  }

  #writeQuestion(out: ByteWriter): void {
    writeCommand(out, ["KVEVENTS", this.#start, this.#end ?? "", String(this.#next), String(this.#page)]);
  }

  #askAfter(wait_ms: number): void {
    this.#question = -1;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#ask(), wait_ms);
  }

  /** Learns the present revision, from which a watch without one begins. */
  #onPresent(reply: RespReply): void {
    this.#understand(() => {
      if (!(reply instanceof Uint8Array)) throw refusal(reply);
      const result = decodeResult(reply);
      if (result.type === "error") this.#askAfter(PATIENCE_MS);
      else {
        this.#begin(result.revision);
        this.#askAfter(this.#interval_ms);
      }
    });
  }

  #begin(revision: number): void {
    this.#next = revision + 1;
    this.#begun = true;
    this.#host.onWatching(revision);
  }

  #onAnswer(reply: RespReply): void {
    this.#understand(() => {
      if (reply instanceof RespErrorReply && reply.line.startsWith("TOOLARGE") && this.#page > 1) {
        this.#page = Math.max(1, Math.floor(this.#page / 4));
        this.#askAfter(0);
        return;
      }
      if (!(reply instanceof Uint8Array)) throw refusal(reply);
      const events = decodeEvents(reply);
      if (!this.#begun) this.#begin(this.#next - 1);
      const last = events[events.length - 1];
      if (last !== undefined) {
        this.#next = last.revision + 1;
        this.#host.onEvents(reply);
      }
      const cut = events.length >= this.#page;
      if (!cut) this.#page = LARGEST_PAGE;
      if (!this.#closed) this.#askAfter(cut ? 0 : this.#interval_ms);
    });
  }

  #understand(read: () => void): void {
    if (this.#closed) return;
    try {
      read();
    } catch (cause) {
      const error = cause instanceof KvError
        ? cause
        : new KvError("PROTOCOL_ERROR", "an answer to KVEVENTS makes no sense", { cause });
      this.close();
      this.#host.onEnd(error);
    }
  }
}

const PRESENT: Uint8Array = encodeCommand({ type: "get", key: "\0" as Key });

function refusal(reply: RespReply): KvError {
  if (reply instanceof RespErrorReply) return errorOfLine(reply.line);
  return new KvError("PROTOCOL_ERROR", "an answer to a watch that is no string");
}
