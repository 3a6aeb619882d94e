import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { connectLibrary } from "../../cli/kvclient/library_store.ts";
import type { Protocol, ServerHealth } from "../../cli/kvclient/store.ts";
import { startServer } from "../../src/server/server.ts";
import { freePorts } from "../support/free_ports.ts";
import { FakeStore, kvclient } from "./fakes.ts";
import { secret } from "../support/secrets/secrets.ts";

describe("health", () => {
  it("ends with 0 when every server that was named is ready, else with 5, and says why", async () => {
    expect(await kvclient(["health"])).toMatchObject({ code: 0, output: "127.0.0.1:32000 is ready\n", error: "" });
    const store = new FakeStore();
    store.healths = [{ server: "a:1", unready: null }, { server: "b:2", unready: "no leader is known" }];
    expect(await kvclient(["health"], { store })).toMatchObject({
      code: 5,
      output: "a:1 is ready\nb:2 is not ready: no leader is known\n",
    });
    const { code, output } = await kvclient(["health", "-o", "json"], { store });
    expect([code, JSON.parse(output)]).toEqual([5, [
      { server: "a:1", ready: true, unready: null },
      { server: "b:2", ready: false, unready: "no leader is known" },
    ]]);
  });
});

describe("the health of a real server", async () => {
  const [port, other, nobody] = await freePorts(3);
  const password = secret("open sesame");
  const options = { host: "127.0.0.1", dataDir: null, password };
  const alone = await startServer({ ...options, port: port!, httpPort: port! + 1000 });
  const peers = [{ host: "127.0.0.1", port: other! }, { host: "127.0.0.1", port: nobody! }];
  const cluster = { id: 0, peers };
  const dataDir = mkdtempSync(join(tmpdir(), "kvpaxos-health-"));
  const waiting = await startServer({ ...options, dataDir, port: other!, httpPort: other! + 1000, cluster });
  afterAll(async () => {
    await Promise.all([alone.close(), waiting.close()]);
    rmSync(dataDir, { recursive: true });
  });

  async function ask(protocol: Protocol, port: number, password: string | null): Promise<readonly ServerHealth[]> {
    const store = connectLibrary({
      servers: [{ host: "127.0.0.1", port }],
      protocol,
      user: null,
      password,
      tls: null,
      deadline_ms: 5000,
    });
    try {
      return await store.health();
    } finally {
      await store.close();
    }
  }

  it("is asked for over HTTP without a password, and over TCP with it", async () => {
    const http = `127.0.0.1:${port! + 1000}`;
    expect(await ask("http", port! + 1000, null)).toEqual([{ server: http, unready: null }]);
    expect(await ask("rpc", port! + 1000, null)).toEqual([{ server: http, unready: null }]);
    expect(await ask("tcp", port!, password)).toEqual([{ server: `127.0.0.1:${port}`, unready: null }]);
    expect((await ask("tcp", port!, null))[0]!.unready).toMatch(/password|authenticat/i);
  });

  it("is that it is not ready while a replica waits for the others, whichever way it is asked", async () => {
    const answers = await Promise.all([ask("http", other! + 1000, null), ask("tcp", other!, password)]);
    for (const [{ unready } = { unready: null }] of answers) expect(unready).toMatch(/replica|majority|leader/);
    expect(answers[0]![0]!.unready).toBe(answers[1]![0]!.unready);
  });

  it("is told apart from nobody, and from what is no kvserver", async () => {
    expect((await ask("http", nobody! + 1000, null))[0]!.unready).toBeTruthy();
    expect((await ask("tcp", nobody!, null))[0]!.unready).toMatch(/ECONNREFUSED|refused/i);
    expect((await ask("http", port!, null))[0]!.unready).toBeTruthy();
  });
});
