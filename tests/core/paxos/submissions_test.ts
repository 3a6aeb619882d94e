import { describe, expect, test } from "vitest";
import { textToBytes } from "../../../src/codec/bytes.ts";
import { KvError, OutcomeUnknown } from "../../../src/core/errors.ts";
import { Reads } from "../../../src/core/paxos/reads.ts";
import { Submissions } from "../../../src/core/paxos/submissions.ts";

class Bench {
  readonly sent: string[] = [];
  readonly said: string[] = [];
  readonly submissions = new Submissions({
    send: (number, first) => void this.sent.push(`${number} from ${first}`),
    unavailable: () => new KvError("UNAVAILABLE", "nobody leads"),
    patience: () => 3000,
    outcome_ms: 5000,
    resend_ms: 300,
    maxBatch_bytes: 100,
  });

  add(name: string, now: number): void {
    this.submissions.add(textToBytes(name), (error) => void this.said.push(`${name} ${error?.code ?? "ok"}`), now);
  }

  /** Sends a batch of each name. */
  send(...names: string[]): void {
    for (const name of names) {
      this.add(name, 0);
      this.submissions.flush(0, 0);
    }
  }

  applying(number: number): void {
    const waiting = this.submissions.onApplying({ origin: 0, life: 1, number }, 0);
    for (const done of waiting ?? []) done(null, new Uint8Array(0));
  }
}

describe("submissions", () => {
  test("are sent again with their numbers until they are applied, and answered once", () => {
    const bench = new Bench();
    bench.send("a", "b", "c");
    bench.applying(1);
    bench.submissions.resend(1);
    expect(bench.sent).toEqual(["1 from 1", "2 from 1", "3 from 1", "2 from 2", "3 from 2"]);
    // A learner that was started again applies them once more.
    for (const number of [1, 2, 1, 2, 3, 3]) bench.applying(number);
    expect(bench.said).toEqual(["a ok", "b ok", "c ok"]);
    expect([bench.submissions.count, bench.submissions.bytes]).toEqual([0, 0]);
  });

  test("are given time according to their size before they are sent again", () => {
    const bench = new Bench();
    bench.submissions.add(new Uint8Array(8 * 1024 * 1024), () => {}, 0);
    bench.submissions.flush(0, 0);
    expect(bench.submissions.deadline).toBe(300 + 512);
    bench.submissions.onTick(811, true);
    expect(bench.sent).toEqual(["1 from 1"]);
    bench.submissions.onTick(812, true);
    expect(bench.sent).toEqual(["1 from 1", "1 from 1"]);
  });

  test("fail as unavailable only when they were sent to nobody", () => {
    const bench = new Bench();
    bench.send("sent");
    bench.add("gathering", 0);
    bench.submissions.onTick(3000, false);
    expect(bench.said).toEqual(["gathering UNAVAILABLE"]);
    bench.submissions.onTick(5000, true);
    expect(bench.said).toEqual(["gathering UNAVAILABLE", "sent OUTCOME_UNKNOWN"]);
    // It stays under way, and its place in the order is kept.
    bench.submissions.resend(5000);
    expect(bench.sent.at(-1)).toBe("1 from 1");
    bench.applying(1);
    expect(bench.said.length).toBe(2);
    expect([bench.submissions.count, bench.submissions.bytes]).toEqual([0, 0]);
  });

  test("whose results went by in a snapshot have an unknown outcome", () => {
    const bench = new Bench();
    bench.send("a", "b");
    bench.submissions.onSkipped(1);
    bench.applying(2);
    expect(bench.said).toEqual(["a OUTCOME_UNKNOWN", "b ok"]);
  });

  test("are all answered when the replica ends, each once", () => {
    const bench = new Bench();
    bench.send("a");
    bench.add("b", 0);
    const refused = new KvError("UNAVAILABLE", "the end");
    for (let i = 0; i < 2; i++) bench.submissions.fail(refused, new OutcomeUnknown("the end"));
    expect(bench.said.toSorted()).toEqual(["a OUTCOME_UNKNOWN", "b UNAVAILABLE"]);
  });

  test("are never answered with the result of another batch", () => {
    const bench = new Bench();
    bench.send("a");
    expect(() => bench.applying(2)).toThrow("batch 2 is applied before 1");
  });
});

describe("reads", () => {
  function make(): {
    reads: Reads;
    sent: number[];
    said: string[];
    state: { applied: number };
    add(name: string): void;
  } {
    const sent: number[] = [];
    const said: string[] = [];
    const state = { applied: 0 };
    const reads = new Reads({
      send: (id) => void sent.push(id),
      applied: () => state.applied,
      unavailable: () => new KvError("UNAVAILABLE", "nobody leads"),
      patience: () => 3000,
      resend_ms: 300,
    });
    return {
      reads,
      sent,
      said,
      state,
      add: (name) => reads.add((error) => void said.push(`${name} ${error?.code}`), 0),
    };
  }

  test("join only a request that is sent after they came", () => {
    const { reads, sent, said, state, add } = make();
    add("first");
    reads.flush(0);
    add("second");
    reads.flush(0);
    expect(sent).toEqual([1]);
    state.applied = 9;
    reads.onReply(1, 5, 0);
    expect([said, sent]).toEqual([["first undefined"], [1, 2]]);
    // A late copy of the first answer is not the second's.
    reads.onReply(1, 5, 0);
    expect(said).toEqual(["first undefined"]);
    reads.onReply(2, 6, 0);
    expect(said).toEqual(["first undefined", "second undefined"]);
  });

  test("wait until the slot of the answer is applied", () => {
    const { reads, said, state, add } = make();
    add("a");
    reads.flush(0);
    reads.onReply(1, 5, 0);
    state.applied = 4;
    reads.onApplied();
    expect(said).toEqual([]);
    state.applied = 5;
    reads.onApplied();
    expect([said, reads.count]).toEqual([["a undefined"], 0]);
  });

  test("are asked for again with a fresh number; any answer to one of them serves", () => {
    const { reads, sent, said, add } = make();
    add("a");
    reads.flush(0);
    reads.onTick(300, true);
    expect(sent).toEqual([1, 2]);
    reads.onReply(1, 0, 300);
    reads.onReply(2, 0, 300);
    expect(said).toEqual(["a undefined"]);
  });

  test("are given up, each once, when nobody answers", () => {
    const { reads, said, add } = make();
    add("asked");
    reads.flush(0);
    add("gathering");
    reads.onTick(3000, false);
    reads.fail(new KvError("UNAVAILABLE", "the end"));
    expect(said).toEqual(["asked UNAVAILABLE", "gathering UNAVAILABLE"]);
  });
});
