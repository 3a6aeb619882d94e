/**
 * Stories of snapshots on their way from one replica to another.
 *
 * @module
 */
import { FIRST_OF_FIVE, FIRST_OF_THREE, type Scenario } from "./scenario.ts";

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
  {
    name: "takes every part of a snapshot once, though it comes twice",
    replicas: 3,
    script: `${FIRST_OF_THREE}
      c1 uses 1
      tick 200
      crash 3
      ${MANY_PUTS}
      hold SnapshotPart part=1 *→3
      restart 3
      wait 5000 for FetchSnapshot slot=0 part=0
      tick 400
      deliver all SnapshotPart *→3
      tick 100
      flow
      tick 1000
      expect same state
    `,
  },
  {
    name: "lends no value from before the snapshot that it took over",
    replicas: 5,
    script: `${FIRST_OF_FIVE}
      # 2 alone accepts red
      c1 uses 1
      c2 uses 3
      c1 put start 1
      wait 500 for c1 put start 1: ok
      tick 200
      cut 5 | 1,2,3,4
      crash acceptor 1
      lose Accept 1→3,4
      c2 put tint red
      tick 10
      expect deliver 1→2 Accept

      # 3 leads with 1 and 4, who have not heard of it, until their logs do not reach back to that slot
      crash proposer 1
      crash proposer 2
      crash proposer 4
      crash proposer 5
      restart acceptor 1
      partition 2 | 5 | 1,3,4
      flow
      wait 5000 for note 3 follows itself
      tick 500
      ${MANY_PUTS}

      # 2 takes over a snapshot; 5 asks 2, who has that to give, and nothing of red
      partition 5 | 1,2,3,4
      tick 2000
      expect deliver 3→2 SnapshotPart
      partition 2,5 | 1,3,4
      restart proposer 5
      tick 3000
      heal
      restart proposer 1
      restart proposer 2
      restart proposer 4
      tick 3000
      expect same state
    `,
  },
  {
    name: "keeps what it accepted before a snapshot until that is stored",
    replicas: 3,
    script: `${FIRST_OF_THREE}
      # 2 has not heard of one slot, and its learner is down when 1 and 2 alone choose the rest
      c1 uses 1
      c1 put start 1
      wait 500 for c1 put start 1: ok
      tick 200
      crash learner 2
      lose Accept 1→2
      c1 put gap 1
      wait 500 for c1 put gap 1: ok
      flow
      partition 3 | 1,2
      ${MANY_PUTS}

      # its learner is back, takes over a snapshot of 1, and crashes before the disk has it
      slow sync 2 3000
      restart learner 2
      wait 2000 for last
      tick 500
      expect 2 lacks k0
      slow sync 2 0
      crash learner 2
      restart learner 2

      # 3 leads, by the promise of 2
      partition 1 | 2,3
      crash proposer 2
      wait 5000 for note 3 follows itself
      tick 5000
      expect 3 has k0 ${"x".repeat(300)}0
      heal
      restart proposer 2
      tick 5000
      expect same state
    `,
  },
];
