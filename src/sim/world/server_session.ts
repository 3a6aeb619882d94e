/**
 * The server's end of one client's connection: executes what comes, in the way of `src/server/service.ts`, and says
 * what comes of it.
 *
 * Invariant: a read that follows an unfinished write of the same connection goes through the log behind it, so that
 * answers of one connection agree with the order of its requests.
 *
 * @module
 */
import type { WatchRequest } from "../../client/connection.ts";
import { CodecError } from "../../codec/byte_reader.ts";
import { KvError } from "../../core/errors.ts";
import { type Command, isRead } from "../../core/kv/command.ts";
import { decodeCommand } from "../../core/kv/command_codec.ts";
import { conflictsOf } from "../../core/kv/conflicts.ts";
import type { Watch } from "../../core/kv/kv_store.ts";
import { encodeEvents, encodeResult } from "../../core/kv/result_codec.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Host } from "./host.ts";
import { type Batch, describeBatch, digestBatch, type Item } from "./messages.ts";
import type { StreamEnd } from "./stream.ts";

/** A watcher that leaves this many messages unread is ended. */
const MAX_UNREAD = 256;

/** Executes the bytes of a command; `done` gets the bytes of its result, of an error too. May call back at once. */
export function executeOn(
  host: Host,
  command: Uint8Array,
  isOrdered: boolean,
  done: (result: Uint8Array) => void,
): void {
  const finish = (error: KvError | null, result: Uint8Array): void => done(error === null ? result : refusal(error));
  let decoded: Command;
  try {
    decoded = decodeCommand(command);
  } catch (error) {
    if (!(error instanceof CodecError)) throw error;
    done(refusal(new KvError("INVALID_ARGUMENT", `not a command: ${error.message}`)));
    return;
  }
  if (!isRead(decoded) || isOrdered) host.replication.propose(command, finish);
  else {
    host.replication.barrier((error) => {
      if (error === null) done(host.store.query(command));
      else done(refusal(error));
    }, conflictsOf(decoded));
  }
}

/** The bytes of the result that says that nothing was executed, or that it is not known. */
export function refusal(error: KvError): Uint8Array {
  return encodeResult({ type: "error", revision: 0, code: error.code, message: error.message });
}

/** A client's connection, seen from the server. */
export class ServerSession {
  #host: Host;
  #clock: Clock;
  #end: StreamEnd<Batch>;
  #watches = new Map<number, Watch>();
  #unfinished = 0;
  #output: Item[] = [];
  #isClosed = false;

  constructor(host: Host, clock: Clock, end: StreamEnd<Batch>) {
    this.#host = host;
    this.#clock = clock;
    this.#end = end;
    this.#say({ kind: "open" });
  }

  /** Takes what a client said in one turn. */
  onMessage(batch: Batch): void {
    for (const item of batch) {
      if (item.kind === "request") this.#execute(item.id, item.body);
      else if (item.kind === "watch") this.#watch(item.id, item.request);
      else if (item.kind === "cancel") this.#cancel(item.id);
    }
  }

  /** The connection is gone. */
  close(): void {
    this.#isClosed = true;
    for (const watch of this.#watches.values()) watch.close();
    this.#watches.clear();
  }

  #execute(id: number, command: Uint8Array): void {
    this.#unfinished++;
    executeOn(this.#host, command, this.#unfinished > 1, (body) => {
      this.#unfinished--;
      this.#say({ kind: "reply", id, body });
    });
  }

  #watch(id: number, request: WatchRequest): void {
    // A watch from now on must not begin before what was acknowledged anywhere.
    this.#host.replication.barrier((error) => {
      if (error !== null) this.#say({ kind: "watchEnd", id, error });
      else if (!this.#isClosed) this.#beginWatch(id, request);
    });
  }

  #beginWatch(id: number, request: WatchRequest): void {
    const { store } = this.#host;
    const after = request.fromRevision === 0 ? store.revision : request.fromRevision - 1;
    const past: Item[] = [];
    let hasBegun = false;
    try {
      const watch = store.watch(request, {
        onEvents: (events) => {
          const item: Item = { kind: "events", id, body: encodeEvents(events) };
          if (!hasBegun) past.push(item);
          else if (this.#end.underway <= MAX_UNREAD) this.#say(item);
          else this.#overflow(id);
        },
        onEnd: (error) => this.#endWatch(id, error),
      });
      this.#watches.set(id, watch);
    } catch (error) {
      if (!(error instanceof KvError)) throw error;
      this.#say({ kind: "watchEnd", id, error });
      return;
    }
    hasBegun = true;
    this.#say({ kind: "watching", id, revision: after });
    for (const item of past) this.#say(item);
  }

  #overflow(id: number): void {
    this.#watches.get(id)?.close();
    const message =
      `the watcher left more than ${MAX_UNREAD} messages unread: watch again from the last revision it got`;
    this.#endWatch(id, new KvError("WATCH_OVERFLOW", message));
  }

  #endWatch(id: number, error: KvError): void {
    this.#watches.delete(id);
    this.#say({ kind: "watchEnd", id, error });
  }

  #cancel(id: number): void {
    this.#watches.get(id)?.close();
    this.#watches.delete(id);
  }

  #say(item: Item): void {
    if (this.#isClosed) return;
    this.#output.push(item);
    if (this.#output.length > 1) return;
    this.#clock.defer(() => {
      const batch = this.#output;
      this.#output = [];
      this.#end.send(batch, describeBatch(batch), digestBatch(batch));
    });
  }
}
