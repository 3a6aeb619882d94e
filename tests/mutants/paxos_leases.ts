/**
 * Deliberate bugs in the leases of Multi-Paxos.
 *
 * @module
 */
import type { PatchedMutant } from "./patched_harness.ts";
import { CUTS } from "./profiles.ts";

const LEASE = "src/core/paxos/lease.ts";
const RUN = { replicas: 3, ops: 300, faults: CUTS, leaseReads: true } as const;

/** Pitfall 19 once more: reads that ask nobody. */
export const LEASE_MUTANTS: readonly PatchedMutant[] = [
  {
    name: "a lease is counted from when the answer came",
    pitfalls: "19",
    run: RUN,
    scenario: "counts a lease from when its heartbeat was sent, and not from when the answer came",
    patches: [
      {
        file: "src/core/paxos/proposer.ts",
        find: "of this.#rounds.onReply(from, round, lease_ms)",
        replace: "of this.#rounds.onReply(from, round, lease_ms, now)",
      },
      {
        file: "src/core/paxos/read_rounds.ts",
        find: `round: number, lease_ms: number): readonly WaitingRead[] {
    this.#lease.onPromise(from, round, lease_ms);`,
        replace: `round: number, lease_ms: number, now: number): readonly WaitingRead[] {
    this.#lease.onPromise(from, round, lease_ms, now);`,
      },
      {
        file: LEASE,
        find: "round: number, lasts_ms: number): void {",
        replace: "round: number, lasts_ms: number, now: number): void {",
      },
      { file: LEASE, find: "this.#beganAt + (1", replace: "now + (1" },
    ],
  },
  {
    name: "an acceptor that is back promises at once",
    pitfalls: "19",
    run: RUN,
    scenario: "elects nobody while acceptors that were started again may have promised a lease",
    patches: [{
      file: LEASE,
      find: "if (now < this.#forgottenUntil) return true;",
      replace: "",
    }],
  },
  {
    name: "an acceptor that has promised a lease promises another ballot",
    pitfalls: "19",
    run: RUN,
    scenario: "lets no late prepare of another end a lease",
    patches: [{
      file: "src/core/paxos/node.ts",
      find: " || this.roles.acceptor?.lease.forbids(message.ballot, now) === true",
      replace: "",
    }],
  },
  {
    name: "a lease lasts as long as a leader goes on without hearing of anybody",
    pitfalls: "19",
    run: RUN,
    scenario: "answers reads within a lease without a round, and none beyond it",
    patches: [{ file: LEASE, find: "(1 - CLOCK_DRIFT) * this.#shortest_ms", replace: "2 * this.#shortest_ms" }],
  },
];
