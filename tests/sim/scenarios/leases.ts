/**
 * Stories of leaders that answer reads within a lease, and of what must not happen while one lasts.
 *
 * @module
 */
import { FIRST_OF_THREE, LEADER_LEFT_BEHIND, type Scenario } from "./scenario.ts";

/** Promises of leases. */
export const LEASE_SCENARIOS: readonly Scenario[] = [
  {
    name: "answers reads within a lease without a round, and none beyond it",
    replicas: 3,
    leaseReads: true,
    script: `${FIRST_OF_THREE}
      c1 uses 1
      c2 uses 2
      c3 uses 2
      c1 put colour red
      wait 500 for c1 put colour red: ok
      wait 200 for HeartbeatReply
      tick 5

      # nobody answers 1 any more, and it reads on its own word and lets 2 read on it
      lose HeartbeatReply *→1
      tick 400
      c1 get colour
      c2 get colour
      tick 5
      expect c1 get colour: red
      expect c2 get colour: red

      # the lease ends 450 ms after its heartbeat was sent, and 1 does not know yet that it is alone
      tick 60
      c3 get colour
      tick 20
      expect deliver 2→1 ReadRequest id=2
      expect no c3 get colour: red
      flow
      wait 3000 for c3 get colour: red
      tick 1000
      expect same state
    `,
  },
  {
    name: "counts a lease from when its heartbeat was sent, and not from when the answer came",
    replicas: 3,
    leaseReads: true,
    script: `${LEADER_LEFT_BEHIND}

      # the last answers come long after what they promise is over
      deliver all HeartbeatReply 2→1
      c1 get colour
      tick 10
      expect 1 has colour red
      expect no c1 get colour: red
      flow
      heal
      wait 5000 for c1 get colour: blue
      tick 2000
      expect same state
    `,
  },
  {
    name: "elects nobody while acceptors that were started again may have promised a lease",
    replicas: 3,
    leaseReads: true,
    script: `${FIRST_OF_THREE}
      crash proposer 2
      crash proposer 3
      c1 uses 1
      c2 uses 3
      c1 put colour red
      wait 500 for c1 put colour red: ok
      wait 200 for HeartbeatReply
      tick 20

      # 2 and 3 forget what they have promised 1, and hear nothing of it
      cut 1 | 2,3
      kill 2
      kill 3
      restart 2
      restart 3
      c2 put colour blue
      tick 420
      expect no c2 put colour blue: ok
      c1 get colour
      tick 5
      expect c1 get colour: red

      # then they go on
      wait 3000 for c2 put colour blue: ok
      heal
      c1 get colour
      wait 3000 for c1 get colour: blue
      tick 2000
      expect same state
    `,
  },
  {
    name: "lets no late prepare of another end a lease",
    replicas: 3,
    leaseReads: true,
    script: `
      # 2 is about to lead with ballot 1.2, and nobody hears of it
      crash proposer 1
      crash proposer 3
      hold Prepare 2→*
      wait 5000 for PreVoteReply ballot=1.2 granted
      tick 5
      lose PreVoteReply 2→1
      lose Nack 2→1
      restart proposer 1
      wait 5000 for note 1 follows itself
      c1 uses 1
      c2 uses 2
      c1 put colour red
      wait 500 for c1 put colour red: ok
      tick 200

      # its prepare comes to 3, which has promised 1 a lease
      deliver Prepare 2→3
      tick 5
      c2 put colour blue
      tick 200
      expect no c2 put colour blue: ok
      c1 get colour
      tick 5
      expect c1 get colour: red
      flow
      wait 5000 for c2 put colour blue: ok
      restart proposer 3
      tick 2000
      expect same state
    `,
  },
];
