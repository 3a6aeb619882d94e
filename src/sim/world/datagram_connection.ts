/**
 * A client's connection by datagrams: each request and each reply travels alone, and may be lost, repeated and
 * overtaken. Watches ask for the events since the last revision they have, again and again.
 *
 * @module
 */
import type { Connection, ConnectionListener, WatchRequest } from "../../client/connection.ts";
import { crc32 } from "../../codec/checksum.ts";
import { KvError } from "../../core/errors.ts";
import { decodeEvents, encodeEvents } from "../../core/kv/result_codec.ts";
import type { Timer } from "../../ports/clock.ts";
import type { EndId } from "./network.ts";
import type { ClientWorld } from "./sim_connector.ts";
import { executeOn } from "./server_session.ts";
import type { SimNode } from "./sim_node.ts";

/** How long a watch waits before it asks again. */
const POLL_MS = 25;
/** Events asked for at once. */
const PAGE_EVENTS = 64;

interface Poll {
  readonly request: WatchRequest;
  /** The next revision wanted; 0 until the present one is known. */
  next: number;
  hasBegun: boolean;
  timer: Timer | null;
}

/** What a server answers to a watch: the bytes of events and up to which revision they go, or why not. */
type PollAnswer = { readonly revision: number; readonly events: Uint8Array } | KvError;

/** A connection without a connection. */
export class DatagramConnection implements Connection {
  readonly reliable = false;
  readonly maxInFlight = 64;
  #world: ClientWorld;
  #id: EndId;
  #node: SimNode;
  #listener: ConnectionListener;
  #waiting = new Set<number>();
  #polls = new Map<number, Poll>();
  #isClosed = false;

  constructor(world: ClientWorld, id: EndId, node: SimNode, listener: ConnectionListener) {
    this.#world = world;
    this.#id = id;
    this.#node = node;
    this.#listener = listener;
    world.clock.defer(() => {
      if (!this.#isClosed) listener.onOpen();
    });
  }

  request(id: number, command: Uint8Array): void {
    if (this.#isClosed) return;
    const body = command.slice();
    this.#waiting.add(id);
    this.#ask("request", crc32(body), (answer) => {
      this.#node.serve((host) =>
        executeOn(host, body, false, (result) => answer(crc32(result), () => this.#take(id, result)))
      );
    });
  }

  #take(id: number, result: Uint8Array): void {
    if (this.#waiting.delete(id)) this.#listener.onReply(id, result);
  }

  /** Sends a question, and what the server says to it back. */
  #ask(what: string, digest: number, serve: (answer: (digest: number, take: () => void) => void) => void): void {
    const { network, clock } = this.#world;
    network.sendLoose(this.#id, this.#node.id, what, digest, () => {
      serve((digestOfAnswer, take) => {
        network.sendLoose(this.#node.id, this.#id, "reply", digestOfAnswer, () => {
          clock.run(() => {
            if (!this.#isClosed) take();
          });
        });
      });
    });
  }

  forget(id: number): void {
    this.#waiting.delete(id);
  }

  watch(id: number, request: WatchRequest): void {
    const poll: Poll = { request, next: request.fromRevision, hasBegun: false, timer: null };
    this.#polls.set(id, poll);
    this.#poll(id, poll);
  }

  #poll(id: number, poll: Poll): void {
    if (this.#isClosed || this.#polls.get(id) !== poll) return;
    const { start, end } = poll.request;
    const fromRevision = poll.next;
    this.#ask("poll", fromRevision, (answer) => {
      this.#node.serve((host) => {
        host.replication.barrier((error) => {
          let found: PollAnswer;
          try {
            if (error !== null) throw error;
            const revision = host.store.revision;
            const events = host.store.events({ start, end, fromRevision, limit: PAGE_EVENTS });
            found = {
              revision: events.length < PAGE_EVENTS ? revision : events.at(-1)!.revision,
              events: encodeEvents(events),
            };
          } catch (failure) {
            if (!(failure instanceof KvError)) throw failure;
            found = failure;
          }
          answer(
            found instanceof KvError ? 0 : crc32(found.events),
            () => this.#onPolled(id, poll, fromRevision, found),
          );
        });
      });
    });
    poll.timer = this.#world.clock.after(POLL_MS, () => this.#poll(id, poll));
  }

  #onPolled(id: number, poll: Poll, asked: number, answer: PollAnswer): void {
    // An answer to a question that was asked twice, or that was overtaken by a later one, says nothing new.
    if (this.#polls.get(id) !== poll || asked !== poll.next) return;
    if (answer instanceof KvError) {
      if (answer.retryable) return;
      this.cancelWatch(id);
      this.#listener.onWatchEnd(id, answer);
      return;
    }
    if (!poll.hasBegun) {
      poll.hasBegun = true;
      if (poll.next === 0) poll.next = answer.revision + 1;
      this.#listener.onWatching(id, poll.next - 1);
      if (asked === 0) return;
    }
    if (answer.revision < poll.next) return;
    poll.next = answer.revision + 1;
    if (decodeEvents(answer.events).length > 0) this.#listener.onEvents(id, answer.events);
    else this.#listener.onWatching(id, answer.revision);
  }

  cancelWatch(id: number): void {
    this.#polls.get(id)?.timer?.cancel();
    this.#polls.delete(id);
  }

  close(): void {
    this.#isClosed = true;
    for (const poll of this.#polls.values()) poll.timer?.cancel();
    this.#polls.clear();
    this.#waiting.clear();
  }
}
