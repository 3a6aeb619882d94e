/**
 * Stories of leaders: how they change, what they find, and who can lead when not everybody sees everybody.
 *
 * @module
 */
import { FIRST_OF_FIVE, FIRST_OF_THREE, type Scenario } from "./scenario.ts";

/** Changes of leadership. */
export const LEADER_SCENARIOS: readonly Scenario[] = [
  {
    name: "keeps what a moving partition has left on one replica of the new majority",
    replicas: 3,
    script: `${FIRST_OF_THREE}
      # 1 and 2 choose x while 3 is cut off
      c1 uses 1
      cut 3 | 1,2
      c1 put colour x
      wait 500 for c1 put colour x: ok
      expect 3 lacks colour

      # the cut moves: 1 is alone now, and 3 leads with 2
      crash proposer 2
      partition 1 | 2,3
      wait 5000 for note 3 follows itself
      tick 200
      expect 3 has colour x
      restart proposer 2

      # and so it stays, when 3 goes on and 1 comes back
      c2 uses 3
      c2 get colour
      wait 1000 for c2 get colour: x
      c2 put colour y
      wait 1000 for c2 put colour y: ok
      heal
      tick 1000
      expect same state
      expect 1 has colour y
    `,
  },
  {
    name: "keeps what a moving partition has left where nobody knows that it was chosen",
    replicas: 3,
    script: `${FIRST_OF_THREE}
      # 1 and 2 choose x while 3 is cut off, and 2 is not told that it is chosen
      c1 uses 1
      cut 3 | 1,2
      lose Heartbeat 1→2
      c1 put colour x
      wait 500 for c1 put colour x: ok
      expect 2 lacks colour
      expect 3 lacks colour

      # the cut moves: 3 leads with 2, and has to ask it
      crash proposer 2
      partition 1 | 2,3
      flow
      wait 5000 for note 3 follows itself
      tick 200
      expect 2 has colour x
      expect 3 has colour x
      restart proposer 2
      heal
      tick 1000
      expect same state
    `,
  },
  {
    name: "asks again for what it has said that it knew, when its learner has forgotten it",
    replicas: 3,
    script: `${FIRST_OF_THREE}
      # 1 and 3 choose x while 2 is cut off, and both know it
      c1 uses 1
      cut 2 | 1,3
      c1 put colour x
      wait 500 for c1 put colour x: ok
      tick 100
      expect 3 has colour x

      # the cut moves: 3 asks 2 for what is above x, and crashes as a learner before it is told
      crash proposer 2
      partition 1 | 2,3
      hold Promise 2→3
      wait 5000 for deliver 3→2 Prepare
      tick 20
      crash learner 3
      restart learner 3
      flow
      wait 5000 for note 3 follows itself
      tick 500
      expect 2 has colour x
      expect 3 has colour x
      restart proposer 2
      heal
      tick 2000
      expect same state
    `,
  },
  {
    name: "lets the higher ballot win when two proposers duel",
    replicas: 3,
    script: `${FIRST_OF_THREE}
      c1 uses 2,3
      crash 1

      # 2 wants to lead, and its prepare is slow
      crash proposer 3
      hold Prepare 2→3
      wait 5000 for PreVoteReply
      tick 5

      # so 3 tries too, with a ballot above; then what 2 wanted is refused
      crash proposer 2
      restart proposer 3
      wait 5000 for deliver 3→2 Prepare
      restart proposer 2
      deliver all Prepare 2→3
      tick 20
      expect deliver 3→2 Nack
      flow

      # one of them leads, and both are of one mind
      c1 put colour red
      wait 5000 for c1 put colour red: ok
      tick 200
      expect same state 2,3
      restart 1
      tick 2000
      expect same state
    `,
  },
  {
    name: "counts an increment once when its leader is cut off in the middle of phase 2",
    replicas: 3,
    script: `${FIRST_OF_THREE}
      # both others accept, and their answers do not get back
      c1 increment counter 1
      wait 500 for c1 increment counter: 1
      hold Accepted *→1
      c1 increment counter 1
      tick 20
      expect no c1 increment counter: 2

      # the next leader finds what they accepted, and the client that asks again gets the same answer
      cut 1 | 2,3,c1
      wait 5000 for follows itself
      wait 5000 for c1 increment counter: 2
      flow
      heal
      tick 2000
      expect same state
      expect 1 has counter 2
      expect 3 has counter 2
    `,
  },
  {
    name: "keeps what one acceptor besides the leader has accepted when the leader dies",
    replicas: 3,
    script: `${FIRST_OF_THREE}
      c1 uses 1
      lose Accept 1→3
      c1 put colour red
      wait 500 for c1 put colour red: ok
      expect 3 lacks colour
      flow
      crash 1
      wait 5000 for follows itself
      tick 3000
      expect 2 has colour red
      expect 3 has colour red
      restart 1
      tick 1000
      expect same state
    `,
  },
  {
    name: "finds values that were chosen, and that nobody but the dead leader had learned",
    replicas: 5,
    script: `${FIRST_OF_FIVE}
      c1 uses 1
      lose Heartbeat 1→*
      c1 put colour red
      wait 300 for c1 put colour red: ok
      expect 2 lacks colour
      expect 5 lacks colour
      crash 1
      flow
      wait 5000 for follows itself
      tick 3000
      expect 2 has colour red
      expect 5 has colour red
      restart 1
      tick 1000
      expect same state
    `,
  },
  {
    name: "fills the gaps that the leader before has left",
    replicas: 3,
    script: `${FIRST_OF_THREE}
      # the slot of red reaches nobody, the slot after it does
      c1 uses 1
      c2 uses 2
      c1 put first 1
      c2 put other 1
      wait 500 for c2 put other 1: ok
      tick 150
      lose Accept slot=6 1→*
      lose Heartbeat 1→*
      c1 put colour red
      tick 5
      c2 put colour blue
      tick 5
      expect deliver 1→2 Accept
      expect no c1 put colour red: ok
      expect no c2 put colour blue: ok

      # the new leader hears of blue only; red may come again, by its client, and after blue
      crash 1
      flow
      wait 5000 for follows itself
      tick 3000
      expect 2 has colour blue
      expect same state 2,3
      restart 1
      tick 3000
      expect same state
    `,
  },
  {
    name: "goes on with the one replica that sees a majority (Omni-Paxos: quorum loss)",
    replicas: 5,
    script: `${FIRST_OF_FIVE}
      # everybody sees 3 and nobody else; 1, who leads, has no majority, and is still heard by 3
      cut 1 | 2,4,5
      cut 2 | 4,5
      cut 4 | 5
      wait 10000 for note 3 follows itself
      c1 uses 3
      c1 put colour red
      wait 5000 for c1 put colour red: ok
      tick 500
      expect same state
      heal
      tick 2000
      expect same state
    `,
  },
  {
    name: "elects the one replica that sees a majority though its log is behind (Omni-Paxos: constrained election)",
    replicas: 5,
    script: `${FIRST_OF_FIVE}
      # 3 misses a write
      cut 3 | 1,2,4,5
      c1 uses 1
      c1 put colour red
      wait 500 for c1 put colour red: ok
      expect 3 lacks colour

      # now 1 is gone, and the others see 3 and nobody else
      partition 1 | 2 | 4 | 5
      cut 1 | 3
      wait 10000 for note 3 follows itself
      c2 uses 3
      c2 get colour
      wait 5000 for c2 get colour: red
      c2 put colour blue
      wait 5000 for c2 put colour blue: ok
      tick 500
      expect same state 2,3,4,5
      heal
      tick 2000
      expect same state
    `,
  },
  {
    name: "keeps a leader that works when one of three replicas does not see it (Omni-Paxos: chained)",
    replicas: 3,
    script: `${FIRST_OF_THREE}
      c1 uses 1
      c2 uses 2
      cut 1 | 3
      tick 5000
      expect no note 2 follows itself
      expect no note 3 follows itself
      c1 put colour red
      wait 500 for c1 put colour red: ok
      c2 put shape round
      wait 500 for c2 put shape round: ok
      expect 2 has colour red
      heal
      tick 2000
      expect same state
      expect 3 has shape round
    `,
  },
];
