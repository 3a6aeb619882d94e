import { expect, it } from "vitest";
import { KVStore } from "../../../src/core/kv/kv_store.ts";
import { encodeHeader as encodePaxosHeader } from "../../../src/core/paxos/snapshot_header.ts";
import { Origins } from "../../../src/core/paxos/origins.ts";
import { encodeRecord, RECORD } from "../../../src/core/two_phase_commit/records.ts";
import { encodeHeader } from "../../../src/core/two_phase_commit/snapshots.ts";
import type { Log } from "../../../src/ports/log.ts";
import { checkDataKind, type DataKind, dataKindOf } from "../../../src/server/cluster/data_kind.ts";

/** What is looked at of a log: its first record, and the first slice of its snapshot. */
function logOf(record: Uint8Array | null, slice: Uint8Array | null = null): Log {
  const log = {
    firstPosition: 1,
    lastPosition: record === null ? 0 : 1,
    read: () => record === null ? [] : [{ position: 1, payload: record }],
    readSnapshot: () => slice === null ? null : { position: 1, slices: () => [slice] },
  };
  return log as unknown as Log; // The rest of a log is not looked at.
}

const STORE = new KVStore().snapshot().next(1000)!;
const TWO_PHASE = encodeHeader({ replicas: 3, clock: 1, records: [] });
const PAXOS = encodePaxosHeader({
  replicas: 3,
  slot: 1,
  base: 1,
  promised: 1,
  round: 1,
  life: 1,
  isJoined: true,
  identities: new Map(),
  origins: new Origins(),
});

it.each<[what: string, log: Log, kind: DataKind | null]>([
  ["nothing", logOf(null), null],
  ["a batch", logOf(Uint8Array.of(1, 2, 3)), "none"],
  ["a promise of Multi-Paxos", logOf(Uint8Array.of(64)), "paxos"],
  ["an accepted value", logOf(Uint8Array.of(8)), "paxos"],
  ["a life under two-phase commit", logOf(encodeRecord({ type: RECORD.life, life: 1 })), "2pc"],
  ["an abort under two-phase commit", logOf(Uint8Array.of(RECORD.abort)), "2pc"],
  ["a snapshot of a store alone", logOf(null, STORE), "none"],
  ["a snapshot of Multi-Paxos alone", logOf(null, PAXOS), "paxos"],
  ["a snapshot of two-phase commit alone", logOf(null, TWO_PHASE), "2pc"],
])("knows who wrote %s", (_, log, kind) => {
  expect(dataKindOf(log)).toBe(kind);
  for (const wanted of ["none", "2pc", "paxos"] as const) {
    const check = (): void => checkDataKind(log, wanted);
    if (kind === null || kind === wanted) check();
    else expect(check).toThrow(/choose another --data-dir/);
  }
});
