import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { connect } from "../../src/adapters/connect.ts";
import { stringCodec } from "../../src/client/codecs.ts";
import type { KVClient } from "../../src/client/kv_client.ts";
import type { Limits } from "../../src/core/kv/limits.ts";
import { type RunningServer, startServer } from "../../src/server/server.ts";

const folder = mkdtempSync(join(tmpdir(), "kvpaxos-server-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function clientOf(server: RunningServer, limits: Partial<Limits> = {}): KVClient<string> {
  return connect({ servers: [{ host: "127.0.0.1", port: server.addresses.tcp.port }], codec: stringCodec, limits });
}

describe("a server in this process", () => {
  test("keeps its data from one life to the next, snapshots included", async () => {
    const options = { port: 0, httpPort: null, dataDir: join(folder, "data"), snapshotEvery_bytes: 20_000 };
    const first = await startServer(options);
    const client = clientOf(first);
    for (let round = 0; round < 20; round++) {
      await Promise.all(Array.from({ length: 20 }, (_, i) => client.put(`k${round}:${i}`, "v".repeat(100))));
    }
    const status = await (await fetch(`http://127.0.0.1:${first.addresses.http!.port}/v1/status`)).json() as {
      replication: { snapshots: number };
    };
    expect(status.replication.snapshots).toBeGreaterThan(0);
    await client.close();
    await first.close();
    const second = await startServer(options);
    const again = clientOf(second);
    expect(await again.count({ prefix: "k" })).toBe(400);
    expect((await again.get("k7:7"))?.value).toBe("v".repeat(100));
    await again.close();
    await second.close();
  });

  test("takes larger values when told to, over RESP and HTTP alike", async () => {
    const limits = { maxValueBytes: 20 * 1024 * 1024 };
    await using server = await startServer({ port: 0, httpPort: null, dataDir: null, limits });
    const value = "x".repeat(18 * 1024 * 1024);
    const client = clientOf(server, limits);
    await client.put("large", value, { deadline_ms: 30_000 });
    const address = `http://127.0.0.1:${server.addresses.http!.port}/v1/kv/large`;
    expect((await (await fetch(address)).text()).length).toBe(value.length);
    expect((await fetch(address, { method: "PUT", body: value })).status).toBeLessThan(300);
    await client.close();
  });

  test("refuses connections past its limit and keeps those it has", async () => {
    await using server = await startServer({ port: 0, httpPort: 0, dataDir: null, maxConnections: 1 });
    const only = clientOf(server);
    await only.put("a", "1");
    const refused = connect({
      servers: [{ host: "127.0.0.1", port: server.addresses.tcp.port }],
      deadline_ms: 300,
    });
    await expect(refused.get("a")).rejects.toMatchObject({ retryable: true });
    await refused.close();
    expect((await only.get("a"))?.value).toBe("1");
    expect(server.addresses.http).toBeNull();
    await only.close();
  });

  test("lets go of its folder and its ports when it cannot start", async () => {
    await using running = await startServer({ port: 0, httpPort: 0, dataDir: null });
    const dataDir = join(folder, "taken");
    await expect(startServer({ port: running.addresses.tcp.port, httpPort: 0, dataDir })).rejects.toThrow(
      /in use|EADDRINUSE/i,
    );
    await using server = await startServer({ port: 0, httpPort: 0, dataDir });
    expect(server.addresses.udp!.port).toBe(server.addresses.tcp.port);
  });
});
