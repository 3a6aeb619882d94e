import { describe, expect, test } from "vitest";
import { type MessageName, PaxosCluster, type Replica } from "../../support/paxos_cluster.ts";

/** A cluster with a leader that reads have been confirmed by. */
function led(replicas: number, leaseReads: boolean): { cluster: PaxosCluster; leader: Replica; follower: Replica } {
  const cluster = new PaxosCluster(replicas, { leaseReads });
  const leader = cluster.leader();
  cluster.put(leader.id, "a");
  // At most two heartbeats, after which nothing is under way.
  cluster.pass(200);
  return { cluster, leader, follower: cluster.follower() };
}

/** The frames of one read at a replica, by name, until it is answered; no time passes. */
function framesOfRead(cluster: PaxosCluster, at: number): Partial<Record<MessageName, number>> {
  const counts: Partial<Record<MessageName, number>> = {};
  cluster.isLost = ({ name }) => {
    counts[name] = (counts[name] ?? 0) + 1;
    return false;
  };
  const read = cluster.read(at);
  cluster.settle();
  cluster.heal();
  expect(read).toEqual({ said: "a", calls: 1 });
  return counts;
}

describe("a read alone takes", () => {
  test.each([3, 5])("a round of all %d replicas without leases, and what a follower asks and hears", (replicas) => {
    const { cluster, leader, follower } = led(replicas, false);
    const round = { heartbeat: replicas - 1, heartbeatReply: replicas - 1 };
    expect(framesOfRead(cluster, leader.id)).toEqual(round);
    expect(framesOfRead(cluster, follower.id)).toEqual({ ...round, readRequest: 1, readReply: 1 });
  });

  test.each([3, 5])("no frame at the leader of %d replicas within a lease, and two at a follower", (replicas) => {
    const { cluster, leader, follower } = led(replicas, true);
    expect(framesOfRead(cluster, leader.id)).toEqual({});
    expect(framesOfRead(cluster, follower.id)).toEqual({ readRequest: 1, readReply: 1 });
  });
});

describe("a leader with leases", () => {
  test("reads alone until its lease ends, and not afterwards", () => {
    const { cluster, leader } = led(3, true);
    cluster.isolate(leader.id);
    // The latest round began at most one heartbeat ago, and 450 ms of its promise count.
    cluster.pass(345);
    const within = cluster.read(leader.id);
    cluster.settle();
    expect(within).toEqual({ said: "a", calls: 1 });
    cluster.pass(110);
    const beyond = cluster.read(leader.id);
    cluster.settle();
    expect(beyond.calls).toBe(0);
    cluster.heal();
    cluster.until(() => beyond.said !== null, "the read is answered");
    expect(beyond.said).toBe("a");
  });

  test("is followed by another one when it dies, and not before what was promised to it is over", () => {
    const { cluster, leader } = led(3, true);
    const [one, other] = [1, 2].map((step) => (leader.id + step) % 3) as [number, number];
    cluster.crash(leader.id);
    for (const id of [one, other]) cluster.replicas[id]!.listener!.onPeer?.(leader.id, false);
    const write = cluster.propose(one, "b");
    cluster.pass(395);
    expect(write.said).toBe(null);
    cluster.until(() => write.said !== null, "somebody else leads");
    expect(write.said).toBe("2:b");
    cluster.checkAgreement([cluster.replicas[one]!, cluster.replicas[other]!]);
  });

  test("has none of acceptors that promise none, because the option is off there", () => {
    const cluster = new PaxosCluster(3, (id) => ({ leaseReads: id === 0 }));
    for (let tries = 0; cluster.leader().id !== 0; tries++) {
      const { id } = cluster.leader();
      expect(tries).toBeLessThan(20);
      cluster.replicas[id]!.paxos.crashRole("proposer");
      cluster.until(() => cluster.leader().id !== id, "somebody else leads");
      cluster.replicas[id]!.paxos.restartRole("proposer");
    }
    cluster.put(0, "a");
    cluster.pass(200);
    expect(framesOfRead(cluster, 0)).toEqual({ heartbeat: 2, heartbeatReply: 2 });
  });
});

test("a replica alone leads at once with leases too", () => {
  const cluster = new PaxosCluster(1, { leaseReads: true });
  cluster.put(0, "a");
  expect(framesOfRead(cluster, 0)).toEqual({});
});
