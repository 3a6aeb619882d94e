/**
 * A few clients that write all the time through any replica, and count in which seconds somebody succeeded.
 *
 * @module
 */
import { setTimeout as sleep } from "node:timers/promises";
import { connect } from "../../../src/adapters/connect.ts";
import { stringCodec } from "../../../src/client/codecs.ts";
import { KvError } from "../../../src/core/errors.ts";
import type { Window } from "./figures.ts";

const CLIENTS = 5;
const DEADLINE_MS = 2000;
const PAUSE_MS = 50;

/** Asks from its start to its end. */
export class Prober {
  readonly #counts = new Map<number, number>();
  readonly #start_ms = Date.now();
  readonly #running: Promise<unknown>;
  #isStopping = false;

  /** Clients of the servers at these ports; each begins with another one. */
  constructor(ports: readonly number[]) {
    const servers = ports.map((port) => ({ host: "127.0.0.1", port }));
    this.#running = Promise.all(Array.from({ length: CLIENTS }, (_, id) => {
      const at = id % servers.length;
      return this.#ask(id, [...servers.slice(at), ...servers.slice(0, at)]);
    }));
  }

  async #ask(id: number, servers: readonly { readonly host: string; readonly port: number }[]): Promise<void> {
    await using client = connect({ servers, codec: stringCodec, deadline_ms: DEADLINE_MS });
    while (!this.#isStopping) {
      try {
        await client.put(`probe/${id}`, String(Date.now()));
        const second = Math.floor((Date.now() - this.#start_ms) / 1000);
        this.#counts.set(second, (this.#counts.get(second) ?? 0) + 1);
      } catch (error) {
        if (!(error instanceof KvError)) throw error;
      }
      await sleep(PAUSE_MS);
    }
  }

  /** Ends it, and returns every whole second. */
  async stop(): Promise<Window[]> {
    this.#isStopping = true;
    const seconds = Math.floor((Date.now() - this.#start_ms) / 1000);
    await this.#running;
    return Array.from({ length: seconds }, (_, second) => ({
      at_ms: this.#start_ms + 1000 * second,
      ok: this.#counts.get(second) ?? 0,
    }));
  }
}
