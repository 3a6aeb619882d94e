/**
 * The real {@link Store}: the client library.
 *
 * @module
 */
import { connect } from "../../src/adapters/connect.ts";
import { stringCodec } from "../../src/client/codecs.ts";
import type { KVClient } from "../../src/client/kv_client.ts";
import { keyFromBytes, keyToBytes } from "../../src/codec/bytes.ts";
import type { WatchRequest } from "../../src/client/connection.ts";
import type { Operation } from "../../src/core/kv/command.ts";
import type { Consistency } from "../../src/core/kv/stale_read.ts";
import type { Result, WatchEvent } from "../../src/core/kv/result.ts";
import { askHealth } from "./server_health.ts";
import { askAll } from "./server_reports.ts";
import { askStatus } from "./server_status.ts";
import type { HeldLock, LockRequest, ServerHealth, ServerReport, ServerStatus, Store, Target } from "./store.ts";

/** The server decides what is too large; a client that asked less of it could not be told so. */
const UNLIMITED = {
  maxKeyBytes: 65_536,
  maxValueBytes: 64 * 1024 * 1024,
};

/** Makes a client of the library. */
export function connectLibrary(target: Target): Store {
  return new LibraryStore(target);
}

class LibraryStore implements Store {
  readonly #target: Target;
  readonly #client: KVClient;

  constructor(target: Target) {
    const { servers, protocol, user, password, tls, deadline_ms } = target;
    this.#target = target;
    this.#client = connect({
      servers,
      protocol,
      deadline_ms,
      limits: UNLIMITED,
      ...(user === null ? {} : { user }),
      ...(password === null ? {} : { password }),
      ...(tls === null ? {} : { tls }),
    });
  }

  execute(operation: Operation, signal?: AbortSignal, consistency: Consistency = "linearizable"): Promise<Result> {
    return this.#client.execute(operation, { consistency, ...(signal === undefined ? {} : { signal }) });
  }

  async *watch({ start, end, fromRevision }: WatchRequest, signal: AbortSignal): AsyncIterable<WatchEvent> {
    const range = { start: keyToBytes(start), ...(end === null ? {} : { end: keyToBytes(end) }) };
    for await (const { type, revision, keyBytes, entry } of this.#client.watch({ ...range, fromRevision, signal })) {
      const { expiresAt_ms, ...rest } = entry;
      yield { type, revision, key: keyFromBytes(keyBytes), entry: { ...rest, expiry: expiresAt_ms ?? 0 } };
    }
  }

  status(signal?: AbortSignal): Promise<ServerStatus> {
    return askStatus(this.#target, signal);
  }

  reports(signal?: AbortSignal): Promise<readonly ServerReport[]> {
    return askAll(this.#target, signal);
  }

  health(signal?: AbortSignal): Promise<readonly ServerHealth[]> {
    return askHealth(this.#target, signal);
  }

  lock(name: string, request: LockRequest): Promise<HeldLock> {
    return this.#client.lock(name, request);
  }

  elect(name: string, value: string, request: LockRequest): Promise<HeldLock> {
    return this.#client.as(stringCodec).elect(name, { ...request, value });
  }

  async close(): Promise<void> {
    await this.#client.close();
  }
}
