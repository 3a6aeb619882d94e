/**
 * Clients of one store on a clock that the test moves, one server each so that one of them can be cut off, and one of them
 * able to stand still.
 *
 * @module
 */
import { codecs } from "../../../src/client/codecs.ts";
import { KVClient } from "../../../src/client/kv_client.ts";
import { encodeCommand } from "../../../src/core/kv/command_codec.ts";
import type { Clock, Timer } from "../../../src/ports/clock.ts";
import { FakeNetwork } from "../../support/fake_network.ts";

/** How often the servers look for keys that are due. */
const HOUSEKEEPING_MS = 5;

/** The clock of a process that can stand still while time goes on, and whose wall clock says nonsense. */
export class StoppableClock implements Clock {
  readonly #clock: Clock;
  #waiting: (() => void)[] | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  now(): number {
    return Math.floor(Math.sin(this.#clock.monotonic()) * 1e12);
  }

  monotonic(): number {
    return this.#clock.monotonic();
  }

  after(delay_ms: number, callback: () => void): Timer {
    return this.#clock.after(delay_ms, () => this.#run(callback));
  }

  defer(callback: () => void): void {
    this.#clock.defer(() => this.#run(callback));
  }

  /** No timer runs until {@link go}. */
  stop(): void {
    this.#waiting ??= [];
  }

  /** Runs what was due meanwhile. */
  go(): void {
    const waiting = this.#waiting ?? [];
    this.#waiting = null;
    for (const callback of waiting) callback();
  }

  #run(callback: () => void): void {
    if (this.#waiting === null) callback();
    else this.#waiting.push(callback);
  }
}

/** A network whose store removes what is due. */
export class LockWorld extends FakeNetwork {
  constructor(servers = 3, seed = 1) {
    super(servers, seed);
    const keepHouse = (): void => {
      this.store.apply(encodeCommand({ type: "expireDue", limit: 1000 }), Math.floor(this.clock.now()));
      this.clock.after(HOUSEKEEPING_MS, keepHouse);
    };
    keepHouse();
  }

  /** A client of one server only. */
  clientOf(server: number, clock: Clock = this.clock): KVClient<string> {
    return new KVClient({
      servers: [this.servers[server]!.address],
      connector: this.connector,
      clock,
      random: this.random,
      codec: codecs.string,
    });
  }

  /** The keys in the store. */
  get keys(): number {
    const result = this.store.execute(
      { type: "range", start: "" as never, end: null, limit: 0, reverse: false, projection: "count" },
      Math.floor(this.clock.now()),
    );
    return result.type === "range" ? result.count : -1;
  }
}
