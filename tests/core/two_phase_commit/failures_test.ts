import { describe, expect, test } from "vitest";
import { MESSAGE } from "../../../src/core/two_phase_commit/messages.ts";
import { type Sent, TwoPhaseCluster } from "./cluster.ts";

/** Records what leaves, and loses what `isLost` says. */
function watch(cluster: TwoPhaseCluster, isLost: (sent: Sent) => boolean = () => false): Sent[] {
  const sent: Sent[] = [];
  cluster.isLost = (each) => {
    sent.push(each);
    return isLost(each);
  };
  return sent;
}

describe("a write while a replica is away", () => {
  test("fails within the prepare timeout, and later ones at once, naming it", () => {
    const cluster = new TwoPhaseCluster();
    cluster.crash(2);
    const write = cluster.propose(0, "a=1");
    cluster.pass(900);
    expect(write.calls).toBe(0);
    cluster.pass(200);
    expect(write).toMatchObject({ said: "UNAVAILABLE", calls: 1 });
    expect(write.message).toMatch(/^replica 3 (did not vote within 1000 ms|cannot be reached).*: nothing was changed/);
    cluster.pass(1000);
    const later = cluster.propose(1, "a=2");
    cluster.clock.run();
    expect(later.message).toBe(
      "replica 3 cannot be reached, and writes need every replica: nothing was changed; try again",
    );
    expect([cluster.status(0).missing, cluster.status(1).missing]).toEqual([[2], [2]]);
    cluster.restart(2);
    cluster.pass(300);
    const last = cluster.propose(0, "a=3");
    cluster.settle();
    expect([last.said, cluster.status(0).missing]).toEqual(["1:a=3", []]);
  });

  test("and is started again, it says to its machine when it begins to recover and when that is over", () => {
    const cluster = new TwoPhaseCluster();
    cluster.propose(0, "a=1");
    cluster.settle();
    cluster.crash(2);
    cluster.restart(2);
    cluster.settle();
    expect([cluster.lines[2], cluster.replicas[2]!.machine.recoveries]).toEqual(["a=1", [0, 1]]);
  });

  test("names all that are missing", () => {
    const cluster = new TwoPhaseCluster(5);
    cluster.crash(1);
    cluster.crash(3);
    const write = cluster.propose(0, "a=1");
    cluster.pass(1500);
    expect(write.message).toMatch(/^replicas 2, 4 /);
  });

  test("fails sooner where the transport has lost its way to it, but for a moment's", () => {
    const cluster = new TwoPhaseCluster();
    cluster.crash(2);
    cluster.replicas[0]!.listener!.onPeer!(2, false);
    const write = cluster.propose(0, "a=1");
    cluster.pass(200);
    expect(write.calls).toBe(0);
    cluster.pass(200);
    expect([write.said, write.message.slice(0, 27)]).toEqual(["UNAVAILABLE", "replica 3 cannot be reached"]);
    const next = cluster.propose(0, "a=2");
    cluster.clock.run();
    expect(next.said).toBe("UNAVAILABLE");
  });

  test("goes through when the connection comes back soon, and is asked for at once", () => {
    const cluster = new TwoPhaseCluster();
    const { listener } = cluster.replicas[0]!;
    cluster.isLost = ({ to }) => to === 2;
    listener!.onPeer!(2, false);
    const write = cluster.propose(0, "a=1");
    cluster.clock.run();
    cluster.settle();
    cluster.isLost = () => false;
    listener!.onPeer!(2, true);
    cluster.settle();
    expect(write.said).toBe("1:a=1");
  });

  test("that was decided is never refused", () => {
    const cluster = new TwoPhaseCluster();
    cluster.isLost = ({ name, to }) => name === "go" && to === 2;
    const write = cluster.propose(0, "a=1");
    cluster.settle();
    cluster.crash(2);
    cluster.replicas[0]!.listener!.onPeer!(2, false);
    cluster.pass(4000);
    expect(write.calls).toBe(0);
    cluster.pass(1500);
    expect(write).toMatchObject({ said: "OUTCOME_UNKNOWN", calls: 1 });
  });
});

describe("a decision that is not acknowledged", () => {
  test("is said again less and less often, and at once when the replica is back", () => {
    const cluster = new TwoPhaseCluster();
    const sent = watch(cluster, ({ name, to }) => name === "go" && to === 2);
    cluster.propose(0, "a=1");
    cluster.settle();
    cluster.crash(2);
    const goes = (): number =>
      sent.splice(0).filter(({ name, to, from }) => name === "go" && to === 2 && from === 0).length;
    cluster.pass(2000);
    expect(goes()).toBeGreaterThan(3);
    cluster.pass(20_000);
    const late = goes();
    expect(late).toBeGreaterThan(4);
    expect(late).toBeLessThan(20);
    cluster.isLost = () => false;
    cluster.restart(2);
    cluster.settle();
    expect([cluster.lines[2], cluster.status(0).coordinating]).toEqual(["a=1", 0]);
  });
});

describe("transactions in doubt", () => {
  /** Replica 1 has died after the votes for `count` transactions. */
  function doubtful(count: number): TwoPhaseCluster {
    const cluster = new TwoPhaseCluster();
    cluster.isLost = ({ name }) => name === "go";
    for (let i = 0; i < count; i++) {
      cluster.propose(0, `k${i}=1`);
      cluster.settle();
    }
    cluster.crash(0);
    cluster.messages = [];
    return cluster;
  }

  test("are asked about together, less and less often, and at once when their coordinator is back", () => {
    const cluster = doubtful(50);
    const sent = watch(cluster);
    const inquiries = (): Sent[] =>
      sent.splice(0).filter(({ name, from, to }) => name === "inquire" && from === 1 && to === 0);
    cluster.pass(1500);
    const early = inquiries();
    expect(early.length).toBeGreaterThan(2);
    for (const { message } of early) expect(message).toMatchObject({ ids: expect.objectContaining({ length: 50 }) });
    cluster.pass(20_000);
    const late = inquiries();
    expect(late.length).toBeGreaterThan(5);
    expect(late.length).toBeLessThan(15);
    cluster.restart(0);
    cluster.settle();
    expect([cluster.inDoubt(1), cluster.inDoubt(2)]).toEqual([[], []]);
    expect(cluster.lines[1]!.split(",")).toHaveLength(50);
  });

  test("are asked about at once of a replica that introduces itself: perhaps it was started again", () => {
    const cluster = doubtful(2);
    const { identity } = cluster.replicas[0]!.log;
    cluster.deliver({ from: 0, to: 1, name: "hello", message: { type: MESSAGE.hello, identity }, transaction: "" });
    cluster.clock.step();
    const asked = cluster.messages.filter(({ name }) => name === "inquire");
    expect(asked.map(({ to, message }) => [to, "ids" in message ? message.ids.length : 0])).toEqual([[0, 2]]);
  });

  test("are told of once they have lasted, and of their end", () => {
    const cluster = doubtful(1);
    cluster.isLost = () => false;
    const { events } = cluster.replicas[1]!;
    cluster.pass(1900);
    expect(events.filter(({ type }) => type === "inDoubt")).toEqual([]);
    cluster.pass(1000);
    cluster.restart(0);
    cluster.pass(100);
    const told = events.filter(({ type }) => type === "inDoubt" || type === "resolved");
    expect(told).toMatchObject([
      { type: "inDoubt", transaction: "1.1.1", coordinator: 0, keys: ["k0"] },
      { type: "resolved", transaction: "1.1.1", isCommitted: true },
    ]);
    expect(events.filter(({ type }) => type === "missing")).toEqual([
      { type: "missing", replica: 0, isMissing: true },
      { type: "missing", replica: 0, isMissing: false },
    ]);
  });

  test("are in the status with their keys, and with those that wait for them", () => {
    const cluster = doubtful(1);
    cluster.isLost = ({ to }) => to === 0;
    cluster.propose(1, "k0=2");
    cluster.propose(2, "*=3");
    cluster.pass(100);
    const { inDoubt, waiting, coordinating } = cluster.status(1);
    expect(inDoubt).toMatchObject([{ transaction: "1.1.1", coordinator: 0, keys: ["k0"] }]);
    expect(inDoubt[0]!.age_ms).toBeGreaterThanOrEqual(100);
    expect(waiting).toMatchObject([
      { transaction: "2.1.1", coordinator: 1, keys: ["k0"], waitsFor: ["1.1.1"] },
      { transaction: "3.1.1", coordinator: 2, keys: ["*"], waitsFor: ["1.1.1", "2.1.1"] },
    ].map((entry) => entry.transaction === "3.1.1" ? { ...entry, keys: null } : entry));
    expect(coordinating).toBe(1);
  });
});

describe("a replica that stops", () => {
  test("leaves nobody in doubt about what it had not decided", async () => {
    const cluster = new TwoPhaseCluster();
    cluster.isLost = ({ name, to }) => name === "prepare" && to === 2;
    const write = cluster.propose(0, "a=1");
    cluster.clock.run();
    cluster.settle();
    expect(cluster.inDoubt(1)).toEqual(["1.1.1"]);
    const { protocol } = cluster.replicas[0]!;
    const closed = protocol.close();
    cluster.clock.advance(6000);
    cluster.settle();
    await closed;
    expect([write.said, cluster.inDoubt(1)]).toEqual(["UNAVAILABLE", []]);
  });
});
