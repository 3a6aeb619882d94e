/**
 * A watch over HTTP: server-sent events, gathered into whole revisions.
 *
 * @module
 */
import { CodecError } from "../codec/byte_reader.ts";
import { KvError } from "../core/errors.ts";
import { eventFromJson } from "../core/kv/json/json_form.ts";
import { encodeEvents } from "../core/kv/result_codec.ts";
import type { WatchEvent } from "../core/kv/result.ts";
import { errorOfProblem } from "./http_exchange.ts";
import { type ServerSentEvent, SseParser } from "./sse_parser.ts";

/** What a stream of events tells. */
export interface HttpWatchListener {
  onWatching(revision: number): void;
  onEvents(events: Uint8Array): void;
}

/** Turns the bytes of a stream into events. */
export class HttpWatchReader {
  #parser = new SseParser();
  #listener: HttpWatchListener;
  /** Events of a revision whose last one, which carries the id, has not come yet. */
  #partial: WatchEvent[] = [];

  constructor(listener: HttpWatchListener) {
    this.#listener = listener;
  }

  /**
   * Takes bytes of the stream.
   *
   * @throws {KvError} when the server ends the watch, or the bytes make no sense
   */
  push(chunk: Uint8Array): void {
    const whole: WatchEvent[] = [];
    let progress = -1;
    let ended: KvError | null = null;
    for (const block of this.#parser.push(chunk)) {
      switch (block.type) {
        case "put":
        case "delete":
        case "expire":
          this.#partial.push(eventIn(block));
          if (block.id === null) break;
          for (const event of this.#partial.splice(0)) whole.push(event);
          break;
        case "error":
          ended = errorOfProblem(block.data);
          break;
        default:
          // The beginning, a sign of life with an id, or what a newer server has to say.
          if (block.id !== null && /^[0-9]{1,16}$/.test(block.id)) progress = Number(block.id);
      }
    }
    if (whole.length > 0) this.#listener.onEvents(encodeEvents(whole));
    if (progress >= 0) this.#listener.onWatching(progress);
    if (ended !== null) throw ended;
  }
}

function eventIn(block: ServerSentEvent): WatchEvent {
  try {
    return eventFromJson(JSON.parse(block.data));
  } catch (cause) {
    if (!(cause instanceof CodecError) && !(cause instanceof SyntaxError)) throw cause;
    throw new KvError("PROTOCOL_ERROR", `an event of the stream makes no sense: ${cause.message}`, { cause });
  }
}
