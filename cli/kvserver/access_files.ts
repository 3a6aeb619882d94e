/**
 * The files that say who may come in: read when the server starts, and again at SIGHUP.
 *
 * @module
 */
import { bytesToTextStrict } from "../../src/codec/bytes.ts";
import { parseUsers, UserFileError } from "../../src/server/access/user_table.ts";
import { UsageError } from "../exit_code.ts";

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
