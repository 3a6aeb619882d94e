/**
 * Clients that write each key once and remember what was acknowledged, through whatever happens to the servers.
 *
 * @module
 */
import { setTimeout as sleep } from "node:timers/promises";
import { connect } from "../../../src/adapters/connect.ts";
import { stringCodec } from "../../../src/client/codecs.ts";
import type { KVClient } from "../../../src/client/kv_client.ts";
import { KvError } from "../../../src/core/errors.ts";

/** Keys that are written once. */
const PREFIX = "kept/";
const DEADLINE_MS = 3000;
/** How long the state is waited for when it is read back. */
const CHECK_MS = 30_000;

/** Writes to a cluster. */
export class Writers {
  readonly #servers: readonly { readonly host: string; readonly port: number }[];
  readonly #value: string;
  readonly #acknowledged = new Set<string>();
  #next = 0;
  #isStopping = false;
  #running: Promise<unknown> = Promise.resolve();

  /** Writers of values of so many bytes. */
  constructor(ports: readonly number[], value_bytes: number) {
    this.#servers = ports.map((port) => ({ host: "127.0.0.1", port }));
    this.#value = "v".repeat(value_bytes);
  }

  /** How many writes were acknowledged. */
  get acknowledged(): number {
    return this.#acknowledged.size;
  }

  /** Begins to write, from so many clients at once. */
  start(clients: number): void {
    this.#isStopping = false;
    this.#running = Promise.all(Array.from({ length: clients }, () => this.#write()));
  }

  async #write(): Promise<void> {
    await using client = this.#connect();
    while (!this.#isStopping) {
      const key = `${PREFIX}${++this.#next}`;
      try {
        await client.put(key, this.#value);
        this.#acknowledged.add(key);
      } catch (error) {
        // What was not acknowledged may be there or not.
        if (!(error instanceof KvError)) throw error;
        await sleep(20);
      }
    }
  }

  #connect(deadline_ms = DEADLINE_MS): KVClient<string> {
    return connect({ servers: this.#servers, codec: stringCodec, deadline_ms });
  }

  /** Writes until so many more are acknowledged. */
  async more(count: number, clients: number): Promise<void> {
    const target = this.#acknowledged.size + count;
    this.start(clients);
    while (this.#acknowledged.size < target) await sleep(5);
    await this.stop();
  }

  /** Ends the writing. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    await this.#running;
  }

  /** The keys that were acknowledged and are not there, or not with what was written. */
  async lost(): Promise<string[]> {
    await using client = this.#connect(CHECK_MS);
    const there = new Set<string>();
    for await (const { key, value } of client.range({ prefix: PREFIX })) if (value === this.#value) there.add(key);
    return [...this.#acknowledged].filter((key) => !there.has(key));
  }
}
