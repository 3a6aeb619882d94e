/**
 * The files that say who may come in: read when the server starts, and again at SIGHUP.
 *
 * @module
 */
import { isIP } from "node:net";
import { MIN_SECRET_CHARACTERS } from "../../src/adapters/peers/proof.ts";
import { bytesToText, bytesToTextStrict } from "../../src/codec/bytes.ts";
import { parseUsers, UserFileError } from "../../src/server/access/user_table.ts";
import { UsageError } from "../exit_code.ts";

/** The environment's name for the cluster's secret, which has no flag: arguments can be seen by others. */
export const SECRET_VARIABLE = "KVSERVER_CLUSTER_SECRET";

/**
 * The secret of the cluster from a file or the environment; null for none.
 *
 * @throws {UsageError} when both are given, or it is too short
 */
export function clusterSecretOf(
  file: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
  readFile: ReadFile,
): string | null {
  const given = env[SECRET_VARIABLE] ?? "";
  if (file === undefined && given === "") return null;
  if (file !== undefined && given !== "") {
    throw new UsageError(`--cluster-secret-file and ${SECRET_VARIABLE} are both given; give one of the two`);
  }
  let secret = given;
  if (file !== undefined) {
    try {
      secret = bytesToText(readFile(file)).split(/\r?\n/, 1)[0]!;
    } catch (error) {
      throw new UsageError(`--cluster-secret-file ${file}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  if (secret.length < MIN_SECRET_CHARACTERS) {
    throw new UsageError(
      `the cluster's secret (${
        file === undefined ? SECRET_VARIABLE : `--cluster-secret-file ${file}, the first line`
      }) ` +
        `has ${secret.length} characters; give at least ${MIN_SECRET_CHARACTERS} random ones: openssl rand -base64 32`,
    );
  }
  return secret;
}

/** Who may come in, as far as the flags say. */
export interface Guards {
  readonly host: string;
  /** Whether clients have to log in. */
  readonly hasLogins: boolean;
  readonly isReplica: boolean;
  /** Whether replicas have to prove that they are, by a secret or by certificates. */
  readonly hasSecret: boolean;
  readonly isInsecure: boolean;
}

/**
 * Refuses to listen where others can reach a server that lets everybody in.
 *
 * @throws {UsageError} naming the remedy
 */
export function checkExposure({ host, hasLogins, isReplica, hasSecret, isInsecure }: Guards): void {
  if (isInsecure || isLoopback(host)) return;
  const open = `--host ${host} can be reached by others`;
  const orElse = "or --insecure if everybody who can reach it may";
  if (!hasLogins) {
    throw new UsageError(
      `${open}, who could read and write everything; give --users or --password-file, ${orElse}`,
    );
  }
  if (isReplica && !hasSecret) {
    throw new UsageError(
      `${open}, who could pass for a replica; give --tls-cert, --tls-key and --tls-ca, or ` +
        `--cluster-secret-file (openssl rand -base64 32), ${orElse}`,
    );
  }
}

/** Whether only this machine can reach a server that listens on `host`. */
export function isLoopback(host: string): boolean {
  return host.toLowerCase() === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));
}

/** Reads a file. Throws when it cannot be read. */
export type ReadFile = (path: string) => Uint8Array;

/**
 * The text of a file of users, which was looked at; null without one. `hasPassword` says whether the user `default` has
 * its password from elsewhere.
 *
 * @throws {UsageError} when it cannot be used; names the line
 */
export function usersOf(file: string | undefined, hasPassword: boolean, readFile: ReadFile): string | null {
  if (file === undefined) return null;
  let bytes: Uint8Array;
  try {
    bytes = readFile(file);
  } catch (error) {
    throw new UsageError(`--users ${file}: ${error instanceof Error ? error.message : String(error)}`);
  }
  const text = bytesToTextStrict(bytes);
  if (text === null) throw new UsageError(`--users ${file}: it is not UTF-8`);
  try {
    if (parseUsers(text).has("default") && hasPassword) {
      throw new UsageError(
        `--users ${file} has the user "default", whose password is --password; leave one of the two out`,
      );
    }
    return text;
  } catch (error) {
    if (!(error instanceof UserFileError)) throw error;
    throw new UsageError(`--users ${file}, ${error.message}`);
  }
}
