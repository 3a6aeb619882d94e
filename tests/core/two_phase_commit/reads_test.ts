import { describe, expect, test } from "vitest";
import { ReadBarriers } from "../../../src/core/two_phase_commit/read_barriers.ts";
import { TwoPhaseCluster } from "./cluster.ts";

/** Replica 1 has died in the middle: the others are in doubt about a=1. */
function inDoubt(): TwoPhaseCluster {
  const cluster = new TwoPhaseCluster();
  cluster.propose(1, "b=1");
  cluster.settle();
  cluster.isLost = ({ name, from }) => name === "go" && from === 0;
  cluster.propose(0, "a=1");
  cluster.settle();
  cluster.crash(0);
  cluster.messages = [];
  cluster.isLost = () => false;
  return cluster;
}

describe("while a key is in doubt, a read", () => {
  test("of another key goes on at once, and one of that key, of both or of everything waits", () => {
    const cluster = inDoubt();
    expect(cluster.read(1, ["b"]).said).toBe("b=1");
    expect(cluster.read(1, []).said).toBe("b=1");
    const waiting = [["a"], ["b", "a"], null].map((keys) => cluster.read(1, keys));
    cluster.pass(200);
    expect(waiting.map(({ calls }) => calls)).toEqual([0, 0, 0]);
    cluster.restart(0);
    cluster.pass(300);
    expect(waiting.map(({ said }) => said)).toEqual(["b=1,a=1", "b=1,a=1", "b=1,a=1"]);
  });

  test("of a key that expires waits for everything, because commands on any key move the time", () => {
    const cluster = inDoubt();
    cluster.replicas[1]!.machine.timed = ["b"];
    const reads = [cluster.read(1, ["b"]), cluster.read(1, ["c"])];
    expect(reads.map(({ calls }) => calls)).toEqual([0, 1]);
    cluster.restart(0);
    cluster.pass(300);
    expect(reads[0]!.said).toBe("b=1,a=1");
  });

  test("waits for what is committed after it, too, and says for whom", () => {
    const cluster = new TwoPhaseCluster();
    cluster.isLost = ({ name, transaction }) => name === "go" && transaction.startsWith("1.");
    cluster.propose(0, "a=1");
    cluster.settle();
    const write = cluster.propose(1, "b=1");
    cluster.settle();
    expect([cluster.lines[2], write.said]).toEqual(["", null]);
    const read = cluster.read(2, ["b"]);
    expect(cluster.read(2, ["c"]).said).toBe("");
    cluster.crash(0);
    cluster.pass(3500);
    expect(read.said).toBe("UNAVAILABLE");
    expect(read.message).toBe(
      "the read waits for transaction 2.1.1, which is committed after the outcome of transaction 1.1.1, which replica 1 " +
        "decides: try again when that replica can be reached",
    );
  });

  test("does not wait for what comes after it", () => {
    const cluster = inDoubt();
    const read = cluster.read(1, ["a"]);
    cluster.propose(2, "a=2");
    cluster.settle();
    cluster.restart(0);
    cluster.isLost = ({ name, transaction }) => name !== "abort" && transaction.startsWith("3.");
    cluster.pass(300);
    expect(read.said).toBe("b=1,a=1");
  });
});

describe("read barriers", () => {
  interface Entry {
    readonly age: { readonly time: number; readonly replica: number };
    readonly conflicts: readonly string[] | null;
    readonly number: number;
  }
  function make(): {
    barriers: ReadBarriers<Entry>;
    add: (keys: string | null) => Entry;
    read: (keys: string | null) => string[];
  } {
    const barriers = new ReadBarriers<Entry>(() => false);
    let number = 0;
    return {
      barriers,
      add: (keys) => {
        const entry = { age: { time: 1, replica: 0 }, conflicts: keys === null ? null : [...keys], number: ++number };
        barriers.add(entry);
        return entry;
      },
      read: (keys) => {
        const said: string[] = [];
        barriers.read(keys === null ? null : [...keys], 0, (obstacle) => {
          said.push(obstacle === null ? "go" : `blocked by ${obstacle.number}`);
        });
        return said;
      },
    };
  }

  test("let a read go when the last of those on its keys that were there before it is gone", () => {
    const { barriers, add, read } = make();
    const [first, other, second, whole] = [add("ab"), add("c"), add("b"), add(null)];
    const said = read("b");
    add("b");
    for (const entry of [second, first, other]) {
      barriers.remove(entry);
      barriers.release();
    }
    expect([said, barriers.size]).toEqual([[], 1]);
    barriers.remove(whole);
    expect(said).toEqual([]);
    barriers.release();
    expect([said, barriers.size]).toEqual([["go"], 0]);
  });

  test("tell a read that has waited for too long what is in its way, once", () => {
    const { barriers, add, read } = make();
    const entry = add("a");
    const said = read(null);
    barriers.expire(99, 100);
    expect(said).toEqual([]);
    barriers.expire(100, 100);
    barriers.remove(entry);
    barriers.release();
    expect([said, barriers.size]).toEqual([["blocked by 1"], 0]);
  });
});
