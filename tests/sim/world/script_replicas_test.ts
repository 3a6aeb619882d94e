import { describe, expect, test } from "vitest";
import type { Protocol } from "../../../src/sim/run/protocols.ts";
import { runScript, type ScriptOptions } from "../../../src/sim/world/script.ts";
import { PRIMARY_BACKUP } from "../../support/primary_backup.ts";
import { replicaHost } from "./support.ts";

const THREE: ScriptOptions = { replicas: 3, host: replicaHost(PRIMARY_BACKUP) };

/** What happened, without times and without what servers do by themselves. */
function story(transcript: string): string[] {
  return transcript.split("\n").map((line) => line.replace(/^ +\d+\.\d+ /, "")).filter((line) =>
    /^(c\d .*:|crash|start|down|drop|note|restart)/.test(line)
  );
}

describe("a scripted scenario of three replicas", () => {
  test("reads like prose", async () => {
    const { transcript } = await runScript(
      `
      # everybody is well
      c1 uses 1
      c1 put colour blue
      wait 500 for c1 put colour blue: ok
      tick 50
      expect same state

      # the third replica is cut off, and a majority goes on without it
      cut 3 | 1,2
      c1 put colour red
      wait 500 for c1 put colour red: ok
      tick 50
      expect 2 has colour red
      expect 3 has colour blue
      expect 3 lacks shape

      # so is the second: nothing is acknowledged
      cut 2 | 1
      c1 put colour green
      tick 300
      expect no c1 put colour green: ok
      expect 1 has colour red

      heal
      wait 3000 for c1 put colour green: ok
      tick 50
      expect same state
      expect 3 has colour green
    `,
      THREE,
    );
    expect(transcript).toContain("cut 1→3 Append");
  });

  test("loses messages of one kind on one link, and nothing else", async () => {
    const { transcript } = await runScript(
      `
      c1 uses 1
      lose Append 1→2
      c1 put k v
      wait 500 for c1 put k v: ok
      tick 50
      expect drop 1→2 Append
      expect no drop 1→3
      expect 2 lacks k
      expect 3 has k v
      flow
      tick 50
      expect 2 has k v
    `,
      THREE,
    );
    expect(transcript).toMatch(/deliver 1→3 Append 1\n/);
  });

  test("holds messages of one kind, and delivers and drops them one by one", async () => {
    await runScript(
      `
      c1 uses 1
      c1 put a 1
      wait 500 for c1 put a 1: ok
      hold Ack *→1
      c1 put b 1
      tick 10
      expect no c1 put b 1: ok
      drop Ack 2→1
      deliver all Ack 3↔1
      tick 5
      expect c1 put b 1: ok
      flow
      tick 50
      expect same state
    `,
      THREE,
    );
  });

  test("crashes and restarts one role of a replica", async () => {
    const { transcript, simulation } = await runScript(
      `
      c1 uses 1
      crash follower 2
      c1 put k v
      wait 500 for c1 put k v: ok
      tick 50
      expect 2 lacks k
      restart follower of 2
      tick 50
      expect same state 1,2
      crash follower 3
      kill 3
      restart 3
      tick 50
      expect same state
    `,
      THREE,
    );
    expect(story(transcript)).toContain("crashRole 2 follower");
    expect(simulation.nodes.map((node) => node.status.downRoles)).toEqual([[], [], []]);
  });

  test("notes what replicas say of themselves", async () => {
    const { transcript } = await runScript("crash 2\nrestart 2\ntick 1", THREE);
    expect(story(transcript).filter((line) => line.startsWith("note"))).toEqual([
      "note 1 serves",
      "note 2 serves",
      "note 3 serves",
      "note 2 serves",
    ]);
  });

  test("fails when two replicas learn different values for a slot", async () => {
    const lying: Protocol = {
      ...PRIMARY_BACKUP,
      make: (parts) => {
        const replica = PRIMARY_BACKUP.make(parts);
        return {
          ...replica,
          observe: (observer) =>
            replica.observe?.({
              onNote: (text) => observer.onNote(text),
              onChosen: (slot, digest) => observer.onChosen(slot, digest ^ parts.id),
            }),
        };
      },
    };
    await expect(runScript("c1 put k v\ntick 100", { replicas: 3, host: replicaHost(lying) })).rejects.toThrow(
      /^line 2: slot 1 has the value [0-9a-f]{8} for server 1 and [0-9a-f]{8} for server [23]:/,
    );
  });

  test.each([
    ["crash leader 2", 'line 1: server 2 has no role "leader": there are follower'],
    ["crash 4", "line 1: there is no server 4, only 3"],
    ["wait 10 for wonders", 'line 1: waited 10 ms for "wonders"; what happened:'],
    ["wait 10", 'line 1: "wait 10" waits for nothing: write wait 100 for TEXT'],
    ["tick 1\nexpect no start 1", 'line 2: expected no "start 1"; what happened:'],
    ["expect 2 has k v", "line 1: expected v at k of server 2, which has nothing; what happened:"],
    ["crash 3\nexpect same state", "line 2: expected the same state: server 3 is down"],
    [
      "c1 uses 1\nlose Append 1→2\nc1 put k v\ntick 100\nexpect same state",
      "line 5: expected the same state: server 1 has revision 1, 1 keys, 1 sessions, hash ",
    ],
    ["cut 1", 'line 1: "cut 1" names no groups: write cut 1 | 2 3'],
    ["c1 get k\nc1 uses 2", "line 2: c1 has begun already"],
    ["c1 uses 0", 'line 1: "0" is no list of servers'],
    ["deliver 12", 'line 1: "deliver 12" names no link'],
  ])("that says %j is refused", async (script, message) => {
    await expect(runScript(script, THREE)).rejects.toThrow(message);
  });
});
