/**
 * One RESP client, whatever the wire: bytes in, replies out, in the order of the requests.
 *
 * All commands of a turn are proposed together and all replies of a turn leave in one write. Reads without an
 * unfinished write before them are answered from the store at once; reads behind one go through the log, so a
 * pipeline never waits. The few cases that must wait (a write behind a read whose barrier is under way, a
 * command that looks at the store itself, one behind a transaction that changes the client, a client that does not
 * read, too much unfinished work) stop the parser, and with it the wire: what a client can make this server hold is
 * bounded.
 *
 * @module
 */
import type { Access } from "../access/access.ts";
import type { Service } from "../service.ts";
import type { CommandMeter } from "../metrics/door_metrics.ts";
import type { ServerStats } from "../stats.ts";
import { ClientState } from "./client_state.ts";
import type { CommandSpec, Plan } from "./command_spec.ts";
import { permittedPlan } from "./permissions.ts";
import { ProtocolError, RespParser } from "./parser.ts";
import { PlanRunner } from "./plan_runner.ts";
import { refusalOf } from "./refusals.ts";
import { lineOf, replyByRun, type Run } from "./replies.ts";
import { ReplyQueue, Slot } from "./reply_queue.ts";
import { ReplyWriter } from "./reply_writer.ts";
import { type RequestMeters, resultOf } from "./request_meters.ts";
import type { RequestSource } from "./request_source.ts";
import type { ServerContext } from "./server_context.ts";
import { queueCommand } from "./transaction.ts";
import type { RespTransport, WireClient } from "./transport.ts";

/** A client that sends more commands than this at once goes on in the next turn, after the others had theirs. */
const MAX_COMMANDS_PER_TURN = 1000;

/** A client's connection. The wire calls {@link receive}, {@link onInputEnd}, {@link onDrain} and {@link onClosed}. */
export class RespConnection implements WireClient {
  readonly id: number;
  readonly context: ServerContext;
  readonly service: Service;
  readonly transport: RespTransport;
  /** What the client has said about itself, and what it has begun. */
  readonly state: ClientState;
  /** The monotonic time of the latest bytes from the client, in milliseconds. */
  lastActive_ms: number;
  /** The latest command that was executed, for CLIENT LIST. */
  lastCommand = "NULL";

  readonly #parser: RequestSource;
  readonly #runner: PlanRunner;
  readonly #queue: ReplyQueue;
  readonly #out: ReplyWriter;
  readonly #stats: ServerStats;
  readonly #meters: RequestMeters;
  /** Counts the present command. */
  #meter: CommandMeter;
  readonly #write = (chunks: readonly Uint8Array[]): boolean => this.transport.write(chunks);
  #unfinishedBytes = 0;
  /** In the middle of the parser's commands: what becomes ready is sent at the end of it. */
  #pumping = false;
  /** The parser has stopped before a command that must wait. */
  #stalled = false;
  #paused = false;
  /** The client sends no more; what it has sent is still executed. */
  #inputEnded = false;
  #flushDue = false;
  /** No more requests are taken; closed when the replies have left. */
  #closing = false;
  #ended = false;
  #gone = false;

  /** `requests` cuts what {@link receive} is given into requests. */
  constructor(
    context: ServerContext,
    transport: RespTransport,
    requests: RequestSource = new RespParser(context.limits),
  ) {
    this.context = context;
    this.service = context.service;
    this.transport = transport;
    this.id = context.nextId();
    this.state = new ClientState(context.logins.anonymous, context.clock.monotonic());
    this.lastActive_ms = this.state.connected_ms;
    this.#parser = requests;
    this.#parser.limited = !this.state.authenticated;
    this.#queue = new ReplyQueue(this);
    this.#runner = new PlanRunner(context.service, {
      unfinished: () => this.#queue.length,
      begin: () => this.#begin(this.#meter),
      finish: (slot) => this.#finish(slot),
      isStale: () => this.state.takesStale,
    });
    this.#out = new ReplyWriter(2, context.pool);
    this.#stats = context.stats;
    this.#meters = context.meters[transport.kind];
    this.#meter = this.#meters.malformed;
  }

  /** The RESP version: 2, or 3 after HELLO 3. */
  get protocol(): 2 | 3 {
    return this.state.protocol;
  }

  /** How many received bytes wait to be executed. */
  get bufferedInput(): number {
    return this.#parser.buffered;
  }

  /** How many bytes of output have not left. */
  get bufferedOutput(): number {
    return this.#gone ? 0 : this.#out.size + this.transport.bufferedBytes();
  }

  /** How many replies are owed. */
  get unfinished(): number {
    return this.#queue.length;
  }

  /** The arguments of the present command, as views that are valid until the turn ends. */
  args(): Uint8Array[] {
    return this.#parser.args();
  }

  /** Takes bytes from the wire; they may be reused after the call. */
  receive(chunk: Uint8Array): void {
    if (this.#gone || this.#closing) return;
    this.lastActive_ms = this.context.turns.now();
    this.#parser.feed(chunk);
    if (this.#stalled) this.#parser.settle();
    else this.#pump();
  }

  /** The client sends no more: closes when all that it has sent is answered. */
  onInputEnd(): void {
    this.#inputEnded = true;
    if (!this.#stalled) this.finish();
  }

  /** What was written to the wire has left. */
  onDrain(): void {
    this.flush();
  }

  /** The wire is gone. Commands under way go on; nobody hears of them. */
  onClosed(): void {
    if (this.#gone) return;
    this.#gone = true;
    this.context.forget(this);
    this.state.close();
    this.#queue.clear();
    this.#out.discard();
  }

  /** A client that waits for something is not idle. */
  onIdle(): void {
    if (this.unfinished === 0 && this.state.watches === null) this.finish();
  }

  /** Sends the replies that are ready and goes on with commands that had to wait. */
  flush(): void {
    this.#flushDue = false;
    if (this.#gone) return;
    this.#send();
    this.state.watches?.catchUp();
    if (this.#stalled && !this.#closing) this.#pump();
    else this.#endIfDone();
  }

  /** Takes no more requests, and closes when the replies to those taken have left. */
  finish(): void {
    if (this.#closing || this.#gone) return;
    this.#closing = true;
    this.#pause(true);
    if (!this.#pumping) this.#flushLater();
  }

  /** Closes at once. */
  destroy(): void {
    if (this.#gone) return;
    this.transport.destroy();
    this.onClosed();
  }

  /** Closes at once for what happened, and tells the operator. */
  drop(why: string): void {
    this.#stats.connectionsDropped++;
    this.context.notice(`client ${this.transport.remoteAddress} ${why}: closed`);
    this.destroy();
  }

  /** Writes a push message, out of order with the replies; it leaves at the end of the turn. */
  push(write: (out: ReplyWriter) => void): void {
    if (this.#gone || this.#ended) return;
    this.#out.protocol = 3;
    write(this.#out);
    this.#flushLater();
  }

  /** Events of a new watch follow at the end of the turn, behind the replies. */
  catchUpLater(): void {
    if (!this.#flushDue) this.context.flushLater(this);
    this.#flushDue = true;
  }

  /**
   * The client has shown who it is, or has gone back to being nobody (null). What it began as somebody else ends: its
   * watches would go on showing what it may not see any more.
   */
  setAccess(access: Access | null): void {
    if (this.state.access !== access) this.state.close();
    this.state.access = access;
    this.#parser.limited = access === null;
  }

  /** Switches the RESP version of the requests from now on. Without RESP3 there are no push messages, so no watches. */
  setProtocol(protocol: 2 | 3): void {
    this.state.protocol = protocol;
    if (protocol === 3) return;
    this.state.watches?.close();
    this.state.watches = null;
  }

  #pump(): void {
    const parser = this.#parser;
    let left = MAX_COMMANDS_PER_TURN;
    this.#stalled = false;
    this.#pumping = true;
    try {
      while (!this.#closing && !this.#gone) {
        // How large a request may be that is behind a login is known once that is decided.
        this.#stalled = parser.limited && this.#queue.changesClient;
        if (this.#stalled || !parser.next()) break;
        if (left-- === 0 || this.#isFull() || !this.#step()) {
          this.#stalled = true;
          break;
        }
        parser.consume();
      }
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#stats.protocolErrors++;
      this.#meter = this.#meters.malformed;
      this.#refuse(error.message);
      this.#closing = true;
    } finally {
      this.#pumping = false;
      this.#runner.gate.endTurn();
    }
    if (this.#gone) return;
    if (this.#inputEnded && !this.#stalled) this.#closing = true;
    parser.settle();
    this.#send();
    this.#pause(this.#stalled || this.#closing);
    // Others first: it goes on in the next turn.
    if (left < 0) this.#flushLater();
    this.#endIfDone();
  }

  #pause(pause: boolean): void {
    if (pause === this.#paused || this.#gone) return;
    this.#paused = pause;
    if (pause) this.transport.pause();
    else this.transport.resume();
  }

  /** Whether too much is unfinished or unread to take another command. */
  #isFull(): boolean {
    const limits = this.context.limits;
    if (this.#queue.length >= limits.maxUnfinished || this.#unfinishedBytes > limits.maxUnfinishedBytes) return true;
    if (this.#out.size <= limits.softOutputBytes) return false;
    this.#send();
    return this.transport.bufferedBytes() > limits.softOutputBytes;
  }

  /** Executes the present command; false, and nothing has happened, when it must wait. */
  #step(): boolean {
    if (this.#queue.changesClient) return false;
    const parser = this.#parser;
    const spec = this.context.table.find(parser.source, parser.starts[0]!, parser.ends[0]!);
    this.#meter = this.#meters.of(spec);
    if (spec !== undefined && spec.shortcut !== undefined && this.state.plain) {
      if (spec.shortcut === "get" ? this.#get() : this.#put()) {
        this.#count(spec.name);
        return true;
      }
    }
    const refusal = refusalOf(spec, parser.count, this);
    if (spec === undefined || refusal !== null) {
      this.state.transaction?.abort();
      this.#refuse(refusal ?? "ERR unknown command");
      this.#count("NULL");
      return true;
    }
    // Planning EXEC ends the transaction, so whether it must wait is decided before.
    if (spec.name === "exec" && this.#runner.unfinishedReads > 0) return false;
    if (!this.#execute(spec)) return false;
    this.#count(spec.name);
    return true;
  }

  #count(command: string): void {
    this.#stats.commands++;
    this.lastCommand = command;
  }

  #execute(spec: CommandSpec): boolean {
    const transaction = this.state.transaction;
    let plan: Plan;
    try {
      plan = transaction !== null && spec.inMulti !== "now"
        ? queueCommand(transaction, spec, this)
        : permittedPlan(spec, this.args(), this);
    } catch (error) {
      this.#refuse(lineOf(error));
      return true;
    }
    if (plan.kind === "wait") return this.#wait(plan.begin);
    if (plan.kind === "encoded") this.#meter = this.#meters.encoded(plan.command);
    if (plan.kind !== "local") return this.#runner.run(plan);
    this.#local(plan.run, spec.name === "client");
    return true;
  }

  /** Begins what concerns the client itself, once all before it is answered; what is behind it waits. */
  #wait(begin: Extract<Plan, { readonly kind: "wait" }>["begin"]): boolean {
    if (this.#queue.length > 0) return false;
    const slot = this.#begin(this.#meter);
    slot.changesClient = true;
    begin(this, (run) => {
      slot.run = run;
      this.#finish(slot);
    });
    return true;
  }

  /** GET, where nothing stands before it: from the bytes of the key to the bytes of the value. */
  #get(): boolean {
    const { count, source, starts, ends } = this.#parser;
    if (count !== 2 || this.#queue.length > 0) return false;
    if (!this.#runner.gate.straightFor(source, starts[1]!, ends[1]!)) return false;
    const place = this.service.store.locate(source, starts[1]!, ends[1]!);
    this.#out.protocol = this.state.protocol;
    if (place === null) {
      this.#stats.keyMisses++;
      this.#out.nil();
    } else {
      this.#stats.keyHits++;
      this.#out.bulkOf(place.bytes, place.start, place.end);
    }
    this.#meter.end("ok", this.lastActive_ms);
    return true;
  }

  /** SET without options: from the bytes of the request to the bytes of the command. */
  #put(): boolean {
    const { count, source, starts, ends } = this.#parser;
    return count === 3 && this.#runner.put(source, starts[1]!, ends[1]!, starts[2]!, ends[2]!);
  }

  /** Runs a local command now; its reply takes its place in the order. */
  #local(run: Run, mayMute: boolean): void {
    if (this.#queue.length === 0 && this.state.replies === "on" && !mayMute) {
      this.#out.protocol = this.state.protocol;
      this.#meter.end(replyByRun(this, run, this.#out), this.lastActive_ms);
      return;
    }
    const skipped = this.state.takeMuted() && this.state.replies === "on";
    const scratch = new ReplyWriter(this.state.protocol);
    this.#meter.end(replyByRun(this, run, scratch), this.lastActive_ms);
    if (!skipped && this.state.replies === "on") this.#ready(scratch);
  }

  #refuse(line: string): void {
    this.#stats.errors++;
    this.#meter.end("refused", this.lastActive_ms);
    if (this.state.takeMuted()) return;
    if (this.#queue.length === 0) {
      this.#out.protocol = this.state.protocol;
      this.#out.error(line);
      return;
    }
    const scratch = new ReplyWriter(this.state.protocol);
    scratch.error(line);
    this.#ready(scratch);
  }

  /** Puts the reply to a request that is counted in its place in the order. */
  #ready(scratch: ReplyWriter): void {
    const slot = this.#begin(null);
    slot.bytes = scratch.take();
    this.#finish(slot);
  }

  #begin(meter: CommandMeter | null): Slot {
    const { protocol } = this.state;
    const slot = new Slot(protocol, this.state.takeMuted(), this.#parser.commandBytes, meter, this.lastActive_ms);
    this.#queue.push(slot);
    this.#unfinishedBytes += slot.weight;
    return slot;
  }

  #finish(slot: Slot): void {
    slot.ready = true;
    // What replies by itself is counted when it has.
    if (slot.meter !== null && (slot.run === null || slot.error !== null)) {
      slot.meter.end(resultOf(slot), slot.begun_ms);
    }
    this.#unfinishedBytes -= slot.weight;
    if (this.#gone) return;
    this.#queue.hold(slot);
    // A transaction is answered now, not at the end of the turn: what looks at the store in it must see it as it is.
    if (this.#pumping || slot.result?.type === "txn") this.#drain();
    this.#flushLater();
  }

  #flushLater(): void {
    if (this.#flushDue || this.#pumping) return;
    this.#flushDue = true;
    this.context.flushLater(this);
  }

  /** Sends what is ready, in bounded pieces, as far as the client reads. */
  #send(): void {
    for (;;) {
      this.#drain();
      if (this.#gone) return;
      if (this.#out.size === 0) break;
      this.#stats.bytesOut += this.#out.size;
      this.#meters.door.sentBytes += this.#out.size;
      this.#out.flush(this.#write);
    }
    const { hardOutputBytes } = this.context.limits;
    if (this.#queue.heldBytes > hardOutputBytes && this.#queue.isReady) {
      this.drop(`left more than ${hardOutputBytes} bytes of replies unread`);
    }
  }

  #drain(): void {
    if (this.#queue.length === 0) return;
    try {
      this.#queue.drain(this.#out, this.context.limits.softOutputBytes - this.transport.bufferedBytes());
    } catch (error) {
      this.drop(`met an internal error (${String(error)})`);
    }
  }

  #endIfDone(): void {
    if (!this.#closing || this.#ended || this.#gone || this.#queue.length > 0) return;
    this.#ended = true;
    this.transport.end();
  }
}
