/**
 * Whole replicas in this process, over real sockets on ports that were free a moment ago.
 *
 * @module
 */
import { connect } from "../../../src/adapters/connect.ts";
import type { ServerAddress } from "../../../src/client/connection.ts";
import { stringCodec } from "../../../src/client/codecs.ts";
import type { KVClient } from "../../../src/client/kv_client.ts";
import type { ClusterOptions } from "../../../src/server/cluster/options.ts";
import { type RunningServer, type ServerOptions, startServer } from "../../../src/server/server.ts";
import type { StatusPage } from "../../../src/server/status_page.ts";

/** Waits until `condition` holds; generous, because machines are slow at times. */
export async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (!await condition()) {
    if (performance.now() > deadline) throw new Error(`waited for 20 s until ${what}`);
    await new Promise((wait) => setTimeout(wait, 10));
  }
}

/** Replicas that are started and stopped one by one. */
export class InProcessCluster {
  readonly peers: readonly ServerAddress[];
  readonly servers: (RunningServer | null)[];
  readonly #options: (id: number) => Omit<ServerOptions, "port" | "httpPort" | "cluster">;
  readonly #cluster: Partial<ClusterOptions>;
  readonly #clients: KVClient<string>[] = [];

  constructor(
    ports: readonly number[],
    options: (id: number) => Omit<ServerOptions, "port" | "httpPort" | "cluster">,
    cluster: Partial<ClusterOptions> = {},
  ) {
    this.peers = ports.map((port) => ({ host: "127.0.0.1", port }));
    this.servers = ports.map(() => null);
    this.#options = options;
    this.#cluster = cluster;
  }

  async start(id: number): Promise<RunningServer> {
    const { port } = this.peers[id]!;
    const cluster = { ...this.#cluster, id, peers: this.peers };
    const server = await startServer({ ...this.#options(id), port, httpPort: port + 1000, cluster });
    this.servers[id] = server;
    return server;
  }

  /** Starts all of them and waits until they are ready. */
  async startAll(): Promise<this> {
    const servers = await Promise.all(this.peers.map((_, id) => this.start(id)));
    await Promise.all(servers.map((server) => server.ready()));
    return this;
  }

  async stop(id: number): Promise<void> {
    const server = this.servers[id];
    this.servers[id] = null;
    await server?.close();
  }

  client(id: number, protocol: "tcp" | "udp" | "http" | "rpc" = "tcp", deadline_ms = 20_000): KVClient<string> {
    const { host, port } = this.peers[id]!;
    const at = protocol === "tcp" || protocol === "udp" ? port : port + 1000;
    const client = connect({ servers: [{ host, port: at }], protocol, codec: stringCodec, deadline_ms });
    this.#clients.push(client);
    return client;
  }

  url(id: number): string {
    return `http://127.0.0.1:${this.peers[id]!.port + 1000}`;
  }

  async status(id: number): Promise<StatusPage> {
    return await (await fetch(`${this.url(id)}/v1/status`)).json() as StatusPage;
  }

  /** Which replica leads, by its own word. */
  async leader(): Promise<number> {
    for (const [id, server] of this.servers.entries()) {
      if (server !== null && (await this.status(id)).replication.cluster?.role === "leader") return id;
    }
    throw new Error("nobody leads");
  }

  async close(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.close()));
    await Promise.all(this.servers.map((_, id) => this.stop(id)));
  }
}
