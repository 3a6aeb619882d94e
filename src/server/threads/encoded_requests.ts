/**
 * Requests as one thread hands them to another: cut and checked by the RESP parser of the thread that has the socket, so
 * that the owner of the state only finds the ends of their arguments.
 *
 * A request is the number of its arguments, then each as a blob. The number 0 announces that the client broke the
 * protocol: the text that says how follows, and no request does.
 *
 * @module
 */
import { ByteReader } from "../../codec/byte_reader.ts";
import type { ByteWriter } from "../../codec/byte_writer.ts";
import { bytesToText, concatBytes, EMPTY, textToBytes } from "../../codec/bytes.ts";
import { ProtocolError } from "../resp/parser.ts";
import type { RequestSource } from "../resp/request_source.ts";

/** Writes the present request of `requests`. */
export function writeRequest(writer: ByteWriter, requests: RequestSource): void {
  const { source, count, starts, ends } = requests;
  writer.varint(count);
  for (let i = 0; i < count; i++) writer.blob(source.subarray(starts[i], ends[i]));
}

/** Writes that the client broke the protocol. */
export function writeFault(writer: ByteWriter, message: string): void {
  writer.varint(0);
  writer.blob(textToBytes(message));
}

/** The requests of one connection, from the bytes of {@link writeRequest}. Whole requests are fed, any number at once. */
export class EncodedRequests implements RequestSource {
  source: Uint8Array = EMPTY;
  count = 0;
  readonly starts: number[] = [];
  readonly ends: number[] = [];
  limited = false;

  readonly #onTaken: (bytes: number) => void;
  #bytes: Uint8Array = EMPTY;
  /** Whether {@link #bytes} are in memory of their own. */
  #owned = false;
  /** Where the present request starts, and where it ends when it is {@link #ready}. */
  #position = 0;
  #cursor = 0;
  #ready = false;

  /** `onTaken` hears how many bytes a request had that was executed. */
  constructor(onTaken: (bytes: number) => void) {
    this.#onTaken = onTaken;
  }

  get commandBytes(): number {
    return this.#cursor - this.#position;
  }

  get buffered(): number {
    return this.#bytes.length - this.#position;
  }

  feed(chunk: Uint8Array): void {
    const rest = this.buffered;
    this.#owned = rest > 0;
    this.#bytes = rest > 0 ? concatBytes([this.#bytes.subarray(this.#position), chunk]) : chunk;
    this.#position = this.#cursor = 0;
    this.#ready = false;
  }

  next(): boolean {
    if (this.#ready) return true;
    if (this.buffered === 0) return false;
    this.#cursor = this.#position;
    const count = this.#number();
    if (count === 0) throw this.#fault();
    for (let i = 0; i < count; i++) {
      const length = this.#number();
      this.starts[i] = this.#cursor;
      this.#cursor += length;
      this.ends[i] = this.#cursor;
    }
    this.source = this.#bytes;
    this.count = count;
    return this.#ready = true;
  }

  #fault(): ProtocolError {
    return ProtocolError.of(bytesToText(new ByteReader(this.#bytes, this.#cursor).blob()));
  }

  /** The varint at the cursor, which moves past it. Below 2^31, as every size of a request is. */
  #number(): number {
    const bytes = this.#bytes;
    let value = 0;
    for (let shift = 0;; shift += 7) {
      const byte = bytes[this.#cursor++]!;
      value |= (byte & 127) << shift;
      if (byte < 128) return value;
    }
  }

  args(): Uint8Array[] {
    const args: Uint8Array[] = [];
    for (let i = 0; i < this.count; i++) args.push(this.source.subarray(this.starts[i], this.ends[i]));
    return args;
  }

  consume(): void {
    const taken = this.commandBytes;
    this.#position = this.#cursor;
    this.#ready = false;
    this.source = EMPTY;
    this.count = 0;
    this.#onTaken(taken);
  }

  settle(): void {
    if (this.buffered === 0) this.#bytes = EMPTY;
    // What is left of a batch must not keep all of it in memory.
    else if (!this.#owned) this.#bytes = this.#bytes.slice(this.#position);
    else return;
    this.#owned = true;
    this.#position = this.#cursor = 0;
    this.#ready = false;
  }
}
