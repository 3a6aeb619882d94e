/**
 * Stories of what a replica must remember, though it loses its power, its proposer starts again, or its log no longer
 * reaches back to when it was said.
 *
 * @module
 */
import { FIRST_OF_FIVE, FIRST_OF_THREE, type Scenario } from "./scenario.ts";

/** So many puts of 300 bytes. Fourteen of them are enough for a snapshot. */
function puts(count: number, client = 1): string {
  return Array.from({ length: count }, (_, index) => `
  c${client} put k${index} ${"x".repeat(300)}${index}
  wait 500 for c${client} put k${index}
`).join("");
}

/** Promises, rounds, identities and slots. */
export const MEMORY_SCENARIOS: readonly Scenario[] = [
  {
    name: "gives no promise that a crash before the sync takes back",
    replicas: 3,
    script: `${FIRST_OF_THREE}
      crash proposer 2
      c1 uses 1
      c1 put start 1
      wait 500 for c1 put start 1: ok

      # from here on nothing becomes durable at 2; so much comes before the promise that no crash can leave it all
      slow sync 2 9000
      c1 put ballast ${"x".repeat(3500)}
      wait 500 for c1 put ballast

      # 1 leads, and late answers let it go on, though nobody hears it; what it asks 2 to accept is on its way
      crash proposer 3
      hold HeartbeatReply *→1
      tick 450
      lose Heartbeat 1→*
      cut 3 → 1
      hold Accept 1→2
      lose Accept 1→3
      c1 put colour red
      deliver HeartbeatReply 2→1
      tick 400
      deliver HeartbeatReply 2→1
      tick 400
      deliver HeartbeatReply 2→1
      tick 300
      deliver HeartbeatReply 2→1

      # 3 wants to lead, and asks 2 for a promise
      hold Accept 3→2
      restart proposer 3
      wait 100 for deliver 3→2 Prepare
      tick 20

      # 2 loses its power before the promise is durable: nobody may have heard of it
      crash 2
      slow sync 2 0
      lose Prepare 3→2
      restart 2
      tick 5
      crash proposer 2
      tick 20
      deliver all Accept 1→2
      tick 20
      expect c1 put colour red: ok
      flow
      tick 500
      heal
      tick 3000
      expect same state
      expect 3 has colour red
    `,
  },
  {
    name: "keeps a promise that only its snapshot tells of",
    replicas: 5,
    script: `
      # 2 promises the ballot 1.3 to 3, who does not hear of it
      crash proposer 1
      crash proposer 2
      crash proposer 4
      crash proposer 5
      lose Prepare 3→1,4,5
      hold Promise 2→3
      wait 5000 for deliver 3→2 Prepare
      tick 20
      cut 3 | 1,4,5
      lose Prepare 3→2

      # 1 leads with the ballot 1.1, which is lower, with 4 and 5; 2 learns what they choose
      lose PreVoteReply 2→1
      lose Prepare 1→2
      lose Nack 2→1
      restart proposer 1
      wait 5000 for note 1 follows itself with ballot 1.1
      c1 uses 1
      lose Accept 1→2
      ${`${puts(8)}\n      tick 200`.repeat(8)}
      expect 2 has k7 ${"x".repeat(300)}7

      # 2 starts again from a snapshot, and is asked to accept red with 1 and 5
      crash 2
      restart 2
      tick 5
      crash proposer 2
      tick 600
      hold Accept 1→2
      lose Accept 1→4
      lose Heartbeat 1→*
      c1 put colour red
      tick 10
      deliver Accept 1→2
      tick 10

      # the promise arrives, and 3 leads with that and what 4 promises, who has not heard of red
      heal
      cut 3 | 1,5
      flow
      lose Accept 1→*
      lose Heartbeat 1→*
      lose Nack *→3
      hold Promise 2→3
      tick 500
      flow
      heal
      tick 3000
      expect same state
    `,
  },
  {
    name: "knows the others when its log no longer reaches back to when they met",
    replicas: 3,
    script: `${FIRST_OF_THREE}
      c1 uses 1
      c2 uses 2
      ${puts(60)}
      tick 200
      crash proposer 3
      crash 2
      restart 2
      tick 500

      # so it counts their votes
      crash 1
      wait 5000 for note 2 follows itself
      c2 put colour red
      wait 1000 for c2 put colour red: ok
      restart 1
      restart proposer 3
      tick 2000
      expect same state
    `,
  },
  {
    name: "lends no value that a crash has put in the place of the chosen one",
    replicas: 5,
    script: `${FIRST_OF_FIVE}
      c1 uses 1
      c2 uses 3
      c1 put start 1
      wait 500 for c1 put start 1: ok
      tick 200

      # 2 misses what is chosen, and then it alone accepts red
      lose Accept 1→2
      lose Heartbeat 1→2
      ${puts(4)}
      tick 5
      cut 5 | 1,2,3,4
      flow
      crash acceptor 1
      lose Accept 1→3,4
      c1 put colour red
      tick 10
      expect deliver 1→2 Accept

      # 3 leads with 1 and 4, who have not heard of red
      crash proposer 1
      crash proposer 2
      crash proposer 4
      crash proposer 5
      restart acceptor 1
      partition 2 | 5 | 1,3,4
      flow
      wait 5000 for note 3 follows itself
      c2 put shape round
      wait 1000 for c2 put shape round: ok

      # 2 learns what was chosen, and has it in a snapshot sooner than in its log
      slow sync 2 20000
      partition 5 | 1,2,3,4
      tick 1500
      expect 2 has shape round
      slow sync 2 0
      ${puts(20, 2)}
      tick 500
      crash 2
      partition 2,5 | 1,3,4
      restart 2
      tick 5
      crash proposer 2

      # 5, who was away, asks 2: it has the snapshot to give, and nothing of red
      restart proposer 5
      tick 3000
      heal
      restart proposer 1
      restart proposer 2
      tick 3000
      expect same state
    `,
  },
  {
    name: "uses no ballot again when its proposer starts again in the middle of an election",
    replicas: 5,
    script: `
      # 2 leads with 1 and 3, and 3 alone accepts red
      crash proposer 1
      crash proposer 3
      crash proposer 4
      crash proposer 5
      lose Prepare 2→4,5
      lose Accept 2→4,5
      lose Heartbeat 2→4,5
      wait 5000 for note 2 follows itself with ballot 1.2
      c1 uses 2
      c1 put start 1
      wait 500 for c1 put start 1: ok
      tick 200
      crash acceptor 2
      lose Accept 2→1
      c1 put colour red
      tick 20
      expect deliver 2→3 Accept

      # 2 asks whether another ballot would be welcome; 4, who knows nothing of the first, is the last to answer
      crash proposer 2
      hold PreVoteReply 4→2
      lose PreVoteReply 3→2
      lose PreVoteReply 5→2
      restart acceptor 2
      restart proposer 2
      wait 5000 for deliver 1→2 PreVoteReply ballot=2.2 granted

      # the proposer that hears it is a new one, and must not begin with the first ballot again
      crash proposer 2
      restart proposer 2
      tick 20
      flow
      lose Prepare 2→3
      lose Accept 2→3
      tick 1000
      flow
      tick 3000
      expect same state
      expect 3 has colour red
      restart proposer 1
      restart proposer 3
      restart proposer 4
      restart proposer 5
      tick 1000
      expect same state
    `,
  },
  {
    name: "remembers a ballot that only its snapshot tells of",
    replicas: 5,
    script: `
      # 2 leads with 1, 3 and 4, without its own acceptor, for so long that its log does not reach back to when it began
      crash acceptor 2
      crash proposer 1
      crash proposer 3
      crash proposer 4
      crash proposer 5
      lose Prepare 2→5
      lose Accept 2→5
      lose Heartbeat 2→5
      wait 5000 for note 2 follows itself with ballot 1.2
      c1 uses 2
      ${puts(60)}
      tick 200

      # 3 alone accepts red
      lose Accept 2→1,4
      c1 put colour red
      tick 20

      # 2 asks whether another ballot would be welcome; 5, who knows nothing of the first, is the last to answer
      crash proposer 2
      hold PreVoteReply 5→2
      lose PreVoteReply 3→2
      lose PreVoteReply 4→2
      restart acceptor 2
      restart proposer 2
      wait 5000 for deliver 1→2 PreVoteReply ballot=2.2 granted

      # the proposer that hears it is a new one
      crash proposer 2
      restart proposer 2
      tick 20
      flow
      lose Prepare 2→3
      lose Accept 2→3
      tick 1000
      flow
      tick 3000
      expect same state
      expect 3 has colour red
      restart proposer 1
      restart proposer 3
      restart proposer 4
      restart proposer 5
      tick 1000
      expect same state
    `,
  },
  {
    name: "uses no ballot that a crash before the sync takes back",
    replicas: 5,
    script: `${FIRST_OF_FIVE}
      c1 uses 2
      c1 put start 1
      wait 500 for c1 put start 1: ok
      tick 200

      # from here on nothing becomes durable at 2, who wants to lead when 1 is gone
      slow sync 2 9000
      c1 put ballast ${"x".repeat(3500)}
      wait 500 for c1 put ballast
      tick 200
      crash proposer 1
      crash proposer 3
      crash proposer 4
      crash proposer 5
      lose Prepare 2→5
      lose Accept 2→1,4,5
      c1 put colour red
      tick 1500

      # it loses its power, and begins once more, without 3
      crash 2
      slow sync 2 0
      flow
      lose Prepare 2→3
      lose Accept 2→3
      restart 2
      tick 3000
      flow
      restart proposer 1
      restart proposer 3
      restart proposer 4
      restart proposer 5
      tick 3000
      expect same state
      expect 3 has colour red
    `,
  },
];
