/**
 * The protocols that can be simulated: how a replica of each is made, and what may be checked of it.
 *
 * @module
 */
import { crc32 } from "../../codec/checksum.ts";
import { Paxos } from "../../core/paxos/paxos.ts";
import { Standalone } from "../../core/standalone.ts";
import { type Replication, type Role, ROLES, type StateMachine } from "../../core/replication.ts";
import { TwoPhaseCommit } from "../../core/two_phase_commit/two_phase_commit.ts";
import type { Log } from "../../ports/log.ts";
import type { Host, HostContext, HostObserver } from "../world/host.ts";
import { majorityOf } from "../world/partitions.ts";
import { describePaxosFrame } from "./paxos_words.ts";
import type { ProtocolName } from "./run_options.ts";
import { describeTwoPhaseFrame } from "./two_phase_words.ts";

/** What a protocol's replica is made of, besides what every server has. */
export interface ReplicaParts extends Omit<HostContext, "disk"> {
  /** Its log, open. */
  readonly log: Log;
  /** What commands are applied to. */
  readonly stateMachine: StateMachine;
  /** A snapshot is due after so many bytes of log. */
  readonly snapshotEvery_bytes: number;
  /** How much of a snapshot is written a turn. */
  readonly snapshotSlice_bytes: number;
  /** How much of what was chosen lately is kept in memory. */
  readonly cache_bytes: number;
  /** How much a replica that lags is sent at once. */
  readonly catchUp_bytes: number;
  /** Whether leaders of Multi-Paxos answer reads within a lease. @default false */
  readonly leaseReads?: boolean;
}

/** What a protocol makes of the parts. */
export interface Replica extends Pick<Host, "roles" | "observe"> {
  /** Takes commands. */
  readonly replication: Replication;
}

/** A protocol, as runs see it. */
export interface Protocol {
  /** As people name it. */
  readonly name: string;
  /** With how many replicas it can be run, the usual number first. */
  readonly replicas: readonly number[];
  /** How many of so many replicas may be gone for good while the others go on. */
  readonly tolerates: (replicas: number) => number;
  /**
   * Whether whatever a replica has applied is durable in its own log, record by record and at the same positions. Not so
   * where a replica applies what a majority of the others has made durable.
   */
  readonly isOwnLogComplete: boolean;
  /** Makes a replica. */
  readonly make: (parts: ReplicaParts) => Replica;
  /** Says in a few words what a frame between replicas is. */
  readonly describe?: (frame: Uint8Array) => string;
}

const NONE: Protocol = {
  name: "none",
  replicas: [1],
  tolerates: () => 0,
  isOwnLogComplete: true,
  make: ({ log, clock, stateMachine, snapshotEvery_bytes, snapshotSlice_bytes }) => ({
    replication: new Standalone({ log, clock, stateMachine, snapshotEvery_bytes, snapshotSlice_bytes }),
  }),
};

const PAXOS: Protocol = {
  name: "paxos",
  replicas: [5, 3, 1],
  tolerates: minority,
  isOwnLogComplete: false,
  make: (parts) => {
    let observer: HostObserver | null = null;
    const onChosen = (slot: number, value: Uint8Array): void => observer?.onChosen(slot, crc32(value));
    const paxos = new Paxos({ ...parts, onChosen });
    paxos.onEvent((event) => {
      if (event.type !== "leader") return;
      const who = event.leader === null ? "nobody" : event.leader === parts.id ? "itself" : String(event.leader + 1);
      observer?.onNote(`follows ${who} with ballot ${event.ballot}`);
    });
    return {
      replication: paxos,
      roles: {
        names: ROLES,
        crash: (role) => paxos.crashRole(role as Role),
        restart: (role) => paxos.restartRole(role as Role),
      },
      observe: (given) => void (observer = given),
    };
  },
  describe: describePaxosFrame,
};

const TWO_PHASE_COMMIT: Protocol = {
  name: "2pc",
  replicas: [5, 3, 1],
  tolerates: () => 0,
  // Everything is durable in its own log, but a transaction is a vote and a commit there, and not one record.
  isOwnLogComplete: false,
  make: (parts) => {
    let observer: HostObserver | null = null;
    const twoPhaseCommit = new TwoPhaseCommit(parts);
    twoPhaseCommit.onEvent((event) => {
      if (event.type === "inDoubt") observer?.onNote(`is in doubt about ${event.transaction}`);
      if (event.type === "resolved") {
        observer?.onNote(`knows that ${event.transaction} was ${event.isCommitted ? "committed" : "aborted"}`);
      }
    });
    return { replication: twoPhaseCommit, observe: (given) => void (observer = given) };
  },
  describe: describeTwoPhaseFrame,
};

/** Every protocol by its name. */
export const PROTOCOL_TABLE: Readonly<Record<ProtocolName, Protocol>> = {
  none: NONE,
  paxos: PAXOS,
  "2pc": TWO_PHASE_COMMIT,
};

/** A minority: what protocols tolerate for which a majority is enough. */
export function minority(replicas: number): number {
  return replicas - majorityOf(replicas);
}

/**
 * How many replicas a run has, when so many were asked for.
 *
 * @throws {RangeError} when the protocol cannot be run with that number
 */
export function replicasOf({ name, replicas: known }: Protocol, asked: number | undefined): number {
  const replicas = asked ?? known[0] ?? 1;
  if (known.includes(replicas)) return replicas;
  const counts = known.toSorted((a, b) => a - b).join(", ").replace(/, (\d+)$/, " or $1");
  const noun = counts === "1" ? "1 replica" : `${counts} replicas`;
  throw new RangeError(`replication ${name} has ${noun}, not ${replicas}`);
}
