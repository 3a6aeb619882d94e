/**
 * Stories of participants: what they have voted for outlives them, and they wait for the outcome, however long.
 *
 * @module
 */
import type { Scenario } from "../scenario.ts";
import { THREE_WRITERS } from "./prologue.ts";

/** So much that every replica makes a snapshot. */
const FILL = Array.from({ length: 6 }, (_, index) => `
  c2 put big ${String(index).repeat(900)}
  tick 20
`).join("");

/** Votes and doubts. */
export const PARTICIPANT_SCENARIOS: readonly Scenario[] = [
  {
    name: "votes when its vote is durable, and not before",
    replicas: 3,
    script: `${THREE_WRITERS}
      slow sync 3 1000
      c1 put colour red
      tick 50
      expect deliver 2→1 Vote 1.1.3
      expect no deliver 3→1 Vote 1.1.3
      crash 3
      slow sync 3 0
      restart 3
      wait 3000 for c1 put colour red: ok
      tick 200
      expect same state
    `,
  },
  {
    name: "commits what it had voted for when it died",
    replicas: 3,
    script: `${THREE_WRITERS}
      hold Go 1→3
      c1 put colour red
      wait 100 for Acknowledge 1.1.3
      crash 3
      drop Go 1→3
      flow
      tick 20
      restart 3
      wait 1000 for c1 put colour red: ok
      tick 200
      expect same state
    `,
  },
  {
    name: "has two transactions in doubt when it comes back, and their locks",
    replicas: 3,
    script: `${THREE_WRITERS}
      c4 uses 1
      c4 put fourth 4
      wait 500 for c4 put fourth 4: ok
      tick 100
      lose Go 1→3
      c1 put colour red
      c4 put shape round
      tick 20
      expect 2 has colour red
      expect 2 has shape round
      cut 1 | 3
      crash 3
      lose Inquire 3→2
      restart 3
      tick 20

      # nobody changes these keys, and nobody reads them there
      c2 put colour green
      c5 uses 3
      c5 get shape
      tick 100
      expect deliver 2→3 Prepare 2.1.3
      expect deliver 3→2 Waiting 2.1.3
      expect no deliver 3→2 Vote 2.1.3
      expect no c5 get shape:
      flow
      heal
      wait 1000 for c2 put colour green: ok
      tick 500
      expect c5 get shape: round
      expect c1 put colour red: ok
      expect c4 put shape round: ok
      expect 3 has colour green
      expect same state
    `,
  },
  {
    name: "hears of an outcome from another replica that knows it",
    replicas: 3,
    script: `${THREE_WRITERS}
      # 1 tells 2 and is gone
      lose Go 1→3
      c1 put colour red
      wait 100 for deliver 2→1 Acknowledge 1.1.3
      crash 1
      flow
      tick 2000
      expect 3 has colour red
      c3 get colour
      wait 500 for c3 get colour: red
      restart 1
      tick 2000
      expect same state
    `,
  },
  {
    name: "takes no locks for a prepare that comes after its abort",
    replicas: 3,
    script: `${THREE_WRITERS}
      hold Prepare 1→3
      c1 put colour red
      wait 3000 for Abort 1.1.3
      tick 20
      crash 1
      deliver Prepare 1→3
      tick 20
      expect deliver 1→3 Prepare 1.1.3
      expect no deliver 3→1 Vote 1.1.3

      # a lock would keep this waiting, because nobody is there to say that it is over
      c3 get colour
      wait 100 for c3 get colour: nothing
      flow
      restart 1
      wait 5000 for c1 put colour red: ok
      tick 500
      expect same state
    `,
  },
  {
    name: "commits nothing twice when a prepare comes again after a restart",
    replicas: 3,
    script: `${THREE_WRITERS}
      # two copies are on their way; 3 commits by the first, dies before 1 knows, and then hears the second
      hold Prepare 1→3
      lose Acknowledge 3→1
      c1 increment counter 1
      tick 600
      deliver Prepare 1→3
      tick 10
      expect 3 has counter 1

      # what it has committed, it remembers; what its snapshot has taken in, it does not
      ${FILL}
      crash 3
      restart 3
      tick 5
      deliver Prepare 1→3
      wait 10 for deliver 3→1 Vote 1.1.3
      flow
      wait 1000 for c1 increment counter: 1
      tick 500
      expect 3 has counter 1
      expect same state
    `,
  },
  {
    name: "is in doubt about what only its snapshot tells of",
    replicas: 3,
    script: `${THREE_WRITERS}
      # big is so large that a snapshot follows as soon as it is applied; red is voted for by then
      hold Go 1→3
      c1 put big ${"x".repeat(5000)}
      tick 20
      lose Go 2→3
      lose Inquire 3→*
      c2 put colour red
      tick 20
      deliver Go 1→3
      wait 100 for sync 3 snapshot-
      tick 20
      crash 3
      restart 3
      flow
      wait 2000 for c2 put colour red: ok
      tick 500
      expect 3 has colour red
      expect same state
    `,
  },
  {
    name: "lets no replica vote, or say that it has committed, that came back without its log",
    replicas: 3,
    script: `${THREE_WRITERS}
      # 3 has voted, and does not know it any more: what it does not know it would take for committed
      lose Go 1→3
      lose Inquire 3→*
      c1 put colour red
      tick 20
      crash 3
      empty disk 3
      flow
      restart 3
      tick 8000
      expect no deliver 3→1 Acknowledge 1.1.3
      expect c1 put colour red: OUTCOME_UNKNOWN

      # nor does it vote for anything else
      c2 put shape round
      tick 6000
      expect c2 put shape round: DEADLINE_EXCEEDED
      expect no deliver 3→2 Vote 2.1.3
      expect 1 lacks shape
      expect 2 lacks shape
      c4 uses 3
      c4 get colour
      tick 6000
      expect c4 get colour: DEADLINE_EXCEEDED
    `,
  },
  {
    name: "knows the log of another replica when only its snapshot tells of it",
    replicas: 3,
    script: `${THREE_WRITERS}
      ${FILL}
      ${FILL}
      crash 1
      crash 2
      crash 3
      empty disk 1
      restart 1
      restart 2
      restart 3
      c4 uses 2
      c4 put shape round
      tick 8000
      expect c4 put shape round: DEADLINE_EXCEEDED
      expect no Vote 2.2
      expect 2 lacks shape
    `,
  },
  {
    name: "applies what concerns different keys in one order, however the decisions come",
    replicas: 3,
    script: `${THREE_WRITERS}
      hold Go
      c1 put colour red
      c2 put shape round
      tick 50
      deliver Go 2→3
      tick 5
      deliver Go 1→3
      tick 5
      flow
      tick 100
      expect c1 put colour red: ok
      expect c2 put shape round: ok
      expect same state
    `,
  },
];
