/**
 * What a run is asked for and what it gives.
 *
 * @module
 */
import type { Connector } from "../../client/connection.ts";
import type { FaultProfile } from "../world/simulation.ts";
import type { TraceLine } from "../world/trace.ts";
import type { ServerSeams } from "./observed_host.ts";
import type { Classify } from "./outcome.ts";
import type { Violation } from "./violation.ts";

/** The workloads that runs have unless told otherwise. */
export const WORKLOADS = ["register", "counter", "append", "bank", "ttl", "watch", "range"] as const;

/** The workloads that runs have only when asked for them: they wait for most of their time. */
export const EXTRA_WORKLOADS = ["lock"] as const;

/** The name of a workload. */
export type WorkloadName = typeof WORKLOADS[number] | typeof EXTRA_WORKLOADS[number];

/** The protocols that can be simulated. */
export const PROTOCOLS = ["none", "paxos", "2pc"] as const;

/** The name of a protocol. */
export type ProtocolName = typeof PROTOCOLS[number];

/** Where a mutant can stand in a whole run. */
export interface Seams extends ServerSeams {
  /** Between a client and the network. */
  readonly connector?: (connector: Connector) => Connector;
  /** How clients read errors. */
  readonly classify?: Classify;
}

/** What to run. With equal options the run is the same, on every runtime. */
export interface RunOptions {
  /** Decides everything that is left to chance. */
  readonly seed: number;
  /** How the servers replicate. @default "none" */
  readonly replication?: ProtocolName;
  /** How many servers. @default as is usual for the protocol */
  readonly replicas?: number;
  /** How many operations clients do in all. @default 500 */
  readonly ops?: number;
  /** What goes wrong. @default "heavy" */
  readonly faults?: FaultProfile;
  /** What clients do. @default all of {@link WORKLOADS} */
  readonly workloads?: readonly WorkloadName[];
  /** How many clients. @default from the seed, 2 to 6 */
  readonly clients?: number;
  /** When faults end at the latest, in virtual milliseconds. @default 60000 */
  readonly horizon_ms?: number;
  /** Lets leaders of Multi-Paxos answer reads within a lease. @default false */
  readonly leaseReads?: boolean;
  /**
   * By how much of itself the advance of one server's monotonic clock may exceed that of another, from 0 to below 1.
   * @default what leases allow for, where there are some, and else 0
   */
  readonly clockDrift?: number;
  /** Keep the trace as text. @default false */
  readonly keepTrace?: boolean;
  /** A deliberate bug. @default none */
  readonly seams?: Seams;
}

/** What a run gave. */
export interface RunReport {
  /** As it was asked for. */
  readonly seed: number;
  /** How the servers replicated. */
  readonly replication: ProtocolName;
  /** How many servers there were. */
  readonly replicas: number;
  /** Operations that were begun. */
  readonly ops: number;
  /** Virtual time that passed, in milliseconds. */
  readonly simulatedMs: number;
  /** Equal for equal runs. */
  readonly traceHash: string;
  /** Everything that was wrong. */
  readonly violations: readonly Violation[];
  /** How often each fault struck. */
  readonly faults: Readonly<Record<string, number>>;
  /** The trace as text, when it was asked for. */
  readonly trace: readonly TraceLine[];
}
