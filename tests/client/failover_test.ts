import { describe, expect, test } from "vitest";
import { Backoff } from "../../src/client/backoff.ts";
import type { ConnectionListener } from "../../src/client/connection.ts";
import { KVClient } from "../../src/client/kv_client.ts";
import { KvError } from "../../src/core/errors.ts";
import { FakeNetwork, type FakeServer } from "../support/fake_network.ts";
import { SeededRandom } from "../support/seeded_random.ts";

/** The server that answers the client now. */
async function current(network: FakeNetwork, client: ReturnType<FakeNetwork["client"]>): Promise<number> {
  await network.until(client.get("where"));
  return network.seen.at(-1)!.server;
}

describe("a client of several servers", () => {
  test("stays with one that works", async () => {
    const network = new FakeNetwork(3);
    const client = network.client();
    const first = await current(network, client);
    for (let i = 0; i < 20; i++) expect(await current(network, client)).toBe(first);
    expect(network.servers.map(({ connections }) => connections).reduce((a, b) => a + b)).toBe(1);
  });

  test("does not begin with the same one as every other client", async () => {
    const network = new FakeNetwork(3);
    const first = new Set<number>();
    for (let i = 0; i < 30; i++) first.add(await current(network, network.client()));
    expect(first.size).toBe(3);
  });

  test("goes to the next at once when one is gone, and does not go back", async () => {
    const network = new FakeNetwork(3);
    const client = network.client();
    const first = await current(network, client);
    network.servers[first]!.mode = "down";
    network.breakAll(first);
    const start = network.clock.monotonic();
    const second = await current(network, client);
    expect(second).not.toBe(first);
    expect(network.clock.monotonic() - start).toBeLessThan(5);
    network.servers[first]!.mode = "up";
    expect(await current(network, client)).toBe(second);
  });

  test("leaves a server that says it cannot serve, and sends the write elsewhere", async () => {
    for (const code of ["UNAVAILABLE", "STORAGE_FAILED", "CLOSED"] as const) {
      const network = new FakeNetwork(3);
      const client = network.client();
      const first = await current(network, client);
      network.fate = (_, server) => server === first ? code : "serve";
      expect(await network.until(client.increment("n"))).toBe(1n);
      expect(await current(network, client)).not.toBe(first);
    }
  });

  test("leaves a server that falls silent, connected or not", async () => {
    const network = new FakeNetwork(3);
    const client = network.client();
    const first = await current(network, client);
    network.servers[first]!.mode = "silent";
    const second = (first + 1) % 3;
    network.servers[second]!.mode = "silent";
    expect(await network.until(client.increment("n"))).toBe(1n);
    expect(network.seen.at(-1)!.server).toBe((first + 2) % 3);
  });

  test("hears nothing of a connection that it has left", async () => {
    const network = new FakeNetwork(2);
    const left: ConnectionListener[] = [];
    const client = new KVClient({
      servers: network.servers.map(({ address }) => address),
      clock: network.clock,
      random: network.random,
      connector: (address, listener) => {
        left.push(listener);
        return network.connector(address, listener);
      },
    });
    await network.until(client.get("a"));
    network.fate = () => "swallow";
    const read = client.get("a");
    await network.pass(1990);
    expect(left.length).toBe(1);
    await network.pass(100);
    expect(left.length).toBe(2);
    const { connections } = network.servers[0]!;
    left[0]!.onReply(3, new Uint8Array([255]));
    left[0]!.onRefused(3, new KvError("LIMIT_EXCEEDED", "late"));
    left[0]!.onWatching(3, 9);
    left[0]!.onEvents(3, new Uint8Array([255]));
    left[0]!.onWatchEnd(3, new KvError("UNAVAILABLE", "late"));
    left[0]!.onOpen();
    left[0]!.onClose(new KvError("UNAVAILABLE", "late"));
    expect(client.status()).toMatchObject({ connected: true, pending: 1, inFlight: 1 });
    network.fate = () => "serve";
    expect(await network.until(read)).toBeNull();
    expect(network.servers[0]!.connections - connections).toBeLessThanOrEqual(1);
  });

  test("leaves a server that answers what makes no sense", async () => {
    const network = new FakeNetwork(2);
    const client = network.client();
    const first = await current(network, client);
    network.fate = (_, server) => server === first ? "garbage" : "serve";
    expect(await network.until(client.increment("n"))).toBe(1n);
    expect(network.seen.at(-1)!.server).not.toBe(first);
  });

  test("does not chase from server to server when all refuse writes while reads succeed", async () => {
    const network = new FakeNetwork(3);
    const client = network.client();
    network.fate = (command) => command.type === "once" ? "UNAVAILABLE" : "serve";
    const start = network.clock.monotonic();
    const writes: Promise<KvError>[] = [];
    for (let i = 0; i < 500; i++) {
      if (i % 5 === 0) writes.push(network.failure(client.increment("n")));
      await network.until(client.get("a"));
      await network.pass(10);
    }
    // Those that were under way when another write's refusal changed the server are in doubt.
    for (const error of await Promise.all(writes)) {
      expect(["DEADLINE_EXCEEDED", "OUTCOME_UNKNOWN"]).toContain(error.code);
    }
    const connections = network.servers.map((server) => server.connections).reduce((a, b) => a + b);
    expect(connections).toBeLessThan(15 + (network.clock.monotonic() - start) / 1000);
  });
});

describe("a client of one server", () => {
  test("keeps its connection when the server cannot serve just now", async () => {
    const network = new FakeNetwork(1);
    const client = network.client();
    let refused = 0;
    network.fate = () => refused++ < 5 ? "UNAVAILABLE" : "serve";
    expect(await network.until(client.increment("n"))).toBe(1n);
    expect(network.servers[0]!.connections).toBe(1);
  });

  test("tells at once that the server's disk failed", async () => {
    const network = new FakeNetwork(1);
    const client = network.client();
    await network.until(client.increment("n"));
    network.fate = (command) => command.type === "once" ? "STORAGE_FAILED" : "serve";
    expect(await network.failure(client.increment("n"), 50)).toMatchObject({ code: "STORAGE_FAILED", retryable: true });
    expect(await network.until(client.get("n"))).not.toBeNull();
  });

  test("tells at once that the password is wrong", async () => {
    const network = new FakeNetwork(1);
    network.servers[0]!.mode = "down";
    network.refusal = new KvError("UNAUTHENTICATED", "the password is wrong");
    const client = network.client();
    const watch = client.watch();
    const failures = [client.get("a"), client.increment("n"), watch.next()].map((each) => network.failure(each, 50));
    for (const error of await Promise.all(failures)) expect(error.code).toBe("UNAUTHENTICATED");
  });

  test("passes over servers without TLS, and ends what was asked only when none is left", async () => {
    const network = new FakeNetwork(3);
    const untrusted = new KvError("TLS_FAILED", "its certificate has expired");
    for (const server of network.servers) server.refusal = untrusted;
    const [first, second, third] = network.servers as [FakeServer, FakeServer, FakeServer];
    first.mode = second.mode = "down";
    // Wherever the clients begin.
    for (let i = 0; i < 10; i++) expect(await network.until(network.client().get("a"), 50)).toBeNull();
    third.mode = "down";
    for (let i = 0; i < 10; i++) {
      const client = network.client();
      const watch = client.watch();
      const failures = [client.get("a"), client.increment("n"), watch.next()].map((each) => network.failure(each, 50));
      for (const error of await Promise.all(failures)) expect(error.code).toBe("TLS_FAILED");
    }
  });

  test("tries all servers again for what is asked after that", async () => {
    const network = new FakeNetwork(3);
    network.refusal = new KvError("TLS_FAILED", "its certificate has expired");
    for (const server of network.servers) server.mode = "down";
    const client = network.client();
    await network.failure(client.get("a"), 50);
    for (const server of network.servers) {
      server.mode = "up";
      expect(await network.until(client.get("a"), 10_000)).toBeNull();
      server.mode = "down";
      network.breakAll(network.servers.indexOf(server));
      expect((await network.failure(client.get("a"), 10_000)).code).toBe("TLS_FAILED");
    }
  });

  test("waits for servers that are away while others have no TLS, and then tells of the latter", async () => {
    const network = new FakeNetwork(3);
    for (const server of network.servers) server.mode = "down";
    network.servers[1]!.refusal = new KvError("TLS_FAILED", "its certificate has expired");
    // Whichever of them was tried last.
    for (let i = 0; i < 20; i++) {
      const error = await network.failure(network.client({ deadline_ms: 500 }).get("a"), 510);
      expect(error.code).toBe("DEADLINE_EXCEEDED");
      expect(error.message).toContain("its certificate has expired");
    }
    const later = network.client({ deadline_ms: 20_000 }).get("a");
    await network.pass(1000);
    network.servers[2]!.mode = "up";
    expect(await network.until(later, 19_000)).toBeNull();
  });

  test("comes back with growing, jittered waits", async () => {
    const network = new FakeNetwork(1);
    network.servers[0]!.mode = "down";
    const client = network.client({ deadline_ms: 20_000 });
    const read = client.get("a");
    await network.pass(10_000);
    const { connections } = network.servers[0]!;
    expect(connections).toBeGreaterThan(8);
    expect(connections).toBeLessThan(25);
    network.servers[0]!.mode = "up";
    expect(await network.until(read, 2100)).toBeNull();
  });

  test("connects for nobody when nothing waits", async () => {
    const network = new FakeNetwork(1);
    const client = network.client();
    await network.pass(100);
    expect(network.servers[0]!.connections).toBe(0);
    await network.until(client.get("a"));
    network.breakAll();
    await network.pass(10_000);
    expect(network.servers[0]!.connections).toBe(1);
    await network.until(client.get("a"));
    expect(network.servers[0]!.connections).toBe(2);
  });
});

describe("Backoff", () => {
  test("doubles between half and all of the full wait, up to the longest", () => {
    const backoff = new Backoff(new SeededRandom(7));
    let full = 20;
    for (let i = 0; i < 40; i++) {
      const wait = backoff.fail();
      expect(wait).toBeGreaterThanOrEqual(full / 2);
      expect(wait).toBeLessThanOrEqual(full);
      full = Math.min(2000, full * 2);
    }
    backoff.reset();
    expect(backoff.fail()).toBeLessThanOrEqual(20);
  });

  test("costs nothing while there are other servers to try", () => {
    const backoff = new Backoff(new SeededRandom(7), { free: 2 });
    expect([backoff.fail(), backoff.fail()]).toEqual([0, 0]);
    expect(backoff.fail()).toBeGreaterThan(0);
  });
});
