/**
 * The client alone, `@x/kvpaxos/client` in the package: what a program needs that talks to servers and is none. It loads
 * no server, no log and no replication protocol.
 *
 * @example
 * ```ts
 * import { connect, stringCodec } from "@x/kvpaxos/client";
 *
 * await using client = connect({ servers: "127.0.0.1:32000", codec: stringCodec });
 * await client.put("city", "Bern");
 * ```
 *
 * @module
 */
export { connect, type ConnectOptions, type Protocol } from "./connect.ts";
export type { TlsOptions } from "./tls/options.ts";
export { httpConnector } from "./http_connection.ts";
export type { Fetch, HttpConnectorOptions } from "./fetch_connection.ts";
export * from "../client/kv_client.ts";
export * from "../client/options.ts";
export * from "../client/codecs.ts";
export * from "../client/connection.ts";
export * from "../client/entries.ts";
export type { KeyRange } from "../client/key_range.ts";
export { type RangeOptions, RangeQuery } from "../client/range_query.ts";
export { type WatchOptions, WatchStream } from "../client/watch_stream.ts";
export * from "../client/txn_builder.ts";
export { Lock, type LockOptions, type TryLockOptions } from "../client/locks/lock.ts";
export { type ElectOptions, type Leader, Leadership } from "../client/locks/election.ts";

export * from "../core/errors.ts";
export * from "../core/kv/command.ts";
export * from "../core/kv/result.ts";
export type { Consistency } from "../core/kv/stale_read.ts";
export { DEFAULT_LIMITS, type Limits } from "../core/kv/limits.ts";
export {
  type byteString,
  type Key,
  keyFromBytes,
  keyFromText,
  keyToBytes,
  keyToText,
  prefixEnd,
} from "../codec/bytes.ts";
export * from "../ports/clock.ts";
export * from "../ports/random.ts";
