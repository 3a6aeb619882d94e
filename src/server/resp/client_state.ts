/**
 * What a client has said about itself and what it has begun: all that RESET forgets.
 *
 * @module
 */
import type { Key } from "../../codec/bytes.ts";
import { type Access, isFullAccess } from "../access/access.ts";
import type { Transaction } from "./transaction.ts";
import type { Watches } from "./watches.ts";

/** The state of one client. */
export class ClientState {
  /** The RESP version: 2, or 3 after HELLO 3. */
  protocol: 2 | 3 = 2;
  /** What the client may do; null before it has logged in: only the commands that lead there. */
  access: Access | null;
  /** How many wrong passwords it has given. */
  failedLogins = 0;
  /** By CLIENT SETNAME; empty for none. */
  name = "";
  /** By CLIENT SETINFO. */
  libraryName = "";
  libraryVersion = "";
  /** Whether replies are sent; `skip` leaves out the next one. By CLIENT REPLY. */
  replies: "on" | "off" | "skip" = "on";
  /** Whether reads may be stale. By READONLY and READWRITE. */
  takesStale = false;
  /** Between MULTI and EXEC. */
  transaction: Transaction | null = null;
  /** The keys of WATCH, with the revision of their latest write at that time (0: absent). */
  watched: Map<Key, number> = new Map();
  /** The watches of KVWATCH, once there is one. */
  watches: Watches | null = null;
  /** The monotonic time of the connection's start, in milliseconds. */
  readonly connected_ms: number;

  constructor(access: Access | null, connected_ms: number) {
    this.access = access;
    this.connected_ms = connected_ms;
  }

  /** Whether the client may use commands other than those that lead to a password. */
  get authenticated(): boolean {
    return this.access !== null;
  }

  /** Whether a command is executed and answered with no more ado. */
  get plain(): boolean {
    return this.access !== null && isFullAccess(this.access) && this.transaction === null && this.replies === "on";
  }

  /** Whether the reply of the command that begins now is left out; a SKIP is used up. */
  takeMuted(): boolean {
    if (this.replies === "on") return false;
    if (this.replies === "skip") this.replies = "on";
    return true;
  }

  /** Ends what the client has begun. */
  close(): void {
    this.transaction = null;
    this.watched.clear();
    this.watches?.close();
    this.watches = null;
  }
}
