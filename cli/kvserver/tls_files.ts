/**
 * The files of a server's certificate, its key and the authorities: read when the server starts, and again at SIGHUP.
 *
 * @module
 */
import { checkServerTexts, type ServerTlsOptions } from "../../src/adapters/tls/server_texts.ts";
import { bytesToText } from "../../src/codec/bytes.ts";
import { KvError } from "../../src/core/errors.ts";
import type { CommandLine } from "../command_line.ts";
import { UsageError } from "../exit_code.ts";
import type { ReadFile } from "./access_files.ts";
import { FLAGS } from "./table.ts";

/**
 * The TLS that is asked for; null for none. `replicaHost` is what the other replicas call the server; null for one without
 * others.
 *
 * @throws {UsageError} naming the file that cannot be used and the remedy
 */
export function tlsOf(line: CommandLine, replicaHost: string | null, readFile: ReadFile): ServerTlsOptions | null {
  const [certFile, keyFile, caFile] = [line.get(FLAGS.tlsCert), line.get(FLAGS.tlsKey), line.get(FLAGS.tlsCa)];
  const clientAuth = line.get(FLAGS.tlsClientAuth);
  if (certFile === undefined && keyFile === undefined) {
    if (caFile === undefined && !clientAuth) return null;
    throw new UsageError(
      `--${caFile === undefined ? "tls-client-auth" : "tls-ca"} is about TLS, which needs --tls-cert and --tls-key; ` +
        "give them, too",
    );
  }
  if (certFile === undefined) throw new UsageError(`--tls-key ${keyFile} is of no use without --tls-cert; give both`);
  if (keyFile === undefined) throw new UsageError(`--tls-cert ${certFile} is of no use without --tls-key; give both`);
  if (caFile === undefined && clientAuth) {
    throw new UsageError("--tls-client-auth needs to know who issues the certificates of clients; give --tls-ca");
  }
  if (caFile === undefined && replicaHost !== null) {
    throw new UsageError(
      "replicas that speak TLS know each other by their certificates; give the authority that issued them: --tls-ca",
    );
  }
  const names = { cert: `--tls-cert ${certFile}`, key: `--tls-key ${keyFile}`, ca: `--tls-ca ${caFile}` };
  const read = (name: string, path: string): string => {
    try {
      return bytesToText(readFile(path));
    } catch (error) {
      throw new UsageError(`${name}: ${error instanceof Error ? error.message : String(error)}`);
    }
  };
  const texts = {
    cert: read(names.cert, certFile),
    key: read(names.key, keyFile),
    ca: caFile === undefined ? null : read(names.ca, caFile),
  };
  try {
    checkServerTexts(texts, replicaHost, Date.now(), names);
  } catch (error) {
    if (error instanceof KvError) throw new UsageError(error.message);
    throw error;
  }
  return { ...texts, clientAuth };
}
