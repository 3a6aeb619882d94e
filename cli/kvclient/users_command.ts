/**
 * `kvclient users`: makes lines for the file of `kvserver --users`. Passwords come from standard input and never from
 * arguments, which every user of the machine can see.
 *
 * @module
 */
import { bytesToText, textToBytes } from "../../src/codec/bytes.ts";
import {
  drawToken,
  formatPasswordHash,
  formatTokenHash,
  hashPassword,
  hashToken,
  MAX_SECRET_BYTES,
} from "../../src/server/access/secrets.ts";
import { parseUsers, UserFileError } from "../../src/server/access/user_table.ts";
import { EXIT, UsageError } from "../exit_code.ts";
import { defaultedFlag, type Flag, oneOf, text, valueFlag } from "../flags.ts";
import type { RunOffline } from "./offline.ts";

const ROLES = ["read-only", "read-write"] as const;
const GROUP = "User";

/** The flags of `users`. */
export const USERS_FLAGS: {
  readonly name: Flag<string | undefined>;
  readonly role: Flag<typeof ROLES[number]>;
  readonly prefixes: Flag<string | undefined>;
} = {
  name: valueFlag({
    name: "name",
    placeholder: "NAME",
    group: GROUP,
    summary: "the name of the user",
    parse: text,
    argumentOnly: true,
  }),
  role: defaultedFlag({
    name: "role",
    placeholder: "ROLE",
    group: GROUP,
    summary: "what the user may do with keys",
    parse: oneOf(ROLES),
    choices: ROLES,
    fallback: "read-only",
    argumentOnly: true,
  }),
  prefixes: valueFlag({
    name: "prefixes",
    placeholder: "TEXT,…",
    group: GROUP,
    summary: "the beginnings of the keys that the role is for",
    parse: text,
    shownDefault: "all keys",
    argumentOnly: true,
  }),
};

/** Runs the command. */
export const users: RunOffline = async ({ terminal, line }) => {
  const [action] = line.operands;
  if (action !== "hash" && action !== "token") {
    throw new UsageError(`users: "${action}" is neither hash (a password from standard input) nor token (a new token)`);
  }
  const user = line.get(USERS_FLAGS.name);
  if (user === undefined) throw new UsageError(`users ${action}: whose? give --name NAME`);
  const entry: Record<string, unknown> = { user, role: line.get(USERS_FLAGS.role) };
  const prefixes = line.get(USERS_FLAGS.prefixes);
  if (prefixes !== undefined) entry["prefixes"] = prefixes.split(",");
  let token: string | null = null;
  if (action === "hash") {
    const password = bytesToText(await terminal.readInput()).split(/\r?\n/, 1)[0]!;
    const bytes = textToBytes(password);
    if (bytes.length === 0 || bytes.length > MAX_SECRET_BYTES) {
      throw new UsageError(
        `users hash: the first line of standard input is the password, 1 to ${MAX_SECRET_BYTES} bytes; ` +
          `it has ${bytes.length}`,
      );
    }
    entry["password"] = formatPasswordHash(await hashPassword(bytes));
  } else {
    token = drawToken();
    entry["tokens"] = [formatTokenHash(hashToken(textToBytes(token)))];
  }
  const text = JSON.stringify(entry);
  try {
    parseUsers(text);
  } catch (error) {
    if (!(error instanceof UserFileError)) throw error;
    throw new UsageError(`users ${action}: ${error.message.replace(/^line 1: /, "")}`);
  }
  if (token !== null) terminal.writeError(`the token, which is shown only now: ${token}\n`);
  await terminal.write(`${text}\n`);
  return EXIT.done;
};
