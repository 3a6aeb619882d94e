/**
 * Who may do what: a pure decision from plain data, so that every door asks the same question, in any thread.
 *
 * Invariant: what is not surely within a user's role and scope is refused.
 *
 * @module
 */
import { type Key, keyToText, prefixEnd } from "../../codec/bytes.ts";
import { KvError } from "../../core/errors.ts";
import type { Command, Compare, Operation } from "../../core/kv/command.ts";

/** What a user may do with keys. */
export type UserRole = "read-only" | "read-write";

/** What one client may do. Plain data. */
export interface Access {
  /** The user's name; `default` for who gave the server's password, or needed none. */
  readonly user: string;
  readonly role: UserRole;
  /** The beginnings of the keys that the role is for; null for all keys. */
  readonly prefixes: readonly Key[] | null;
}

/** Everything: what the password of the server gives, and a server without users. */
export const FULL_ACCESS: Access = { user: "default", role: "read-write", prefixes: null };

/** Whether nothing is refused to it. */
export function isFullAccess({ role, prefixes }: Access): boolean {
  return role === "read-write" && prefixes === null;
}

/** Why a client may not do this, as an error `PERMISSION_DENIED` that names the key and the scope; null when it may. */
export function denialOf(access: Access, command: Command): KvError | null {
  if (isFullAccess(access)) return null;
  const why = refusalOf(access, command);
  return why === null ? null : new KvError("PERMISSION_DENIED", why);
}

/** The error of something that only those may do who may do everything. */
export function adminDenial(access: Access, what: string): KvError | null {
  if (isFullAccess(access)) return null;
  return new KvError("PERMISSION_DENIED", `user ${quoted(access.user)} may not use ${what}: ${scopeText(access)}`);
}

function refusalOf(access: Access, command: Command): string | null {
  switch (command.type) {
    case "get":
      return keyRefusal(access, command.key, "read");
    case "getMany":
      return firstOf(command.keys, (key) => keyRefusal(access, key, "read"));
    case "range":
      return rangeRefusal(access, command, "read");
    case "put":
      // Its result may show what was there.
      return keyRefusal(access, command.key, "write");
    case "delete":
    case "increment":
    case "incrementFloat":
    case "append":
    case "setRange":
    case "expire":
      return keyRefusal(access, command.key, "write");
    case "deleteRange":
      return rangeRefusal(access, command, "write");
    case "txn":
      return firstOf<Compare>(command.compare, ({ key }) => keyRefusal(access, key, "read")) ??
        firstOf<Operation>(command.then, (operation) => refusalOf(access, operation)) ??
        firstOf<Operation>(command.else, (operation) => refusalOf(access, operation));
    case "once":
      return sessionRefusal(access) ?? refusalOf(access, command.operation);
    case "openSession":
    case "closeSession":
      return sessionRefusal(access);
    case "expireDue":
      return `user ${quoted(access.user)} may not use what is for the server itself`;
  }
}

function firstOf<Item>(items: readonly Item[], refusal: (item: Item) => string | null): string | null {
  for (const item of items) {
    const why = refusal(item);
    if (why !== null) return why;
  }
  return null;
}

type Verb = "read" | "write";

function isWithin({ prefixes }: Access, key: Key): boolean {
  return prefixes === null || prefixes.some((prefix) => key.startsWith(prefix));
}

function mayVerb({ role }: Access, verb: Verb): boolean {
  return verb === "read" || role === "read-write";
}

function keyRefusal(access: Access, key: Key, verb: Verb): string | null {
  if (mayVerb(access, verb) && isWithin(access, key)) return null;
  return `user ${quoted(access.user)} may not ${verb} ${quoted(keyToText(key))}: ${scopeText(access)}`;
}

function rangeRefusal(
  access: Access,
  { start, end }: { readonly start: Key; readonly end: Key | null },
  verb: Verb,
): string | null {
  const { prefixes } = access;
  const isInside = prefixes === null || prefixes.some((prefix) => {
    if (!start.startsWith(prefix)) return false;
    const last = prefixEnd(prefix);
    return last === null || (end !== null && end <= last);
  });
  if (mayVerb(access, verb) && isInside) return null;
  const until = end === null ? "on" : `up to ${quoted(keyToText(end))}`;
  return `user ${quoted(access.user)} may not ${verb} the keys from ${quoted(keyToText(start))} ${until}: ` +
    scopeText(access);
}

function sessionRefusal(access: Access): string | null {
  if (access.role === "read-write") return null;
  return `user ${quoted(access.user)} may not use sessions, which are for writes: ${scopeText(access)}`;
}

/** What a user may do, as the end of a sentence. */
function scopeText({ role, prefixes }: Access): string {
  const verbs = role === "read-only" ? "it may only read" : "it may read and write";
  if (prefixes === null) return `${verbs} all keys`.replace("only read all keys", "only read");
  return `${verbs} keys that begin with ${prefixes.map((prefix) => quoted(keyToText(prefix))).join(" or ")}`;
}

const QUOTED_CHARACTERS = 64;

/** Text for an error line: short, in quotes, without what could break a line. */
function quoted(text: string): string {
  return JSON.stringify(text.length > QUOTED_CHARACTERS ? `${text.slice(0, QUOTED_CHARACTERS)}…` : text);
}
