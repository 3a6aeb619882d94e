import { describe, expect, test } from "vitest";
import { crc32 } from "../../../src/codec/checksum.ts";
import { CatchUp } from "../../../src/core/paxos/catch_up.ts";
import { MESSAGE, type SnapshotPart } from "../../../src/core/paxos/messages.ts";
import { SeededRandom } from "../../support/seeded_random.ts";

const SLICES = [[1, 2], [3], [4, 5, 6], [7]].map((slice) => new Uint8Array(slice));

/** A part of a snapshot of a slot. */
function part(number: number, slot = 50): SnapshotPart {
  const checksum = SLICES.slice(0, number + 1).reduce((sum, slice) => crc32(slice, sum), 0);
  const isLast = number === SLICES.length - 1;
  return { type: MESSAGE.snapshotPart, slot, part: number, isLast, checksum, bytes: SLICES[number]! };
}

/** Replica 0 of two, which is at slot 10 and has asked replica 1 for more. */
function make(): { catchUp: CatchUp; done: string[] } {
  const done: string[] = [];
  const catchUp = new CatchUp({
    id: 0,
    replicas: 2,
    random: new SeededRandom(1),
    send: () => {},
    chosen: () => 10,
    onValue: () => {},
    install: () => ({
      write: (slice) => void done.push(`write ${slice.join(" ")}`),
      finish: (end) => {
        done.push("finish");
        end(true, 60);
      },
      abort: () => void done.push("abort"),
    }),
    grace_ms: 50,
    timeout_ms: 300,
  });
  catchUp.aim(60, 1, 0);
  catchUp.onTick(50);
  return { catchUp, done };
}

describe("a replica is far behind", () => {
  test("while it takes over a snapshot, and until that has replaced the state or was given up", () => {
    const { catchUp } = make();
    expect([catchUp.lag, catchUp.isFarBehind]).toEqual([50, false]);
    for (const number of [0, 1, 2]) {
      catchUp.onSnapshotPart(1, part(number), 60);
      expect(catchUp.isFarBehind).toBe(true);
    }
    catchUp.onSnapshotPart(1, part(3), 60);
    expect(catchUp.isFarBehind).toBe(false);
  });

  test("when it lacks more slots than a leader keeps open", () => {
    const { catchUp } = make();
    catchUp.aim(10 + 256, 1, 60);
    expect(catchUp.isFarBehind).toBe(false);
    catchUp.aim(10 + 257, 1, 60);
    expect(catchUp.isFarBehind).toBe(true);
    catchUp.reset();
    expect([catchUp.lag, catchUp.isFarBehind]).toEqual([0, false]);
  });
});

describe("a snapshot that comes in parts", () => {
  test("is taken whole and in order, each part once, whatever is repeated", () => {
    const { catchUp, done } = make();
    for (const number of [0, 0, 2, 1, 1, 3]) catchUp.onSnapshotPart(1, part(number), 60);
    expect(done).toEqual(["write 3"]);
    for (const number of [0, 2, 3]) catchUp.onSnapshotPart(1, part(number), 60);
    expect([done, catchUp.snapshots]).toEqual([["write 3", "write 4 5 6", "write 7", "finish"], 1]);
  });

  test("is given up when a part is not what was sent", () => {
    const { catchUp, done } = make();
    catchUp.onSnapshotPart(1, part(0), 60);
    catchUp.onSnapshotPart(1, { ...part(1), bytes: new Uint8Array([9]) }, 60);
    expect(done).toEqual(["abort"]);
  });

  test("is not begun when its first part is not what was sent, nor when the state is newer", () => {
    const { catchUp, done } = make();
    catchUp.onSnapshotPart(1, { ...part(0), bytes: new Uint8Array([9]) }, 60);
    for (const number of [0, 1, 2, 3]) catchUp.onSnapshotPart(1, part(number, 10), 60);
    expect([done, catchUp.snapshots]).toEqual([[], 0]);
  });
});
