import { describe, expect, test } from "vitest";
import { makeBallot } from "../../../src/core/paxos/ballot.ts";
import { MESSAGE } from "../../../src/core/paxos/messages.ts";
import { type Frame, PaxosCluster } from "../../support/paxos_cluster.ts";

describe("three replicas", () => {
  test("take commands and reads at any of them, and agree", () => {
    const cluster = new PaxosCluster();
    for (const [i, line] of ["a", "b", "c", "d", "e", "f"].entries()) cluster.put(i % 3, line);
    for (const { id } of cluster.replicas) {
      const read = cluster.read(id);
      cluster.until(() => read.said !== null, "the read is answered");
      expect(read).toEqual({ said: "a,b,c,d,e,f", calls: 1 });
    }
    cluster.checkAgreement();
  });

  test("go on without one of them, and without the leader, and answer every command exactly once", () => {
    const cluster = new PaxosCluster();
    cluster.put(0, "a");
    const old = cluster.leader().id;
    const other = (old + 1) % 3;
    const outcomes = ["b", "c"].map((line) => cluster.propose(other, line));
    cluster.crash(old);
    cluster.until(() => outcomes.every(({ said }) => said !== null), "a new leader answers");
    expect(outcomes).toEqual([{ said: "2:b", calls: 1 }, { said: "3:c", calls: 1 }]);
    cluster.restart(old);
    cluster.until(() => cluster.replicas[old]!.machine.lines.length === 3, "it has caught up");
    cluster.checkAgreement();
  });

  test("acknowledge nothing, and read nothing, that a majority has not", () => {
    const cluster = new PaxosCluster();
    cluster.put(0, "a");
    const { id } = cluster.leader();
    cluster.isolate(id);
    const write = cluster.propose(id, "b");
    const read = cluster.read(id);
    cluster.pass(400);
    expect([write.said, read.said]).toEqual([null, null]);
    cluster.pass(8000);
    expect([write.calls, read.calls]).toEqual([1, 1]);
    expect([write.said, read.said]).toEqual(["OUTCOME_UNKNOWN", "UNAVAILABLE"]);
  });

  test("A and B choose x while C is cut off; then A is cut off and C leads with B: C ends with x there", () => {
    const cluster = new PaxosCluster();
    cluster.put(0, "before");
    const a = cluster.leader().id;
    const [b, c] = [(a + 1) % 3, (a + 2) % 3];
    cluster.isolate(a, b);
    cluster.put(a, "x");
    cluster.isolate(b, c);
    // B may not lead: its prepares get lost. It is C that has to.
    const bothWays = cluster.isLost;
    cluster.isLost = (frame) => bothWays(frame) || frame.from === b && frame.name === "prepare";
    cluster.until(() => cluster.replicas[c]!.paxos.status().cluster!.role === "leader", "C leads");
    cluster.until(() => cluster.replicas[c]!.machine.lines.includes("x"), "C has x");
    cluster.put(c, "after");
    cluster.heal();
    cluster.until(() => cluster.replicas.every(({ machine }) => machine.lines.length === 3), "all have all");
    expect(cluster.replicas.map(({ machine }) => machine.lines)).toEqual(Array(3).fill(["before", "x", "after"]));
    cluster.checkAgreement();
  });

  test("a follower that hears of several large values in each turn applies them as fast as they come", () => {
    const cluster = new PaxosCluster();
    cluster.put(0, "a");
    const leader = cluster.leader().id;
    const behind = (leader + 1) % 3;
    const frames: Frame[] = [];
    cluster.isLost = (frame) => frame.to === behind && frames.push(frame) > 0;
    for (let i = 0; i < 40; i++) {
      cluster.propose(leader, `${i}:${"x".repeat(1024 * 1024)}`);
      cluster.settle();
    }
    cluster.heal();
    const { paxos } = cluster.replicas[behind]!;
    let lag = 0;
    while (frames.length > 0) {
      for (const frame of frames.splice(0, 8)) cluster.deliver(frame);
      cluster.clock.turn();
      lag = Math.max(lag, paxos.status().cluster!.lag);
    }
    expect(lag).toBeLessThan(16);
    cluster.settle();
    expect(paxos.status().cluster!.lag).toBe(0);
    expect(cluster.replicas[behind]!.machine.lines.length).toBe(41);
  });

  test("a crash between accept and sync takes back only what nobody was told", () => {
    const cluster = new PaxosCluster();
    cluster.put(0, "a");
    const leader = cluster.leader();
    const [slow, away] = [(leader.id + 1) % 3, (leader.id + 2) % 3];
    cluster.isolate(leader.id, slow);
    cluster.replicas[slow]!.log.isHeld = true;
    const write = cluster.propose(leader.id, "b");
    cluster.pass(200);
    expect(write.said).toBe(null);
    cluster.crash(slow);
    cluster.crash(leader.id);
    cluster.restart(slow);
    cluster.heal();
    cluster.put(away, "c");
    cluster.restart(leader.id);
    cluster.until(() => cluster.replicas.every(({ machine }) => machine.lines.includes("c")), "all have c");
    cluster.checkAgreement();
  });
});

describe("a leader", () => {
  test("that is cut off serves no read, however long its deposition takes to reach it", () => {
    const cluster = new PaxosCluster(3, { times: { patience_ms: 60_000, election_ms: 500 } });
    cluster.put(0, "a");
    const old = cluster.leader().id;
    cluster.isolate(...[0, 1, 2].filter((id) => id !== old));
    const read = cluster.read(old);
    cluster.until(
      () => cluster.replicas.some(({ id, paxos }) => id !== old && paxos.status().cluster!.role === "leader"),
      "another one leads",
    );
    cluster.put((old + 1) % 3, "b");
    expect(read.said).toBe(null);
    cluster.heal();
    cluster.until(() => read.said !== null, "the read is answered");
    expect(read).toEqual({ said: "a,b", calls: 1 });
  });
});

describe("a replica that a majority cannot be reached from", () => {
  test("refuses reads and writes soon when its transport says so, and not before its patience ends when it does not", () => {
    const cluster = new PaxosCluster(3, { times: { patience_ms: 20_000, election_ms: 500 } });
    cluster.put(0, "a");
    const { id, listener } = cluster.follower();
    cluster.isolate(id);
    cluster.pass(2000);
    const patient = [cluster.read(id), cluster.propose(id, "b")];
    cluster.pass(2000);
    expect(patient.map(({ said }) => said)).toEqual([null, null]);
    for (const peer of [0, 1, 2]) if (peer !== id) listener!.onPeer?.(peer, false);
    cluster.pass(100);
    expect(patient.map(({ said }) => said)).toEqual(["UNAVAILABLE", "UNAVAILABLE"]);
    const late = cluster.propose(id, "c");
    cluster.pass(5);
    expect(late).toEqual({ said: "UNAVAILABLE", calls: 1 });
    for (const peer of [0, 1, 2]) if (peer !== id) listener!.onPeer?.(peer, true);
    cluster.heal();
    cluster.put(id, "d");
    cluster.checkAgreement();
  });
});

describe("a replica that becomes a member", () => {
  test("answers at once a read that came when it knew the leader and might not ask yet", () => {
    const cluster = new PaxosCluster(3, { times: { patience_ms: 20_000 } });
    // It hears of the leader, and nothing of what the others remember of it.
    cluster.isLost = ({ to, name }) => to === 2 && name === "welcome";
    cluster.put(0, "a");
    const late = cluster.replicas[2]!;
    cluster.until(() => late.paxos.status().cluster!.leader !== null, "it hears the leader");
    const read = cluster.read(2);
    cluster.pass(50);
    expect(read.said).toBe(null);
    cluster.heal();
    cluster.until(() => late.events.some(({ type }) => type === "member"), "it is a member");
    cluster.pass(50);
    expect(read).toEqual({ said: "a", calls: 1 });
  });
});

describe("a replica's lives", () => {
  test("are told apart: an answer to a read of a life that a crash took back releases no later read", () => {
    const cluster = new PaxosCluster();
    cluster.put(0, "a");
    const reader = cluster.follower().id;
    cluster.crash(reader);
    const before = cluster.restart(reader);
    before.log.isHeld = true;
    cluster.until(() => before.paxos.status().cluster!.leader !== null, "it hears the leader");
    cluster.read(reader);
    // Nothing of a life whose record is not durable may leave: a later life would have its number.
    let requests = 0;
    cluster.isLost = ({ from, name }) => {
      if (from === reader && name === "readRequest") requests++;
      return false;
    };
    cluster.pass(500);
    expect(requests).toBe(0);
    cluster.crash(reader);
    cluster.put(cluster.leader().id, "b");
    cluster.restart(reader);
    const read = cluster.read(reader);
    cluster.until(() => read.said !== null, "the read is answered");
    expect(read.said).toBe("a,b");
  });

  test("a replica that lost its log does not vote, takes no commands, and is answered nothing of its former life", () => {
    const cluster = new PaxosCluster();
    for (const { id } of cluster.replicas) cluster.put(id, `from ${id}`);
    const { id } = cluster.follower();
    cluster.crash(id);
    const replica = cluster.restart(id, "a new log");
    const write = cluster.propose(id, "new");
    cluster.until(() => replica.events.some(({ type }) => type === "refused"), "it is refused");
    cluster.until(() => write.said !== null, "its command is answered");
    expect(write).toEqual({ said: "UNAVAILABLE", calls: 1 });
    const { mayVote, unready } = replica.paxos.status().cluster!;
    expect([mayVote, unready]).toEqual([false, expect.stringContaining("is not the one that replica")]);
    // It learns what the others have; its former commands are nobody's here.
    cluster.until(() => replica.machine.lines.length === 3, "it has caught up");
    cluster.isolate(id, cluster.leader().id);
    const alone = cluster.propose(cluster.leader().id, "not chosen");
    cluster.pass(6000);
    expect(alone.said).toBe("OUTCOME_UNKNOWN");
    cluster.checkAgreement();
  });

  test("a new cluster chooses nothing before its replicas have met", () => {
    const cluster = new PaxosCluster();
    cluster.isLost = ({ name }) => name === "hello";
    cluster.withhold(() => true);
    const write = cluster.propose(0, "a");
    cluster.pass(5000);
    expect(write.said).toBe("UNAVAILABLE");
    cluster.heal();
    cluster.leader();
    cluster.put(0, "a");
  });
});

describe("snapshots", () => {
  const small = { snapshotEvery_bytes: 400, snapshotSlice_bytes: 20, cache_bytes: 100 };

  function far(cluster: PaxosCluster, without: number): void {
    cluster.isolate(...[0, 1, 2].filter((id) => id !== without));
    const at = cluster.leader().id;
    for (let i = 0; i < 60; i++) cluster.put(at, `line ${i}`);
    cluster.until(() => cluster.replicas[at]!.log.firstPosition > 1, "its log is truncated");
    cluster.until(() => cluster.replicas.every(({ id, log }) => id === without || log.firstPosition > 1), "both are");
  }

  test("bring a replica back whose slots are truncated, and a later life finds the same", () => {
    const cluster = new PaxosCluster(3, small);
    cluster.put(0, "a");
    const { id } = cluster.follower();
    far(cluster, id);
    cluster.heal();
    cluster.until(() => cluster.replicas[id]!.machine.lines.length === 61, "it has caught up");
    expect(cluster.replicas[id]!.paxos.status().cluster!.snapshotsInstalled).toBe(1);
    cluster.pass(100);
    cluster.crash(id);
    cluster.restart(id);
    cluster.until(() => cluster.replicas[id]!.machine.lines.length === 61, "it is back");
    const { recoveries } = cluster.replicas[id]!.machine;
    expect(recoveries).toEqual([0, expect.toSatisfy((lines: number) => lines > 30)]);
    cluster.put(id, "z");
    expect(recoveries).toHaveLength(2);
    cluster.checkAgreement();
  });

  test("that come half-way are not trusted, and the rest is fetched although many parts are lost", () => {
    const cluster = new PaxosCluster(3, small);
    cluster.put(0, "a");
    const { id } = cluster.follower();
    far(cluster, id);
    let parts = 0;
    cluster.isLost = ({ name }) => name === "snapshotPart" && ++parts % 2 === 0;
    cluster.until(() => parts >= 6, "some parts have come");
    expect(cluster.replicas[id]!.machine.lines).toEqual(["a"]);
    cluster.until(() => cluster.replicas[id]!.machine.lines.length === 61, "all parts have come", 60_000);
  });

  test("let nobody take for chosen what the replica had accepted before", () => {
    const cluster = new PaxosCluster(3, small);
    cluster.put(0, "a");
    // The leader proposes alone, in a slot in which the others then choose something else.
    const { id } = cluster.leader();
    cluster.isolate(id);
    cluster.propose(id, "of nobody");
    cluster.pass(20);
    const slot = cluster.replicas[id]!.paxos.status().cluster!.chosenSlot + 1;
    cluster.pass(1000);
    far(cluster, id);
    cluster.heal();
    cluster.until(() => cluster.replicas[id]!.paxos.status().cluster!.snapshotsInstalled === 1, "it has the snapshot");
    cluster.pass(100);
    const ask = (): number => {
      const held = cluster.isLost;
      cluster.isLost = ({ name }) => name !== "learned";
      const bytes = new Uint8Array([MESSAGE.learn, slot]);
      cluster.replicas[id]!.listener!.onMessage((id + 1) % 3, bytes);
      const [reply] = cluster.withhold(({ from, name }) => from === id && name === "learned");
      cluster.isLost = held;
      return reply!.message.type === MESSAGE.learned ? reply!.message.values.length : -1;
    };
    expect(ask()).toBe(0);
    cluster.crash(id);
    cluster.restart(id);
    cluster.pass(50);
    expect(ask()).toBe(0);
    cluster.checkAgreement();
  });

  test("keep commands from being sent whose outcome nobody could tell before they are whole", () => {
    const cluster = new PaxosCluster(3, small);
    cluster.put(0, "a");
    const { id } = cluster.follower();
    far(cluster, id);
    cluster.heal();
    cluster.isLost = ({ to, name, message }) =>
      to === id && name === "snapshotPart" && message.type === MESSAGE.snapshotPart && message.part > 1;
    const { paxos, machine } = cluster.replicas[id]!;
    cluster.until(() => paxos.status().cluster!.unready !== null, "it says that it is behind");
    expect(paxos.status().cluster!.unready).toMatch(/^this replica was away: it is \d+ slots behind and catches up$/);
    const write = cluster.propose(id, "too early");
    cluster.pass(600);
    expect(write.said).toBe("UNAVAILABLE");
    const next = cluster.propose(id, "too early, too");
    cluster.pass(1);
    expect(next.said).toBe("UNAVAILABLE");
    cluster.heal();
    cluster.until(() => machine.lines.length === 61, "it has caught up", 60_000);
    const last = cluster.propose(id, "now");
    cluster.pass(100);
    expect([last.said, machine.lines.slice(-2)]).toEqual(["62:now", [expect.not.stringMatching(/early/), "now"]]);
    expect(paxos.status().cluster!.unready).toBe(null);
    cluster.checkAgreement();
  });

  test("release the reads that waited for the slots in them", () => {
    const cluster = new PaxosCluster(3, { ...small, times: { patience_ms: 20_000 } });
    cluster.put(0, "a");
    const { id } = cluster.follower();
    far(cluster, id);
    cluster.heal();
    const loses = (name: string): boolean => name === "snapshotPart" || name === "accept" || name === "learned";
    cluster.isLost = ({ to, name }) => to === id && loses(name);
    const read = cluster.read(id);
    cluster.pass(1000);
    expect(read.said).toBe(null);
    cluster.heal();
    cluster.until(() => read.said !== null, "the read is answered", 5000);
    expect(read.said!.split(",").length).toBe(61);
  });

  test("that are not stored yet when the learner crashes do not keep it from catching up again", () => {
    const cluster = new PaxosCluster(3, small);
    cluster.put(0, "a");
    const { id } = cluster.follower();
    far(cluster, id);
    cluster.heal();
    const replica = cluster.replicas[id]!;
    replica.log.holdsSnapshots = true;
    cluster.pass(1000);
    expect([replica.log.isWriting, replica.paxos.status().cluster!.snapshotsInstalled]).toEqual([true, 0]);
    replica.paxos.crashRole("learner");
    replica.paxos.restartRole("learner");
    cluster.pass(100);
    replica.log.release();
    cluster.until(() => replica.machine.lines.length === 61, "it has caught up again");
    cluster.put(id, "z");
    cluster.checkAgreement();
  });

  test("of a new replica wait until its log can hold them", () => {
    const cluster = new PaxosCluster(3, small);
    cluster.put(0, "a");
    const { id } = cluster.follower();
    far(cluster, id);
    cluster.crash(id);
    cluster.heal();
    const replica = cluster.restart(id, "a new log");
    replica.log.isHeld = true;
    cluster.pass(2000);
    expect(replica.paxos.status().state).toBe("serving");
    replica.log.release();
    cluster.until(() => replica.machine.lines.length === 61, "it has caught up");
  });
});

describe("roles that crash", () => {
  test.each(["acceptor", "proposer", "learner"] as const)(
    "the %s of every replica in turn, and all goes on",
    (role) => {
      const cluster = new PaxosCluster();
      for (const [i, { id }] of [...cluster.replicas, ...cluster.replicas].entries()) {
        const { paxos } = cluster.replicas[id]!;
        paxos.crashRole(role);
        const write = cluster.propose((id + 1) % 3, `line ${i}`);
        cluster.pass(20);
        paxos.restartRole(role);
        cluster.until(() => write.said !== null, "the command is answered");
        expect(write).toEqual({ said: `${i + 1}:line ${i}`, calls: 1 });
      }
      cluster.until(() => cluster.replicas.every(({ machine }) => machine.lines.length === 6), "all have all");
      expect(cluster.replicas.map(({ paxos }) => paxos.status().cluster!.roles[role])).toEqual(
        Array(3).fill({ isUp: true, crashes: 2, restarts: 2 }),
      );
      cluster.checkAgreement();
    },
  );

  test("an acceptor keeps the promise that it made before it crashed", () => {
    const cluster = new PaxosCluster();
    cluster.put(0, "a");
    const old = cluster.leader();
    const ballot = ballotOfLeader(cluster, old.id);
    cluster.isolate(...[0, 1, 2].filter((id) => id !== old.id));
    cluster.until(
      () => cluster.replicas.some(({ id, paxos }) => id !== old.id && paxos.status().cluster!.role === "leader"),
      "another one leads",
    );
    cluster.pass(50);
    cluster.heal();
    for (const { id, paxos } of cluster.replicas) {
      if (id === old.id) continue;
      paxos.crashRole("acceptor");
      paxos.restartRole("acceptor");
      cluster.clock.run();
      cluster.withhold(() => true);
      const writer = new Uint8Array([MESSAGE.prepare, ...varint(ballot), ...varint(0)]);
      cluster.replicas[id]!.listener!.onMessage(old.id, writer);
      expect(cluster.withhold(({ from }) => from === id).map(({ name }) => name)).toEqual(["nack"]);
    }
  });

  test("a learner that is back lets go the reads that waited, though nothing new is applied", () => {
    const cluster = new PaxosCluster(3, { times: { patience_ms: 20_000 } });
    cluster.put(0, "a");
    const { id, paxos } = cluster.follower();
    cluster.pass(200);
    paxos.crashRole("learner");
    const read = cluster.read(id);
    cluster.pass(300);
    expect(read.said).toBe(null);
    paxos.restartRole("learner");
    cluster.until(() => read.said !== null, "the read is answered", 3000);
    expect(read).toEqual({ said: "a", calls: 1 });
  });
});

describe("a failing log", () => {
  test.each([0, 1, 2, 3])("after %i more records ends the replica, which then says nothing more", (failsIn) => {
    const cluster = new PaxosCluster();
    cluster.put(0, "a");
    const leader = cluster.leader();
    leader.log.failsIn = failsIn;
    const outcomes = ["b", "c", "d", "e"].map((line) => {
      const outcome = cluster.propose(leader.id, line);
      cluster.pass(20);
      return outcome;
    });
    cluster.pass(100);
    expect(leader.paxos.status()).toMatchObject({ state: "failed", reason: "no space left on device" });
    expect(outcomes.map(({ calls }) => calls)).toEqual([1, 1, 1, 1]);
    expect(cluster.frames.filter(({ from }) => from === leader.id)).toEqual([]);
    const others = cluster.replicas.filter(({ id }) => id !== leader.id);
    cluster.until(() => others.some(({ paxos }) => paxos.status().cluster!.role === "leader"), "another one leads");
    cluster.put(others[0]!.id, "z");
    for (const { said } of outcomes) {
      if (said?.includes(":")) expect(others[0]!.machine.lines).toContain(said.split(":")[1]);
    }
    cluster.checkAgreement();
  });
});

function varint(number: number): number[] {
  return number < 128 ? [number] : [number % 128 + 128, ...varint(Math.floor(number / 128))];
}

function ballotOfLeader(cluster: PaxosCluster, id: number): number {
  return makeBallot(Number(cluster.replicas[id]!.paxos.status().cluster!.ballot.split(".")[0]), id);
}
