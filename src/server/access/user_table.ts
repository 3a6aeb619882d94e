/**
 * The users of a server, as the file of `--users` lists them: one JSON object in a line, so that a line can be added by
 * a script, and an error named by its number.
 *
 * @module
 */
import { keyFromText } from "../../codec/bytes.ts";
import type { Access, UserRole } from "./access.ts";
import { parsePasswordHash, parseTokenHash, type PasswordHash } from "./secrets.ts";

/** One user. Plain data. */
export interface User {
  readonly access: Access;
  /** Null for a user that has only tokens. */
  readonly password: PasswordHash | null;
  /** SHA-256 of each token. */
  readonly tokens: readonly Uint8Array[];
}

/** The users by name. */
export type UserTable = ReadonlyMap<string, User>;

/** A line of the file that cannot be used. The message names the line and the remedy. */
export class UserFileError extends Error {
  override readonly name = "UserFileError";

  constructor(line: number, problem: string) {
    super(`line ${line}: ${problem}`);
  }
}

const FIELDS = ["user", "role", "prefixes", "password", "tokens"];
const ROLES: readonly string[] = ["read-only", "read-write"] satisfies UserRole[];

/**
 * Reads the file's text. Empty lines and lines that begin with `#` are skipped.
 *
 * @throws {UserFileError} for the first line that cannot be used
 */
export function parseUsers(text: string): UserTable {
  const users = new Map<string, User>();
  text.split(/\r?\n/).forEach((line, index) => {
    if (/^\s*(?:#|$)/.test(line)) return;
    const user = parseUser(line, index + 1);
    const { user: name } = user.access;
    if (users.has(name)) {
      throw new UserFileError(index + 1, `user ${JSON.stringify(name)} is there twice; give one line`);
    }
    users.set(name, user);
  });
  return users;
}

function parseUser(line: string, number: number): User {
  const fail = (problem: string): never => {
    throw new UserFileError(number, problem);
  };
  let entry: unknown = null;
  try {
    entry = JSON.parse(line);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  // The line itself is not repeated: it may hold what should not be seen.
  if (typeof entry !== "object" || entry === null || Array.isArray(entry)) {
    return fail("it is no JSON object; make lines with kvclient users hash");
  }
  const fields: Readonly<Record<string, unknown>> = { ...entry };
  const unknown = Object.keys(fields).find((field) => !FIELDS.includes(field));
  if (unknown !== undefined) return fail(`unknown field ${JSON.stringify(unknown)}; there are ${FIELDS.join(", ")}`);
  const { user, role, prefixes = null, password = null, tokens = [] } = fields;
  if (typeof user !== "string" || !/^[^\s:"]{1,64}$/.test(user)) {
    return fail('"user" is the name: 1 to 64 characters, no spaces, colons or quotes');
  }
  if (typeof role !== "string" || !ROLES.includes(role)) return fail(`"role" is ${ROLES.join(" or ")}`);
  if (prefixes !== null && !isTexts(prefixes, 1)) {
    return fail('"prefixes" is a list of the beginnings of keys, at least one; leave it out for all keys');
  }
  const hash = typeof password === "string" ? parsePasswordHash(password) : null;
  if (password !== null && hash === null) {
    return fail('"password" is no hash of this program; make one with kvclient users hash');
  }
  if (!isTexts(tokens, 0)) return fail('"tokens" is a list of hashes; make them with kvclient users token');
  const hashes = tokens.map((token) =>
    parseTokenHash(token) ?? fail('"tokens" has what is no hash; make them with kvclient users token')
  );
  if (hash === null && hashes.length === 0) return fail("neither a password nor tokens: nobody could be this user");
  return {
    access: { user, role: role as UserRole, prefixes: prefixes === null ? null : prefixes.map(keyFromText) },
    password: hash,
    tokens: hashes,
  };
}

function isTexts(value: unknown, least: number): value is readonly string[] {
  return Array.isArray(value) && value.length >= least && value.every((each) => typeof each === "string");
}
