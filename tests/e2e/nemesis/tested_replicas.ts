/**
 * Replicas of the test build of kvserver (the product with troubles around its disk, its clock and its links), each a
 * process of its own with data on a real disk, and a relay on every link.
 *
 * @module
 */
import { type ChildProcess, spawn } from "node:child_process";
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { freePorts } from "../../support/free_ports.ts";
import type { Troubles } from "./instruments/troubles.ts";
import { type LinkTrouble, Relay } from "./relay.ts";

const DIST = resolve(import.meta.dirname, "../../../dist");

/** What runs the replicas: the executable, which has Bun in it, or a runtime. */
export type RuntimeName = "executable" | "bun" | "node" | "deno";

const SCRIPT = join(DIST, "test", "kvserver.js");
const PROGRAMS: Readonly<Record<RuntimeName, readonly string[]>> = {
  executable: [join(DIST, "test", "kvserver")],
  bun: ["bun", SCRIPT],
  node: ["node", SCRIPT],
  deno: ["deno", "run", "-A", SCRIPT],
};

/** Which replicas are wanted. */
export interface TestedOptions {
  readonly replicas: number;
  readonly replication: "none" | "2pc" | "paxos";
  readonly runtime: RuntimeName;
  /** More flags of every replica. */
  readonly flags?: readonly string[];
}

/** How long a replica may take to start, or all of them to be ready, in milliseconds. */
const READY_MS = 60_000;
const POLL_MS = 50;

/** The replicas, counted from 0. */
export class TestedReplicas {
  readonly ports: readonly number[];
  readonly folder: string;
  readonly options: TestedOptions;
  readonly #processes: (ChildProcess | null)[];
  readonly #relays = new Map<string, Relay>();
  readonly #routes: string[] = [];

  private constructor(ports: readonly number[], options: TestedOptions) {
    this.ports = ports;
    this.options = options;
    this.folder = mkdtempSync(join(tmpdir(), "kvpaxos-nemesis-"));
    this.#processes = ports.map(() => null);
  }

  /** Opens the relays and starts all replicas; resolves when they are ready. */
  static async start(options: TestedOptions): Promise<TestedReplicas> {
    const program = PROGRAMS[options.runtime].at(-1)!;
    if (!existsSync(program)) throw new Error(`${program} is not there: run \`npm run build\` first`);
    const replicas = new TestedReplicas(await freePorts(options.replicas), options);
    for (const from of replicas.ids) {
      const routes: string[] = [];
      for (const to of replicas.ids) {
        if (to === from) continue;
        const relay = new Relay(replicas.ports[to]!);
        replicas.#relays.set(`${from}-${to}`, relay);
        routes.push(`127.0.0.1:${replicas.ports[to]}=127.0.0.1:${await relay.open()}`);
      }
      replicas.#routes.push(routes.join(","));
    }
    for (const id of replicas.ids) replicas.spawn(id);
    await replicas.ready();
    return replicas;
  }

  /** All numbers. */
  get ids(): number[] {
    return this.ports.map((_, id) => id);
  }

  /** The addresses for clients. */
  get servers(): string {
    return this.ports.map((port) => `127.0.0.1:${port}`).join(",");
  }

  /** Where a replica has its data. */
  dataDir(id: number): string {
    return join(this.folder, `replica-${id + 1}`);
  }

  /** Whether its process is there, running or paused. */
  isThere(id: number): boolean {
    return this.#processes[id] !== null;
  }

  /** The process number of a replica that is there. */
  pidOf(id: number): number {
    const child = this.#processes[id];
    if (child?.pid === undefined) throw new Error(`replica ${id + 1} does not run`);
    return child.pid;
  }

  /** Starts a replica's process. */
  spawn(id: number, env: Readonly<Record<string, string>> = {}): void {
    if (this.#processes[id] !== null) throw new Error(`replica ${id + 1} runs already`);
    const { replication, runtime, flags = [] } = this.options;
    const [command, ...args] = PROGRAMS[runtime];
    const peers = replication === "none" ? [] : ["--replication", replication, "--peers", this.servers];
    mkdirSync(join(this.folder, "troubles"), { recursive: true });
    const log = join(this.folder, `replica-${id + 1}.log`);
    const child = spawn(
      command!,
      [...args, "--port", String(this.ports[id]), "--data-dir", this.dataDir(id), ...peers, ...flags],
      {
        stdio: ["ignore", "pipe", "pipe"],
        env: {
          ...process.env,
          KVPAXOS_TROUBLES: this.#troubleFile(id),
          KVPAXOS_ROUTES: this.#routes[id] ?? "",
          ...env,
        },
      },
    );
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (text: Uint8Array) => appendFileSync(log, text));
    }
    child.once("exit", (code, signal) => {
      appendFileSync(log, `-- ended: ${code ?? signal}\n`);
      if (this.#processes[id] === child) this.#processes[id] = null;
    });
    this.#processes[id] = child;
  }

  #troubleFile(id: number): string {
    return join(this.folder, "troubles", `${id + 1}.json`);
  }

  /** Sends a signal and, if that ends the process, waits for its end. */
  async signal(id: number, name: "SIGKILL" | "SIGTERM"): Promise<void> {
    const child = this.#processes[id];
    if (child === null || child === undefined) return;
    const ended = new Promise((done) => child.once("exit", done));
    child.kill(name);
    // One that does not end in good order, such as one whose disk has failed, is ended all the same.
    const timer = setTimeout(() => child.kill("SIGKILL"), 15_000);
    await ended;
    clearTimeout(timer);
  }

  /** Waits for the end of a process that is to end by itself. Returns whether it did. */
  async ended(id: number, patience_ms: number): Promise<boolean> {
    const until = performance.now() + patience_ms;
    while (this.isThere(id) && performance.now() < until) await sleep(5);
    return !this.isThere(id);
  }

  /** SIGSTOP: it is there and does nothing. */
  pause(id: number): void {
    this.#processes[id]?.kill("SIGSTOP");
  }

  /** SIGCONT. */
  resume(id: number): void {
    this.#processes[id]?.kill("SIGCONT");
  }

  /** Tells a replica what is wrong with its world from now on. */
  trouble(id: number, troubles: Troubles): void {
    // At once, as the process may read it at any time.
    const path = this.#troubleFile(id);
    writeFileSync(`${path}.new`, JSON.stringify(troubles));
    renameSync(`${path}.new`, path);
  }

  /** What is wrong with the way from one replica to another. */
  link(from: number, to: number, trouble: LinkTrouble | null): void {
    this.#relays.get(`${from}-${to}`)?.set(trouble);
  }

  /** Waits until these replicas say that they can serve. */
  async ready(ids: readonly number[] = this.ids, patience_ms: number = READY_MS): Promise<void> {
    const until = performance.now() + patience_ms;
    const missing = new Set(ids);
    while (missing.size > 0) {
      for (const id of missing) if (await this.isReady(id)) missing.delete(id);
      if (missing.size > 0 && performance.now() > until) {
        const names = [...missing].map((id) => id + 1).join(", ");
        throw new Error(`not ready within ${patience_ms} ms: ${names}; see ${this.folder}`);
      }
      if (missing.size > 0) await sleep(POLL_MS);
    }
  }

  /** Whether a replica says that it can serve. */
  async isReady(id: number): Promise<boolean> {
    const url = `http://127.0.0.1:${this.ports[id]! + 1000}/readyz`;
    const answer = await fetch(url, { signal: AbortSignal.timeout(1000) }).catch(() => null);
    await answer?.body?.cancel().catch(() => undefined);
    return answer?.status === 200;
  }

  /** The number of the leader, or null when nobody says so. */
  async leader(): Promise<number | null> {
    for (const id of this.ids) {
      const page = await this.page(id);
      if (page?.replication.cluster?.role === "leader") return id;
    }
    return null;
  }

  /** A replica's status page, null when it does not answer. */
  async page(id: number): Promise<StatusAnswer | null> {
    const url = `http://127.0.0.1:${this.ports[id]! + 1000}/v1/status`;
    const answer = await fetch(url, { signal: AbortSignal.timeout(1000) }).catch(() => null);
    if (answer === null || answer.status !== 200) return null;
    return await answer.json().catch(() => null) as StatusAnswer | null;
  }

  /** Ends everything; removes the data unless it is to be kept. */
  async close(keepData: boolean = false): Promise<void> {
    for (const id of this.ids) await this.signal(id, "SIGKILL");
    for (const relay of this.#relays.values()) relay.close();
    if (!keepData) rmSync(this.folder, { recursive: true, force: true });
  }
}

/** What is looked at of a status page. */
export interface StatusAnswer {
  readonly replication: { readonly cluster: { readonly role: string } | null };
}
