import { describe, expect, test } from "vitest";
import { crc32 } from "../../../src/codec/checksum.ts";
import { CatchUp } from "../../../src/core/paxos/catch_up.ts";
import { MESSAGE, type Message, type SnapshotPart } from "../../../src/core/paxos/messages.ts";

/** A replica that takes a snapshot of slot 10 in two parts from replica 1; it knows the slots up to 5 when that begins. */
class Bench {
  chosen = 5;
  readonly sent: Message[] = [];
  readonly installed: string[] = [];
  readonly catchUp = new CatchUp({
    id: 0,
    replicas: 3,
    random: { next: () => 0, bytes: (length) => new Uint8Array(length) },
    send: (_to, message) => void this.sent.push(message),
    chosen: () => this.chosen,
    onValue: () => {},
    install: () => ({
      write: () => void this.installed.push("write"),
      finish: () => void this.installed.push("finish"),
      abort: () => void this.installed.push("abort"),
    }),
    grace_ms: 50,
    timeout_ms: 300,
  });

  begin(): void {
    this.catchUp.aim(20, 1, 0);
    this.catchUp.onTick(50);
    this.catchUp.onLearned(1, { type: MESSAGE.learned, slot: 6, values: [], chosen: 20, snapshot: 10 }, 51);
    this.catchUp.onSnapshotPart(1, part(0, 0), 52);
  }
}

const FIRST = new Uint8Array([1]);
const LAST = new Uint8Array([2]);

function part(number: 0 | 1, isLast: 0 | 1): SnapshotPart {
  const checksum = number === 0 ? crc32(FIRST) : crc32(LAST, crc32(FIRST));
  const bytes = number === 0 ? FIRST : LAST;
  return { type: MESSAGE.snapshotPart, slot: 10, part: number, isLast: isLast === 1, checksum, bytes };
}

describe("a snapshot that is being fetched", () => {
  test("replaces the state when it is whole", () => {
    const bench = new Bench();
    bench.begin();
    bench.catchUp.onSnapshotPart(1, part(1, 1), 53);
    expect(bench.installed).toEqual(["write", "finish"]);
  });

  test.each([10, 12])("does not replace a state that has come to slot %d meanwhile", (chosen) => {
    const bench = new Bench();
    bench.begin();
    bench.chosen = chosen;
    bench.catchUp.onSnapshotPart(1, part(1, 1), 53);
    expect(bench.installed).toEqual(["write", "abort"]);
    expect(bench.sent.at(-1)).toEqual({ type: MESSAGE.learn, slot: chosen + 1 });
    expect(bench.catchUp.snapshots).toBe(0);
  });
});
