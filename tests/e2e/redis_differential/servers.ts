/**
 * The two servers that are compared: a real Redis in a process of its own, and ours in this one.
 *
 * @module
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../../src/adapters/system_clock.ts";
import { systemRandom } from "../../../src/adapters/system_random.ts";
import { KVStore } from "../../../src/core/kv/kv_store.ts";
import { Standalone } from "../../../src/core/standalone.ts";
import { MemoryLog } from "../../../src/log/memory_log.ts";
import { Logins } from "../../../src/server/access/logins.ts";
import { commandTable } from "../../../src/server/resp/command_table.ts";
import { ServerContext } from "../../../src/server/resp/server_context.ts";
import { Service } from "../../../src/server/service.ts";
import { ServerStats } from "../../../src/server/stats.ts";
import { startTcpServer } from "../../../src/server/tcp_server.ts";
import { RawClient } from "./raw_client.ts";
import { figuresOf } from "../../support/resp_server.ts";

/** Why there is no Redis to compare with, or null when there is one. */
export function redisMissing(): string | null {
  const { error, stdout } = spawnSync("redis-server", ["--version"], { encoding: "utf8" });
  if (error !== undefined) return "redis-server is not installed";
  return /v=7\./.test(stdout) ? null : `redis-server is not version 7: ${stdout.trim()}`;
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const address = probe.address();
      const port = typeof address === "object" && address !== null ? address.port : 0;
      probe.close(() => resolve(port));
    });
  });
}

/** A Redis that keeps nothing. */
export class RedisProcess {
  readonly port: number;
  readonly #child: ChildProcess;
  readonly #folder: string;

  private constructor(port: number, child: ChildProcess, folder: string) {
    this.port = port;
    this.#child = child;
    this.#folder = folder;
  }

  /** Starts one on a free port, with flags beside the usual ones, and waits until it answers. */
  static async start(more: readonly string[] = []): Promise<RedisProcess> {
    const port = await freePort();
    const folder = mkdtempSync(join(tmpdir(), "kvpaxos-redis-"));
    const flags = ["--port", `${port}`, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", folder];
    const child = spawn("redis-server", [...flags, ...more], { stdio: "ignore" });
    const redis = new RedisProcess(port, child, folder);
    for (let attempt = 0; attempt < 200; attempt++) {
      try {
        (await RawClient.connect(port)).close();
        return redis;
      } catch {
        // Not listening yet.
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
    await redis.stop();
    throw new Error(`redis-server did not listen on port ${port} within 10 s`);
  }

  async stop(): Promise<void> {
    const exited = new Promise((resolve) => this.#child.once("exit", resolve));
    if (this.#child.exitCode === null) {
      this.#child.kill("SIGKILL");
      await exited;
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Our server, in memory, in this process. */
export interface OurServer {
  readonly port: number;
  close(): Promise<void>;
}

/** Starts our TCP door over a log in memory. */
export async function startOurServer(): Promise<OurServer> {
  const store = new KVStore();
  const log = new MemoryLog({ clock: systemClock, random: systemRandom });
  const replication = new Standalone({ log, clock: systemClock, stateMachine: store });
  await replication.start();
  const stats = new ServerStats();
  const config = {
    version: "0.0.0",
    runtime: "test",
    processId: 1,
    tcpPort: 0,
    maxConnections: 100,
    idleTimeout_ms: 0,
    memoryBytes: () => 0,
    figures: () => figuresOf(replication, store, stats),
  };
  const context = new ServerContext({
    service: new Service(replication, store),
    table: commandTable,
    clock: systemClock,
    random: systemRandom,
    stats,
    config,
    logins: new Logins({ clock: systemClock }),
  });
  const server = await startTcpServer({ host: "127.0.0.1", port: 0, context });
  return {
    port: server.port,
    close: async () => {
      await server.close();
      await replication.close();
    },
  };
}
