/** Runs the built kvserver as a process of its own, with its data in a folder of the test. */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const root = resolve(import.meta.dirname, "../../..");

/** The built server. */
export const KVSERVER: string = join(root, "dist", "kvserver");
/** The built server with crash points and troubles: tests/e2e/nemesis/kvserver_with_faults.ts. */
export const TEST_KVSERVER: string = join(root, "dist", "test", "kvserver");
/** The built client. */
export const KVCLIENT: string = join(root, "dist", "kvclient");

if (!existsSync(KVSERVER) || !existsSync(KVCLIENT)) {
  throw new Error("dist/kvserver and dist/kvclient are not built: run `npm run build` first");
}

function listen(port: number): Promise<number> {
  return new Promise((done) => {
    const probe = createServer();
    probe.once("error", () => done(0));
    probe.listen(port, "127.0.0.1", () => {
      const address = probe.address();
      const bound = typeof address === "object" && address !== null ? address.port : 0;
      probe.close(() => done(bound));
    });
  });
}

/** A port that is free right now, and whose port + 1000 (HTTP) is free, too. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const port = await listen(0);
    if (port > 1024 && port < 64_000 && (await listen(port + 1000)) !== 0) return port;
  }
  throw new Error("found no two free ports 1000 apart");
}

/** A new folder under the system's temporary one. */
export function temporaryFolder(name: string): string {
  return mkdtempSync(join(tmpdir(), `kvpaxos-${name}-`));
}

/** How a process ended. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A kvserver process under test. */
export class ServerProcess {
  readonly port: number;
  readonly dataDir: string;
  /** All that it wrote to its standard output and error. */
  output = "";
  readonly exited: Promise<Exit>;
  readonly child: ChildProcess;

  constructor(
    port: number,
    dataDir: string,
    flags: readonly string[],
    env: Readonly<Record<string, string>>,
    command: readonly [program: string, ...args: string[]] = [KVSERVER],
  ) {
    this.port = port;
    this.dataDir = dataDir;
    const [program, ...args] = command;
    this.child = spawn(program, [...args, "--port", String(port), "--data-dir", dataDir, ...flags], {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, ...env },
    });
    for (const stream of [this.child.stdout!, this.child.stderr!]) {
      stream.on("data", (chunk: Uint8Array) => {
        if (this.output.length < 1_000_000) this.output += new TextDecoder().decode(chunk);
      });
    }
    this.exited = new Promise((done) => this.child.once("close", (code, signal) => done({ code, signal })));
  }

  get url(): string {
    return `http://127.0.0.1:${this.port + 1000}`;
  }

  /** Waits until the server says that it is ready; throws with its output when it ends first. */
  async ready(): Promise<this> {
    const deadline = performance.now() + 20_000;
    for (;;) {
      if (this.child.exitCode !== null || this.child.signalCode !== null) {
        await this.exited;
        throw new Error(`kvserver ended before it was ready:\n${this.output}`);
      }
      const answer = await fetch(`${this.url}/readyz`).catch(() => null);
      await answer?.body?.cancel();
      if (answer?.status === 200) return this;
      if (performance.now() > deadline) throw new Error(`kvserver is not ready after 20 s:\n${this.output}`);
      await new Promise((wait) => setTimeout(wait, 10));
    }
  }

  /** kill -9. */
  async kill(): Promise<Exit> {
    this.child.kill("SIGKILL");
    return await this.exited;
  }

  /** SIGTERM, and SIGKILL when that does not end it within 20 s. */
  async stop(): Promise<Exit> {
    this.child.kill("SIGTERM");
    const timer = setTimeout(() => this.child.kill("SIGKILL"), 20_000);
    const exit = await this.exited;
    clearTimeout(timer);
    return exit;
  }
}

/** The servers and folders of one test file; {@link close} ends and removes them all. */
export class Servers {
  #processes: ServerProcess[] = [];
  #folders: string[] = [];

  folder(name: string): string {
    const folder = temporaryFolder(name);
    this.#folders.push(folder);
    return folder;
  }

  /** Starts a server and waits until it is ready. */
  start(options: {
    readonly port?: number;
    readonly dataDir?: string;
    readonly flags?: readonly string[];
    readonly env?: Readonly<Record<string, string>>;
  } = {}): Promise<ServerProcess> {
    return this.spawn(options).then((server) => server.ready());
  }

  /** Starts a server that may well refuse to serve. `command` is run instead of the built kvserver. */
  async spawn(options: {
    readonly port?: number;
    readonly dataDir?: string;
    readonly flags?: readonly string[];
    readonly env?: Readonly<Record<string, string>>;
    readonly command?: readonly [program: string, ...args: string[]];
  } = {}): Promise<ServerProcess> {
    const port = options.port ?? await freePort();
    const dataDir = options.dataDir ?? join(this.folder("server"), "data");
    const server = new ServerProcess(port, dataDir, options.flags ?? [], options.env ?? {}, options.command);
    this.#processes.push(server);
    return server;
  }

  async close(): Promise<void> {
    for (const server of this.#processes) {
      if (server.child.exitCode === null && server.child.signalCode === null) await server.kill();
    }
    for (const folder of this.#folders) rmSync(folder, { recursive: true, force: true });
  }
}
