/**
 * Servers and a network for tests of the client, on a clock that the test moves: connections break, requests and
 * replies get lost, repeated and late, servers refuse and fall silent, all when the test says so.
 *
 * @module
 */
import type { Connection, ConnectionListener, Connector, ServerAddress } from "../../src/client/connection.ts";
import type { WatchRequest } from "../../src/client/connection.ts";
import { KVClient } from "../../src/client/kv_client.ts";
import type { ClientTuning } from "../../src/client/options.ts";
import { KvError, type KvErrorCode } from "../../src/core/errors.ts";
import type { Command } from "../../src/core/kv/command.ts";
import { decodeCommand } from "../../src/core/kv/command_codec.ts";
import { KVStore, type Watch } from "../../src/core/kv/kv_store.ts";
import { encodeEvents, encodeResult } from "../../src/core/kv/result_codec.ts";
import { ManualClock } from "./manual_clock.ts";
import { SeededRandom } from "./seeded_random.ts";

/** What becomes of a request. */
export type Fate =
  | "serve"
  /** Neither executed nor answered. */
  | "swallow"
  /** Executed, not answered. */
  | "mute"
  /** The connection breaks before, or after, it is executed. */
  | "breakBefore"
  | "breakAfter"
  /** Answered with bytes that are no result. */
  | "garbage"
  /** Answered with this error, and not executed. */
  | KvErrorCode;

/** How the network treats messages of connections that are not reliable. */
export interface Weather {
  loss: number;
  duplication: number;
  maxDelay_ms: number;
}

/** One server. All of a network share one store. */
export interface FakeServer {
  readonly address: ServerAddress;
  /** Whether it takes connections. */
  mode: "up" | "down" | "silent";
  /** Why it refuses connections while it is down, when it is not the network's {@link FakeNetwork.refusal}. */
  refusal?: KvError;
  readonly open: Set<FakeConnection>;
  /** Connections made to it so far. */
  connections: number;
}

/** A request as a server got it. */
export interface Seen {
  readonly server: number;
  readonly at: number;
  readonly command: Command;
}

/** The network. */
export class FakeNetwork {
  readonly clock: ManualClock = new ManualClock();
  readonly random: SeededRandom;
  readonly servers: FakeServer[];
  readonly seen: Seen[] = [];
  store: KVStore = new KVStore();
  reliable = true;
  weather: Weather = { loss: 0, duplication: 0, maxDelay_ms: 0 };
  /** Decides about each request. */
  fate: (command: Command, server: number) => Fate = () => "serve";
  /** Why connections are refused. */
  refusal: KvError = new KvError("UNAVAILABLE", "connect ECONNREFUSED");
  maxInFlight = 4096;

  constructor(servers = 1, seed = 1) {
    this.random = new SeededRandom(seed);
    this.servers = Array.from({ length: servers }, (_, i) => ({
      address: { host: "fake", port: 1 + i },
      mode: "up",
      open: new Set<FakeConnection>(),
      connections: 0,
    }));
  }

  readonly connector: Connector = (address, listener) => {
    const index = this.servers.findIndex((server) => server.address.port === address.port);
    const server = this.servers[index]!;
    server.connections++;
    return new FakeConnection(this, index, server, listener);
  };

  /** A client of all servers. */
  client(tuning: ClientTuning = {}): KVClient {
    return new KVClient({
      servers: this.servers.map((server) => server.address),
      connector: this.connector,
      clock: this.clock,
      random: this.random,
      ...tuning,
    });
  }

  /** Breaks every connection to a server. */
  breakAll(server = 0): void {
    for (const connection of [...this.servers[server]!.open]) connection.break();
  }

  /** The commands that arrived, of one type if given. */
  commands(type?: Command["type"]): Command[] {
    const all = this.seen.map(({ command }) => command);
    return type === undefined ? all : all.filter((command) => command.type === type);
  }

  /** Moves time until a promise is settled; fails when that takes more than `limit_ms`. */
  async until<Value>(promise: Promise<Value>, limit_ms = 60_000): Promise<Value> {
    let settled = false;
    const note = (): void => void (settled = true);
    promise.then(note, note);
    const end = this.clock.monotonic() + limit_ms;
    await this.tick();
    while (!settled) {
      if (this.clock.monotonic() > end) throw new Error(`not settled after ${limit_ms} ms`);
      this.clock.advance(1);
      await this.tick();
    }
    return promise;
  }

  /** The error that a promise rejects with. */
  async failure(promise: Promise<unknown>, limit_ms?: number): Promise<KvError> {
    const outcome = await this.until(
      promise.then((value) => ({ value }), (error: unknown) => ({ error })),
      limit_ms,
    );
    if ("error" in outcome && outcome.error instanceof KvError) return outcome.error;
    throw new Error(`expected a KvError, got ${JSON.stringify(outcome)}`);
  }

  /** Lets what promises have to say be said, without time passing. */
  async tick(): Promise<void> {
    for (let i = 0; i < 20; i++) {
      this.clock.run();
      await Promise.resolve();
    }
  }

  /** Moves time by so many milliseconds, one at a time. */
  async pass(duration_ms: number): Promise<void> {
    for (let i = 0; i < duration_ms; i++) {
      this.clock.advance(1);
      await this.tick();
    }
  }
}

/** A connection of the network. */
export class FakeConnection implements Connection {
  readonly reliable: boolean;
  readonly maxInFlight: number;
  #network: FakeNetwork;
  #index: number;
  #server: FakeServer;
  #listener: ConnectionListener;
  #watches = new Map<number, Watch>();
  #open = true;
  #forgotten = new Set<number>();

  constructor(network: FakeNetwork, index: number, server: FakeServer, listener: ConnectionListener) {
    this.#network = network;
    this.#index = index;
    this.#server = server;
    this.#listener = listener;
    this.reliable = network.reliable;
    this.maxInFlight = network.maxInFlight;
    network.clock.defer(() => {
      if (!this.#open || server.mode === "silent") return;
      if (server.mode === "down") this.break(server.refusal ?? network.refusal);
      else {
        server.open.add(this);
        listener.onOpen();
      }
    });
  }

  request(id: number, command: Uint8Array): void {
    const bytes = command.slice();
    this.#carry(() => this.#serve(id, bytes));
  }

  forget(id: number): void {
    this.#forgotten.add(id);
  }

  watch(id: number, request: WatchRequest): void {
    this.#inOrder(() => {
      if (this.#server.mode === "silent") return;
      const { store } = this.#network;
      const past: Uint8Array[] = [];
      let begun = false;
      const after = request.fromRevision === 0 ? store.revision : request.fromRevision - 1;
      try {
        const watch = store.watch(request, {
          onEvents: (events) => {
            const bytes = encodeEvents(events);
            if (begun) this.#inOrder(() => this.#listener.onEvents(id, bytes));
            else past.push(bytes);
          },
          onEnd: (error) => this.#inOrder(() => this.#listener.onWatchEnd(id, error)),
        });
        this.#watches.set(id, watch);
      } catch (error) {
        this.#inOrder(() => this.#listener.onWatchEnd(id, error as KvError));
        return;
      }
      begun = true;
      this.#inOrder(() => this.#listener.onWatching(id, after));
      for (const bytes of past) this.#inOrder(() => this.#listener.onEvents(id, bytes));
    });
  }

  cancelWatch(id: number): void {
    this.#watches.get(id)?.close();
    this.#watches.delete(id);
  }

  close(): void {
    this.#shut();
  }

  /** The server ends a watch. */
  endWatches(error: KvError): void {
    for (const [id, watch] of this.#watches) {
      watch.close();
      this.#inOrder(() => this.#listener.onWatchEnd(id, error));
    }
    this.#watches.clear();
  }

  /** Breaks. */
  break(error: KvError = new KvError("UNAVAILABLE", "connection reset")): void {
    if (!this.#open) return;
    this.#shut();
    this.#listener.onClose(error);
  }

  #shut(): void {
    this.#open = false;
    this.#server.open.delete(this);
    for (const watch of this.#watches.values()) watch.close();
    this.#watches.clear();
  }

  #serve(id: number, bytes: Uint8Array): void {
    const network = this.#network;
    if (this.#server.mode !== "up") return;
    const command = decodeCommand(bytes);
    network.seen.push({ server: this.#index, at: network.clock.monotonic(), command });
    const fate = network.fate(command, this.#index);
    if (fate === "breakBefore") this.break();
    if (fate === "swallow" || fate === "breakBefore") return;
    if (fate === "garbage") {
      this.#carry(() => this.#answer(id, new Uint8Array([255, 255])));
      return;
    }
    const executed = fate === "serve" || fate === "mute" || fate === "breakAfter";
    const result = executed
      ? network.store.apply(bytes, Math.floor(network.clock.now()))
      : encodeResult({ type: "error", revision: 0, code: fate, message: `the server says ${fate}` });
    if (fate === "breakAfter") this.break();
    else if (fate !== "mute") this.#carry(() => this.#answer(id, result));
  }

  #answer(id: number, result: Uint8Array): void {
    if (!this.#forgotten.has(id)) this.#listener.onReply(id, result);
  }

  /** Carries a message: in order, or as the weather is. A request stays under way when its connection closes. */
  #carry(deliver: () => void): void {
    if (this.reliable) {
      this.#inOrder(deliver);
      return;
    }
    const { random, weather, clock } = this.#network;
    const copies = 1 + (random.next() < weather.duplication ? 1 : 0);
    for (let i = 0; i < copies; i++) {
      if (random.next() < weather.loss) continue;
      clock.after(random.next() * weather.maxDelay_ms, () => {
        if (this.#open) deliver();
      });
    }
  }

  #inOrder(deliver: () => void): void {
    this.#network.clock.defer(() => {
      if (this.#open) deliver();
    });
  }
}
