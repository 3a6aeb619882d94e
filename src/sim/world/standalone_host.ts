/**
 * The standalone server in the simulator: the real log format on the simulated disk, the real store.
 *
 * @module
 */
import { KVStore } from "../../core/kv/kv_store.ts";
import type { Limits } from "../../core/kv/limits.ts";
import { Standalone } from "../../core/standalone.ts";
import { openDurableLog } from "../../log/durable_log.ts";
import type { Host, HostContext, HostFactory } from "./host.ts";

/** Sizes of a simulated server: small, so that a short run meets many segments and snapshots. */
export interface StandaloneHostOptions {
  /** Bytes of a segment. @default 65536 */
  readonly segmentBytes?: number;
  /** Bytes reserved ahead. @default 4096 */
  readonly reserveBytes?: number;
  /** Bytes logged between snapshots. @default 12288 */
  readonly snapshotEvery_bytes?: number;
  /** Bytes of a snapshot written a turn. @default 4096 */
  readonly snapshotSlice_bytes?: number;
  /** Limits of the store that are not the default. */
  readonly limits?: Partial<Limits>;
}

/** Makes standalone servers of these sizes. */
export function makeStandaloneHost(options: StandaloneHostOptions = {}): HostFactory {
  const { segmentBytes = 65_536, reserveBytes = 4096, limits = {} } = options;
  const { snapshotEvery_bytes = 12_288, snapshotSlice_bytes = 4096 } = options;
  return ({ disk, clock, random }: HostContext): Host => {
    const log = openDurableLog({ disk, clock, random, options: { segmentBytes, reserveBytes } });
    const store = new KVStore({ limits });
    const replication = new Standalone({ log, clock, stateMachine: store, snapshotEvery_bytes, snapshotSlice_bytes });
    return { replication, store, log };
  };
}

/** A standalone server of the usual sizes. */
export const standaloneHost: HostFactory = makeStandaloneHost();
