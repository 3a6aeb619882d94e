import { describe, expect, test } from "vitest";
import { MESSAGE } from "../../../src/core/two_phase_commit/messages.ts";
import { TwoPhaseCluster } from "./cluster.ts";

/** Three replicas have committed a=1; then replica 3 comes back without its log. */
function emptied(before: (cluster: TwoPhaseCluster) => void = () => {}): TwoPhaseCluster {
  const cluster = new TwoPhaseCluster();
  cluster.propose(0, "a=1");
  cluster.settle();
  before(cluster);
  cluster.crash(2);
  cluster.restart(2, null);
  cluster.pass(300);
  return cluster;
}

describe("a replica that lost its log", () => {
  test("serves nothing, says who remembers another one and what to do", () => {
    const cluster = emptied();
    const said = [cluster.propose(2, "b=1"), cluster.read(2)];
    cluster.settle();
    for (const { said: code, message } of said) {
      expect(code).toBe("UNAVAILABLE");
      expect(message).toMatch(/the log of this replica is not the one that replica [12] remembers: .*bring its data/);
    }
    expect(cluster.status(2)).toMatchObject({ mayVote: false, unready: expect.stringContaining("is not the one") });
    expect(cluster.replicas[2]!.events.map(({ type }) => type)).toEqual(["member", "refused"]);
  });

  test("keeps every write from going through, which is refused at once and by name", () => {
    const cluster = emptied();
    const write = cluster.propose(0, "b=1");
    cluster.clock.run();
    expect(write).toMatchObject({ said: "UNAVAILABLE", calls: 1 });
    expect(write.message).toMatch(/^replica 3 came with another log .* nothing was changed/);
    expect(cluster.status(0).unready).toContain("replica 3 came with another log");
    expect(cluster.replicas[0]!.events.at(-1)).toEqual({ type: "stranger", replica: 2, isStranger: true });
    expect([cluster.read(0).said, cluster.read(1).said]).toEqual(["a=1", "a=1"]);
  });

  test("does not take what it has voted for as committed, nor what it has decided as aborted", () => {
    const cluster = emptied((each) => {
      each.isLost = ({ name, to, transaction }) => name === "go" && (transaction.startsWith("3.") || to === 2);
      each.propose(0, "b=1");
      each.propose(2, "c=1");
      each.settle();
      each.messages = [];
    });
    cluster.isLost = () => false;
    cluster.pass(10_000);
    // b is decided and 3 has forgotten that it voted for it; c was decided by 3, which has forgotten that.
    expect(cluster.inDoubt(0)).toEqual(["3.1.1"]);
    expect(cluster.status(0).coordinating).toBe(1);
    expect(cluster.lines[2]).toBe("");
  });

  test("hears no prepare, although it comes from a replica that is well", () => {
    const cluster = emptied();
    const { records } = cluster.replicas[2]!.log;
    const { identity } = cluster.replicas[0]!.log;
    cluster.deliver({ from: 0, to: 2, name: "hello", message: { type: MESSAGE.hello, identity }, transaction: "" });
    cluster.settle();
    const before = records.length;
    const id = { coordinator: 0, life: 1, number: 99 };
    const message = { type: MESSAGE.prepare, id, age: { time: 1, replica: 0 }, time: 1, commands: new Uint8Array(3) };
    cluster.deliver({ from: 0, to: 2, name: "prepare", message, transaction: "" });
    cluster.clock.run();
    expect([records.length, cluster.inDoubt(2), cluster.messages]).toEqual([before, [], []]);
  });

  test("does not vote after a restart either", () => {
    const cluster = emptied();
    cluster.crash(2);
    cluster.restart(2);
    cluster.pass(300);
    expect([cluster.status(2).mayVote, cluster.propose(0, "b=1").said]).toEqual([false, null]);
  });

  test("may come back with the log that is remembered, and everything goes on", () => {
    const cluster = new TwoPhaseCluster();
    cluster.propose(0, "a=1");
    cluster.settle();
    const { log } = cluster.replicas[2]!;
    cluster.crash(2);
    cluster.restart(2, null);
    cluster.pass(300);
    cluster.crash(2);
    cluster.restart(2, log);
    cluster.pass(300);
    const write = cluster.propose(0, "b=1");
    cluster.settle();
    expect([write.said, ...cluster.lines]).toEqual(["2:b=1", "a=1,b=1", "a=1,b=1", "a=1,b=1"]);
    expect(cluster.replicas[0]!.events.at(-1)).toEqual({ type: "stranger", replica: 2, isStranger: false });
  });

  test("is remembered by snapshots, too", () => {
    const cluster = new TwoPhaseCluster(3, { snapshotEvery_bytes: 1 });
    for (const line of ["a=1", "b=1", "c=1"]) {
      cluster.propose(0, line);
      cluster.pass(50);
    }
    expect(cluster.replicas[0]!.log.firstPosition).toBeGreaterThan(4);
    for (const id of [0, 1, 2]) cluster.crash(id);
    for (const id of [0, 1]) cluster.restart(id);
    cluster.restart(2, null);
    cluster.pass(300);
    expect([0, 1, 2].map((id) => cluster.status(id).mayVote)).toEqual([true, true, false]);
  });
});

describe("a new replica", () => {
  test("is met without waiting, although it began to listen after the others", () => {
    const cluster = new TwoPhaseCluster(5);
    expect([0, 1, 2, 3, 4].map((id) => cluster.status(id).mayVote)).toEqual([true, true, true, true, true]);
    expect(cluster.clock.monotonic()).toBe(new TwoPhaseCluster(1).clock.monotonic());
  });

  test("votes, coordinates and reads only when all others have noted its log durably", () => {
    const cluster = new TwoPhaseCluster(3, {}, (each) => void (each.replicas[1]!.log.isHeld = true));
    const [write, read] = [cluster.propose(0, "a=1"), cluster.read(0)];
    cluster.pass(500);
    expect([write.said, read.said, cluster.status(0).mayVote]).toEqual([null, null, false]);
    expect(cluster.status(0).unready).toBe(
      "this replica is new and has not met all of the others; it waits for replica 2",
    );
    cluster.replicas[1]!.log.release();
    cluster.pass(500);
    expect([write.said, read.calls, cluster.status(0).mayVote]).toEqual(["1:a=1", 1, true]);
  });

  test("does not keep requests waiting for ever", () => {
    const cluster = new TwoPhaseCluster(3, {}, (each) => void (each.isLost = ({ from }) => from === 1));
    const [write, read] = [cluster.propose(0, "a=1"), cluster.read(0)];
    cluster.pass(1500);
    expect([write.said, read.said]).toEqual(["UNAVAILABLE", "UNAVAILABLE"]);
    expect(write.message).toContain("replica 2 cannot be reached");
  });
});

describe("a message from another log than the one noted for its sender", () => {
  test("is not heard", () => {
    const cluster = new TwoPhaseCluster();
    cluster.isLost = ({ name, from }) => name === "vote" && from === 2;
    const write = cluster.propose(0, "a=1");
    cluster.clock.run();
    cluster.settle();
    const id = { coordinator: 0, life: 1, number: 1 };
    const vote = {
      from: 2,
      to: 0,
      name: "vote",
      message: { type: MESSAGE.vote, id, proposal: 1 },
      transaction: "",
    } as const;
    cluster.deliver(vote, cluster.replicas[1]!.log.identity);
    cluster.settle();
    expect(write.said).toBe(null);
    cluster.deliver(vote);
    cluster.settle();
    expect(write.said).toBe("1:a=1");
  });
});
