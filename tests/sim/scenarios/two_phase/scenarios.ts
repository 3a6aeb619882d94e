/**
 * The situations in which implementations of two-phase commit have gone wrong, as stories. Nothing is left to chance in
 * them but what the seed decides for all of them alike; each says what must come of it.
 *
 * @module
 */
import type { Scenario } from "../scenario.ts";
import { COORDINATOR_SCENARIOS } from "./coordinators.ts";
import { LOCK_SCENARIOS } from "./locks.ts";
import { PARTICIPANT_SCENARIOS } from "./participants.ts";

/** All of them. */
export const TWO_PHASE_SCENARIOS: readonly Scenario[] = [
  ...COORDINATOR_SCENARIOS,
  ...PARTICIPANT_SCENARIOS,
  ...LOCK_SCENARIOS,
];
