import { createSocket, type Socket } from "node:dgram";
import { afterEach, describe, expect, test } from "vitest";
import { connect } from "../../src/adapters/connect.ts";
import { udpConnector } from "../../src/adapters/udp_connection.ts";
import type { ConnectionListener } from "../../src/client/connection.ts";
import { type KvError, OutcomeUnknown } from "../../src/core/errors.ts";
import { startServer } from "../../src/server/server.ts";

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

/** Passes datagrams to a server and back, losing, repeating and holding some; returns its port. */
async function lossyRelay(target: number): Promise<number> {
  const front = createSocket("udp4");
  const backs = new Map<number, Socket>();
  let count = 0;
  const deliver = (send: () => void): void => {
    count++;
    if (count % 5 === 0) return;
    send();
    if (count % 3 === 0) setTimeout(send, count % 40);
  };
  let closed = false;
  front.on("message", (message, { port }) => {
    let back = backs.get(port);
    if (back === undefined) {
      back = createSocket("udp4");
      backs.set(port, back);
      back.on("message", (reply) => deliver(() => closed || front.send(reply, port, "127.0.0.1")));
    }
    const from = back;
    deliver(() => closed || from.send(message, target, "127.0.0.1"));
  });
  await new Promise<void>((resolve) => front.bind(0, "127.0.0.1", resolve));
  ends.push(() => {
    closed = true;
    for (const back of backs.values()) back.close();
    return new Promise<void>((resolve) => front.close(() => resolve()));
  });
  return front.address().port;
}

describe("a UDP connection", () => {
  // Deno does not tell a datagram socket that nobody listens: there the client notices the silence instead.
  test.skipIf("Deno" in globalThis)("is closed when nobody listens", async () => {
    const taken = createSocket("udp4");
    await new Promise<void>((resolve) => taken.bind(0, "127.0.0.1", resolve));
    const { port } = taken.address();
    await new Promise<void>((resolve) => taken.close(() => resolve()));
    const error = await new Promise<KvError>((resolve) => {
      const nothing = (): void => undefined;
      const listener: ConnectionListener = {
        onOpen: () => {
          connection.request(1, new Uint8Array([1]));
          // Some systems tell of the refusal only with the next datagram.
          setTimeout(() => connection.request(1, new Uint8Array([1])), 50);
        },
        onReply: nothing,
        onRefused: nothing,
        onWatching: nothing,
        onEvents: nothing,
        onWatchEnd: nothing,
        onClose: resolve,
      };
      const connection = udpConnector()({ host: "127.0.0.1", port }, listener);
    });
    expect(error.code).toBe("UNAVAILABLE");
  });

  test("gives way to the next server when nobody listens", async () => {
    const server = await startServer({ port: 0, httpPort: 0, dataDir: null });
    ends.push(() => server.close());
    const closed = createSocket("udp4");
    await new Promise<void>((resolve) => closed.bind(0, "127.0.0.1", resolve));
    const nobody = { host: "127.0.0.1", port: closed.address().port };
    await new Promise<void>((resolve) => closed.close(() => resolve()));
    for (let i = 0; i < 4; i++) {
      const client = connect({ servers: [nobody, server.addresses.udp!], protocol: "udp", silence_ms: 300 });
      ends.push(() => client.close());
      expect(typeof await client.increment("n")).toBe("bigint");
    }
  });

  test("refuses a request that does not fit a datagram before it is sent", async () => {
    const server = await startServer({ port: 0, httpPort: 0, dataDir: null });
    ends.push(() => server.close());
    const client = connect({ servers: [server.addresses.udp!], protocol: "udp" });
    ends.push(() => client.close());
    await expect(client.put("a", new Uint8Array(70_000))).rejects.toMatchObject({ code: "MESSAGE_TOO_LARGE" });
    expect(await client.get("a")).toBeNull();
    await client.put("a", new Uint8Array(50_000));
    await client.append("a", new Uint8Array(50_000));
    await expect(client.get("a")).rejects.toMatchObject({ code: "MESSAGE_TOO_LARGE" });
    await expect(client.delete("a", { returnPrevious: true })).rejects.toBeInstanceOf(OutcomeUnknown);
    expect(await client.get("a")).toBeNull();
  });

  test("increments and watches exactly through a network that loses, repeats and reorders", async () => {
    const server = await startServer({ port: 0, httpPort: 0, dataDir: null });
    ends.push(() => server.close());
    const port = await lossyRelay(server.addresses.udp!.port);
    const client = connect({ servers: [{ host: "127.0.0.1", port }], protocol: "udp", deadline_ms: 25_000 });
    ends.push(() => client.close());
    const watch = client.watch({ key: "n" });
    await watch.ready;
    await Promise.all(Array.from({ length: 100 }, () => client.increment("n")));
    expect(await client.increment("n", 0)).toBe(100n);
    for (let i = 1; i <= 100; i++) {
      expect(new TextDecoder().decode((await watch.next()).value?.entry.value)).toBe(String(i));
    }
  });
});
