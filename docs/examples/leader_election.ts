/**
 * One of several workers leads. Leadership is a key that goes away by itself when its holder stops renewing it. What the
 * leader writes is written on condition that the key is still its own: a leader that was asleep and has been replaced
 * meanwhile changes nothing, whatever it believes.
 *
 * Prints:
 * worker 1 leads
 * worker 1 has written: true
 * worker 2 leads
 * worker 1 has written: false
 * worker 2 has written: true
 * the last to write was worker 2
 */
import { startServer } from "@x/kvpaxos";
import { connect, type KVClient, op, stringCodec, when } from "@x/kvpaxos/client";

const LEADER = "jobs/leader";
/** How long a leader that has died is waited for. */
const TTL_MS = 2000;

class Worker {
  readonly #client: KVClient<string>;
  readonly #name: string;
  /** The revision at which the key became ours: greater for each leader, and so a token to fence off the earlier ones. */
  #term = 0;
  #renewal: ReturnType<typeof setInterval> | null = null;

  constructor(client: KVClient<string>, name: string) {
    this.#client = client;
    this.#name = name;
  }

  /** Waits until this worker leads. */
  async lead(): Promise<void> {
    for (;;) {
      const { written, revision } = await this.#client.put(LEADER, this.#name, { ifAbsent: true, ttl_ms: TTL_MS });
      if (written) {
        this.#term = revision;
        this.#renewal = setInterval(() => void this.#renew().catch(() => {}), TTL_MS / 8);
        console.log(`${this.#name} leads`);
        return;
      }
      await this.#gone(revision);
    }
  }

  /** Writes, if this worker still leads. */
  async write(value: string): Promise<boolean> {
    const { succeeded } = await this.#client.txn({ compare: [this.#isOurs()], then: [op.put("jobs/result", value)] });
    return succeeded;
  }

  /** Stops renewing, as a process that hangs would, and goes on believing that it leads. */
  hang(): void {
    if (this.#renewal !== null) clearInterval(this.#renewal);
  }

  #isOurs() {
    return when.createRevision(LEADER, "=", this.#term);
  }

  /** One that fails is followed by others; when all of them do, another worker leads. */
  async #renew(): Promise<void> {
    await this.#client.txn({ compare: [this.#isOurs()], then: [op.expire(LEADER, { ttl_ms: TTL_MS })] });
  }

  /** Waits until the key that was there at `revision` is gone. */
  async #gone(revision: number): Promise<void> {
    for await (const { type } of this.#client.watch({ key: LEADER, fromRevision: revision + 1 })) {
      if (type !== "put") return;
    }
  }
}

// A store in this process, to have the example in one file; elsewhere connect to the addresses of a cluster.
const store = await startServer({ port: 0, httpPort: 0, dataDir: null });
const client = connect({ servers: [store.addresses.tcp], codec: stringCodec });
const [first, second] = [new Worker(client, "worker 1"), new Worker(client, "worker 2")];

await first.lead();
const successor = second.lead();
console.log("worker 1 has written:", await first.write("worker 1"));
first.hang();
await successor;
console.log("worker 1 has written:", await first.write("worker 1, too late"));
console.log("worker 2 has written:", await second.write("worker 2"));
console.log("the last to write was", (await client.get("jobs/result"))?.value);

second.hang();
await client.close();
await store.close();
