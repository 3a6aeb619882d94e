/** Commands that are one transaction, and those that go by themselves so that nobody waits for a key of somebody else's. */
import { describe, expect, test } from "vitest";
import { GROUP_BYTES } from "../../../src/core/two_phase_commit/group.ts";
import { decodeRecord, RECORD } from "../../../src/core/two_phase_commit/records.ts";
import { formatId } from "../../../src/core/two_phase_commit/transaction_id.ts";
import { TwoPhaseCluster } from "./cluster.ts";

describe("commands of one turn", () => {
  test("are one transaction, but for those that conflict: these follow in their order", () => {
    const cluster = new TwoPhaseCluster();
    const said: string[] = [];
    cluster.isLost = ({ name, to, transaction }) => {
      if (name === "prepare" && to === 1) said.push(transaction);
      return false;
    };
    const writes = ["a=1", "b=1", "a=2", "c=1"].map((command) => cluster.propose(0, command));
    cluster.settle();
    expect(said).toEqual(["1.1.1", "1.1.2"]);
    expect(writes.map(({ said }) => said)).toEqual(["1:a=1", "2:b=1", "4:a=2", "3:c=1"]);
    expect(cluster.lines).toEqual(["a=1,b=1,c=1,a=2", "a=1,b=1,c=1,a=2", "a=1,b=1,c=1,a=2"]);
  });

  test("lock the keys of all of them", () => {
    const cluster = new TwoPhaseCluster();
    cluster.isLost = ({ name, from }) => name === "vote" && from === 2;
    const first = ["a=1", "b=1"].map((command) => cluster.propose(0, command));
    cluster.settle();
    const waits: string[] = [];
    cluster.isLost = ({ name, from, to, transaction }) => {
      if (name === "waiting" && from === 2) waits.push(transaction);
      return name === "vote" && from === 2 && to === 0;
    };
    const second = cluster.propose(1, "b=2");
    cluster.settle();
    expect([...waits, second.said]).toEqual(["2.1.1", null]);
    cluster.isLost = () => false;
    cluster.pass(500);
    expect([...first, second].map(({ said }) => said)).toEqual(["1:a=1", "2:b=1", "3:b=2"]);
  });

  test("are more than one transaction when they are large together", () => {
    const cluster = new TwoPhaseCluster();
    const said: string[] = [];
    cluster.isLost = ({ name, to, transaction }) => {
      if (name === "prepare" && to === 1) said.push(transaction);
      return false;
    };
    const half = "x".repeat(GROUP_BYTES / 2 - 2);
    const writes = ["a", "b", "c"].map((key) => cluster.propose(0, `${key}=${half}`));
    cluster.settle();
    expect([said, writes.map(({ calls }) => calls)]).toEqual([["1.1.1", "1.1.2"], [1, 1, 1]]);
  });

  test("are decided together or not at all when their coordinator dies", () => {
    const cluster = new TwoPhaseCluster();
    cluster.isLost = ({ name }) => name === "go";
    for (const command of ["a=1", "b=1"]) cluster.propose(0, command);
    cluster.settle();
    cluster.crash(0);
    expect(cluster.inDoubt(1)).toEqual(["1.1.1"]);
    cluster.isLost = () => false;
    cluster.restart(0);
    cluster.pass(500);
    expect(cluster.lines).toEqual(["a=1,b=1", "a=1,b=1", "a=1,b=1"]);

    // Nobody has the last vote: not even a part of them is committed.
    cluster.isLost = ({ name, from }) => name === "vote" && from === 2;
    for (const command of ["a=2", "b=2"]) cluster.propose(0, command);
    cluster.settle();
    cluster.crash(0);
    cluster.isLost = () => false;
    cluster.restart(0);
    cluster.pass(500);
    expect(cluster.lines).toEqual(["a=1,b=1", "a=1,b=1", "a=1,b=1"]);
    expect([cluster.inDoubt(0), cluster.inDoubt(1), cluster.inDoubt(2)]).toEqual([[], [], []]);
  });

  test("do not wait for one of them whose key is taken", () => {
    const cluster = new TwoPhaseCluster();
    // Replica 3 has begun to write k, and cannot decide.
    const decided: string[] = [];
    cluster.isLost = ({ name, from, to, transaction }) => {
      if (name === "go" && to === 1) decided.push(transaction);
      return name === "vote" && from === 1 && transaction === "3.1.1";
    };
    const holder = cluster.propose(2, "k=1");
    cluster.settle();
    const writes = ["a=1", "k=2", "b=1"].map((command) => cluster.propose(0, command));
    cluster.settle();
    // That of k is the first, by itself, and waits.
    expect([...decided, writes[1]!.said]).toEqual(["1.1.2", null]);
    cluster.isLost = () => false;
    cluster.pass(500);
    expect([holder, ...writes].map(({ said }) => said?.slice(2))).toEqual(["k=1", "a=1", "k=2", "b=1"]);
    expect(new Set(cluster.lines).size).toBe(1);
  });

  test("go on one by one when one of them has to give way to an older one", () => {
    const cluster = new TwoPhaseCluster();
    const older = cluster.propose(0, "k=older");
    cluster.clock.run();
    // Replica 3 has not heard of it.
    const late = cluster.withhold(({ to }) => to === 2);
    cluster.clock.advance(5);
    const decided: string[] = [];
    cluster.isLost = ({ name, from, to, transaction }) => {
      if (name === "go" && to === 1) decided.push(transaction);
      return name === "vote" && from === 1 && transaction === "1.1.1";
    };
    const writes = ["a=1", "k=younger", "b=1"].map((command) => cluster.propose(2, command));
    cluster.settle();
    expect(decided).toEqual([]);
    for (const sent of late) cluster.deliver(sent);
    cluster.settle();
    // The second attempt of k waits for the older, whose vote was lost, and the others do not.
    expect(decided).toEqual(["3.1.2", "3.1.4"]);
    cluster.isLost = () => false;
    cluster.pass(500);
    expect([older, ...writes].map(({ said }) => said?.slice(2))).toEqual(["k=older", "a=1", "k=younger", "b=1"]);
    expect(new Set(cluster.lines).size).toBe(1);
  });
});

describe("the vote of a coordinator", () => {
  test("shares the sync of its decision", () => {
    const cluster = new TwoPhaseCluster();
    const { log } = cluster.replicas[0]!;
    cluster.isLost = ({ name, from }) => name === "vote" && from === 2;
    const before = log.records.length;
    cluster.propose(0, "a=1");
    cluster.settle();
    expect(log.records.length).toBe(before);
    log.isHeld = true;
    cluster.isLost = () => false;
    cluster.pass(200);
    const types = log.records.slice(before).map(([type]) => type);
    expect(types).toEqual([RECORD.vote, RECORD.decision]);
    // Neither is durable: nothing was decided.
    cluster.crash(0);
    cluster.restart(0);
    cluster.pass(500);
    expect([...cluster.lines, ...cluster.inDoubt(1)]).toEqual(["", "", ""]);
  });

  test("comes in the log before the votes that it gives later", () => {
    const cluster = new TwoPhaseCluster();
    const { log } = cluster.replicas[0]!;
    cluster.isLost = ({ name, transaction }) => name === "vote" && transaction === "1.1.1";
    cluster.propose(0, "a=1");
    cluster.settle();
    const before = log.records.length;
    cluster.propose(1, "b=1");
    cluster.settle();
    const votes = log.records.slice(before).map(decodeRecord).filter(({ type }) => type === RECORD.vote);
    expect(votes.map((record) => "id" in record ? formatId(record.id) : "")).toEqual(["1.1.1", "2.1.1"]);
  });
});
