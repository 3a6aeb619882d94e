/**
 * The client, as the commands need it: operations in, results out. The real one wraps the client library; tests
 * give one that answers what they like.
 *
 * @module
 */
import type { TlsOptions } from "../../src/adapters/tls/options.ts";
import type { ServerAddress, WatchRequest } from "../../src/client/connection.ts";
import type { Lock } from "../../src/client/locks/lock.ts";
import type { KvError } from "../../src/core/errors.ts";
import type { Operation } from "../../src/core/kv/command.ts";
import type { Consistency } from "../../src/core/kv/stale_read.ts";
import type { Result, WatchEvent } from "../../src/core/kv/result.ts";

/** The protocols that a client can speak; RPC is the typed stub over HTTP. */
export const PROTOCOLS = ["tcp", "udp", "http", "rpc"] as const;

/** A protocol that a client can speak. */
export type Protocol = typeof PROTOCOLS[number];

/** What a server says of itself: `version` and whatever else, in the order in which it is to be shown. */
export interface ServerStatus {
  readonly version: string;
  readonly [name: string]: unknown;
}

/** What one server says of itself, or why it does not. One of the two is null. */
export interface ServerReport {
  /** Where it was asked: `127.0.0.1:32000`. */
  readonly server: string;
  readonly status: ServerStatus | null;
  readonly error: KvError | null;
}

/** Whether one server takes requests. */
export interface ServerHealth {
  /** Where it was asked: `127.0.0.1:32000`. */
  readonly server: string;
  /** Why it does not, or null when it does. */
  readonly unready: string | null;
}

/** What to connect to, and how. */
export interface Target {
  readonly servers: readonly ServerAddress[];
  readonly protocol: Protocol;
  /** Null for the server's own password. */
  readonly user: string | null;
  readonly password: string | null;
  /** Null for no TLS. */
  readonly tls: TlsOptions | null;
  /** How long one operation may take, retries included. Milliseconds. */
  readonly deadline_ms: number;
}

/** How a lock is asked for. */
export interface LockRequest {
  readonly ttl_ms: number;
  /** 0 takes it at once or not at all. @default for ever */
  readonly wait_ms?: number;
  /** Ends the wait. */
  readonly signal: AbortSignal;
}

/** A lock that is held. */
export type HeldLock = Pick<Lock, "key" | "token" | "signal" | "release">;

/** A client of one or more servers. */
export interface Store {
  /** Does an operation, writes exactly once. Rejects with a `KvError`, also for what the store itself refused. */
  execute(operation: Operation, signal?: AbortSignal, consistency?: Consistency): Promise<Result>;
  /** The events of some keys until the signal aborts. */
  watch(request: WatchRequest, signal: AbortSignal): AsyncIterable<WatchEvent>;
  /** What the server says of itself. Also shows that it can be reached, and with this password. */
  status(signal?: AbortSignal): Promise<ServerStatus>;
  /** What each server says of itself: those named, and the other replicas of their cluster. Rejects when aborted. */
  reports(signal?: AbortSignal): Promise<readonly ServerReport[]>;
  /** Whether each of the servers that were named takes requests. Rejects when aborted. */
  health(signal?: AbortSignal): Promise<readonly ServerHealth[]>;
  /** Waits for a lock. */
  lock(name: string, request: LockRequest): Promise<HeldLock>;
  /** Waits to lead. */
  elect(name: string, value: string, request: LockRequest): Promise<HeldLock>;
  close(): Promise<void>;
}

/** Makes a client. It connects when it is first used. */
export type Connect = (target: Target) => Store;

/** The result of an operation of type `type`; anything else is a server that answers something else than it was asked. */
export function expectResult<T extends Result["type"]>(result: Result, type: T): Extract<Result, { readonly type: T }> {
  if (result.type !== type) throw new Error(`the server answered with a result of type ${result.type}, not ${type}`);
  // Narrowed by the line above; a generic parameter does not narrow.
  return result as Extract<Result, { readonly type: T }>;
}
