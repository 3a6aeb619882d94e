/**
 * kvpaxos: a strongly consistent, durable key-value store.
 *
 * The library has three layers, each usable by itself:
 *
 * - **a client**, {@link connect}: exactly-once writes, failover, watches, over tcp, udp, http or rpc;
 * - **a server**, {@link startServer}: the whole of `kvserver` inside a process;
 * - **the core**: {@link KVStore}, a deterministic state machine, under {@link Standalone} replication over a
 *   {@link Log}. It does no I/O of its own: a clock, randomness and a disk are handed to it.
 *
 * The simulator and the checker of histories are `@x/kvpaxos/sim`.
 *
 * @example A client
 * ```ts
 * import { connect, stringCodec } from "@x/kvpaxos";
 *
 * await using client = connect({ servers: [{ host: "127.0.0.1", port: 32000 }], codec: stringCodec });
 * await client.put("city", "Bern");
 * console.log((await client.get("city"))?.value);
 * ```
 *
 * @example A server in this process, with its data on disk
 * ```ts
 * import { startServer } from "@x/kvpaxos";
 *
 * await using server = await startServer({ port: 32000, httpPort: 33000, dataDir: "./data" });
 * console.log(server.addresses);
 * ```
 *
 * @module
 */
export * from "./src/core/errors.ts";
export * from "./src/core/replication.ts";
export { Standalone, type StandaloneOptions } from "./src/core/standalone.ts";
export { Paxos } from "./src/core/paxos/paxos.ts";
export { DEFAULT_PAXOS_TIMES, type PaxosEvent, type PaxosOptions, type PaxosTimes } from "./src/core/paxos/options.ts";
export { TwoPhaseCommit } from "./src/core/two_phase_commit/two_phase_commit.ts";
export {
  DEFAULT_TWO_PHASE_TIMES,
  type TwoPhaseCommitOptions,
  type TwoPhaseEvent,
  type TwoPhaseTimes,
} from "./src/core/two_phase_commit/options.ts";
export { DEFAULT_SNAPSHOT_OPTIONS, type SnapshotOptions } from "./src/core/snapshotter.ts";

export {
  KVStore,
  type Watch,
  type WatchListener,
  type WatchOptions as StoreWatchOptions,
} from "./src/core/kv/kv_store.ts";
export type { ReadResult } from "./src/core/kv/operations.ts";
export type { ValuePlace } from "./src/core/kv/entry_map.ts";
export * from "./src/core/kv/command.ts";
export { decodeCommand, encodeCommand } from "./src/core/kv/command_codec.ts";
export { decodeEvents, decodeResult, encodeEvents, encodeResult } from "./src/core/kv/result_codec.ts";
export * from "./src/core/kv/result.ts";
export type { Consistency } from "./src/core/kv/stale_read.ts";
export { DEFAULT_LIMITS, type Limits } from "./src/core/kv/limits.ts";
export { CodecError } from "./src/codec/byte_reader.ts";
export {
  type byteString,
  type Key,
  keyFromBytes,
  keyFromText,
  keyToBytes,
  keyToText,
  prefixEnd,
} from "./src/codec/bytes.ts";

export * from "./src/ports/clock.ts";
export * from "./src/ports/disk.ts";
export * from "./src/ports/log.ts";
export * from "./src/ports/random.ts";
export * from "./src/ports/transport.ts";

export { type DurableLog, type DurableLogConfig, openDurableLog } from "./src/log/durable_log.ts";
export type { DurableLogOptions } from "./src/log/open_directory.ts";
export type { TornTail } from "./src/log/recovery.ts";
export { MemoryLog, type MemoryLogOptions } from "./src/log/memory_log.ts";
export { openNodeDisk } from "./src/adapters/node_disk.ts";
export { systemClock } from "./src/adapters/system_clock.ts";
export { systemRandom } from "./src/adapters/system_random.ts";
export { createMemoryTransports } from "./src/adapters/memory_transport.ts";

export { connect, type ConnectOptions, type Protocol } from "./src/adapters/connect.ts";
export { httpConnector } from "./src/adapters/http_connection.ts";
export type { Fetch, HttpConnectorOptions } from "./src/adapters/fetch_connection.ts";
export * from "./src/client/kv_client.ts";
export * from "./src/client/options.ts";
export * from "./src/client/codecs.ts";
export * from "./src/client/connection.ts";
export * from "./src/client/entries.ts";
export type { KeyRange } from "./src/client/key_range.ts";
export { type RangeOptions, RangeQuery } from "./src/client/range_query.ts";
export { type WatchOptions, WatchStream } from "./src/client/watch_stream.ts";
export * from "./src/client/txn_builder.ts";

export { type ListeningAddress, type RunningServer, type ServerOptions, startServer } from "./src/server/server.ts";
export type { PeerAddress } from "./src/server/cluster/links.ts";
export type { ClusterOptions, ClusterProtocol } from "./src/server/cluster/options.ts";
export type { DurationRange, RoleFailureOptions } from "./src/server/cluster/role_failures.ts";
export { VERSION } from "./src/version.ts";
