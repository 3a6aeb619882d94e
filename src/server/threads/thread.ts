/**
 * A thread that holds sockets, seen from both of its ends.
 *
 * This module is its own entry: the thread loads the file that this module is in, which may be this one, a bundle for
 * Node or the executable made by Bun, and finds out by {@link isServerThread} what it is there for. So there is no second
 * file that a bundler would have to know of, and a program that is itself such a file does nothing in a thread.
 *
 * @module
 */
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { type HttpServer, serveHttp } from "../../adapters/http_serve.ts";
import { systemClock } from "../../adapters/system_clock.ts";
import type { ServerIdentity } from "../../adapters/tls/server_identity.ts";
import type { ServerTlsOptions, ServerTlsTexts } from "../../adapters/tls/server_texts.ts";
import type { ParserLimits } from "../resp/parser.ts";
import { type Places, startTcpServer, type TcpServer } from "../tcp_server.ts";
import type { Post } from "./batch.ts";
import type { HttpFarOptions } from "./http_far.ts";
import { OwnerLink } from "./owner_link.ts";

/** What a thread is to do. */
export interface ThreadTask {
  readonly host: string;
  /** The port, on which other threads listen too. */
  readonly port: number;
  readonly limits: ParserLimits;
  /** Whether clients must log in. */
  readonly mustLogIn: boolean;
  /** Whether connections of other replicas come. */
  readonly hasPeers: boolean;
  readonly maxConnections: number;
  /** How many clients all threads have. */
  readonly connections: SharedArrayBuffer;
  /** What to speak TLS with; null for no TLS. */
  readonly tls: ServerTlsOptions | null;
}

/** What a thread says beside its batches. */
type Report =
  | { readonly type: "listening" }
  | { readonly type: "httpListening" }
  | { readonly type: "notListening"; readonly message: string; readonly code: string | undefined }
  | { readonly type: "httpClosed" }
  | { readonly type: "notice"; readonly message: string }
  | { readonly type: "closed" };

/** What a thread is told beside its batches. */
type Order =
  | { readonly type: "close" | "closeHttp"; readonly deadline_ms: number }
  | { readonly type: "openHttp"; readonly http: HttpTask }
  | { readonly type: "certificate"; readonly texts: ServerTlsTexts };

/** How a thread is to serve HTTP. */
export interface HttpTask extends Pick<HttpFarOptions, "limits" | "relaysAll" | "maxBody_bytes"> {
  /** The port, on which other threads listen too. */
  readonly port: number;
}

/** Who hears a thread. */
export interface ThreadListener {
  onBatch(batch: Uint8Array): void;
  onNotice(message: string): void;
  /** It has ended without having been asked to. Nothing follows. */
  onDeath(reason: string): void;
}

/** A thread, seen from the owner's. */
export interface ServerThread {
  /** Resolves when it listens. Rejects when it cannot, as listening in this thread would. */
  readonly listening: Promise<void>;
  readonly post: Post;
  /** Has it serve HTTP too. Rejects when it cannot listen. */
  openHttp(task: HttpTask): Promise<void>;
  /** Ends that. */
  closeHttp(deadline_ms: number): Promise<void>;
  /** Speaks TLS with these from now on. */
  replaceCertificate(texts: ServerTlsTexts): void;
  /** As the `close` of a {@link TcpServer}, then ends it. */
  close(deadline_ms: number): Promise<void>;
  /** Ends it at once. */
  end(): Promise<void>;
}

const ROLE = "kvpaxos server";
/** A thread that has not closed its door this long after the deadline is stuck. */
const STUCK_MS = 2000;

/** Whether this is a thread that {@link startThread} has started, where no program must run. */
export const isServerThread: boolean = !isMainThread && isTaskOf(workerData);

function isTaskOf(data: unknown): data is { readonly task: ThreadTask } {
  return typeof data === "object" && data !== null && (data as { readonly role?: unknown }).role === ROLE;
}

/** Starts a thread. */
export function startThread(task: ThreadTask, listener: ThreadListener): ServerThread {
  // Flags of the main thread, such as those that say what it runs, are not for a file.
  const worker = new Worker(new URL(import.meta.url), { workerData: { role: ROLE, task }, execArgv: [] });
  let isEnding = false;
  let isDead = false;
  let onClosed = (): void => {};
  let onHttpClosed = (): void => {};
  let onListening = (): void => {};
  let onNotListening = (_error: Error): void => {};
  const listening = new Promise<void>((resolve, reject) => {
    onListening = resolve;
    onNotListening = reject;
  });
  const onDeath = (reason: string): void => {
    if (isEnding || isDead) return;
    isDead = true;
    onNotListening(new Error(`a thread for clients has ended: ${reason}`));
    onClosed();
    onHttpClosed();
    listener.onDeath(reason);
  };
  worker.on("message", (message: Uint8Array | Report) => {
    if (message instanceof Uint8Array) listener.onBatch(message);
    else if (message.type === "listening" || message.type === "httpListening") onListening();
    else if (message.type === "httpClosed") onHttpClosed();
    else if (message.type === "notListening") onNotListening(errorLike(message));
    else if (message.type === "notice") listener.onNotice(message.message);
    else onClosed();
  });
  worker.on("error", (error: Error) => onDeath(error.message));
  worker.on("exit", (code: number) => onDeath(`it ended with code ${code}`));
  const end = async (): Promise<void> => {
    isEnding = true;
    if (isDead) return;
    isDead = true;
    await worker.terminate();
  };
  return {
    listening,
    post: (batch) => {
      if (!isDead) worker.postMessage(batch, [batch.buffer as ArrayBuffer]);
    },
    openHttp: (http) =>
      new Promise((resolve, reject) => {
        onListening = resolve;
        onNotListening = reject;
        if (isDead) reject(new Error("the thread has ended"));
        else worker.postMessage({ type: "openHttp", http } satisfies Order);
      }),
    closeHttp: async (deadline_ms) => {
      if (isDead) return;
      const closed = new Promise<void>((resolve) => onHttpClosed = resolve);
      worker.postMessage({ type: "closeHttp", deadline_ms } satisfies Order);
      const timer = systemClock.after(deadline_ms + STUCK_MS, onHttpClosed);
      await closed;
      timer.cancel();
    },
    replaceCertificate: (texts) => {
      if (!isDead) worker.postMessage({ type: "certificate", texts } satisfies Order);
    },
    close: async (deadline_ms) => {
      if (!isDead) {
        const closed = new Promise<void>((resolve) => onClosed = resolve);
        worker.postMessage({ type: "close", deadline_ms } satisfies Order);
        // It cuts its clients off at the deadline, unless it does nothing any more.
        const timer = systemClock.after(deadline_ms + STUCK_MS, onClosed);
        await closed;
        timer.cancel();
      }
      await end();
    },
    end,
  };
}

function errorLike({ message, code }: Extract<Report, { readonly type: "notListening" }>): Error {
  return Object.assign(new Error(message), code === undefined ? {} : { code });
}

/** The places for clients that several threads share. */
export function sharedPlaces(connections: SharedArrayBuffer, most: number): Places {
  const taken = new Int32Array(connections);
  return {
    take: () => {
      if (Atomics.add(taken, 0, 1) < most) return true;
      Atomics.sub(taken, 0, 1);
      return false;
    },
    release: () => void Atomics.sub(taken, 0, 1),
  };
}

/** Opens the door for HTTP. */
function serveHttpIn(link: OwnerLink, task: ThreadTask, { port, ...options }: HttpTask): Promise<HttpServer> {
  const door = link.openHttp(options);
  const tcpConnections = new Int32Array(task.connections);
  return serveHttp({
    fetch: (request, address) => door.fetch(request, address),
    host: task.host,
    port,
    reusePort: true,
    maxBody_bytes: options.maxBody_bytes,
    maxConnections: task.maxConnections,
    otherConnections: () => Atomics.load(tcpConnections, 0),
    onError: (error) => link.notice(`the HTTP door: ${error instanceof Error ? error.message : String(error)}`),
  });
}

/** The far end: opens the door. */
async function serve(port: NonNullable<typeof parentPort>, task: ThreadTask): Promise<void> {
  const say = (report: Report): void => port.postMessage(report);
  const link = new OwnerLink({
    post: (batch) => port.postMessage(batch, [batch.buffer as ArrayBuffer]),
    clock: systemClock,
    limits: task.limits,
    mustLogIn: task.mustLogIn,
    onNotice: (message) => say({ type: "notice", message }),
  });
  let server: TcpServer;
  let tls: ServerIdentity | undefined;
  try {
    tls = task.tls === null ? undefined : await identityOf(task.tls);
    server = await startTcpServer({
      context: link,
      host: task.host,
      port: task.port,
      reusePort: true,
      places: sharedPlaces(task.connections, task.maxConnections),
      ...(tls === undefined ? {} : { tls }),
      ...(task.hasPeers ? { acceptPeer: (...peer): void => link.acceptPeer(...peer) } : {}),
    });
  } catch (error) {
    const { message, code } = error as Error & { readonly code?: string };
    say({ type: "notListening", message, code });
    return;
  }
  let http: HttpServer | null = null;
  const openHttp = async (httpTask: HttpTask): Promise<void> => {
    try {
      http = await serveHttpIn(link, task, httpTask);
      say({ type: "httpListening" });
    } catch (error) {
      const { message, code } = error as Error & { readonly code?: string };
      say({ type: "notListening", message, code });
    }
  };
  const closeHttp = async (deadline_ms: number): Promise<void> => {
    await http?.close(deadline_ms);
    link.flush();
    say({ type: "httpClosed" });
  };
  port.on("message", (message: Uint8Array | Order) => {
    if (message instanceof Uint8Array) link.receive(message);
    else if (message.type === "certificate") tls?.replace(message.texts);
    else if (message.type === "openHttp") void openHttp(message.http);
    else if (message.type === "closeHttp") void closeHttp(message.deadline_ms);
    else {
      void server.close(message.deadline_ms).then(() => {
        link.flush();
        say({ type: "closed" });
      });
    }
  });
  say({ type: "listening" });
}

async function identityOf(options: ServerTlsOptions): Promise<ServerIdentity> {
  const { ServerIdentity } = await import("../../adapters/tls/server_identity.ts");
  // Whether they fit a replica was looked at where the others are known.
  return new ServerIdentity(options, null);
}

if (isServerThread && parentPort !== null) {
  void serve(parentPort, (workerData as { readonly task: ThreadTask }).task);
}
