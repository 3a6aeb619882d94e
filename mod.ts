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
 * The client alone is `@x/kvpaxos/client`; the simulator and the checker of histories are `@x/kvpaxos/sim`; the ways
 * between replicas are `@x/kvpaxos/transport/tcp` and `@x/kvpaxos/transport/http`.
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
export type { ValuePlace } from "./src/core/kv/record_page.ts";
export { decodeCommand, encodeCommand } from "./src/core/kv/command_codec.ts";
export { decodeEvents, decodeResult, encodeEvents, encodeResult } from "./src/core/kv/result_codec.ts";
export { CodecError } from "./src/codec/byte_reader.ts";

export * from "./src/ports/disk.ts";
export * from "./src/ports/log.ts";
export * from "./src/ports/transport.ts";

export { type DurableLog, type DurableLogConfig, openDurableLog } from "./src/log/durable_log.ts";
export type { DurableLogOptions } from "./src/log/open_directory.ts";
export type { TornTail } from "./src/log/recovery.ts";
export { MemoryLog, type MemoryLogOptions } from "./src/log/memory_log.ts";
export { openNodeDisk } from "./src/adapters/node_disk.ts";
export { systemClock } from "./src/adapters/system_clock.ts";
export { systemRandom } from "./src/adapters/system_random.ts";
export { createMemoryTransports } from "./src/adapters/memory_transport.ts";

export * from "./src/adapters/client.ts";

export { startServer } from "./src/server/start_server.ts";
export type { ServerTlsOptions, ServerTlsTexts } from "./src/adapters/tls/server_texts.ts";
export type { ListeningAddress, RunningServer, ServerOptions } from "./src/server/server.ts";
export type { LogLevel, LogLevels } from "./src/server/log_levels.ts";
export type { RequestTracer, TraceSpan, TraceSpanOptions } from "./src/server/metrics/tracing.ts";
export type { PeerAddress } from "./src/server/cluster/links.ts";
export type { ClusterOptions, ClusterProtocol } from "./src/server/cluster/options.ts";
export type { DurationRange, RoleFailureOptions } from "./src/server/cluster/role_failures.ts";
export { VERSION } from "./src/version.ts";
