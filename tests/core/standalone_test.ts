import { describe, expect, test } from "vitest";
import { bytesToText, textToBytes } from "../../src/codec/bytes.ts";
import type { KvError } from "../../src/core/errors.ts";
import type { SnapshotSink, SnapshotSource, StateMachine } from "../../src/core/replication.ts";
import { Standalone } from "../../src/core/standalone.ts";
import { type Log, LogError, type LogListener, type LogRecord, type LogStatus } from "../../src/ports/log.ts";
import type { SnapshotReader, SnapshotWriter } from "../../src/ports/log.ts";
import { ManualClock } from "../support/manual_clock.ts";

/** A machine whose state is the list of all it was told. */
class Journal implements StateMachine {
  lines: string[] = [];
  times: number[] = [];
  due: number | null = null;
  /** What was applied and restored while it was said to be recovering. */
  recovered: string[] | null = null;
  #isRecovering = false;

  recovering(isOn: boolean): void {
    this.#isRecovering = isOn;
    this.recovered ??= [];
  }
  apply(command: Uint8Array, time: number): Uint8Array {
    const line = bytesToText(command);
    if (line === "due") this.due = null;
    if (this.#isRecovering) this.recovered!.push(line);
    this.lines.push(line);
    this.times.push(time);
    return textToBytes(`${this.lines.length}:${line}`);
  }
  query(query: Uint8Array): Uint8Array {
    return textToBytes(`${bytesToText(query)}=${this.lines.join(",")}`);
  }
  nextDue(): number | null {
    return this.due;
  }
  dueCommand(): Uint8Array {
    return textToBytes("due");
  }
  snapshot(): SnapshotSource {
    const slices = this.lines.map((line) => textToBytes(line + "\n"));
    return { next: () => slices.shift() ?? null, close: () => {} };
  }
  restore(): SnapshotSink {
    let text = "";
    return {
      write: (slice) => void (text += bytesToText(slice)),
      finish: () => {
        if (this.#isRecovering) this.recovered!.push("restored");
        this.lines = text.split("\n").slice(0, -1);
      },
    };
  }
}

/** A log whose syncs complete when the test says so. */
class ScriptedLog implements Log {
  readonly identity = new Uint8Array(16);
  firstPosition = 1;
  durablePosition = 0;
  records: Uint8Array[] = [];
  snapshot: { position: number; bytes: Uint8Array } | null = null;
  truncatedTo = 0;
  closed = false;
  listener: LogListener | null = null;

  get lastPosition(): number {
    return this.records.length;
  }
  listen(listener: LogListener): void {
    this.listener = listener;
  }
  append(payload: Uint8Array): number {
    if (this.closed) throw new LogError("closed", "the log is closed");
    return this.records.push(payload.slice());
  }
  /** Completes the sync of the records up to `position`, of all unless it is given. */
  sync(position: number = this.records.length): void {
    this.durablePosition = position;
    this.listener!.onDurable(position);
  }
  read(position: number): LogRecord[] {
    return [{ position, payload: this.records[position - 1]! }];
  }
  truncate(position: number): void {
    this.truncatedTo = position;
  }
  writeSnapshot(position: number): SnapshotWriter {
    const parts: number[] = [];
    return {
      write: (slice) => void parts.push(...slice),
      commit: (done) => {
        this.snapshot = { position, bytes: Uint8Array.from(parts) };
        done(null);
      },
      abort: () => {},
    };
  }
  readSnapshot(): SnapshotReader | null {
    const { snapshot } = this;
    if (snapshot === null) return null;
    return { position: snapshot.position, size: snapshot.bytes.length, slices: () => [snapshot.bytes] };
  }
  status(): LogStatus {
    throw new Error("not asked for");
  }
  close(done: (error: LogError | null) => void): void {
    this.closed = true;
    done(null);
  }
}

interface Bench {
  readonly clock: ManualClock;
  readonly log: ScriptedLog;
  readonly machine: Journal;
  readonly server: Standalone;
  /** Proposes a line; the outcome goes to {@link outcomes}. */
  readonly propose: (line: string) => void;
  readonly outcomes: string[];
}

async function started(
  options: { snapshotEvery_bytes?: number; maxPending_bytes?: number; log?: ScriptedLog } = {},
): Promise<Bench> {
  const clock = new ManualClock();
  const log = options.log ?? new ScriptedLog();
  const machine = new Journal();
  const { snapshotEvery_bytes = 1e9, maxPending_bytes = 1e9 } = options;
  const server = new Standalone({ log, clock, stateMachine: machine, snapshotEvery_bytes, maxPending_bytes });
  const outcomes: string[] = [];
  const propose = (line: string): void => {
    server.propose(textToBytes(line), (error: KvError | null, result) => {
      outcomes.push(error === null ? bytesToText(result) : `${line} ${error.code}`);
    });
  };
  await server.start();
  return { clock, log, machine, server, propose, outcomes };
}

describe("Standalone", () => {
  test("acknowledges and applies a command only after its record is durable", async () => {
    const { clock, log, machine, propose, outcomes } = await started();
    propose("a");
    clock.run();
    expect(log.records).toHaveLength(1);
    expect(machine.lines).toEqual([]);
    expect(outcomes).toEqual([]);
    log.sync();
    expect(machine.lines).toEqual(["a"]);
    expect(outcomes).toEqual(["1:a"]);
  });

  test("logs what was proposed in one turn as one record, and does not wait for a sync under way", async () => {
    const { clock, log, propose, outcomes } = await started();
    for (let i = 0; i < 1000; i++) propose(`${i}`);
    clock.run();
    expect(log.records).toHaveLength(1);
    propose("x");
    propose("y");
    clock.run();
    expect(log.records).toHaveLength(2);
    log.sync(1);
    expect(outcomes).toHaveLength(1000);
    log.sync();
    expect(outcomes.slice(-2)).toEqual(["1001:x", "1002:y"]);
  });

  test("replays the log, and a snapshot before it, at the start, and the machine knows when", async () => {
    const first = await started();
    for (const line of ["a", "b", "c"]) {
      first.propose(line);
      first.clock.run();
      first.log.sync();
    }
    first.log.snapshot = { position: 2, bytes: textToBytes("a\nb\n") };
    const second = await started({ log: first.log });
    expect(second.machine.lines).toEqual(["a", "b", "c"]);
    expect(second.server.status()).toMatchObject({ state: "serving", appliedPosition: 3 });
    second.propose("d");
    second.clock.run();
    second.log.sync();
    expect(second.machine.recovered).toEqual(["restored", "c"]);
  });

  test("answers OUTCOME_UNKNOWN for what was in the log when the disk failed, and STORAGE_FAILED for the rest", async () => {
    const { clock, log, server, propose, outcomes } = await started();
    const failures: string[] = [];
    server.onFailure((error) => failures.push(error.message));
    propose("logged");
    clock.run();
    propose("waiting");
    log.listener!.onFailure(new LogError("full", "no space left"));
    expect(outcomes).toEqual(["logged OUTCOME_UNKNOWN", "waiting STORAGE_FAILED"]);
    propose("later");
    expect(outcomes).toHaveLength(2);
    clock.run();
    expect(outcomes.at(-1)).toBe("later STORAGE_FAILED");
    expect(failures).toEqual(["the server stopped taking requests: no space left"]);
    await expect(server.read(textToBytes("q"))).rejects.toMatchObject({ code: "STORAGE_FAILED", retryable: true });
  });

  test("finishes what it accepted before it closes, and refuses what comes later", async () => {
    const { clock, log, server, propose, outcomes } = await started();
    propose("a");
    const closed = server.close();
    propose("b");
    clock.run();
    expect(log.closed).toBe(false);
    log.sync();
    await closed;
    expect(outcomes).toEqual(["b UNAVAILABLE", "1:a"]);
    expect(log.closed).toBe(true);
    expect(server.status().state).toBe("closed");
  });

  test("refuses commands past the bound on what may wait", async () => {
    const { clock, log, propose, outcomes } = await started({ maxPending_bytes: 3 });
    propose("abc");
    propose("d");
    clock.run();
    expect(outcomes).toEqual(["d UNAVAILABLE"]);
    log.sync();
    propose("d");
    clock.run();
    log.sync();
    expect(outcomes).toEqual(["d UNAVAILABLE", "1:abc", "2:d"]);
  });

  test("applies the rest of a batch when a caller's completion throws", async () => {
    const { clock, log, machine, server, propose } = await started();
    server.propose(textToBytes("a"), () => {
      throw new Error("the caller's fault");
    });
    propose("b");
    clock.run();
    expect(() => log.sync()).toThrow("the caller's fault");
    expect(machine.lines).toEqual(["a", "b"]);
    propose("c");
    clock.run();
    log.sync();
    expect(machine.lines).toEqual(["a", "b", "c"]);
  });

  test("never stamps a time before an earlier one, also after a restart", async () => {
    const first = await started();
    first.propose("a");
    first.clock.run();
    first.log.sync();
    first.clock.jump(5);
    first.propose("b");
    first.clock.run();
    first.log.sync();
    expect(first.machine.times).toEqual([1_000_000, 1_000_000]);
    const second = await started({ log: first.log });
    second.clock.jump(7);
    second.propose("c");
    second.clock.run();
    second.log.sync();
    expect(second.machine.times).toEqual([1_000_000, 1_000_000, 1_000_000]);
  });

  test("proposes the machine's own command once it is due, through the log", async () => {
    const { clock, log, machine, propose } = await started();
    machine.due = clock.now() + 100;
    propose("a");
    clock.run();
    log.sync();
    clock.advance(99);
    expect(log.records).toHaveLength(1);
    clock.advance(10);
    expect(log.records).toHaveLength(2);
    log.sync();
    expect(machine.lines).toEqual(["a", "due"]);
    clock.advance(10_000);
    expect(log.records).toHaveLength(2);
  });

  test("writes a snapshot when enough was logged, while it serves, and lets go of the log before it", async () => {
    const { clock, log, propose, machine } = await started({ snapshotEvery_bytes: 40 });
    for (const line of ["first", "second", "third"]) {
      propose(line);
      clock.run();
      log.sync();
    }
    clock.run();
    expect(log.snapshot?.position).toBe(3);
    expect(bytesToText(log.snapshot!.bytes)).toBe("first\nsecond\nthird\n");
    expect(log.truncatedTo).toBe(3);
    propose("fourth");
    clock.run();
    log.sync();
    expect(machine.lines).toHaveLength(4);
    const restarted = await started({ log });
    expect(restarted.machine.lines).toEqual(["first", "second", "third", "fourth"]);
  });
});
