/**
 * Deliberate bugs in Multi-Paxos: as data, each a few characters of a file or two, because the protocol has no seams for
 * them. The numbers are those of the checklist of pitfalls.
 *
 * @module
 */
import type { RunOptions } from "../../src/sim/sim.ts";
import type { Patch } from "./patched_run.ts";
import { BALLOT_MUTANTS } from "./paxos_ballots.ts";
import { LOG_MUTANTS } from "./paxos_logs.ts";
import { READ_MUTANTS } from "./paxos_reads.ts";

/** A deliberate bug. */
export interface PaxosMutant {
  /** As the table names it. */
  readonly name: string;
  /** The numbers of the pitfalls. */
  readonly pitfalls: string;
  /** The run that finds it soonest, but for its seed and its protocol. */
  readonly run: Pick<RunOptions, "faults" | "workloads"> & { readonly replicas: number; readonly ops: number };
  /** The name of the scenario that catches it, where seeds would take long. */
  readonly scenario?: string;
  /** Whether it takes so long that only the script that writes the table runs it. */
  readonly isSlow?: true;
  /** Why nothing catches it, or what is known about that. */
  readonly open?: string;
  /** The bug. Where one thing guards for another, both have to go. */
  readonly patches: readonly Patch[];
}

const ALL: readonly PaxosMutant[] = [...BALLOT_MUTANTS, ...LOG_MUTANTS, ...READ_MUTANTS];

/** Those that are caught. */
export const PAXOS_MUTANTS: readonly PaxosMutant[] = ALL.filter(({ open }) => open === undefined);

/** Those that are not, or for which it is not sure that it was they that were caught. */
export const OPEN_MUTANTS: readonly PaxosMutant[] = ALL.filter(({ open }) => open !== undefined);
