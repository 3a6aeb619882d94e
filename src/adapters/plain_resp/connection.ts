/**
 * A connection that speaks RESP as any Redis does, for one caller at a time: some commands in one write, their replies
 * in order, and nothing more.
 *
 * Invariant: an error says whether the commands were sent. `UNAVAILABLE` is for what surely did not leave; once they
 * left, only their replies tell what they did, and without these nobody knows (`OUTCOME_UNKNOWN`).
 *
 * @module
 */
import type { Socket } from "node:net";
import type { ServerAddress } from "../../client/connection.ts";
import { ByteWriter } from "../../codec/byte_writer.ts";
import { copyBytes } from "../../codec/bytes.ts";
import { KvError, OutcomeUnknown } from "../../core/errors.ts";
import { type Caller, plainCaller } from "../callers.ts";
import { writeCommand } from "../resp_client.ts";
import { RespPush, type RespReply, RespReplyParser } from "../resp_reply_parser.ts";
import { addressText } from "../socket_errors.ts";

/** A command with its arguments. */
export type PlainCommand = Parameters<typeof writeCommand>[1];

interface Call {
  readonly replies: RespReply[];
  readonly wanted: number;
  readonly timer: ReturnType<typeof setTimeout>;
  readonly resolve: (replies: RespReply[]) => void;
  readonly reject: (error: KvError) => void;
}

/** A connection; it is of no more use after an error. */
export class PlainConnection {
  readonly #address: ServerAddress;
  readonly #socket: Socket;
  readonly #parser = new RespReplyParser();
  #call: Call | null = null;
  #broken: KvError | null = null;

  private constructor(address: ServerAddress, socket: Socket, caller: Caller) {
    this.#address = address;
    this.#socket = socket;
    const lost = (): void => this.#fail(new KvError("UNAVAILABLE", `${addressText(address)}: the connection broke`));
    socket.on("data", (chunk: Uint8Array) => this.#receive(chunk));
    socket.on("error", (error) => this.#fail(caller.errorOf(address, error)));
    socket.on("end", lost);
    socket.on("close", lost);
  }

  /** Connects, within a time. Rejects with `UNAVAILABLE`, or with `TLS_FAILED`. */
  static open(
    address: ServerAddress,
    timeout_ms: number,
    caller: Caller = plainCaller,
  ): Promise<PlainConnection> {
    return new Promise((resolve, reject) => {
      const socket = caller.call(address);
      const fail = (error: KvError): void => {
        clearTimeout(timer);
        socket.destroy();
        reject(error);
      };
      const timer = setTimeout(() => {
        fail(new KvError("UNAVAILABLE", `${addressText(address)}: not connected after ${Math.round(timeout_ms)} ms`));
      }, timeout_ms);
      const onError = (error: Error): void => fail(caller.errorOf(address, error));
      socket.once("error", onError);
      socket.once(caller.ready, () => {
        clearTimeout(timer);
        socket.off("error", onError);
        resolve(new PlainConnection(address, socket, caller));
      });
    });
  }

  /** Whether it can still be used. */
  get isOpen(): boolean {
    return this.#broken === null;
  }

  /** Sends the commands at once and gives their replies, which are the caller's to keep. */
  call(commands: readonly PlainCommand[], timeout_ms: number): Promise<RespReply[]> {
    if (this.#broken !== null) return Promise.reject(this.#broken);
    if (this.#call !== null) throw new Error("a call is under way; wait for it before the next");
    const out = new ByteWriter(256);
    for (const command of commands) writeCommand(out, command);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#fail(
          new KvError("UNAVAILABLE", `${addressText(this.#address)}: no reply for ${Math.round(timeout_ms)} ms`),
        );
      }, timeout_ms);
      this.#call = { replies: [], wanted: commands.length, timer, resolve, reject };
      this.#socket.write(out.take());
    });
  }

  /** Closes it; a call under way is of unknown outcome. */
  close(): void {
    this.#fail(new KvError("UNAVAILABLE", "the connection was closed"));
  }

  #receive(chunk: Uint8Array): void {
    const call = this.#call;
    try {
      this.#parser.push(chunk);
      for (let reply = this.#parser.next(); reply !== undefined; reply = this.#parser.next()) {
        if (reply instanceof RespPush) continue;
        if (call === null || call.replies.length === call.wanted) {
          throw new KvError("PROTOCOL_ERROR", `${addressText(this.#address)}: a reply to nothing`);
        }
        call.replies.push(owned(reply));
      }
    } catch (error) {
      if (!(error instanceof KvError)) throw error;
      this.#fail(error);
      return;
    }
    if (call === null || call.replies.length < call.wanted) return;
    clearTimeout(call.timer);
    this.#call = null;
    call.resolve(call.replies);
  }

  #fail(error: KvError): void {
    if (this.#broken !== null) return;
    this.#broken = error;
    this.#socket.destroy();
    const call = this.#call;
    this.#call = null;
    if (call === null) return;
    clearTimeout(call.timer);
    call.reject(new OutcomeUnknown(`${error.message}; what was sent may have been done`, { cause: error }));
  }
}

/** A copy of what is a view of the parser's memory. */
function owned(reply: RespReply): RespReply {
  if (reply instanceof Uint8Array) return copyBytes(reply);
  return Array.isArray(reply) ? (reply as readonly RespReply[]).map(owned) : reply;
}
