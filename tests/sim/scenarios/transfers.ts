/**
 * Stories of snapshots on their way from one replica to another.
 *
 * @module
 */
import { FIRST_OF_THREE, type Scenario } from "./scenario.ts";

/** So many entries that the log before them is let go, in a snapshot of several parts. */
const MANY_PUTS = Array.from({ length: 60 }, (_, index) => `
  c1 put k${index} ${"x".repeat(300)}${index}
  wait 500 for c1 put k${index}
`).join("");

/** Transfers that are interrupted. */
export const TRANSFER_SCENARIOS: readonly Scenario[] = [
  {
    name: "takes over no half of a snapshot when the replica that takes it dies",
    replicas: 3,
    script: `${FIRST_OF_THREE}
      c1 uses 1
      c1 put before 1
      wait 500 for c1 put before 1: ok
      tick 200
      crash 3
      ${MANY_PUTS}
      hold SnapshotPart *→3
      restart 3
      wait 5000 for FetchSnapshot
      tick 100
      deliver all SnapshotPart *→3
      tick 10
      deliver all SnapshotPart *→3
      tick 10
      expect 3 has before 1
      expect 3 lacks k0
      crash 3
      flow
      restart 3
      wait 5000 for last
      tick 1000
      expect same state
    `,
  },
  {
    name: "begins a snapshot anew with another replica when the one that lends it dies",
    replicas: 3,
    script: `${FIRST_OF_THREE}
      c1 uses 1
      tick 200
      crash 3
      ${MANY_PUTS}
      hold SnapshotPart *→3
      restart 3
      wait 5000 for FetchSnapshot
      tick 100
      deliver all SnapshotPart *→3
      tick 10
      crash 1
      flow
      wait 10000 for last
      tick 3000
      expect same state 2,3
      restart 1
      tick 3000
      expect same state
    `,
  },
];
