import { describe, expect, test } from "vitest";
import { runScript } from "../../../src/sim/world/script.ts";

async function transcriptOf(script: string): Promise<string[]> {
  return (await runScript(script)).transcript.split("\n");
}

/** What clients were told and what became of servers, without the times. */
function story(transcript: readonly string[]): string[] {
  return transcript.filter((line) => /^ {2}\S+ (c\d+ .*:|down|refuse|start|power|fail )/.test(line)).map((line) =>
    line.replace(/^ +\S+ /, "").replace(/kept.*/, "")
  );
}

describe("a scripted scenario", () => {
  test("tells what came of each step, the same every time", async () => {
    const script = "c1 put colour blue # a comment\ntick 2\ncrash 1\nrestart 1";
    const transcript = await transcriptOf(script);
    expect(transcript).toEqual([
      "c1 put colour blue # a comment",
      "  0.000 start 1 1",
      "  0.000 sync 1 segment-0000000000000001 ok",
      "  0.000 sync 1 meta.tmp ok",
      "tick 2",
      "  0.430 deliver 1→c1 open",
      "  0.635 deliver c1→1 request",
      "  0.898 sync 1 segment-0000000000000001 ok",
      "  1.127 deliver 1→c1 reply",
      "  1.307 deliver c1→1 request",
      "  1.553 sync 1 segment-0000000000000001 ok",
      "  1.761 deliver 1→c1 reply",
      "  1.761 c1 put colour blue: ok, revision 1",
      "crash 1",
      "  2.000 power 1 kept 0 lost 0 corrupted 0",
      "  2.000 down 1 crash",
      "restart 1",
      "  2.000 start 1 2",
      "  2.000 sync 1 segment-0000000000000001 ok",
    ]);
    expect(await transcriptOf(script)).toEqual(transcript);
  });

  test("in which a reply is lost with the connection executes the write once", async () => {
    await runScript(`
      c1 increment n
      tick 10
      hold
      c1 increment n
      deliver c1→1
      tick 10
      # the server has done it; nobody hears of that
      drop 1→c1
      flow
      tick 5000
      expect c1 increment n: 2
      c1 get n
      tick 10
      expect c1 get n: 2
    `);
  });

  test("in which a server is cut off goes on with the others", async () => {
    const { transcript } = await runScript(
      `
      partition 1 | c1
      c1 put k v
      tick 3000
      expect c1 put k v: ok
      heal
      partition c1 → 2
      c1 get k
      tick 8000
    `,
      { replicas: 2, deadline_ms: 4000 },
    );
    expect(transcript).toMatch(/c1 get k: (nothing|DEADLINE_EXCEEDED)/);
  });

  test("in which a sync fails stops the server, and keeps what was acknowledged", async () => {
    const told = story(
      await transcriptOf(`
      c1 put k v
      tick 10
      fail sync 1
      c1 put k w
      tick 100
      restart 1
      tick 5000
      c1 get k
      tick 10
    `),
    );
    expect(told.filter((line) => !line.startsWith("power"))).toEqual([
      "start 1 1",
      "c1 put k v: ok, revision 1",
      "fail 1 STORAGE_FAILED",
      "down 1 failed",
      "start 1 2",
      "c1 put k w: ok, revision 2",
      "c1 get k: w",
    ]);
  });

  test("in which the disk is full stops the server until there is space", async () => {
    await runScript(`
      c1 put k v
      tick 10
      fill disk 1 10
      c1 put k w
      tick 100
      expect fullDisk 1
      expect down 1 failed
      restart 1
      tick 50
      free disk 1
      restart 1
      tick 5000
      c1 get k
      tick 10
      expect c1 get k: w
    `);
  });

  test("in which a disk is emptied leaves nothing, and only while its server is down", async () => {
    await runScript(`
      c1 put k v
      tick 10
      crash 1
      empty disk 1
      restart 1
      crash 1
      restart 1
      tick 50
      expect 1 lacks k
    `);
    await expect(runScript("empty disk 1")).rejects.toThrow(
      "line 1: the server is up: crash it before its disk is emptied",
    );
  });

  test("in which a bit turns over before the last good copy makes the server refuse to start", async () => {
    for (const fault of ["flip 1 segment-0000000000000001 70", "misdirect 1 segment-0000000000000001 0 64 64"]) {
      await runScript(`
        c1 put k v
        tick 10
        c1 put k w
        tick 10
        kill 1
        ${fault}
        restart 1
        expect refuse 1 damaged
        expect down 1 refused
      `);
    }
  });

  test("slows syncs down, pauses servers and moves their clocks", async () => {
    const { transcript, simulation } = await runScript(`
      c1 put k v
      tick 10
      slow sync 1 50
      c1 put k w
      tick 40
      pause 1 100
      tick 90
      c1 put k x
      jump 1 -1000
      tick 400
      stop 1
      tick 400
      expect down 1 stopped
    `);
    expect(transcript).toMatch(/tick 90\n {2}60\.\d+ slowSync|tick 90\n {2}60\.\d+ sync/);
    expect(transcript.indexOf("c1 put k w: ok")).toBeGreaterThan(transcript.indexOf("jump 1 -1000"));
    expect(simulation.nodes[0]!.status.end).toBe("stopped");
  });

  test.each([
    ["crash leader 1", 'line 1: server 1 has no role "leader": it has none'],
    ["crash 2", "line 1: there is no server 2, only 1"],
    ["crash", 'line 1: the server\'s number is missing or no number in "crash"'],
    ["drop c1→1", "line 1: no message waits there; those that do: none"],
    ["drop 1", 'line 1: "drop 1" names no link: write drop 1→3 or drop c1→1'],
    ["partition 1", 'line 1: "partition 1" names no groups: write partition 1 | 2 3'],
    ["c1 sing song", 'line 1: a client can put, get, delete, increment and use servers, not "sing"'],
    ["flip 1 nothing 0", "line 1: there is no file nothing"],
    ["\nhope", 'line 2: "hope" is no step. There are: tick MS, wait MS for TEXT,'],
    ["expect wonders", 'line 1: expected "wonders"; what happened:'],
  ])("that says %j is refused", async (script, message) => {
    await expect(runScript(script)).rejects.toThrow(message);
  });
});
