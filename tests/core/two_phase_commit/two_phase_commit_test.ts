import { describe, expect, test } from "vitest";
import { MESSAGE } from "../../../src/core/two_phase_commit/messages.ts";
import { TwoPhaseCluster } from "./cluster.ts";

const EVERYBODY = (lines: string): string[] => [lines, lines, lines];

describe("three replicas", () => {
  test("take commands and reads at any of them, and agree", () => {
    const cluster = new TwoPhaseCluster();
    for (const [at, line] of ["a=1", "b=2", "c=3"].entries()) {
      const write = cluster.propose(at, line);
      cluster.settle();
      expect(write).toMatchObject({ said: `${at + 1}:${line}`, calls: 1 });
      for (const id of [0, 1, 2]) expect(cluster.read(id).said).toBe(cluster.lines[0]);
    }
    expect(cluster.lines).toEqual(EVERYBODY("a=1,b=2,c=3"));
  });

  test("apply transactions on disjoint keys in one order, however their messages come", () => {
    const cluster = new TwoPhaseCluster();
    const writes = [0, 1, 2].map((at) => cluster.propose(at, `${at}=x`));
    for (let turn = 0; turn < 500 && (turn < 10 || cluster.messages.length > 0); turn++) {
      cluster.clock.run();
      const next = cluster.messages.at((turn * 7) % 5 - 5) ?? cluster.messages.at(-1);
      if (next !== undefined) cluster.deliver(next);
    }
    cluster.settle();
    expect(writes.map(({ calls }) => calls)).toEqual([1, 1, 1]);
    expect(new Set(cluster.lines).size).toBe(1);
    expect(cluster.lines[0]!.split(",").toSorted()).toEqual(["0=x", "1=x", "2=x"]);
  });

  test("all finish what they write to one key at once, each once", () => {
    const cluster = new TwoPhaseCluster();
    const writes = Array.from({ length: 30 }, (_, i) => cluster.propose(i % 3, i === 15 ? "*" : `k=${i}`));
    cluster.pass(2500);
    expect(writes.every(({ said, calls }) => calls === 1 && /^\d+:/.test(said!))).toBe(true);
    expect(new Set(cluster.lines).size).toBe(1);
    const order = cluster.lines[0]!.split(",");
    for (const at of [0, 1, 2]) {
      const own = order.filter((line) => line !== "*").map((line) => Number(line.slice(2))).filter((i) => i % 3 === at);
      expect(own, `the order of replica ${at + 1}`).toEqual(own.toSorted((a, b) => a - b));
    }
  });

  test("say all that one turn has to say to a replica in one frame", () => {
    const cluster = new TwoPhaseCluster();
    let frames = 0;
    cluster.onFrame = () => void frames++;
    for (let i = 0; i < 50; i++) cluster.propose(0, `${i}=x`);
    cluster.clock.run();
    // One transaction: a prepare to each of the others.
    expect([frames, cluster.messages.length]).toEqual([2, 2]);
    cluster.settle();
    expect(cluster.lines[2]!.split(",")).toHaveLength(50);
  });
});

describe("two coordinators on one key", () => {
  test("let the older transaction go first, although the younger has the lock of a replica", () => {
    const cluster = new TwoPhaseCluster();
    const older = cluster.propose(0, "k=older");
    cluster.clock.run();
    const late = cluster.withhold(({ to }) => to === 2);
    cluster.clock.advance(5);
    const younger = cluster.propose(2, "k=younger");
    cluster.settle();
    expect([older.said, younger.said]).toEqual([null, null]);
    const names: string[] = [];
    cluster.isLost = ({ from, to, name }) => {
      names.push(`${from}${to} ${name}`);
      return false;
    };
    for (const sent of late) cluster.deliver(sent);
    cluster.settle();
    expect([older.said, younger.said]).toEqual(["1:k=older", "2:k=younger"]);
    expect(cluster.lines).toEqual(EVERYBODY("k=older,k=younger"));
    expect(names).toContain("20 waiting");
  });

  test("let the younger one finish when it is decided already", () => {
    const cluster = new TwoPhaseCluster();
    const older = cluster.propose(0, "k=older");
    cluster.clock.step();
    const held = cluster.withhold(() => true);
    cluster.replicas[0]!.log.isHeld = true;
    expect(held.length).toBeGreaterThan(0);
    for (const sent of held) cluster.deliver(sent);
    cluster.settle();
    const younger = cluster.propose(1, "k=younger");
    cluster.pass(300);
    cluster.replicas[0]!.log.release();
    cluster.pass(300);
    expect([older.said, younger.said]).toEqual(["1:k=older", "2:k=younger"]);
  });
});

describe("a vote that is lost", () => {
  test("is asked for again", () => {
    const cluster = new TwoPhaseCluster();
    let lost = 0;
    cluster.isLost = ({ name, from }) => name === "vote" && from === 2 && lost++ === 0;
    const write = cluster.propose(0, "a=1");
    cluster.pass(500);
    expect([write.said, lost > 0]).toEqual(["1:a=1", true]);
  });

  test("for good aborts the transaction, names the replica, and leaves no locks", () => {
    const cluster = new TwoPhaseCluster();
    cluster.isLost = ({ from, to }) => from === 2 || to === 2;
    const write = cluster.propose(0, "a=1");
    cluster.pass(1500);
    expect(write).toMatchObject({ said: "UNAVAILABLE", calls: 1 });
    expect(write.message).toContain("replica 3 did not vote within 1000 ms: nothing was changed");
    cluster.isLost = () => false;
    cluster.pass(300);
    const next = cluster.propose(1, "a=2");
    cluster.pass(500);
    expect([next.said, ...cluster.lines]).toEqual(["1:a=2", ...EVERYBODY("a=2")]);
  });
});

describe("a promise", () => {
  test("to commit leaves only when the vote is durable", () => {
    const cluster = new TwoPhaseCluster();
    cluster.replicas[1]!.log.isHeld = true;
    const write = cluster.propose(0, "a=1");
    cluster.settle();
    expect(cluster.messages).toEqual([]);
    expect(write.said).toBe(null);
    cluster.crash(1);
    cluster.restart(1);
    expect(cluster.inDoubt(1)).toEqual([]);
    cluster.pass(300);
    expect([write.said, ...cluster.lines]).toEqual(["1:a=1", ...EVERYBODY("a=1")]);
  });

  test("of the coordinator leaves only when the decision is durable", () => {
    const cluster = new TwoPhaseCluster();
    const sent: string[] = [];
    cluster.isLost = ({ name }) => {
      sent.push(name);
      return false;
    };
    const write = cluster.propose(0, "a=1");
    cluster.clock.run();
    cluster.replicas[0]!.log.isHeld = true;
    cluster.settle();
    expect(sent).not.toContain("go");
    cluster.replicas[0]!.log.release();
    cluster.settle();
    expect(sent).toContain("go");
    expect(write.said).toBe("1:a=1");
  });
});

describe("a coordinator that dies", () => {
  /** Replica 1 coordinates; it dies when `dies` says so, and the others have voted. */
  function dying(before: (cluster: TwoPhaseCluster) => void): TwoPhaseCluster {
    const cluster = new TwoPhaseCluster();
    before(cluster);
    cluster.propose(0, "a=1");
    cluster.settle();
    cluster.crash(0);
    cluster.messages = [];
    cluster.isLost = () => false;
    return cluster;
  }

  test("before its decision leaves the others in doubt, who abort when it is back", () => {
    const cluster = dying((each) => void (each.isLost = ({ name }) => name === "vote"));
    cluster.pass(10_000);
    expect([cluster.inDoubt(1), cluster.inDoubt(2)]).toEqual([["1.1.1"], ["1.1.1"]]);
    const read = cluster.read(1);
    cluster.pass(100);
    expect(read.said).toBe(null);
    cluster.restart(0);
    cluster.pass(300);
    expect([read.said, ...cluster.lines]).toEqual(["", ...EVERYBODY("")]);
    expect([0, 1, 2].flatMap((id) => cluster.inDoubt(id))).toEqual([]);
  });

  test("after its decision is durable and before any go commits when it is back", () => {
    const cluster = dying((each) => void (each.isLost = ({ name }) => name === "go"));
    cluster.pass(10_000);
    expect(cluster.inDoubt(1)).toEqual(["1.1.1"]);
    cluster.restart(0);
    cluster.pass(300);
    expect(cluster.lines).toEqual(EVERYBODY("a=1"));
  });

  test("after one participant has its go is not needed by the others, who ask that one", () => {
    const cluster = dying((each) => void (each.isLost = ({ name, to }) => name === "go" && to === 2));
    cluster.pass(300);
    expect(cluster.lines.slice(1)).toEqual(["a=1", "a=1"]);
    expect(cluster.inDoubt(2)).toEqual([]);
    cluster.restart(0);
    cluster.pass(300);
    expect(cluster.lines).toEqual(EVERYBODY("a=1"));
  });

  test("keeps its decision until the last participant has acknowledged it", () => {
    const cluster = dying((each) => void (each.isLost = ({ name, to }) => name === "go" && to !== 1));
    cluster.crash(2);
    cluster.restart(0);
    cluster.pass(300);
    cluster.crash(0);
    cluster.restart(0);
    cluster.crash(1);
    cluster.restart(2);
    cluster.pass(300);
    expect(cluster.lines[2]).toBe("a=1");
  });
});

describe("a participant that dies after its vote", () => {
  test("leaves the caller without an outcome, and commits when it is back", () => {
    const cluster = new TwoPhaseCluster();
    cluster.isLost = ({ name, to }) => name === "go" && to === 2;
    const write = cluster.propose(0, "a=1");
    cluster.settle();
    cluster.crash(2);
    cluster.isLost = () => false;
    cluster.pass(6000);
    expect(write).toMatchObject({ said: "OUTCOME_UNKNOWN", calls: 1 });
    expect([cluster.lines[0], cluster.read(1).said]).toEqual(["a=1", "a=1"]);
    cluster.restart(2);
    cluster.pass(300);
    expect([cluster.inDoubt(2), cluster.lines, write.calls]).toEqual([[], EVERYBODY("a=1"), 1]);
  });
});

describe("a participant", () => {
  test("keeps its locks across a restart, and no read passes them", () => {
    const cluster = new TwoPhaseCluster();
    cluster.isLost = ({ name }) => name === "go";
    cluster.propose(0, "a=1");
    cluster.settle();
    cluster.propose(0, "b=1");
    cluster.settle();
    cluster.crash(0);
    cluster.crash(1);
    cluster.restart(1);
    cluster.settle();
    expect(cluster.inDoubt(1)).toEqual(["1.1.1", "1.1.2"]);
    const read = cluster.read(1);
    const write = cluster.propose(1, "a=2");
    cluster.pass(900);
    expect([read.said, write.said]).toEqual([null, null]);
    cluster.isLost = () => false;
    cluster.restart(0);
    cluster.pass(900);
    expect(read.said).toBe("a=1,b=1");
    expect(new Set(cluster.lines).size).toBe(1);
    expect(cluster.lines[0]!.startsWith("a=1,b=1")).toBe(true);
  });

  test("that has voted lets another transaction wait for the key after a restart, and votes for other keys", () => {
    const cluster = new TwoPhaseCluster();
    cluster.isLost = ({ name }) => name === "go";
    cluster.propose(0, "a=1");
    cluster.settle();
    cluster.crash(0);
    cluster.crash(1);
    cluster.restart(1);
    cluster.settle();
    const said = new Set<string>();
    cluster.isLost = ({ from, name, transaction }) => {
      if (from === 1 && transaction.startsWith("3.")) said.add(`${name} ${transaction}`);
      return false;
    };
    cluster.propose(2, "a=2");
    cluster.propose(2, "b=2");
    cluster.pass(300);
    expect([...said]).toEqual(["waiting 3.1.1", "vote 3.1.2"]);
  });

  test("gives up a read that waits for too long", () => {
    const cluster = new TwoPhaseCluster();
    cluster.isLost = ({ name }) => name === "go";
    cluster.propose(0, "a=1");
    cluster.settle();
    cluster.crash(0);
    const read = cluster.read(1);
    cluster.pass(4000);
    expect(read).toMatchObject({ said: "UNAVAILABLE", calls: 1 });
    expect(read.message).toContain("the outcome of transaction 1.1.1, which replica 1 decides");
  });

  test("takes no locks for a prepare that comes after the abort", () => {
    const cluster = new TwoPhaseCluster();
    cluster.propose(0, "a=1");
    cluster.clock.run();
    const late = cluster.withhold(({ to }) => to === 2);
    cluster.isLost = ({ name, to }) => name === "prepare" && to === 2;
    cluster.pass(1500);
    cluster.isLost = () => false;
    for (const sent of late) cluster.deliver(sent);
    cluster.clock.run();
    expect([late.length > 0, cluster.inDoubt(2), cluster.lines]).toEqual([true, [], EVERYBODY("")]);
  });

  test("commits nothing twice when a prepare comes again after a restart while the decision is still kept", () => {
    const cluster = new TwoPhaseCluster(3, { snapshotEvery_bytes: 1 });
    const write = cluster.propose(0, "a=1");
    cluster.clock.run();
    const [copy] = cluster.messages.filter(({ to }) => to === 2);
    cluster.isLost = ({ name, from }) => name === "acknowledge" && from === 1;
    cluster.settle();
    expect(cluster.lines).toEqual(EVERYBODY("a=1"));
    cluster.crash(2);
    cluster.restart(2);
    cluster.settle();
    cluster.deliver(copy!);
    cluster.clock.run();
    expect(cluster.inDoubt(2)).toEqual(["1.1.1"]);
    cluster.pass(300);
    expect([cluster.inDoubt(2), cluster.lines[2]]).toEqual([[], "a=1"]);
    cluster.isLost = () => false;
    cluster.pass(300);
    expect(write.said).toBe("1:a=1");
  });

  test("tells nobody an outcome that it does not have", () => {
    const cluster = new TwoPhaseCluster();
    const id = { coordinator: 0, life: 1, number: 99 };
    cluster.deliver({
      from: 2,
      to: 1,
      name: "inquire",
      message: { type: MESSAGE.inquire, ids: [id] },
      transaction: "",
    });
    cluster.clock.run();
    expect(cluster.messages).toEqual([]);
  });
});

describe("snapshots", () => {
  test("keep what is in doubt, the decisions and the clock", () => {
    const cluster = new TwoPhaseCluster(3, { snapshotEvery_bytes: 20, snapshotSlice_bytes: 10 });
    for (let i = 0; i < 20; i++) {
      cluster.propose(i % 3, `k${i}=${i}`);
      cluster.pass(20);
    }
    cluster.isLost = ({ name, transaction }) => (name === "go" || name === "abort") && transaction === "1.1.8";
    const stuck = cluster.propose(0, "stuck=1");
    cluster.settle();
    cluster.propose(1, "later=1");
    cluster.pass(50);
    for (const id of [0, 1, 2]) {
      cluster.crash(id);
      cluster.restart(id);
    }
    expect(cluster.replicas.every(({ log }) => log.snapshot !== null && log.firstPosition > 1)).toBe(true);
    cluster.isLost = () => false;
    cluster.pass(500);
    expect(stuck.calls).toBe(0);
    expect(new Set(cluster.lines).size).toBe(1);
    expect(cluster.lines[0]!.split(",")).toHaveLength(22);
  });

  test("of a cluster of another size are refused by name", async () => {
    const cluster = new TwoPhaseCluster(3, { snapshotEvery_bytes: 1 });
    cluster.propose(0, "a=1");
    cluster.pass(50);
    const { log } = cluster.replicas[0]!;
    expect(log.snapshot).not.toBe(null);
    const other = new TwoPhaseCluster(5);
    other.replicas[0]!.log.snapshot = log.snapshot;
    other.replicas[0]!.log.records = [...log.records];
    other.replicas[0]!.log.durablePosition = log.records.length;
    other.crash(0);
    other.restart(0);
    await expect(other.replicas[0]!.started).rejects.toThrow("of a cluster of 3 replicas, and this one has 5");
  });
});

describe("garbage from another replica", () => {
  test("does nothing", () => {
    const cluster = new TwoPhaseCluster();
    cluster.replicas[0]!.listener!.onMessage(1, new Uint8Array([3, 99, 1, 1]));
    const write = cluster.propose(0, "a=1");
    cluster.settle();
    expect(write.said).toBe("1:a=1");
  });
});

describe("a replica", () => {
  test("finishes what it has accepted before it closes", async () => {
    const cluster = new TwoPhaseCluster();
    const write = cluster.propose(0, "a=1");
    const closed = cluster.replicas[0]!.protocol.close();
    cluster.settle();
    await closed;
    expect([write.said, cluster.replicas[0]!.protocol.status().state]).toEqual(["1:a=1", "closed"]);
    const refused = cluster.propose(0, "b=1");
    cluster.settle();
    expect(refused.said).toBe("UNAVAILABLE");
  });

  test.each([
    ["the vote for another replica's command", "prepare", "STORAGE_FAILED"],
    ["the decision", "vote", "OUTCOME_UNKNOWN"],
  ])("that cannot log %s stops, and says whether its own command may have happened", (_, last, code) => {
    const cluster = new TwoPhaseCluster();
    const { log, protocol } = cluster.replicas[0]!;
    cluster.isLost = ({ name, from }) => {
      if (name === last) log.failsIn = 0;
      return last === "prepare" && from === 0;
    };
    if (last === "prepare") cluster.propose(1, "b=1");
    const write = cluster.propose(0, "a=1");
    cluster.settle();
    expect(write).toMatchObject({ said: code, calls: 1 });
    expect(protocol.status().state).toBe("failed");
  });

  test("alone commits what it is told", () => {
    const cluster = new TwoPhaseCluster(1);
    const write = cluster.propose(0, "a=1");
    cluster.settle();
    expect([write.said, cluster.read(0).said]).toEqual(["1:a=1", "a=1"]);
  });
});
