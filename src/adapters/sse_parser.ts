/**
 * Reads server-sent events from bytes as they arrive (the WHATWG's HTML standard, section 9.2). Bounded.
 *
 * @module
 */
import { KvError } from "../core/errors.ts";

/** One block of a stream. Unlike a browser's, one without data is passed on too: its id says how far one is. */
export interface ServerSentEvent {
  /** Empty where none is given. */
  readonly type: string;
  /** Null where none is given. */
  readonly id: string | null;
  readonly data: string;
}

/** The longest block, in characters. */
const MAX_BLOCK_LENGTH = 256 * 1024 * 1024;

/** Cuts a stream of bytes into events. */
export class SseParser {
  #decoder = new TextDecoder();
  /** What came after the last whole line, in parts. */
  #rest = "";
  #length = 0;
  #type = "";
  #id: string | null = null;
  #data: string[] = [];
  #touched = false;

  /**
   * Takes bytes and returns the events that they complete.
   *
   * @throws {KvError} `PROTOCOL_ERROR` for a block that is too long
   */
  push(chunk: Uint8Array): ServerSentEvent[] {
    const events: ServerSentEvent[] = [];
    let text = this.#rest + this.#decoder.decode(chunk, { stream: true });
    // A CR at the very end may be the first half of a CR LF.
    const held = text.endsWith("\r") ? "\r" : "";
    if (held !== "") text = text.slice(0, -1);
    const lines = text.split(/\r\n|\r|\n/);
    this.#rest = lines.pop()! + held;
    for (const line of lines) {
      if (line === "") this.#dispatch(events);
      else this.#field(line);
    }
    if (this.#length + this.#rest.length > MAX_BLOCK_LENGTH) {
      throw new KvError("PROTOCOL_ERROR", `an event of more than ${MAX_BLOCK_LENGTH} characters`);
    }
    return events;
  }

  #field(line: string): void {
    if (line.startsWith(":")) return;
    const colon = line.indexOf(":");
    const name = colon < 0 ? line : line.slice(0, colon);
    let value = colon < 0 ? "" : line.slice(colon + 1);
    if (value.startsWith(" ")) value = value.slice(1);
    if (name === "event") this.#type = value;
    else if (name === "id") this.#id = value;
    else if (name === "data") this.#data.push(value);
    else return;
    this.#touched = true;
    this.#length += line.length;
  }

  #dispatch(events: ServerSentEvent[]): void {
    if (this.#touched) events.push({ type: this.#type, id: this.#id, data: this.#data.join("\n") });
    this.#type = "";
    this.#id = null;
    this.#data = [];
    this.#length = 0;
    this.#touched = false;
  }
}
