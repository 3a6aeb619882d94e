/**
 * Stories of batches that come to a leader late, twice, or out of order, and of a leader that does not know that it is
 * one no more.
 *
 * @module
 */
import { FIRST_OF_THREE, type Scenario } from "./scenario.ts";

/** What replicas forward to leaders. */
export const BATCH_SCENARIOS: readonly Scenario[] = [
  {
    name: "goes on with the life of a replica that was started again, whatever comes late from the one before",
    replicas: 3,
    script: `${FIRST_OF_THREE}
      # what 2 forwards to 1 in its first life does not arrive
      c1 uses 2
      hold Forward 2→1
      c1 put colour red
      tick 20

      # in its second life it forwards to 3
      crash 2
      crash proposer 1
      restart 2
      tick 5
      crash proposer 2
      wait 5000 for note 3 follows itself
      wait 5000 for c1 put colour red: ok

      # 1 leads once more, and the batch of the first life arrives
      crash proposer 3
      restart proposer 1
      wait 5000 for note 1 follows itself
      tick 200
      deliver Forward 2→1
      tick 100
      flow
      c1 put colour blue
      wait 3000 for c1 put colour blue: ok
      c1 increment counter 1
      wait 3000 for c1 increment counter: 1
      restart proposer 2
      restart proposer 3
      tick 1000
      expect same state
    `,
  },
  {
    name: "goes on after a batch that was chosen long ago and is chosen once more",
    replicas: 3,
    script: `${FIRST_OF_THREE}
      crash proposer 2
      crash proposer 3
      c1 uses 2
      c1 put start 1
      wait 500 for c1 put start 1: ok

      # 2 forwards a batch twice, and the second copy is late
      hold Forward 2→1
      c1 increment counter 1
      tick 350
      deliver Forward 2→1
      wait 500 for c1 increment counter: 1
      c1 increment counter 1
      tick 5
      deliver Forward number=4 2→1
      wait 500 for c1 increment counter: 2

      # to 1, who leads anew, it is as good as new
      crash proposer 1
      restart proposer 1
      wait 5000 for with ballot 2.1
      deliver Forward 2→1
      tick 100
      flow
      c1 increment counter 1
      wait 3000 for c1 increment counter: 3
      restart proposer 2
      restart proposer 3
      tick 1000
      expect same state
    `,
  },
  {
    name: "applies no batch before the one that was sent before it",
    replicas: 3,
    script: `${FIRST_OF_THREE}
      # the slot of red reaches nobody, the slot after it does; both are of 2
      c1 uses 2
      c2 uses 2
      c1 put first 1
      wait 500 for c1 put first 1: ok
      c2 put other 1
      wait 500 for c2 put other 1: ok
      tick 150
      lose Accept slot=6 1→*
      lose Heartbeat 1→*
      c1 put colour red
      tick 2
      c2 put shape round
      tick 5
      expect deliver 1→2 Accept ballot=1.1 slot=7

      # the next leader finds the later one only, which has to wait for the earlier
      crash 1
      flow
      wait 5000 for follows itself
      tick 3000
      expect c1 put colour red: ok
      expect c2 put shape round: ok
      expect same state 2,3
      restart 1
      tick 3000
      expect same state
    `,
  },
  {
    name: "lets no deposed leader speak for what another one has chosen",
    replicas: 5,
    script: `
      # when 1 asks 4 for its vote, that is late
      crash proposer 2
      crash proposer 3
      crash proposer 4
      crash proposer 5
      hold PreVote 1→4
      wait 5000 for note 1 follows itself
      restart proposer 3
      tick 200
      c1 uses 1
      c2 uses 3
      c1 put start 1
      wait 500 for c1 put start 1: ok
      tick 200

      # red reaches 5 only; late answers of 2 let 1 go on, whom nobody else but 5 hears any more
      hold HeartbeatReply 2→1
      tick 450
      lose Accept 1→2,3,4
      lose Heartbeat 1→2,3,4
      cut 3 → 1,5
      cut 4 → 5
      c1 put colour red
      tick 5
      expect deliver 1→5 Accept
      deliver HeartbeatReply 2→1

      # 3 leads with 2 and 4, and what they choose in that slot is not red
      tick 400
      deliver HeartbeatReply 2→1
      wait 1000 for note 3 follows itself
      deliver HeartbeatReply 2→1
      c2 put colour blue
      wait 500 for c2 put colour blue: ok
      tick 120

      # now 4 answers 1 that it knows more, and 1 learns it
      deliver PreVote 1→4
      wait 200 for Learned
      tick 200
      flow
      heal
      restart proposer 2
      restart proposer 4
      restart proposer 5
      tick 3000
      expect same state
    `,
  },
];
