/**
 * Deliberate bugs in two-phase commit: as data, each a few characters of a file or two, because the protocol has no
 * seams for them. The numbers are those of the checklist of pitfalls.
 *
 * @module
 */
import type { PatchedMutant } from "./patched_harness.ts";
import { DECISION_MUTANTS } from "./two_phase_decisions.ts";
import { LOCK_MUTANTS } from "./two_phase_locks.ts";
import { VOTE_MUTANTS } from "./two_phase_votes.ts";

const ALL: readonly PatchedMutant[] = [...VOTE_MUTANTS, ...DECISION_MUTANTS, ...LOCK_MUTANTS];

/** Those that are caught. */
export const TWO_PHASE_MUTANTS: readonly PatchedMutant[] = ALL.filter(({ open }) => open === undefined);

/** Those that are not, or for which it is not sure that it was they that were caught. */
export const OPEN_TWO_PHASE_MUTANTS: readonly PatchedMutant[] = ALL.filter(({ open }) => open !== undefined);
