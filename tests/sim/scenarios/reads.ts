/**
 * Stories of reads that must not be answered from a state that is older than they are.
 *
 * @module
 */
import { FIRST_OF_THREE, LEADER_LEFT_BEHIND, type Scenario } from "./scenario.ts";

/** What 2 serves is as old as red: it does not hear of blue, which 1 and 3 choose. */
const BLUE_WITHOUT_2 = `
  lose Accept 1→2
  lose Heartbeat 1→2
  c1 put colour blue
  wait 500 for c1 put colour blue: ok
  expect 2 has colour red
`;

/** Replica 1 leads, colour is red, and clients 2 and 3 have servers of their own. */
const RED = `${FIRST_OF_THREE}
  c1 uses 1
  c2 uses 2
  c3 uses 2
  c1 put colour red
  wait 500 for c1 put colour red: ok
  tick 200
`;

/** Reads, requests for them, and rounds. */
export const READ_SCENARIOS: readonly Scenario[] = [
  {
    name: "lets no read join a request that was sent before it came",
    replicas: 3,
    script: `${RED}
      # 2 has asked for one read, and the answer is on its way
      hold ReadReply 1→2
      c2 get colour
      tick 10
      expect deliver 2→1 ReadRequest
      ${BLUE_WITHOUT_2}

      # the answer is good for the read that came before blue, and for no other
      c3 get colour
      tick 5
      deliver ReadReply 1→2
      tick 5
      expect c2 get colour: red
      expect no c3 get colour: red
      flow
      wait 3000 for c3 get colour: blue
      tick 1000
      expect same state
    `,
  },
  {
    name: "takes the late answer to an earlier read for no answer to a later one",
    replicas: 3,
    script: `${RED}
      # 2 asks twice, and the second answer comes first
      hold ReadReply 1→2
      c2 get colour
      tick 350
      deliver ReadReply id=2 1→2
      tick 5
      expect c2 get colour: red
      ${BLUE_WITHOUT_2}

      # the first answer says nothing of what came after it
      hold ReadRequest 2→1
      c3 get colour
      tick 5
      deliver ReadReply id=1 1→2
      tick 5
      expect no c3 get colour: red
      flow
      wait 3000 for c3 get colour: blue
      tick 1000
      expect same state
    `,
  },
  {
    name: "confirms no read by a round that began before it came",
    replicas: 3,
    script: `${LEADER_LEFT_BEHIND}

      # a read comes to 1, and after it the answers to the round that began before blue
      c1 get colour
      tick 5
      expect 1 has colour red
      deliver all HeartbeatReply 2→1
      tick 10
      expect no c1 get colour: red
      flow
      heal
      wait 5000 for c1 get colour: blue
      tick 2000
      expect same state
    `,
  },
  {
    name: "answers no read before a new leader knows all that the one before has acknowledged",
    replicas: 3,
    script: `${FIRST_OF_THREE}
      # only 1 knows that red is chosen
      crash proposer 3
      c1 uses 1
      c2 uses 2
      lose Heartbeat 1→*
      c1 put colour red
      wait 500 for c1 put colour red: ok
      crash 1
      flow

      # 2 leads, and what it proposes again does not arrive yet
      hold Accept 2→3
      wait 5000 for note 2 follows itself
      expect 2 lacks colour
      c2 get colour
      tick 500
      expect no c2 get colour: nothing
      flow
      wait 3000 for c2 get colour: red
      restart 1
      restart proposer 3
      tick 2000
      expect same state
    `,
  },
];
