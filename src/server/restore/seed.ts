/**
 * The first record and the first snapshot of a log that begins with a state instead of empty. Under every protocol they
 * say: nothing was promised, voted or decided yet, and this is the state. The identity of the log is fresh, so what the
 * servers that the state came from had promised binds nobody.
 *
 * @module
 */
import type { BackupHead } from "../../adapters/backup/format.ts";
import { BatchBuilder } from "../../core/batch.ts";
import { NO_BALLOT } from "../../core/paxos/ballot.ts";
import { Origins } from "../../core/paxos/origins.ts";
import { encodeRecord as encodePaxosRecord, RECORD as PAXOS_RECORD } from "../../core/paxos/records.ts";
import { encodeHeader as encodePaxosHeader } from "../../core/paxos/snapshot_header.ts";
import {
  encodeRecord as encodeTwoPhaseRecord,
  RECORD as TWO_PHASE_RECORD,
} from "../../core/two_phase_commit/records.ts";
import { encodeHeader as encodeTwoPhaseHeader } from "../../core/two_phase_commit/snapshots.ts";
import type { DataKind } from "../cluster/data_kind.ts";

/** How a log begins. */
export interface Seed {
  /** The record at position 1, which the snapshot stands for: it says nothing that the snapshot does not. */
  readonly record: Uint8Array;
  /** What comes before the state in the snapshot; null for nothing. */
  readonly header: Uint8Array | null;
}

/** How the log of a server of this kind, one of `replicas`, begins with a state. */
export function seedOf(kind: DataKind, replicas: number, { time_ms }: BackupHead): Seed {
  switch (kind) {
    case "none":
      return { record: new BatchBuilder().seal(time_ms).slice(), header: null };
    case "2pc":
      return {
        record: encodeTwoPhaseRecord({ type: TWO_PHASE_RECORD.life, life: 0 }),
        header: encodeTwoPhaseHeader({ replicas, clock: time_ms, records: [] }),
      };
    case "paxos":
      return {
        record: encodePaxosRecord({ type: PAXOS_RECORD.life, life: 0 }),
        // The state stands before the first slot: every replica has it, so nobody ever has to fetch it.
        header: encodePaxosHeader({
          replicas,
          slot: 0,
          base: 1,
          promised: NO_BALLOT,
          round: 0,
          life: 0,
          isJoined: false,
          identities: new Map(),
          origins: new Origins(),
        }),
      };
  }
}
