/**
 * `kvserver`: starts a server, says when it is ready, and stops it in good order.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { VERSION } from "../../src/version.ts";
import type { CommandLine } from "../command_line.ts";
import { EXIT, Failure } from "../exit_code.ts";
import { runProgram } from "../program.ts";
import type { Signal, Terminal } from "../terminal.ts";
import { LOG_CATEGORY, startLogging, stopLogging } from "./logging.ts";
import { formatAddress, isLoopback, type Settings, settingsOf } from "./settings.ts";
import { describeStartupError } from "./startup_error.ts";
import { FLAGS, KVSERVER } from "./table.ts";

/** A server that runs, as this program needs it. */
export interface Running {
  readonly addresses: {
    readonly tcp: ListeningAddress;
    readonly udp: ListeningAddress;
    /** Null when HTTP is off. */
    readonly http: ListeningAddress | null;
  };
  /** Calls back once if the server can no longer serve, such as when its disk fails. */
  onFailure(callback: (error: Error) => void): void;
  /** Finishes what was accepted, syncs, and stops. */
  close(): Promise<void>;
}

/** Where a server listens. */
export interface ListeningAddress {
  readonly host: string;
  readonly port: number;
}

/** Starts a server. Rejects when it cannot start. */
export type Start = (settings: Settings) => Promise<Running>;

const SIGNAL_NUMBERS: Readonly<Record<Signal, number>> = { SIGINT: 2, SIGTERM: 15 };

/** Runs the program. Returns the exit code. */
export function runServer(terminal: Terminal, start: Start): Promise<number> {
  return runProgram(KVSERVER, terminal, (line) => serve(line, terminal, start));
}

async function serve(line: CommandLine, terminal: Terminal, start: Start): Promise<number> {
  const settings = settingsOf(line, (path) => terminal.readFile(path));
  await startLogging(line, terminal);
  const logger = getLogger([LOG_CATEGORY, "kvserver"]);
  const stop = stopOnSignals(terminal, (signal) => logger.info("{signal}: stopping", { signal }));
  try {
    const server = await startOrFail(settings, start);
    const failure = new Promise<Error>((resolve) => server.onFailure(resolve));
    if (settings.password === null && !isLoopback(settings.host)) {
      logger.warning("listening on {host} without a password: whoever can reach it can read and write everything", {
        host: settings.host,
      });
    }
    await terminal.write(readyLine(server, settings, line.get(FLAGS.logFormat)));
    const failed = await Promise.race([failure, stop.requested.then(() => null)]);
    if (failed !== null) {
      logger.fatal("{message}; stopping. What was acknowledged is on disk; start again once the cause is gone", {
        message: failed.message,
      });
    }
    return await close(server, failed);
  } finally {
    stop.release();
    await stopLogging();
  }
}

async function startOrFail(settings: Settings, start: Start): Promise<Running> {
  try {
    return await start(settings);
  } catch (error) {
    throw new Failure(describeStartupError(error, settings), EXIT.failed, { cause: error });
  }
}

async function close(server: Running, failed: Error | null): Promise<number> {
  try {
    await server.close();
  } catch (error) {
    // After a failure the close fails for the same reason, which was told.
    if (failed === null) {
      throw new Failure(`stopping: ${error instanceof Error ? error.message : String(error)}`, EXIT.failed, {
        cause: error,
      });
    }
  }
  return failed === null ? EXIT.done : EXIT.failed;
}

/** The first signal asks to stop, the second ends the process as the signal itself would. */
function stopOnSignals(
  terminal: Terminal,
  onFirst: (signal: Signal) => void,
): { readonly requested: Promise<void>; release(): void } {
  const releases: (() => void)[] = [];
  const requested = new Promise<void>((resolve) => {
    let asked = false;
    for (const signal of ["SIGTERM", "SIGINT"] as const) {
      releases.push(terminal.onSignal(signal, () => {
        if (asked) terminal.exit(128 + SIGNAL_NUMBERS[signal]);
        asked = true;
        onFirst(signal);
        resolve();
      }));
    }
  });
  return {
    requested,
    release: () => {
      for (const release of releases) release();
    },
  };
}

function readyLine(server: Running, settings: Settings, format: "text" | "json"): string {
  const { tcp, udp, http } = server.addresses;
  if (format === "json") {
    return JSON.stringify({ event: "ready", version: VERSION, tcp, udp, http, dataDir: settings.dataDir }) + "\n";
  }
  const main = formatAddress(tcp.host, tcp.port);
  const parts = tcp.host === udp.host && tcp.port === udp.port
    ? [`TCP and UDP on ${main}`]
    : [`TCP on ${main}`, `UDP on ${formatAddress(udp.host, udp.port)}`];
  parts.push(http === null ? "HTTP off" : `HTTP on ${formatAddress(http.host, http.port)}`);
  parts.push(settings.dataDir === null ? "data in memory only" : `data in ${settings.dataDir}`);
  return `kvserver ${VERSION} is ready: ${parts.join(", ")}\n`;
}
