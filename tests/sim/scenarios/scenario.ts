/**
 * What a scenario is, and how those of Multi-Paxos begin.
 *
 * @module
 */

/** A story. */
export interface Scenario {
  /** What it is about, as the end of the sentence "Multi-Paxos …". */
  readonly name: string;
  readonly replicas: number;
  /** How long an operation of a client may take, in milliseconds. @default 5000 */
  readonly deadline_ms?: number;
  /** Whether leaders answer reads within a lease. @default false */
  readonly leaseReads?: boolean;
  readonly script: string;
}

/** Replica 1 leads, of three. */
export const FIRST_OF_THREE: string = `
  crash proposer 2
  crash proposer 3
  wait 5000 for note 1 follows itself
  restart proposer 2
  restart proposer 3
  tick 200
`;

/**
 * Replica 3 leads and has put blue where red was; replica 1, which led before and serves c1, hears nothing of it, and has
 * answers to its last round but one. Those to its last round are on their way.
 */
export const LEADER_LEFT_BEHIND: string = `${FIRST_OF_THREE}
  crash proposer 2
  c1 uses 1
  c2 uses 3
  c1 put colour red
  wait 500 for c1 put colour red: ok

  # one round is answered, the answers to the next are on their way, and 1 begins no other
  crash proposer 3
  hold HeartbeatReply 2→1
  lose HeartbeatReply 3→1
  tick 450
  deliver HeartbeatReply 2→1
  tick 150
  lose Heartbeat 1→*
  lose Nack *→1
  cut 3 → 1

  # late answers to the round before keep 1 in the belief that it leads, while 3 does
  tick 300
  deliver HeartbeatReply 2→1
  tick 400
  deliver HeartbeatReply 2→1
  tick 400
  deliver HeartbeatReply 2→1
  restart proposer 3
  wait 100 for note 3 follows itself
  c2 put colour blue
  wait 200 for c2 put colour blue: ok
`;

/** Replica 1 leads, of five. */
export const FIRST_OF_FIVE: string = `
  crash proposer 2
  crash proposer 3
  crash proposer 4
  crash proposer 5
  wait 5000 for note 1 follows itself
  restart proposer 2
  restart proposer 3
  restart proposer 4
  restart proposer 5
  tick 200
`;
