/**
 * Stories of coordinators that die, and of what they say that gets lost, or comes late, or twice.
 *
 * @module
 */
import type { Scenario } from "../scenario.ts";
import { THREE_WRITERS } from "./prologue.ts";

/** Decisions and what becomes of them. */
export const COORDINATOR_SCENARIOS: readonly Scenario[] = [
  {
    name: "asks again for a vote that was lost",
    replicas: 3,
    script: `${THREE_WRITERS}
      lose Vote 2→1
      c1 put colour red
      tick 50
      expect deliver 3→1 Vote
      expect 2 lacks colour
      flow
      wait 500 for c1 put colour red: ok
      tick 50
      expect same state
    `,
  },
  {
    name: "counts the vote of a replica once, however often it comes",
    replicas: 3,
    script: `${THREE_WRITERS}
      # 2 is asked again and again, because its votes are late; 3 does not know of the transaction
      lose Prepare 1→3
      hold Vote 2→1
      c1 put colour red
      tick 600
      deliver all Vote 2→1
      tick 100
      expect 1 lacks colour
      expect 2 lacks colour
      flow
      wait 3000 for c1 put colour red: ok
      tick 50
      expect same state
    `,
  },
  {
    name: "refuses soon what cannot be done because a replica is away, and changes nothing",
    replicas: 3,
    script: `${THREE_WRITERS}
      crash 3
      tick 2000
      c1 put colour red
      wait 50 for deliver 1→c1 reply
      tick 6000
      expect c1 put colour red: DEADLINE_EXCEEDED
      expect 1 lacks colour
      expect 2 lacks colour
      restart 3
      tick 2000
      c1 put colour blue
      wait 500 for c1 put colour blue: ok
      tick 100
      expect same state
    `,
  },
  {
    name: "aborts what it had not decided when it died",
    replicas: 3,
    script: `${THREE_WRITERS}
      hold Vote *→1
      c1 put colour red
      tick 20
      crash 1
      drop all Vote *→1
      flow

      # 2 and 3 are in doubt, however long that lasts, and nobody reads what they have voted for
      c2 get colour
      tick 4500
      expect 2 lacks colour
      expect no c2 get colour:
      tick 2000
      expect c1 put colour red: OUTCOME_UNKNOWN
      restart 1
      tick 3000
      expect 1 lacks colour
      expect 2 lacks colour
      c3 get colour
      wait 500 for c3 get colour: nothing
      c3 put colour blue
      wait 500 for c3 put colour blue: ok
      tick 200
      expect same state
    `,
  },
  {
    name: "says nothing of a decision before that is durable, and has not made it when it dies until then",
    replicas: 3,
    script: `${THREE_WRITERS}
      hold Vote 2→1
      c1 put colour red
      tick 20
      slow sync 1 2000
      deliver Vote 2→1
      tick 20
      expect no Go 1.1.3
      expect 2 lacks colour
      expect 3 lacks colour
      crash 1
      slow sync 1 0
      flow
      tick 6000
      restart 1
      tick 3000
      expect same state
      c2 put colour blue
      wait 500 for c2 put colour blue: ok
    `,
  },
  {
    name: "carries out a decision that was durable when it died, though nobody had heard of it",
    replicas: 3,
    script: `${THREE_WRITERS}
      lose Go 1→*
      c1 put colour red
      wait 100 for drop 1→2 Go
      tick 5
      crash 1
      flow

      # time does not decide for those in doubt
      tick 6000
      expect c1 put colour red: OUTCOME_UNKNOWN
      expect 2 lacks colour
      expect 3 lacks colour
      restart 1
      tick 3000
      expect 1 has colour red
      expect 2 has colour red
      expect 3 has colour red
      expect same state
    `,
  },
  {
    name: "repeats a go that was lost, and applies what comes twice once",
    replicas: 3,
    script: `${THREE_WRITERS}
      lose Go 1→3
      c1 increment counter 1
      tick 50
      expect 2 has counter 1
      expect 3 lacks counter
      expect no c1 increment counter:
      flow
      wait 1000 for c1 increment counter: 1
      lose Acknowledge 2→1
      c1 increment counter 1
      tick 400
      expect 2 has counter 2
      expect no c1 increment counter: 2
      flow
      wait 1000 for c1 increment counter: 2
      tick 200
      expect same state
    `,
  },
  {
    name: "answers its client when every replica has committed durably, and not before",
    replicas: 3,
    script: `${THREE_WRITERS}
      hold Go 1→3
      c1 put colour red
      wait 100 for Acknowledge 1.1.3
      tick 20
      slow sync 3 1000
      deliver Go 1→3
      tick 20
      expect no deliver 3→1 Acknowledge 1.1.3
      expect no c1 put colour red:
      expect 3 lacks colour

      # had it said so before, the power would have taken it back
      crash 3
      slow sync 3 0
      flow
      restart 3
      wait 2000 for c1 put colour red: ok
      tick 200
      expect same state
    `,
  },
  {
    name: "keeps a decision until the last replica has acknowledged it",
    replicas: 3,
    script: `${THREE_WRITERS}
      # 3 was away when the others committed, and can ask nobody but 1
      lose Go 1→3
      c1 put colour red
      wait 100 for Acknowledge 1.1.3
      tick 20
      expect 2 has colour red
      crash 3
      crash 1
      restart 1
      cut 2 | 3
      restart 3
      flow
      tick 2000
      expect 3 has colour red
      heal
      tick 500
      expect same state
    `,
  },
  {
    name: "keeps a decision that only its snapshot tells of",
    replicas: 3,
    script: `${THREE_WRITERS}
      lose Go 1→3
      lose Inquire 3→*
      c1 put colour red
      tick 20
      c2 put big ${"x".repeat(5000)}
      wait 100 for sync 1 snapshot-
      tick 20
      crash 1
      restart 1
      expect 3 lacks colour
      flow
      tick 2000
      expect 3 has colour red
      expect same state
    `,
  },
  {
    name: "keeps to a decision, however long it takes until a replica hears of it",
    replicas: 3,
    script: `${THREE_WRITERS}
      lose Go 1→3
      lose Inquire 3→*
      c1 put colour red
      tick 8000
      expect c1 put colour red: OUTCOME_UNKNOWN
      expect 3 lacks colour
      flow
      tick 3000
      expect 3 has colour red
      expect same state
    `,
  },
  {
    name: "leaves its client in doubt when a replica has gone between the decision and the commit",
    replicas: 3,
    deadline_ms: 8000,
    script: `${THREE_WRITERS}
      lose Go 1→3
      c1 put colour red
      tick 20
      crash 3
      flow

      # that it was refused when it was tried again does not mean that it was not done
      tick 10000
      expect c1 put colour red: OUTCOME_UNKNOWN
      restart 3
      tick 3000
      expect 3 has colour red
      expect same state
    `,
  },
  {
    name: "leaves its client in doubt when its disk fails after the decision",
    replicas: 3,
    script: `${THREE_WRITERS}
      c4 uses 1
      c4 put fourth 4
      wait 500 for c4 put fourth 4: ok
      tick 100
      lose Go 1→*
      c1 put colour red
      wait 100 for drop 1→2 Go
      tick 5
      fail sync 1
      c4 put fourth 5
      wait 100 for fail 1
      flow
      tick 6000
      expect c1 put colour red: OUTCOME_UNKNOWN
      restart 1
      tick 3000
      expect 2 has colour red
      expect same state
    `,
  },
  {
    name: "begins a life whose transactions have other names than those of the one before",
    replicas: 3,
    script: `${THREE_WRITERS}
      crash 1
      restart 1
      tick 500
      c1 put colour red
      wait 3000 for c1 put colour red: ok
      c1 put colour blue
      wait 500 for c1 put colour blue: ok
      c1 put colour green
      wait 500 for c1 put colour green: ok
      tick 100
      expect same state
    `,
  },
  {
    name: "does once what its client sends again through another replica",
    replicas: 3,
    script: `
      tick 500
      c1 uses 1,2
      c1 put counter 0
      wait 1000 for c1 put counter 0: ok

      # it is done, and no answer comes: whoever is asked next is asked to do it once more
      lose 1→c1
      lose 2→c1
      c1 increment counter 1
      tick 50
      expect 1 has counter 1
      expect no c1 increment counter:
      flow
      wait 3000 for c1 increment counter: 1
      tick 500
      expect 1 has counter 1
      expect 2 has counter 1
      expect same state
    `,
  },
];
