/**
 * The situations in which implementations of Multi-Paxos have gone wrong, as stories. Nothing is left to chance in them
 * but what the seed decides for all of them alike; each says what must come of it.
 *
 * @module
 */
import { LEADER_SCENARIOS } from "./leaders.ts";
import type { Scenario } from "./scenario.ts";
import { TRANSFER_SCENARIOS } from "./transfers.ts";
import { VOTE_SCENARIOS } from "./votes.ts";

/** All of them. */
export const SCENARIOS: readonly Scenario[] = [...LEADER_SCENARIOS, ...VOTE_SCENARIOS, ...TRANSFER_SCENARIOS];
