/**
 * TLS towards the servers: from the flags, the environment or the saved profile to files, and from their texts to calls.
 *
 * Invariant: who has saved TLS speaks it to every server that is named later, until `--no-tls` says otherwise. A password
 * never goes out in the clear because another port was given.
 *
 * @module
 */
import { type Caller, plainCaller } from "../../src/adapters/callers.ts";
import type { Fetch } from "../../src/adapters/fetch_connection.ts";
import { type TlsCaller, tlsCallerOf } from "../../src/adapters/tls/caller.ts";
import type { TlsOptions } from "../../src/adapters/tls/options.ts";
import { bytesToText } from "../../src/codec/bytes.ts";
import { KvError } from "../../src/core/errors.ts";
import type { CommandLine } from "../command_line.ts";
import { UsageError } from "../exit_code.ts";
import type { Flag } from "../flags.ts";
import type { Terminal } from "../terminal.ts";
import { CONNECTION } from "./flags.ts";
import type { Target } from "./store.ts";

/** Where the texts are. All null is TLS with the system's authorities. */
export interface TlsFiles {
  readonly ca: string | null;
  readonly cert: string | null;
  readonly key: string | null;
  readonly serverName: string | null;
}

/** The flags that say so. */
export const TLS_FLAGS: readonly Flag<unknown>[] = [
  CONNECTION.tls,
  CONNECTION.tlsCa,
  CONNECTION.tlsCert,
  CONNECTION.tlsKey,
  CONNECTION.tlsServerName,
];

/**
 * What is asked for; null for no TLS. Without any flag it is what was saved; with one, what was saved is not looked at.
 *
 * @throws {UsageError} when flags contradict each other
 */
export function tlsFilesOf(line: CommandLine, saved: TlsFiles | null): TlsFiles | null {
  const given = TLS_FLAGS.filter((flag) => line.source(flag) !== "default");
  if (given.length === 0) return saved;
  if (line.source(CONNECTION.tls) !== "default" && !line.get(CONNECTION.tls)) {
    const other = given.find((flag) => flag !== CONNECTION.tls && line.source(flag) === "argument");
    if (other !== undefined) {
      throw new UsageError(`--no-tls and --${other.name} contradict each other; give one of the two`);
    }
    return null;
  }
  const { tlsCa, tlsCert, tlsKey, tlsServerName } = CONNECTION;
  return {
    ca: line.get(tlsCa) ?? null,
    cert: line.get(tlsCert) ?? null,
    key: line.get(tlsKey) ?? null,
    serverName: line.get(tlsServerName) ?? null,
  };
}

/**
 * Reads the files.
 *
 * @throws {UsageError} when one cannot be used
 */
export function readTls({ ca, cert, key, serverName }: TlsFiles, terminal: Terminal): TlsOptions {
  const names = { ca: `--tls-ca ${ca}`, cert: `--tls-cert ${cert}`, key: `--tls-key ${key}` };
  if (cert !== null && key === null) throw new UsageError(`${names.cert} needs its private key; give --tls-key FILE`);
  if (key !== null && cert === null) throw new UsageError(`${names.key} needs its certificate; give --tls-cert FILE`);
  const text = (name: keyof typeof names, path: string | null): TlsOptions => {
    return path === null ? {} : { [name]: readText(names[name], path, terminal) };
  };
  const options = {
    ...text("ca", ca),
    ...text("cert", cert),
    ...text("key", key),
    ...(serverName === null ? {} : { serverName }),
  };
  try {
    tlsCallerOf(options, names);
  } catch (error) {
    if (error instanceof KvError) throw new UsageError(error.message);
    throw error;
  }
  return options;
}

function readText(flag: string, path: string, terminal: Terminal): string {
  try {
    return bytesToText(terminal.readFile(path));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new UsageError(`${flag}: ${why}; give the path of a PEM file that can be read`);
  }
}

function tlsCaller({ tls }: Target): TlsCaller | null {
  return tls === null ? null : tlsCallerOf(tls);
}

/** What opens sockets to the servers of a target. */
export function callerOf(target: Target): Caller {
  return tlsCaller(target) ?? plainCaller;
}

/** Asks a server of a target, named as `host:port`, for a page. Rejects as `fetch` does, or with `TLS_FAILED`. */
export function fetchPage(target: Target, server: string, path: string, init: RequestInit): Promise<Response> {
  const send: Fetch = tlsCaller(target)?.fetch ?? fetch;
  return send(`${target.tls === null ? "http" : "https"}://${server}${path}`, init);
}
