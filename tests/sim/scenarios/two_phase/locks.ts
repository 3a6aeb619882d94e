/**
 * Stories of several transactions at once: those of one key come one after the other and all end, those of different
 * keys go together, and reads wait for what they might see.
 *
 * @module
 */
import type { Scenario } from "../scenario.ts";
import { THREE_WRITERS } from "./prologue.ts";

/**
 * The clock of 2 is ahead. It has voted for red before it proposed big; 3 has applied big, so large that a snapshot
 * follows at once, before it hears of red.
 */
const CLOCKS_DIFFER = `
  jump 2 5000
  hold Prepare 1→3
  c1 put colour red
  tick 5
  c2 put big ${"x".repeat(5000)}
  tick 50
  expect 3 lacks colour
  expect 2 lacks big
`;

/** Locks and reads. */
export const LOCK_SCENARIOS: readonly Scenario[] = [
  {
    name: "lets two coordinators write one key, each of which has got a lock that the other one needs",
    replicas: 3,
    script: `${THREE_WRITERS}
      hold Prepare
      c1 put colour red
      tick 2
      c2 put colour blue
      tick 5
      flow
      wait 500 for c2 put colour blue: ok
      expect c1 put colour red: ok
      tick 100
      expect same state
    `,
  },
  {
    name: "lets three coordinators write one key, each of which waits for the next one",
    replicas: 3,
    script: `${THREE_WRITERS}
      hold Prepare
      c1 put colour red
      c2 put colour blue
      c3 put colour green
      tick 5
      flow
      tick 1000
      expect c1 put colour red: ok
      expect c2 put colour blue: ok
      expect c3 put colour green: ok
      expect same state
    `,
  },
  {
    name: "lets nobody take back what is decided, be it ever so old",
    replicas: 3,
    script: `${THREE_WRITERS}
      # the clock of 2 is ahead: what it decides is younger than what 1 writes afterwards
      jump 2 5000
      hold Go 2→1
      hold Inquire 1→3
      c2 increment counter 1
      tick 50
      expect 2 has counter 1
      c1 increment counter 10
      tick 300
      expect Wound 2.1.3
      expect no c1 increment counter:
      flow
      wait 1000 for c1 increment counter: 11
      expect c2 increment counter: 1
      tick 500
      expect 1 has counter 11
      expect same state
    `,
  },
  {
    name: "does not count for the second try who has voted in the first",
    replicas: 3,
    script: `${THREE_WRITERS}
      # 2 and 3 have voted for blue, and then comes red, which is older
      hold Prepare 1→2,3
      c1 put colour red
      tick 2
      c2 put colour blue
      tick 50
      expect deliver 3→2 Vote 2.1.3
      expect no c2 put colour blue:
      flow
      wait 500 for c2 put colour blue: ok
      expect c1 put colour red: ok
      tick 200
      expect 1 has colour blue
      expect same state
    `,
  },
  {
    name: "lets a read of what is prepared wait at every replica",
    replicas: 3,
    script: `${THREE_WRITERS}
      hold Go 1→*
      c1 put colour red
      wait 100 for Vote 1.1.3
      tick 20
      expect 1 has colour red
      c2 get colour
      c3 get colour
      tick 100
      expect no c2 get colour:
      expect no c3 get colour:
      deliver Go 1→3
      wait 50 for c3 get colour: red
      tick 50
      expect no c2 get colour:
      flow
      wait 200 for c2 get colour: red
      wait 200 for c1 put colour red: ok
      expect same state
    `,
  },
  {
    name: "commits nothing before what it has already applied, though the clocks differ",
    replicas: 3,
    script: `${THREE_WRITERS}
      ${CLOCKS_DIFFER}
      flow
      tick 500
      expect c1 put colour red: ok
      expect c2 put big
      expect same state
    `,
  },
  {
    name: "commits nothing before what only its snapshot tells of",
    replicas: 3,
    script: `${THREE_WRITERS}
      ${CLOCKS_DIFFER}
      crash 3
      restart 3
      tick 20
      flow
      tick 1000
      expect c1 put colour red: ok
      expect c2 put big
      expect same state
    `,
  },
  {
    name: "lets independent keys share their way to the disk",
    replicas: 3,
    script: `${THREE_WRITERS}
      c4 uses 1
      c5 uses 1
      c4 put fourth 4
      wait 500 for c4 put fourth 4: ok
      c5 put fifth 5
      wait 500 for c5 put fifth 5: ok
      tick 100

      # 3 has voted for all of them after two syncs, before any is decided
      hold Vote 2→1
      slow sync 3 50
      c1 put a 1
      c4 put b 2
      c5 put c 3
      tick 120
      expect Vote 1.1.7
      expect Vote 1.1.8
      expect Vote 1.1.9
      slow sync 3 0
      flow
      tick 200
      expect c1 put a 1: ok
      expect c4 put b 2: ok
      expect c5 put c 3: ok
      expect same state
    `,
  },
  {
    name: "lets a read of one key go on while another one is in doubt",
    replicas: 3,
    script: `${THREE_WRITERS}
      c4 uses 2
      c5 uses 3
      hold Go 1→*
      c1 put colour red
      wait 100 for Vote 1.1.3
      tick 20
      c2 get colour
      c3 get colour
      c4 get first
      c5 get second
      tick 20
      expect c4 get first: 1
      expect c5 get second: 2
      expect no c2 get colour:
      expect no c3 get colour:
      flow
      tick 100
      expect c2 get colour: red
      expect c3 get colour: red
      expect c1 put colour red: ok
      expect same state
    `,
  },
  {
    name: "lets a read wait until what is decided is applied",
    replicas: 3,
    script: `${THREE_WRITERS}
      hold Go 1→3
      c1 put colour red
      wait 100 for Acknowledge 1.1.3
      slow sync 3 300
      c4 uses 1
      c4 get colour
      wait 50 for c4 get colour: red

      # 3 knows by now, and red is on its way to the disk
      deliver Go 1→3
      tick 5
      c3 get colour
      wait 500 for c3 get colour: red
      slow sync 3 0
      flow
      tick 1000
      expect same state
    `,
  },
];
