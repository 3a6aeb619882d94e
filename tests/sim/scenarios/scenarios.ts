/**
 * The situations in which implementations of Multi-Paxos have gone wrong, as stories. Nothing is left to chance in them
 * but what the seed decides for all of them alike; each says what must come of it.
 *
 * @module
 */
import { BATCH_SCENARIOS } from "./batches.ts";
import { LEADER_SCENARIOS } from "./leaders.ts";
import { LEASE_SCENARIOS } from "./leases.ts";
import type { Scenario } from "./scenario.ts";
import { MEMORY_SCENARIOS } from "./memory.ts";
import { READ_SCENARIOS } from "./reads.ts";
import { TRANSFER_SCENARIOS } from "./transfers.ts";
import { VOTE_SCENARIOS } from "./votes.ts";

/** All of them. */
export const SCENARIOS: readonly Scenario[] = [
  ...LEADER_SCENARIOS,
  ...VOTE_SCENARIOS,
  ...MEMORY_SCENARIOS,
  ...READ_SCENARIOS,
  ...LEASE_SCENARIOS,
  ...BATCH_SCENARIOS,
  ...TRANSFER_SCENARIOS,
];
