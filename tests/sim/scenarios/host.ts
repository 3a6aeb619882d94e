/**
 * The servers of scenarios: small, so that a few puts are enough for snapshots of several parts, and for a log that does
 * not reach back to its beginning.
 *
 * @module
 */
import { KVStore } from "../../../src/core/kv/kv_store.ts";
import { openDurableLog } from "../../../src/log/durable_log.ts";
import { PROTOCOL_TABLE } from "../../../src/sim/run/protocols.ts";
import { type Host, type HostContext, type HostFactory, withDescriptions } from "../../../src/sim/world/host.ts";

const SIZES = { snapshotEvery_bytes: 4096, snapshotSlice_bytes: 1024, cache_bytes: 1000, catchUp_bytes: 1000 };

/** The protocols that have scenarios. */
export type StagedProtocol = "paxos" | "2pc";

/** Replicas of a protocol, whose leaders have leases if it has some and they are asked for. */
export function stagedHost(name: StagedProtocol, leaseReads = false): HostFactory {
  const protocol = PROTOCOL_TABLE[name];
  const make = (context: HostContext): Host => {
    const { disk, clock, random } = context;
    const log = openDurableLog({ disk, clock, random, options: { segmentBytes: 4096, reserveBytes: 1024 } });
    const store = new KVStore();
    return { ...protocol.make({ ...context, log, stateMachine: store, leaseReads, ...SIZES }), store, log };
  };
  return withDescriptions(make, protocol.describe);
}
