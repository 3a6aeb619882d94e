/**
 * A listener of `Bun.serve` that stops listening while there are too many connections. Bun tells neither how many there are
 * nor that one has come; but each takes a descriptor of the process, and where these are used up the log cannot open its
 * next file, so that anybody who can reach the port could stop the server.
 *
 * Invariant: requests that are under way are answered while nothing listens.
 *
 * @module
 */
import { readFileSync, statSync } from "node:fs";

/** The part of a server of Bun's that is used here. */
interface Stoppable {
  readonly port?: number | undefined;
  stop(closeActiveConnections?: boolean): Promise<void>;
}

/** How many there may be. */
export interface PausableOptions {
  readonly port: number;
  /** The most connections. */
  readonly maxConnections: number;
  /** How many connections that are none of this listener's the process has. @default none */
  readonly otherConnections?: () => number;
  /** Told when it stops listening. */
  readonly onError?: (error: unknown) => void;
}

/** A listener that may be silent for a while. */
export interface PausableListener {
  readonly port: number;
  /** Listens no more. Settles when no connection is open; with `cut`, closes them. */
  stop(cut: boolean): Promise<void>;
}

/** How often the connections are counted. */
const COUNT_MS = 50;
/** Descriptors that are kept for files and for other replicas. */
const KEPT = 64;

/** Listens by `listen`, on the port that it is given. */
export function pausable<Server extends Stoppable>(
  options: PausableOptions,
  listen: (port: number) => Server,
): PausableListener {
  const { maxConnections, otherConnections = () => 0, onError = () => undefined } = options;
  const first = listen(options.port);
  const port = first.port ?? 0;
  let server: Server | null = first;
  const draining = new Map<Server, Promise<void>>();
  const drain = (old: Server): void => {
    draining.set(old, old.stop(false).finally(() => draining.delete(old)));
  };
  const before = (openDescriptors() ?? 0) - otherConnections();
  const mostDescriptors = (descriptorLimit() ?? Number.POSITIVE_INFINITY) - KEPT;
  const count = (): void => {
    const open = openDescriptors();
    if (open === null) return;
    const connections = open - before - otherConnections();
    if (server !== null && (connections > maxConnections || open > mostDescriptors)) {
      onError(
        new Error(
          `${connections} HTTP connections: no more are accepted until some are closed; raise --max-connections, ` +
            "and the limit of open files with it (ulimit -n), where so many are meant to come",
        ),
      );
      drain(server);
      server = null;
    } else if (server === null && connections <= maxConnections * RESUME && open <= mostDescriptors * RESUME) {
      try {
        server = listen(port);
      } catch (error) {
        // Tried again at the next count.
        onError(error);
      }
    }
  };
  const timer = setInterval(count, COUNT_MS);
  timer.unref();
  return {
    port,
    stop: async (cut) => {
      clearInterval(timer);
      if (cut) { for (const old of draining.keys()) void old.stop(true); }
      if (server !== null) {
        const last = server;
        server = null;
        drain(last);
        if (cut) void last.stop(true);
      }
      await Promise.all(draining.values());
    },
  };
}

/** It listens again once so much of its limit is used. */
const RESUME = 0.9;

/** How many descriptors this process has open; null where the system does not say. */
export function openDescriptors(): number | null {
  try {
    // Since Linux 6.2 the size of this folder is what is in it.
    const { size } = statSync("/proc/self/fd");
    return size > 0 ? size : null;
  } catch {
    return null;
  }
}

/** How many descriptors this process may have open; null where the system does not say. */
export function descriptorLimit(): number | null {
  try {
    const found = /^Max open files +(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8"));
    return found === null ? null : Number(found[1]);
  } catch {
    return null;
  }
}
