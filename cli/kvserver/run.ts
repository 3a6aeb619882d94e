/**
 * `kvserver`: starts a server, says when it is ready, and stops it in good order.
 *
 * @module
 */
import { getLogger, type Logger } from "@logtape/logtape";
import type { ServerTlsTexts } from "../../src/adapters/tls/server_texts.ts";
import type { LogLevels } from "../../src/server/log_levels.ts";
import { VERSION } from "../../src/version.ts";
import type { CommandLine } from "../command_line.ts";
import { EXIT, Failure, UsageError } from "../exit_code.ts";
import { runProgram } from "../program.ts";
import type { Terminal } from "../terminal.ts";
import { isLoopback, usersOf } from "./access_files.ts";
import { runCluster } from "./cluster.ts";
import { LOG_CATEGORY, startLogging, stopLogging } from "./logging.ts";
import { type Processes, STOP_WITH_STDIN } from "./processes.ts";
import { doorNames, formatAddress, type Settings, settingsOf } from "./settings.ts";
import { stopOnSignals } from "./signals.ts";
import { describeStartupError } from "./startup_error.ts";
import { FLAGS, KVSERVER } from "./table.ts";
import { tlsOf } from "./tls_files.ts";

/** A server that runs, as this program needs it. */
export interface Running {
  readonly addresses: {
    readonly tcp: ListeningAddress;
    /** Null when UDP is off. */
    readonly udp: ListeningAddress | null;
    /** Null when HTTP is off. */
    readonly http: ListeningAddress | null;
  };
  /** Resolves when it takes requests: for a replica that depends on the others. Rejects when it is closed before. */
  ready(): Promise<void>;
  /** Calls back once if the server can no longer serve, such as when its disk fails. */
  onFailure(callback: (error: Error) => void): void;
  /** Takes other users from now on. */
  replaceUsers(users: string): void;
  /** Shows another certificate from now on. */
  replaceCertificate(texts: ServerTlsTexts): void;
  /** Finishes what was accepted, syncs, and stops. */
  close(): Promise<void>;
}

/** Where a server listens. */
export interface ListeningAddress {
  readonly host: string;
  readonly port: number;
}

/** Starts a server whose log has these levels. Rejects when it cannot start. */
export type Start = (settings: Settings, logLevels: LogLevels) => Promise<Running>;

/** Runs the program. Returns the exit code. */
export function runServer(terminal: Terminal, start: Start, processes: Processes): Promise<number> {
  return runProgram(KVSERVER, terminal, (line) => {
    return line.command.name === "cluster" ? runCluster(line, terminal, processes) : serve(line, terminal, start);
  });
}

function drawSeed(): number {
  return Math.floor(Math.random() * 2 ** 32);
}

async function serve(line: CommandLine, terminal: Terminal, start: Start): Promise<number> {
  const settings = settingsOf(line, { env: terminal.env, readFile: (path) => terminal.readFile(path) }, drawSeed);
  const logLevels = await startLogging(line, terminal);
  const logger = getLogger([LOG_CATEGORY, "kvserver"]);
  let reload = (): void => {};
  // Asked for before there is a server, it is no reason to end, which is what the signal does by itself.
  const releaseHangUp = terminal.onSignal("SIGHUP", () => reload());
  const stop = stopOnSignals(terminal, (signal) => logger.info("{signal}: stopping", { signal }));
  try {
    const server = await startOrFail(settings, logLevels, start);
    reload = (): void => reloadFiles(line, settings, terminal, server, logger);
    const failure = new Promise<Error>((resolve) => server.onFailure(resolve));
    warnOfExposure(settings, logger);
    const abandoned = abandonment(terminal).then(() => logger.info("standard input has ended: stopping"));
    const requested = Promise.race([stop.requested, abandoned]).then(() => null);
    if (settings.cluster !== null) {
      logger.info("listening on {address}; waiting until {enough} of the replicas are there", {
        address: formatAddress(settings.host, settings.port),
        enough: settings.cluster.protocol === "2pc" ? "all" : "enough",
      });
    }
    void server.ready().then(
      () => terminal.write(readyLine(server, settings, line.get(FLAGS.logFormat))),
      () => logger.debug("stopped before it was ready"),
    );
    const failed = await Promise.race([failure, requested]);
    if (failed !== null) {
      logger.fatal("{message}; stopping. What was acknowledged is on disk; start again once the cause is gone", {
        message: failed.message,
      });
    }
    return await close(server, failed);
  } finally {
    releaseHangUp();
    stop.release();
    await stopLogging();
  }
}

/** Says who can read or do what, where others can reach the server. */
function warnOfExposure({ host, password, users, tls, udp }: Settings, logger: Logger): void {
  if (tls !== null && !udp) logger.info("UDP is off: datagrams have no TLS; --insecure opens it all the same");
  else if (tls !== null) logger.warning("UDP is open (--insecure): what goes by datagrams is not encrypted");
  if (isLoopback(host)) return;
  if (password === null && users === null && tls?.clientAuth !== true) {
    logger.warning(
      "listening on {host} without a password (--insecure): whoever can reach it can read and write everything",
      { host },
    );
  } else if (tls === null) {
    logger.warning(
      "listening on {host} without TLS: whoever is on the way can read passwords, tokens and data, and change them; " +
        "give --tls-cert and --tls-key",
      { host },
    );
  }
}

/** Reads the files again that say who may come in, and who this server is. One that cannot be used changes nothing. */
function reloadFiles(line: CommandLine, settings: Settings, terminal: Terminal, server: Running, logger: Logger): void {
  if (settings.users === null && settings.tls === null) {
    logger.info("SIGHUP: there is nothing to read again; neither --users nor --tls-cert is given");
  }
  const readFile = (path: string): Uint8Array => terminal.readFile(path);
  const orStay = (reload: () => void): void => {
    try {
      reload();
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      logger.error("SIGHUP: {message}; everything stays as it was", { message: error.message });
    }
  };
  orStay(() => {
    const hasPassword = (line.get(FLAGS.password) ?? line.get(FLAGS.passwordFile)) !== undefined;
    const users = usersOf(line.get(FLAGS.users), hasPassword, readFile);
    if (users === null) return;
    server.replaceUsers(users);
    logger.info("SIGHUP: the users of {file} from now on", { file: line.get(FLAGS.users) });
  });
  orStay(() => {
    const { cluster } = settings;
    const tls = tlsOf(line, cluster === null ? null : cluster.peers[cluster.id]!.host, readFile);
    if (tls === null) return;
    server.replaceCertificate(tls);
    logger.info("SIGHUP: the certificate of {file} from now on", { file: line.get(FLAGS.tlsCert) });
  });
}

/** Whoever started this process as a part of theirs is gone. Never resolves for a process that stands alone. */
async function abandonment(terminal: Terminal): Promise<void> {
  if (terminal.env[STOP_WITH_STDIN] !== "1") return await new Promise(() => {});
  await terminal.readInput();
}

async function startOrFail(settings: Settings, logLevels: LogLevels, start: Start): Promise<Running> {
  try {
    return await start(settings, logLevels);
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

function readyLine(server: Running, settings: Settings, format: "text" | "json"): string {
  const { tcp, udp, http } = server.addresses;
  if (format === "json") {
    const replica = settings.cluster === null ? {} : { id: settings.cluster.id };
    return JSON.stringify({
      event: "ready",
      version: VERSION,
      ...replica,
      tcp,
      udp,
      http,
      tls: settings.tls !== null,
      dataDir: settings.dataDir,
    }) +
      "\n";
  }
  const hasTls = settings.tls !== null;
  const main = formatAddress(tcp.host, tcp.port);
  const parts = udp === null || (tcp.host === udp.host && tcp.port === udp.port)
    ? [`${doorNames(hasTls, udp !== null)} on ${main}`]
    : [`${doorNames(hasTls, false)} on ${main}`, `UDP on ${formatAddress(udp.host, udp.port)}`];
  const web = hasTls ? "HTTPS" : "HTTP";
  parts.push(http === null ? "HTTP off" : `${web} on ${formatAddress(http.host, http.port)}`);
  parts.push(settings.dataDir === null ? "data in memory only" : `data in ${settings.dataDir}`);
  const { cluster } = settings;
  if (cluster !== null) parts.unshift(`replica ${cluster.id + 1} of ${cluster.peers.length}`);
  return `kvserver ${VERSION} is ready: ${parts.join(", ")}\n`;
}
