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
