/**
 * From a command line that was understood to what a server needs to know: defaults that depend on other flags,
 * and flags that contradict each other.
 *
 * @module
 */
import { isIP } from "node:net";
import { bytesToText } from "../../src/codec/bytes.ts";
import type { ServerTlsOptions } from "../../src/adapters/tls/server_texts.ts";
import type { ClusterOptions } from "../../src/server/cluster/options.ts";
import type { DurationRange, RoleFailureOptions } from "../../src/server/cluster/role_failures.ts";
import type { CommandLine } from "../command_line.ts";
import { UsageError } from "../exit_code.ts";
import { checkExposure, clusterSecretOf, type ReadFile, usersOf } from "./access_files.ts";
import { placeAmong } from "./peers.ts";
import { FLAGS } from "./table.ts";
import { tlsOf } from "./tls_files.ts";

/** What a server is started with. */
export interface Settings {
  readonly host: string;
  readonly port: number;
  /** 0 for no HTTP. */
  readonly httpPort: number;
  /** Null for memory only. */
  readonly dataDir: string | null;
  /** The file of the snapshot that the data begins with; null for data that is there, or none. */
  readonly restore: string | null;
  readonly password: string | null;
  /** The text of the file of users; null for none. */
  readonly users: string | null;
  /** What the replicas prove to each other that they know; null for nothing. */
  readonly clusterSecret: string | null;
  /** Null for no TLS. */
  readonly tls: ServerTlsOptions | null;
  /** Whether there is a port for UDP. */
  readonly udp: boolean;
  readonly maxKeyBytes: number;
  readonly maxValueBytes: number;
  readonly maxConnections: number;
  readonly threads: number;
  readonly snapshotEvery_bytes: number;
  /** Null for a server without replicas. */
  readonly cluster: ClusterOptions | null;
}

/** How far the HTTP port is from the main one unless it is given. */
export const HTTP_PORT_OFFSET = 1000;

/**
 * Reads the settings. `drawSeed` gives the seed of a drill when none is given.
 *
 * @throws {UsageError} when flags contradict each other or the password file cannot be used
 */
export function settingsOf(
  line: CommandLine,
  { env, readFile }: Surroundings,
  drawSeed: () => number,
): Settings {
  const port = line.get(FLAGS.port);
  const memory = line.get(FLAGS.memory);
  const dataDir = line.get(FLAGS.dataDir);
  if (memory && dataDir !== undefined) {
    throw new UsageError(`--memory keeps nothing on disk, but --data-dir is ${dataDir}; give one of the two`);
  }
  const restore = restoreOf(line);
  const password = passwordOf(line.get(FLAGS.password), line.get(FLAGS.passwordFile), readFile);
  const cluster = clusterOf(line, port, drawSeed);
  const users = usersOf(line.get(FLAGS.users), password !== null, readFile);
  const clusterSecret = secretOf(line, cluster !== null, env, readFile);
  const tls = tlsOf(line, cluster === null ? null : hostOf(cluster), readFile);
  checkExposure({
    host: line.get(FLAGS.host),
    hasLogins: password !== null || users !== null || tls?.clientAuth === true,
    isReplica: cluster !== null,
    hasSecret: clusterSecret !== null || tls !== null,
    isInsecure: line.get(FLAGS.insecure),
  });
  return {
    host: line.get(FLAGS.host),
    port,
    httpPort: httpPortOf(line, port),
    dataDir: memory ? null : dataDir ?? `./kvserver-${port}`,
    restore,
    password,
    users,
    clusterSecret,
    tls,
    // Datagrams are not encrypted, whatever the other ports do.
    udp: tls === null || line.get(FLAGS.insecure),
    maxKeyBytes: line.get(FLAGS.maxKeyBytes),
    maxValueBytes: line.get(FLAGS.maxValueBytes),
    maxConnections: line.get(FLAGS.maxConnections),
    threads: line.get(FLAGS.threads),
    snapshotEvery_bytes: line.get(FLAGS.snapshotEvery),
    cluster,
  };
}

/** What the other replicas call this one. */
function hostOf({ id, peers }: ClusterOptions): string {
  return peers[id]!.host;
}

/**
 * The file to restore, or null.
 *
 * @throws {UsageError} when nothing would be left of it
 */
export function restoreOf(line: CommandLine): string | null {
  const file = line.get(FLAGS.restore) ?? null;
  if (file !== null && line.get(FLAGS.memory)) {
    throw new UsageError(
      `--restore ${file} begins a data directory, and --memory has none; leave out one of the two`,
    );
  }
  return file;
}

/** What the settings are made from beside the command line. */
export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly readFile: ReadFile;
}

function secretOf(
  line: CommandLine,
  isReplica: boolean,
  env: Surroundings["env"],
  readFile: ReadFile,
): string | null {
  const file = line.get(FLAGS.clusterSecretFile);
  if (!isReplica && line.source(FLAGS.clusterSecretFile) === "argument") {
    throw new UsageError("--cluster-secret-file is about replicas; give --peers");
  }
  return isReplica ? clusterSecretOf(file, env, readFile) : null;
}

function httpPortOf(line: CommandLine, port: number): number {
  const httpPort = line.get(FLAGS.httpPort) ?? port + HTTP_PORT_OFFSET;
  if (httpPort > 65_535) {
    throw new UsageError(
      `--port ${port} puts HTTP on port ${httpPort}, past 65535; give --http-port, 0 for no HTTP`,
    );
  }
  if (httpPort === port) {
    throw new UsageError(`--http-port ${httpPort} is the main port; give another, or 0 for no HTTP`);
  }
  return httpPort;
}

const DEFAULT_EVERY: DurationRange = { least_ms: 5000, most_ms: 20_000 };
const DEFAULT_LASTING: DurationRange = { least_ms: 1000, most_ms: 3000 };

/** The place among the replicas, or null for a server without any. */
function clusterOf(line: CommandLine, port: number, drawSeed: () => number): ClusterOptions | null {
  const peers = line.get(FLAGS.peers);
  const protocol = line.get(FLAGS.replication) ?? (peers === undefined ? "none" : "paxos");
  if (protocol === "none") {
    if (peers !== undefined) throw new UsageError("--replication none has no replicas; leave it out, or --peers");
    for (const flag of [FLAGS.advertise, FLAGS.transport, FLAGS.leaseReads, FLAGS.fail]) {
      if (line.source(flag) !== "default") throw new UsageError(`--${flag.name} is about replicas; give --peers`);
    }
    return null;
  }
  if (peers === undefined) {
    throw new UsageError(`--replication ${protocol} needs the list of the replicas; give --peers`);
  }
  const leaseReads = line.get(FLAGS.leaseReads);
  if (leaseReads && protocol !== "paxos") {
    throw new UsageError(`--lease-reads is for Paxos; --replication ${protocol} has no leader that reads have to ask`);
  }
  const transport = line.get(FLAGS.transport) ?? "tcp";
  if (transport === "http" && (line.get(FLAGS.httpPort) ?? port + HTTP_PORT_OFFSET) !== port + HTTP_PORT_OFFSET) {
    throw new UsageError(
      `--transport http: the replicas look for each other's HTTP at port + ${HTTP_PORT_OFFSET}, which is ` +
        `${port + HTTP_PORT_OFFSET} here; leave out --http-port ${line.get(FLAGS.httpPort)}`,
    );
  }
  return {
    id: placeAmong(peers, line.get(FLAGS.advertise), { host: line.get(FLAGS.host), port }),
    peers,
    protocol,
    transport,
    leaseReads,
    httpPortOffset: HTTP_PORT_OFFSET,
    failures: failuresOf(line, drawSeed),
  };
}

/**
 * The drill that is asked for, or null.
 *
 * @throws {UsageError} when only its details are given, or the protocol has no roles
 */
export function failuresOf(line: CommandLine, drawSeed: () => number): RoleFailureOptions | null {
  const roles = line.get(FLAGS.fail);
  if (roles === undefined) {
    for (const flag of [FLAGS.failEvery, FLAGS.failFor, FLAGS.failSeed]) {
      if (line.source(flag) !== "default") {
        throw new UsageError(`--${flag.name} is about --fail ROLES, which is missing`);
      }
    }
    return null;
  }
  if (line.get(FLAGS.replication) === "2pc") {
    throw new UsageError("--fail with --replication 2pc: roles are those of Paxos; leave one of the two out");
  }
  return {
    roles,
    every: line.get(FLAGS.failEvery) ?? DEFAULT_EVERY,
    lasting: line.get(FLAGS.failFor) ?? DEFAULT_LASTING,
    seed: line.get(FLAGS.failSeed) ?? drawSeed(),
  };
}

/**
 * The password given as it is or by a file.
 *
 * @throws {UsageError} when both are given, or the file cannot be used
 */
export function passwordOf(
  password: string | undefined,
  file: string | undefined,
  readFile: (path: string) => Uint8Array,
): string | null {
  if (file === undefined) return password ?? null;
  if (password !== undefined) {
    throw new UsageError("--password and --password-file are both given; give one of the two");
  }
  let text: string;
  try {
    text = bytesToText(readFile(file));
  } catch (error) {
    throw new UsageError(`--password-file ${file}: ${error instanceof Error ? error.message : String(error)}`);
  }
  const line = text.split(/\r?\n/, 1)[0]!;
  if (line === "") throw new UsageError(`--password-file ${file}: the first line is empty; it must be the password`);
  return line;
}

/** What there is at the main port, as text. */
export function doorNames(hasTls: boolean, hasUdp: boolean): string {
  const tcp = hasTls ? "TLS over TCP" : "TCP";
  return hasUdp ? `${tcp} and UDP` : tcp;
}

/** An address as it is written: IPv6 in brackets. */
export function formatAddress(host: string, port: number): string {
  return isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`;
}
