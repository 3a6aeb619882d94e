/**
 * Who may do what over HTTP: finds out who sent a request, before any route sees it, and refuses what the routes want to
 * do for who may not.
 *
 * Invariant: on a server with users, a request that was not let in is refused by {@link HttpGate.permit}, whatever the
 * way by which it came to a route.
 *
 * @module
 */
import type { MiddlewareHandler } from "hono";
import { fromBase64 } from "../../codec/base64.ts";
import { CodecError } from "../../codec/byte_reader.ts";
import { bytesToText, type Key, keyToBytes } from "../../codec/bytes.ts";
import { KvError } from "../../core/errors.ts";
import type { Command } from "../../core/kv/command.ts";
import { type Access, adminDenial, denialOf } from "../access/access.ts";
import type { Logins } from "../access/logins.ts";
import type { ServerStats } from "../stats.ts";

/** The longest user name and password together, in base64. */
const MAX_CREDENTIALS = 4096;

/** The gate of one HTTP front door. */
export class HttpGate {
  readonly #logins: Logins;
  readonly #stats: ServerStats;
  readonly #isPublic: (path: string) => boolean;
  readonly #granted = new WeakMap<Request, Access>();
  readonly #senders = new WeakMap<Request, string>();

  /** `isPublic` says which paths anybody may see. */
  constructor(logins: Logins, stats: ServerStats, isPublic: (path: string) => boolean) {
    this.#logins = logins;
    this.#stats = stats;
    this.#isPublic = isPublic;
  }

  /** Notes where a request comes from: wrong passwords are counted by that. */
  note(request: Request, address: string): void {
    if (!this.#logins.isOpen) this.#senders.set(request, address);
  }

  /** Lets requests in, or answers 401. */
  middleware(): MiddlewareHandler {
    return async (c, next) => {
      const request = c.req.raw;
      if (!this.#logins.isOpen && !this.#isPublic(c.req.path)) this.#granted.set(request, await this.#enter(request));
      await next();
    };
  }

  /**
   * Checks that who sent `request` may do `command`.
   *
   * @throws {KvError} `PERMISSION_DENIED`, `UNAUTHENTICATED`
   */
  permit(request: Request, command: Command): void {
    this.#check(request, (access) => denialOf(access, command));
  }

  /**
   * Checks that who sent `request` may use `what`, which changes the server and not its keys: users who may do
   * everything.
   *
   * @throws {KvError} `PERMISSION_DENIED`, `UNAUTHENTICATED`
   */
  permitAdmin(request: Request, what: string): void {
    this.#check(request, (access) => adminDenial(access, what));
  }

  /** What the sender of `request` may do may have changed: whether it would still be let in, with the same rights. */
  isStill(request: Request): boolean {
    if (this.#logins.isOpen) return true;
    const access = this.#granted.get(request);
    return access !== undefined && this.#logins.isStill(access);
  }

  #check(request: Request, denialTo: (access: Access) => KvError | null): void {
    if (this.#logins.isOpen) return;
    const access = this.#granted.get(request);
    if (access === undefined) throw new KvError("UNAUTHENTICATED", "this request was not let in");
    const denial = denialTo(access);
    if (denial !== null) throw denial;
  }

  async #enter(request: Request): Promise<Access> {
    try {
      return await this.#authenticate(request);
    } catch (error) {
      this.#stats.loginsRefused++;
      throw error;
    }
  }

  #authenticate(request: Request): Access | Promise<Access> {
    const header = request.headers.get("authorization") ?? "";
    const from = this.#senders.get(request) ?? "http";
    // Header text has one character per byte.
    const bearer = /^Bearer +(.+)$/i.exec(header);
    if (bearer !== null) {
      const outcome = this.#logins.bearer(keyToBytes(bearer[1]! as Key), from);
      if (outcome instanceof KvError) throw outcome;
      return outcome;
    }
    const basic = /^Basic +(.+)$/i.exec(header);
    if (basic === null) {
      throw new KvError(
        "UNAUTHENTICATED",
        "no password; send it as Authorization: Bearer <password or token>, or Basic with a user and a password",
      );
    }
    const { user, password } = basicCredentials(basic[1]!);
    return new Promise((resolve, reject) => {
      this.#logins.login(user, password, from, (error, access) => {
        if (access !== null) resolve(access);
        else reject(error);
      });
    });
  }
}

function basicCredentials(text: string): { readonly user: string; readonly password: Uint8Array } {
  const malformed = (): KvError =>
    new KvError("UNAUTHENTICATED", "Authorization: Basic without base64 of user:password");
  if (text.length > MAX_CREDENTIALS) throw malformed();
  let bytes: Uint8Array;
  try {
    bytes = fromBase64(text.trim());
  } catch (error) {
    if (!(error instanceof CodecError)) throw error;
    throw malformed();
  }
  const colon = bytes.indexOf(58);
  if (colon < 0) throw malformed();
  return { user: bytesToText(bytes.subarray(0, colon)), password: bytes.slice(colon + 1) };
}
