/**
 * Stories of votes: those that come late, twice, or of a ballot that is over, and those that a crash takes back.
 *
 * @module
 */
import { FIRST_OF_FIVE, FIRST_OF_THREE, type Scenario } from "./scenario.ts";

/** Replies that were held come one by one, so that 1 takes itself for the leader. */
const LATE_REPLIES = Array.from({ length: 5 }, () => `
  tick 240
  deliver HeartbeatReply 2→1
`).join("");

/**
 * 1 has proposed red in two slots (6 and 7) and nobody has heard of it but 1 itself: what it asks 2 to accept is on its
 * way. 3 leads with 4 and 5, and blue is chosen in the second of these slots by 2, 3 and 4; only 3 knows.
 */
const LATE_ACCEPT = `${FIRST_OF_FIVE}
  c1 uses 1
  c2 uses 3
  c1 put first 1
  wait 500 for c1 put first 1: ok
  c2 put start 1
  wait 500 for c2 put start 1: ok
  tick 200
  hold Accept 1→2
  lose Accept 1→3,4,5
  lose Forward 1→*
  c1 put a red
  tick 2
  c1 put tint red
  tick 2
  crash proposer 1
  crash proposer 2
  crash proposer 4
  crash proposer 5
  lose Prepare 3→1,2
  wait 5000 for note 3 follows itself
  tick 5
  lose Heartbeat 3→*
  lose Accept 3→1,5
  c2 put colour blue
  wait 3000 for c2 put colour blue: ok
  expect 4 lacks colour
`;

/** What comes of it: 3 and 4 are gone, and 5 has to find blue with 1 and 2. */
const BLUE_IS_FOUND = `
  crash 3
  crash 4
  flow
  restart proposer 5
  wait 5000 for note 5 follows itself
  tick 3000
  expect 5 has colour blue
  expect 1 has colour blue
  restart proposer 1
  restart proposer 2
  restart 3
  restart 4
  tick 3000
  expect same state
`;

/** Promises, acceptances and confirmations. */
export const VOTE_SCENARIOS: readonly Scenario[] = [
  {
    name: "does not count the promise of an earlier attempt",
    replicas: 3,
    script: `${FIRST_OF_THREE}
      # 2 tries to lead, again and again, and what 3 promises does not arrive
      crash 1
      crash proposer 3
      hold Promise 3→2
      wait 5000 for deliver 2→3 Prepare
      wait 9000 for deliver 3→2 PreVoteReply
      tick 3000

      # the first promise is late: it is of a ballot that 2 has given up
      deliver Promise 3→2
      tick 50
      expect no note 2 follows itself
      flow
      tick 3000
      expect note 2 follows itself
      restart proposer 3
      c1 uses 2
      c1 put colour red
      wait 3000 for c1 put colour red: ok
      restart 1
      tick 2000
      expect same state
    `,
  },
  {
    name: "refuses an old accept that comes after one of a higher ballot",
    replicas: 5,
    script: `${LATE_ACCEPT}
      deliver all Accept 1→2
      tick 20
      ${BLUE_IS_FOUND}
    `,
  },
  {
    name: "refuses an old accept after a restart too, because an acceptance is a promise",
    replicas: 5,
    script: `${LATE_ACCEPT}
      crash 2
      restart 2
      crash proposer 2
      tick 20
      deliver all Accept 1→2
      tick 20
      ${BLUE_IS_FOUND}
    `,
  },
  {
    name: "refuses an old accept after its acceptor alone was started again",
    replicas: 5,
    script: `${LATE_ACCEPT}
      crash acceptor 2
      restart acceptor 2
      tick 20
      deliver all Accept 1→2
      tick 20
      ${BLUE_IS_FOUND}
    `,
  },
  {
    name: "takes the value of the highest ballot, not the one that is reported last",
    replicas: 5,
    script: `${LATE_ACCEPT}
      drop all Accept 1→2
      crash 3
      crash 4
      flow
      hold Promise 1→5
      restart proposer 5
      wait 5000 for deliver 2→5 Promise
      tick 5
      deliver all Promise 1→5
      flow
      tick 3000
      expect 5 has colour blue
      expect 2 has colour blue
      restart 3
      restart 4
      tick 3000
      expect same state
    `,
  },
  {
    name: "does not count what was accepted in a ballot that the same leader has given up",
    replicas: 5,
    script: `${FIRST_OF_FIVE}
      # 1 leads without its acceptor; 2 alone accepts red, and says so late
      c1 uses 1
      c1 put start 1
      wait 500 for c1 put start 1: ok
      tick 200
      crash proposer 2
      crash proposer 3
      crash proposer 4
      crash proposer 5
      crash acceptor 1
      lose Accept ballot=1.1 1→3,4,5
      hold Accepted 2→1
      c1 put colour red
      tick 20

      # 1 leads again, and has not heard of red; in that slot 3 accepts something else
      crash proposer 1
      restart acceptor 1
      cut 2 | 1,3,4,5
      restart proposer 1
      lose Accept 1→4,5
      wait 5000 for deliver 3→1 Promise
      wait 5000 for deliver 3→1 Accepted
      heal
      deliver all Accepted 2→1
      tick 5

      # two have accepted it, not three: it is not chosen, and red may still be
      crash 1
      crash 3
      flow
      restart proposer 4
      wait 5000 for note 4 follows itself
      tick 1000
      restart 1
      restart 3
      tick 3000
      expect same state
    `,
  },
  {
    name: "lets no deposed leader answer a read, though late replies make it believe that it leads",
    replicas: 3,
    script: `${FIRST_OF_THREE}
      crash proposer 2
      c1 uses 1
      c2 uses 3
      c1 put colour red
      wait 500 for c1 put colour red: ok
      hold HeartbeatReply 2→1
      lose HeartbeatReply 3→1
      ${LATE_REPLIES}

      # 2 and 3 hear no more of 1, and 1 nothing of 3, who leads now with 2
      lose Heartbeat 1→*
      lose Nack *→1
      cut 3 → 1
      ${LATE_REPLIES}
      expect note 3 follows itself
      c2 put colour blue
      tick 50
      expect c2 put colour blue: ok
      deliver HeartbeatReply 2→1
      c1 get colour
      tick 10
      deliver HeartbeatReply 2→1
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
    name: "counts an acceptor once that says twice what it has accepted",
    replicas: 5,
    script: `${FIRST_OF_FIVE}
      c1 uses 1
      c1 put first 1
      wait 500 for c1 put first 1: ok
      lose Accept 1→3,4,5
      hold Accepted 2→1
      c1 put colour red
      tick 400
      deliver all Accepted 2→1
      tick 5
      expect no c1 put colour red: ok
      flow
      wait 3000 for c1 put colour red: ok
      tick 1000
      expect same state
    `,
  },
  {
    name: "never uses a ballot again, though its proposer was started again",
    replicas: 5,
    script: `
      # 2 leads with the first ballot there is, without its acceptor; 4 alone accepts red
      crash proposer 1
      crash proposer 3
      crash proposer 4
      crash proposer 5
      wait 5000 for note 2 follows itself with ballot 1.2
      c1 uses 2
      c1 put start 1
      wait 500 for c1 put start 1: ok
      tick 200
      crash acceptor 2
      lose Accept 2→1,3,5
      lose Accepted 4→2
      c1 put colour red
      tick 20

      # 2 leads again, with 1, 3 and 5, who have not heard of red
      crash proposer 2
      flow
      lose Prepare 2→4
      restart acceptor 2
      tick 5
      restart proposer 2
      tick 3000
      flow
      tick 3000
      expect same state
    `,
  },
  {
    name: "lets no old accept take the place of a value that was learned",
    replicas: 5,
    script: `${FIRST_OF_FIVE}
      # 1 proposes red; what it asks 2 to accept is on its way
      c1 uses 1
      c2 uses 3
      c1 put first 1
      wait 500 for c1 put first 1: ok
      c2 put start 1
      wait 500 for c2 put start 1: ok
      tick 200
      hold Accept 1→2
      lose Accept 1→3,4,5
      lose Forward 1→*
      c1 put a red
      tick 2
      c1 put tint red
      tick 2

      # 3 leads, and 2 learns what is chosen without having been asked
      crash proposer 1
      crash proposer 2
      crash proposer 4
      crash proposer 5
      cut 1 | 3,4,5
      lose Prepare 3→2
      lose Accept 3→2
      wait 5000 for note 3 follows itself
      c2 put colour blue
      wait 3000 for c2 put colour blue: ok
      tick 1000
      expect 2 has colour blue
      deliver all Accept 1→2
      tick 20

      # 1 learns from 2, who must not tell it of red
      lose Heartbeat 3→1
      heal
      lose Learn 1→3,4,5
      flow
      lose Learn 1→3,4,5
      tick 5000
      flow
      tick 2000
      expect 1 has colour blue
      expect same state
    `,
  },
  {
    name: "takes nothing for accepted that a crash before the sync takes back",
    replicas: 3,
    script: `${FIRST_OF_THREE}
      c1 uses 1
      cut 3 | 1,2
      slow sync 2 3000
      c1 put colour red
      tick 1000
      expect no c1 put colour red: ok

      # 2 was asked again, and loses its power between the accept and its sync: it never said that it accepted
      crash 2
      slow sync 2 0
      restart 2
      wait 3000 for c1 put colour red: ok

      # now it has, for good
      crash 1
      heal
      wait 5000 for follows itself
      tick 3000
      expect 2 has colour red
      expect 3 has colour red
      restart 1
      tick 1000
      expect same state
    `,
  },
];
