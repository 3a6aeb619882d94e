/**
 * Finds out who a client is. Slow hashes are computed off the event loop, one at a time, so that nobody who knows no
 * password can take the server's threads or memory; what was found right once is known again by a fast keyed hash that
 * lives only in this process; who keeps giving wrong ones has to wait.
 *
 * Invariants: nothing here is ever logged or repeated to a client but user names; a wrong password takes as long for a
 * user that is there as for one that is not.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { copyBytes, textToBytes } from "../../codec/bytes.ts";
import { KvError } from "../../core/errors.ts";
import type { Clock } from "../../ports/clock.ts";
import { type Access, FULL_ACCESS } from "./access.ts";
import { hashToken, isHashed, isSameSecret, MAX_SECRET_BYTES, type PasswordHash } from "./secrets.ts";
import type { User, UserTable } from "./user_table.ts";

/** How logins are checked. */
export interface LoginOptions {
  readonly clock: Clock;
  /** The password of the user `default`, who may do everything; null for none. @default null */
  readonly password?: string | null;
  /** The users of a file; null for none. @default null */
  readonly users?: UserTable | null;
}

/** How a login ended: the error is `UNAUTHENTICATED`, or `UNAVAILABLE` when there are too many at once. */
export type LoginDone = (error: KvError | null, access: Access | null) => void;

const DEFAULT_USER = "default";
const WRONG = "invalid username-password pair or user is disabled.";
/** Within this time so many wrong passwords are heard for one user from one address; then it has to wait. */
const WINDOW_MS = 60_000;
const MAX_FAILURES = 10;
/** How many pairs of user and address are remembered for that. */
const MAX_REMEMBERED = 10_000;
/** How many logins wait for their turn. */
const MAX_WAITING = 100;
/** What a user that is not there is compared with. Nothing hashes to it that anybody could find. */
const NOBODY: PasswordHash = {
  cost: 2 ** 15,
  blockSize: 8,
  parallelism: 1,
  salt: randomBytes(16),
  hash: randomBytes(32),
};

interface Attempt {
  readonly user: User | null;
  readonly secret: Uint8Array;
  readonly done: (isRight: boolean) => void;
}

/** The logins of one server. */
export class Logins {
  /** Whether nobody has to log in. */
  readonly isOpen: boolean;
  /** Whether every login is decided at once: there are no users whose slow hashes take their time. */
  readonly isInstant: boolean;
  readonly #clock: Clock;
  readonly #password: Uint8Array | null;
  #users: UserTable;
  #byToken: ReadonlyMap<string, User>;
  /** What was right once, by user: a keyed hash that says nothing to who does not have this process's key. */
  #known = new Map<string, Uint8Array>();
  readonly #key: Uint8Array = randomBytes(32);
  #failures = new Map<string, { count: number; readonly since_ms: number }>();
  #waiting: Attempt[] = [];
  #isBusy = false;

  constructor({ clock, password = null, users = null }: LoginOptions) {
    this.isOpen = password === null && users === null;
    this.isInstant = users === null;
    this.#clock = clock;
    this.#password = password === null ? null : textToBytes(password);
    this.#users = users ?? new Map<string, User>();
    this.#byToken = tokensOf(this.#users);
  }

  /** What a client may do that has not logged in; null for nothing. */
  get anonymous(): Access | null {
    return this.isOpen ? FULL_ACCESS : null;
  }

  /** Whether the user `default` has a password. */
  get hasDefault(): boolean {
    return this.#password !== null || this.#users.has(DEFAULT_USER);
  }

  /** Takes other users from now on. Who is logged in is looked at by {@link isStill}. */
  replaceUsers(fresh: UserTable): void {
    // Who is as before stays logged in.
    const users = new Map<string, User>();
    for (const [name, user] of fresh) {
      const before = this.#users.get(name);
      users.set(name, before !== undefined && isSameUser(before, user) ? before : user);
    }
    this.#users = users;
    this.#byToken = tokensOf(users);
    this.#known.clear();
  }

  /** Whether a client that logged in before would be let in the same way now. */
  isStill(access: Access): boolean {
    if (access === FULL_ACCESS) return true;
    return this.#users.get(access.user)?.access === access;
  }

  /** Looks whether `secret` is the password, or a token, of `name`. `from` is the client's address. May call back at once. */
  login(name: string, secret: Uint8Array, from: string, done: LoginDone): void {
    if (this.isOpen) {
      if (name === DEFAULT_USER) done(null, FULL_ACCESS);
      else done(wrong(), null);
      return;
    }
    const user = this.#users.get(name) ?? null;
    const isDefault = name === DEFAULT_USER && this.#password !== null;
    // No number of attempts finds a token, so that nobody has to wait for others' wrong ones.
    if (user !== null && hasToken(user, secret)) {
      done(null, user.access);
      return;
    }
    const subject = `${user === null && !isDefault ? "" : name} ${from}`;
    const wait_ms = this.#waitOf(subject);
    if (wait_ms > 0) {
      done(new KvError("UNAUTHENTICATED", `too many wrong passwords; wait ${Math.ceil(wait_ms / 1000)} s`), null);
      return;
    }
    if (isDefault || this.isInstant) {
      const isRight = isSameSecret(secret, this.#password ?? randomBytes(32)) && isDefault;
      if (!isRight) this.#failed(subject);
      done(isRight ? null : wrong(), isRight ? FULL_ACCESS : null);
      return;
    }
    if (user !== null && this.#isKnown(name, secret)) {
      done(null, user.access);
      return;
    }
    if (secret.length > MAX_SECRET_BYTES || this.#waiting.length >= MAX_WAITING) {
      const isLong = secret.length > MAX_SECRET_BYTES;
      if (isLong) this.#failed(subject);
      done(isLong ? wrong() : new KvError("UNAVAILABLE", "too many logins at once; try again"), null);
      return;
    }
    // The caller's bytes may be reused.
    const kept = copyBytes(secret);
    this.#waiting.push({
      user,
      secret: kept,
      done: (isRight) => {
        // The users may be others by now.
        const isThere = user !== null && this.#users.get(name) === user;
        if (isRight && isThere) {
          this.#known.set(name, this.#digest(kept));
          done(null, user.access);
        } else {
          this.#failed(subject);
          done(wrong(), null);
        }
      },
    });
    void this.#work();
  }

  /** Looks whose token it is; the password of `default` is one, too. */
  bearer(token: Uint8Array, from: string): Access | KvError {
    if (this.isOpen) return FULL_ACCESS;
    const hash = hashToken(token);
    const user = this.#byToken.get(nameOfHash(hash));
    if (user !== undefined && hasHash(user, hash)) return user.access;
    if (this.#password !== null) {
      const subject = `${DEFAULT_USER} ${from}`;
      const wait_ms = this.#waitOf(subject);
      if (wait_ms > 0) {
        return new KvError("UNAUTHENTICATED", `too many wrong passwords; wait ${Math.ceil(wait_ms / 1000)} s`);
      }
      if (isSameSecret(token, this.#password)) return FULL_ACCESS;
      this.#failed(subject);
    }
    return new KvError("UNAUTHENTICATED", "the password or token is wrong");
  }

  /** One hash at a time: they take the threads that the log's syncs need. */
  async #work(): Promise<void> {
    if (this.#isBusy) return;
    this.#isBusy = true;
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      const { user, secret, done } = next;
      let isRight = false;
      try {
        isRight = await isHashed(secret, user?.password ?? NOBODY);
      } catch {
        // Out of memory for the hash: nobody is let in for that.
        isRight = false;
      }
      done(isRight && user !== null && user.password !== null);
    }
    this.#isBusy = false;
  }

  #digest(secret: Uint8Array): Uint8Array {
    return createHmac("sha256", this.#key).update(secret).digest();
  }

  #isKnown(name: string, secret: Uint8Array): boolean {
    const known = this.#known.get(name);
    return known !== undefined && timingSafeEqual(known, this.#digest(secret));
  }

  #waitOf(subject: string): number {
    const failures = this.#failures.get(subject);
    if (failures === undefined) return 0;
    const left_ms = failures.since_ms + WINDOW_MS - this.#clock.monotonic();
    if (left_ms <= 0) this.#failures.delete(subject);
    return left_ms > 0 && failures.count >= MAX_FAILURES ? left_ms : 0;
  }

  #failed(subject: string): void {
    const failures = this.#failures.get(subject);
    if (failures !== undefined) {
      failures.count++;
      return;
    }
    // The oldest goes: who fills this from many addresses buys nothing that many addresses do not give anyway.
    if (this.#failures.size >= MAX_REMEMBERED) this.#failures.delete(this.#failures.keys().next().value!);
    this.#failures.set(subject, { count: 1, since_ms: this.#clock.monotonic() });
  }
}

function wrong(): KvError {
  return new KvError("UNAUTHENTICATED", WRONG);
}

function isSameUser(a: User, b: User): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

function nameOfHash(hash: Uint8Array): string {
  return Buffer.from(hash).toString("base64");
}

function tokensOf(users: UserTable): ReadonlyMap<string, User> {
  const byToken = new Map<string, User>();
  for (const user of users.values()) {
    for (const hash of user.tokens) byToken.set(nameOfHash(hash), user);
  }
  return byToken;
}

function hasToken(user: User, secret: Uint8Array): boolean {
  return user.tokens.length > 0 && hasHash(user, hashToken(secret));
}

function hasHash({ tokens }: User, hash: Uint8Array): boolean {
  let isThere = false;
  for (const token of tokens) isThere = timingSafeEqual(token, hash) || isThere;
  return isThere;
}
