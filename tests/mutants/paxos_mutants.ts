/**
 * Deliberate bugs in Multi-Paxos: as data, each a few characters of a file or two, because the protocol has no seams for
 * them. The numbers are those of the checklist of pitfalls.
 *
 * @module
 */
import type { PatchedMutant } from "./patched_harness.ts";
import { BALLOT_MUTANTS } from "./paxos_ballots.ts";
import { LEASE_MUTANTS } from "./paxos_leases.ts";
import { LOG_MUTANTS } from "./paxos_logs.ts";
import { READ_MUTANTS } from "./paxos_reads.ts";

const ALL: readonly PatchedMutant[] = [...BALLOT_MUTANTS, ...LOG_MUTANTS, ...READ_MUTANTS, ...LEASE_MUTANTS];

/** Those that are caught. */
export const PAXOS_MUTANTS: readonly PatchedMutant[] = ALL.filter(({ open }) => open === undefined);

/** Those that are not, or for which it is not sure that it was they that were caught. */
export const OPEN_MUTANTS: readonly PatchedMutant[] = ALL.filter(({ open }) => open !== undefined);
