/**
 * Whole clusters of built replicas, each a process of its own, for tests that kill, pause and restart them.
 *
 * @module
 */
import { join } from "node:path";
import { onTestFailed, onTestFinished } from "vitest";
import { connect, type ConnectOptions } from "../../../src/adapters/connect.ts";
import { stringCodec } from "../../../src/client/codecs.ts";
import type { KVClient } from "../../../src/client/kv_client.ts";
import type { ClusterStatus } from "../../../src/core/replication.ts";
import type { StatusPage } from "../../../src/server/status_page.ts";
import { freePorts } from "../../support/free_ports.ts";
import { type Exit, type ServerProcess, Servers } from "./server_process.ts";

/** What a test wants of its cluster. */
export interface ClusterOptions {
  /** @default 5 */
  readonly replicas?: number;
  /** Flags of every replica, such as `--transport=http`. @default none */
  readonly flags?: readonly string[];
  /** Flags of one replica beside those. @default none */
  readonly flagsOf?: (id: number) => readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** How a replica is waited for: generously, because the machine may be busy. */
const WAIT_MS = 30_000;
/** How much of each replica's output a failed test shows. */
const SHOWN_CHARACTERS = 6000;

/** Replicas of the built kvserver. They are counted from 0. */
export class Cluster {
  readonly ports: readonly number[];
  readonly #options: ClusterOptions;
  readonly #servers = new Servers();
  readonly #folder: string;
  readonly #processes: (ServerProcess | null)[];
  readonly #clients: KVClient<string>[] = [];
  /** What replicas that are gone have written. */
  readonly #past: string[];

  constructor(ports: readonly number[], options: ClusterOptions) {
    this.ports = ports;
    this.#options = options;
    this.#folder = this.#servers.folder("cluster");
    this.#processes = ports.map(() => null);
    this.#past = ports.map(() => "");
  }

  /** The numbers of all replicas. */
  get ids(): number[] {
    return this.ports.map((_, id) => id);
  }

  /** The replicas whose process runs, paused ones included. */
  get running(): number[] {
    return this.ids.filter((id) => this.#processes[id] !== null);
  }

  /** Where the replica has its data. */
  dataDir(id: number): string {
    return join(this.#folder, `kvserver-${this.ports[id]}`);
  }

  /** The process of a replica. Throws when it does not run. */
  process(id: number): ServerProcess {
    const process = this.#processes[id];
    if (process === null || process === undefined) throw new Error(`replica ${id} does not run`);
    return process;
  }

  /** Starts the process of a replica, without waiting for it. `command` is run instead of the built kvserver. */
  async spawn(id: number, command?: readonly [program: string, ...args: string[]]): Promise<ServerProcess> {
    if (this.#processes[id] !== null) throw new Error(`replica ${id} runs already`);
    const peers = this.ports.map((port) => `127.0.0.1:${port}`).join(",");
    const { flags = [], flagsOf = () => [], env = {} } = this.#options;
    const process = await this.#servers.spawn({
      port: this.ports[id]!,
      dataDir: this.dataDir(id),
      flags: ["--peers", peers, ...flags, ...flagsOf(id)],
      env,
      ...(command === undefined ? {} : { command }),
    });
    this.#processes[id] = process;
    return process;
  }

  /** Starts a replica and waits until it can serve. */
  async start(id: number): Promise<void> {
    await (await this.spawn(id)).ready();
  }

  /** Starts all that do not run, and waits until they can serve. */
  async startAll(): Promise<void> {
    const missing = this.ids.filter((id) => this.#processes[id] === null);
    const started = await Promise.all(missing.map((id) => this.spawn(id)));
    await Promise.all(started.map((process) => process.ready()));
  }

  /** kill -9. */
  async kill(id: number): Promise<Exit> {
    const exit = await this.process(id).kill();
    this.#forget(id);
    return exit;
  }

  /** SIGTERM. */
  async stop(id: number): Promise<Exit> {
    const exit = await this.process(id).stop();
    this.#forget(id);
    return exit;
  }

  /** SIGSTOP: the process is there and does nothing. */
  pause(id: number): void {
    this.process(id).child.kill("SIGSTOP");
  }

  /** SIGCONT. */
  resume(id: number): void {
    this.process(id).child.kill("SIGCONT");
  }

  /** A replica's figures. */
  async status(id: number): Promise<StatusPage> {
    const response = await fetch(`http://127.0.0.1:${this.ports[id]! + 1000}/v1/status`, {
      signal: AbortSignal.timeout(5000),
    });
    return await response.json() as StatusPage;
  }

  /** A replica's place among the others. */
  async place(id: number): Promise<ClusterStatus> {
    return (await this.status(id)).replication.cluster!;
  }

  /** Waits until some replica of `among` says that it leads, and returns its number. */
  async leader(among: readonly number[] = this.running): Promise<number> {
    let found: number | null = null;
    await this.until(`one of ${among.join(", ")} leads`, async () => {
      const places = await Promise.all(among.map((id) => this.place(id).catch(() => null)));
      found = places.find((place) => place?.role === "leader")?.id ?? null;
      return found !== null;
    });
    return found!;
  }

  /** Waits until the replicas of `among` have applied the same, everything that any of them knows to be chosen. */
  async caughtUp(among: readonly number[] = this.running): Promise<void> {
    await this.until(`replicas ${among.join(", ")} have caught up`, async () => {
      const places = await Promise.all(among.map((id) => this.place(id)));
      const most = Math.max(...places.map(({ chosenSlot }) => chosenSlot));
      return places.every(({ appliedSlot }) => appliedSlot === most);
    });
  }

  /** Polls until `holds`, for at most 30 seconds. A check that throws counts as no. */
  async until(what: string, holds: () => Promise<boolean>): Promise<void> {
    const deadline = performance.now() + WAIT_MS;
    while (!await holds().catch(() => false)) {
      if (performance.now() > deadline) throw new Error(`waited for ${WAIT_MS} ms until ${what}`);
      await new Promise((wait) => setTimeout(wait, 20));
    }
  }

  /** A client of some replicas; closed with the cluster. */
  client(ids: readonly number[] = this.ids, options: Partial<ConnectOptions> = {}): KVClient<string> {
    const offset = options.protocol === "http" || options.protocol === "rpc" ? 1000 : 0;
    const servers = ids.map((id) => ({ host: "127.0.0.1", port: this.ports[id]! + offset }));
    const client = connect({ deadline_ms: 20_000, ...options, codec: stringCodec, servers });
    this.#clients.push(client);
    return client;
  }

  /** The end of what each replica wrote. */
  output(): string {
    return this.ids.map((id) => {
      const text = this.#past[id]! + (this.#processes[id]?.output ?? "");
      return `== replica ${id}, port ${this.ports[id]}\n${text.slice(-SHOWN_CHARACTERS)}`;
    }).join("\n");
  }

  /** Ends everything and removes the data. */
  async close(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.close()));
    // SIGKILL ends paused processes, too.
    await this.#servers.close();
  }

  #forget(id: number): void {
    this.#past[id] += `${this.#processes[id]?.output ?? ""}-- ended --\n`;
    this.#processes[id] = null;
  }
}

/**
 * Starts a cluster and waits until every replica can serve. Called within a test: at its end everything is stopped and
 * removed, and a failure shows what the replicas wrote.
 */
export async function startCluster(options: ClusterOptions = {}): Promise<Cluster> {
  const cluster = new Cluster(await freePorts(options.replicas ?? 5), options);
  onTestFinished(() => cluster.close());
  onTestFailed(() => console.error(cluster.output()));
  await cluster.startAll();
  return cluster;
}
