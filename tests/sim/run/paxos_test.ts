import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { ByteWriter } from "../../../src/codec/byte_writer.ts";
import { makeBallot } from "../../../src/core/paxos/ballot.ts";
import { writeMessage } from "../../../src/core/paxos/message_codec.ts";
import { MESSAGE, type Message } from "../../../src/core/paxos/messages.ts";
import { describePaxosFrame } from "../../../src/sim/run/paxos_words.ts";
import type { Disk, DiskFile } from "../../../src/ports/disk.ts";
import { PROTOCOL_TABLE } from "../../../src/sim/run/protocols.ts";
import { runSeed } from "../../../src/sim/sim.ts";
import { runScript } from "../../../src/sim/world/script.ts";
import { replicaHost } from "../world/support.ts";

const BALLOT = makeBallot(2, 0);
const BYTES = new Uint8Array([1]);
const IDENTITY = new Uint8Array(16);

function words(message: Message): string {
  const writer = new ByteWriter(64);
  writeMessage(writer, message);
  return describePaxosFrame(writer.take());
}

describe("a frame of Paxos in words", () => {
  test.each<readonly [string, Message]>([
    ["Hello", { type: MESSAGE.hello, identity: IDENTITY }],
    ["Welcome unknown", { type: MESSAGE.welcome, identity: IDENTITY, isKnown: false }],
    ["PreVote ballot=2.1", { type: MESSAGE.preVote, ballot: BALLOT }],
    ["PreVoteReply ballot=2.1 granted", {
      type: MESSAGE.preVoteReply,
      ballot: BALLOT,
      isGranted: true,
      seen: 0,
      chosen: 0,
    }],
    ["Prepare ballot=2.1 chosen=6", { type: MESSAGE.prepare, ballot: BALLOT, chosen: 6 }],
    ["Promise ballot=2.1 chosen=3 accepted=4@2.1", {
      type: MESSAGE.promise,
      ballot: BALLOT,
      tag: 1,
      chosen: 3,
      from: 4,
      to: 0,
      entries: [{ slot: 4, ballot: BALLOT, value: BYTES }],
    }],
    ["Nack ballot=2.1 promised=3.2", { type: MESSAGE.nack, ballot: BALLOT, promised: makeBallot(3, 1) }],
    ["Accept ballot=2.1 slot=7 chosen=6", { type: MESSAGE.accept, ballot: BALLOT, slot: 7, chosen: 6, value: BYTES }],
    ["Accepted ballot=2.1 slots=5-7,9", { type: MESSAGE.accepted, ballot: BALLOT, tag: 1, ranges: [5, 7, 9, 9] }],
    [
      "Heartbeat ballot=2.1 round=4 chosen=6",
      { type: MESSAGE.heartbeat, ballot: BALLOT, round: 4, chosen: 6, slack_ms: 0 },
    ],
    [
      "Heartbeat ballot=2.1 round=4 chosen=6 slack=5",
      { type: MESSAGE.heartbeat, ballot: BALLOT, round: 4, chosen: 6, slack_ms: 5 },
    ],
    ["HeartbeatReply ballot=2.1 round=4 chosen=6", {
      type: MESSAGE.heartbeatReply,
      ballot: BALLOT,
      tag: 1,
      round: 4,
      chosen: 6,
      lease_ms: 0,
    }],
    ["HeartbeatReply ballot=2.1 round=4 chosen=6 lease=500", {
      type: MESSAGE.heartbeatReply,
      ballot: BALLOT,
      tag: 1,
      round: 4,
      chosen: 6,
      lease_ms: 500,
    }],
    ["Forward number=3", { type: MESSAGE.forward, life: 1, number: 3, first: 2, batch: BYTES }],
    ["ReadRequest id=4", { type: MESSAGE.readRequest, life: 1, id: 4 }],
    ["ReadReply id=4 slot=7", { type: MESSAGE.readReply, life: 1, id: 4, slot: 7 }],
    ["Learn slot=2", { type: MESSAGE.learn, slot: 2 }],
    ["Learned slot=2 values=1 snapshot=0", {
      type: MESSAGE.learned,
      slot: 2,
      values: [BYTES],
      chosen: 7,
      snapshot: 0,
    }],
    ["FetchSnapshot slot=5 part=1", { type: MESSAGE.fetchSnapshot, slot: 5, part: 1 }],
    ["SnapshotPart slot=5 part=1 last", {
      type: MESSAGE.snapshotPart,
      slot: 5,
      part: 1,
      isLast: true,
      checksum: 1,
      bytes: BYTES,
    }],
  ])("is %j", (text, message) => {
    expect(words(message)).toBe(text);
  });

  test("is garbage when it is none", () => {
    expect(describePaxosFrame(new Uint8Array([255]))).toBe("garbage");
  });
});

describe("the scenario in docs/simulation.md", () => {
  test("goes as it says", async () => {
    const page = readFileSync(new URL("../../../docs/simulation.md", import.meta.url), "utf8");
    const script = page.split("```text\n").find((block) => block.startsWith("c1 uses"))?.split("```")[0] ?? "";
    const { transcript } = await runScript(script, { replicas: 3, host: replicaHost(PROTOCOL_TABLE.paxos) });
    expect(transcript).toContain("c1 put colour red: ok");
  });
});

describe("a run of Paxos", () => {
  test.each([1, 3, 5])("of %d replicas without faults does every operation, and nothing is wrong", async (replicas) => {
    const report = await runSeed({ seed: 1, replication: "paxos", replicas, ops: 150, faults: "none" });
    expect(report).toMatchObject({ replication: "paxos", replicas, ops: 150, violations: [], faults: {} });
  });

  test("has five replicas unless it is told otherwise", async () => {
    expect((await runSeed({ seed: 1, replication: "paxos", ops: 10, faults: "none" })).replicas).toBe(5);
    await expect(runSeed({ seed: 1, replication: "paxos", replicas: 2 })).rejects.toThrow(
      "replication paxos has 1, 3 or 5 replicas, not 2",
    );
  });

  test.each([3, 5])("of %d replicas with machines that die has nothing to say against it", async (replicas) => {
    const faults = { crash: 1, kill: 1, pause: 1, slowSync: 1, failedSync: 1, fullDisk: 1, bitRot: 1, minority: 1 };
    for (let seed = 1; seed <= 6; seed++) {
      const { violations } = await runSeed({ seed, replication: "paxos", replicas, ops: 150, faults });
      expect({ seed, violations }).toEqual({ seed, violations: [] });
    }
  });

  test("finds that a replica acknowledges what is not durable", async () => {
    const checks = new Set<string>();
    for (let seed = 1; seed <= 30 && checks.size === 0; seed++) {
      const { violations } = await runSeed({
        seed,
        replication: "paxos",
        replicas: 3,
        ops: 200,
        faults: { crash: 1, slowSync: 1 },
        seams: { disk: forgetfulDisk },
      });
      for (const { check } of violations) checks.add(check);
    }
    expect(checks.size).toBeGreaterThan(0);
  });
});

/** A disk whose syncs do nothing. */
function forgetfulDisk(disk: Disk): Disk {
  const forget = (file: DiskFile): DiskFile =>
    new Proxy(file, {
      get(inner, name): unknown {
        if (name === "sync") return (done: (error: null) => void): void => queueMicrotask(() => done(null));
        const value: unknown = Reflect.get(inner, name, inner);
        return typeof value === "function" ? value.bind(inner) : value;
      },
    });
  return new Proxy(disk, {
    get(inner, name): unknown {
      if (name === "open") return (file: string) => forget(inner.open(file));
      if (name === "create") return (file: string) => forget(inner.create(file));
      const value: unknown = Reflect.get(inner, name, inner);
      return typeof value === "function" ? value.bind(inner) : value;
    },
  });
}
