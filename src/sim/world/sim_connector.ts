/**
 * How a client reaches the simulated servers.
 *
 * @module
 */
import type {
  Connection,
  ConnectionListener,
  Connector,
  ServerAddress,
  WatchRequest,
} from "../../client/connection.ts";
import { KvError } from "../../core/errors.ts";
import { DatagramConnection } from "./datagram_connection.ts";
import { type Batch, describeBatch, digestBatch, type Item } from "./messages.ts";
import { type EndId, type Network, RETRANSMIT_US } from "./network.ts";
import type { SimNode } from "./sim_node.ts";
import { StreamEnd } from "./stream.ts";
import type { ProcessClock } from "./virtual_time.ts";

/** How a client is connected. */
export interface ClientLink {
  /** Requests and replies are datagrams: lost, repeated and overtaken one by one. @default false */
  readonly datagrams?: boolean;
}

/** What a client's connections run in. */
export interface ClientWorld {
  readonly clock: ProcessClock;
  readonly network: Network;
  readonly nodes: readonly SimNode[];
}

/** The address of a server. */
export function addressOf(node: number): ServerAddress {
  return { host: "sim", port: node + 1 };
}

/** Makes connections for the client of this number, counted from 0. */
export function makeConnector(world: ClientWorld, client: number, link: ClientLink): Connector {
  const id = world.network.replicas + client;
  return (address, listener) => {
    const node = world.nodes[address.port - 1];
    if (address.host !== "sim" || node === undefined) {
      throw new RangeError(`there is no simulated server at ${address.host}:${address.port}`);
    }
    if (link.datagrams === true) return new DatagramConnection(world, id, node, listener);
    return new StreamConnection(world, id, node, listener);
  };
}

/** A client's end of a reliable connection. */
class StreamConnection implements Connection {
  readonly reliable = true;
  readonly maxInFlight = 1024;
  #world: ClientWorld;
  #id: EndId;
  #node: SimNode;
  #listener: ConnectionListener;
  #end: StreamEnd<Batch>;
  #isClosed = false;
  #output: Item[] = [];
  #forgotten = new Set<number>();

  constructor(world: ClientWorld, id: EndId, node: SimNode, listener: ConnectionListener) {
    this.#world = world;
    this.#id = id;
    this.#node = node;
    this.#listener = listener;
    this.#end = new StreamEnd(id, world.network, {
      run: (turn) => world.clock.run(turn),
      onMessage: (batch) => this.#onMessage(batch),
      onBroken: (reason) => this.#fail(reason),
    });
    this.#knock();
  }

  /** Asks for a connection, again and again while that gets lost; how long is the client's to decide. */
  #knock(): void {
    const { network } = this.#world;
    const { time } = network;
    const link = network.link(this.#id, this.#node.id);
    const again = (): void => {
      if (!this.#isClosed) time.after(RETRANSMIT_US, () => this.#knock());
    };
    const arrive = (): void => {
      if (this.#isClosed) return;
      if (network.isCut(this.#id, this.#node.id)) return again();
      if (this.#node.accept(this.#end)) return;
      time.after(network.transit_us(network.link(this.#node.id, this.#id)), () => {
        this.#world.clock.run(() => this.#fail("connection refused"));
      });
    };
    if (network.holdFor(this.#id, this.#node.id, "connect", arrive, again)) return;
    if (network.isLost(link)) again();
    else time.after(network.transit_us(link), arrive);
  }

  #fail(reason: string): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#listener.onClose(new KvError("UNAVAILABLE", `server ${this.#node.id + 1}: ${reason}`));
  }

  #onMessage(batch: Batch): void {
    for (const item of batch) {
      if (this.#isClosed) return;
      if (item.kind === "reply") {
        if (!this.#forgotten.delete(item.id)) this.#listener.onReply(item.id, item.body);
      } else if (item.kind === "open") this.#listener.onOpen();
      else if (item.kind === "watching") this.#listener.onWatching(item.id, item.revision);
      else if (item.kind === "events") this.#listener.onEvents(item.id, item.body);
      else if (item.kind === "watchEnd") this.#listener.onWatchEnd(item.id, item.error);
    }
  }

  request(id: number, command: Uint8Array): void {
    this.#say({ kind: "request", id, body: command.slice() });
  }

  forget(id: number): void {
    this.#forgotten.add(id);
  }

  watch(id: number, request: WatchRequest): void {
    this.#say({ kind: "watch", id, request });
  }

  cancelWatch(id: number): void {
    this.#say({ kind: "cancel", id });
  }

  close(): void {
    if (this.#isClosed) return;
    this.#flush();
    this.#isClosed = true;
    this.#end.close();
  }

  #say(item: Item): void {
    if (this.#isClosed) return;
    this.#output.push(item);
    // Not by the client's clock: what leaves it settles no promise, so nobody need wait for that.
    if (this.#output.length === 1) this.#world.network.time.defer(() => this.#flush());
  }

  #flush(): void {
    if (this.#isClosed || this.#output.length === 0) return;
    const batch = this.#output;
    this.#output = [];
    this.#end.send(batch, describeBatch(batch), digestBatch(batch));
  }
}
