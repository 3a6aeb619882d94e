/**
 * What every log promises, as one suite that each of them passes.
 *
 * @module
 */
import { describe, expect, test } from "vitest";
import { type Log, LogError } from "../../src/ports/log.ts";

/** A log under test. */
export interface LogUnderTest {
  readonly log: Log;
  /** Lets turns pass until nothing is on its way. */
  settle(): Promise<void>;
  /** Lets go of what the log used. */
  end(): Promise<void>;
}

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function text(payload: Uint8Array): string {
  return new TextDecoder().decode(payload);
}

function codeOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    return error instanceof LogError ? error.code : String(error);
  }
  return "no error";
}

/** Makes `describe` blocks for the log that `make` makes anew for each test. */
export function describeLog(name: string, make: () => LogUnderTest): void {
  async function withLog(use: (log: Log, settle: () => Promise<void>) => Promise<void>): Promise<void> {
    const { log, settle, end } = make();
    try {
      await use(log, settle);
    } finally {
      await end();
    }
  }

  function storeSnapshot(log: Log, position: number, slices: readonly string[]): Promise<LogError | null> {
    const writer = log.writeSnapshot(position);
    for (const slice of slices) writer.write(bytes(slice));
    return new Promise((resolve) => writer.commit(resolve));
  }

  function contentOf(log: Log): string | null {
    const reader = log.readSnapshot();
    return reader === null ? null : [...reader.slices()].map(text).join("");
  }

  describe(name, () => {
    test("starts empty with an identity of its own", () =>
      withLog(async (log) => {
        expect(log.identity).toHaveLength(16);
        expect([log.firstPosition, log.lastPosition, log.durablePosition]).toEqual([1, 0, 0]);
        expect(log.read(1, 1000)).toEqual([]);
        expect(log.readSnapshot()).toBeNull();
        await Promise.resolve();
      }));

    test("numbers records from 1 and gives them back as they were appended", () =>
      withLog(async (log, settle) => {
        const payloads = ["one", "", "three"].map(bytes);
        expect(payloads.map((payload) => log.append(payload))).toEqual([1, 2, 3]);
        await settle();
        expect(log.durablePosition).toBe(3);
        expect(log.read(1, 1000).map(({ position, payload }) => [position, text(payload)]))
          .toEqual([[1, "one"], [2, ""], [3, "three"]]);
        expect(log.read(3, 1000).map((record) => record.position)).toEqual([3]);
        expect(log.read(4, 1000)).toEqual([]);
      }));

    test("copies a payload before append returns", () =>
      withLog(async (log, settle) => {
        const payload = bytes("kept");
        log.append(payload);
        payload.fill(0);
        await settle();
        expect(text(log.read(1, 100)[0]!.payload)).toBe("kept");
      }));

    test("reports durability in a later turn, once for what was appended together, and never backwards", () =>
      withLog(async (log, settle) => {
        const reported: number[] = [];
        log.listen({
          onDurable: (position) => reported.push(position),
          onFailure: (error) => expect(error).toBeNull(),
        });
        log.append(bytes("a"));
        log.append(bytes("b"));
        expect(reported).toEqual([]);
        expect(log.read(1, 100)).toEqual([]);
        await settle();
        expect(reported).toEqual([2]);
        log.append(bytes("c"));
        await settle();
        expect(reported).toEqual([2, 3]);
      }));

    test("takes records that are appended while it reports durability", () =>
      withLog(async (log, settle) => {
        const reported: number[] = [];
        log.listen({
          onDurable: (position) => {
            reported.push(position);
            if (position < 5) log.append(bytes("next"));
          },
          onFailure: (error) => expect(error).toBeNull(),
        });
        log.append(bytes("first"));
        await settle();
        expect(reported).toEqual([1, 2, 3, 4, 5]);
      }));

    test("has one listener", () =>
      withLog(async (log) => {
        const listener = { onDurable: () => undefined, onFailure: () => undefined };
        log.listen(listener);
        expect(() => log.listen(listener)).toThrow(RangeError);
        await Promise.resolve();
      }));

    test("reads at least one record and stops at the limit", () =>
      withLog(async (log, settle) => {
        for (let i = 0; i < 20; i++) log.append(new Uint8Array(100).fill(i));
        await settle();
        expect(log.read(1, 0).map((record) => record.position)).toEqual([1]);
        expect(log.read(5, 350).map((record) => record.position)).toEqual([5, 6, 7]);
      }));

    test("keeps every record that no snapshot includes, whatever is asked", () =>
      withLog(async (log, settle) => {
        for (let i = 0; i < 100; i++) log.append(new Uint8Array(200).fill(i));
        await settle();
        log.truncate(100);
        expect(log.firstPosition).toBe(1);
        expect(await storeSnapshot(log, 50, ["state"])).toBeNull();
        log.truncate(100);
        expect(log.firstPosition).toBeLessThanOrEqual(51);
        expect(log.read(51, 100)[0]!.payload[0]).toBe(50);
      }));

    test("refuses to read what was truncated", () =>
      withLog(async (log, settle) => {
        for (let round = 0; round < 40; round++) {
          for (let i = 0; i < 50; i++) log.append(new Uint8Array(500));
          await settle();
        }
        expect(await storeSnapshot(log, log.durablePosition, ["state"])).toBeNull();
        log.truncate(log.durablePosition);
        expect(log.firstPosition).toBeGreaterThan(1);
        expect(codeOf(() => log.read(1, 100))).toBe("truncated");
        expect(log.append(bytes("next"))).toBe(2001);
        await settle();
        expect(text(log.read(2001, 100)[0]!.payload)).toBe("next");
      }));

    test("gives back the newest snapshot, whole and under its position", () =>
      withLog(async (log, settle) => {
        for (let i = 0; i < 5; i++) log.append(bytes("x"));
        await settle();
        expect(await storeSnapshot(log, 2, ["a", "", "bc"])).toBeNull();
        expect(log.readSnapshot()).toMatchObject({ position: 2, size: 3 });
        expect(contentOf(log)).toBe("abc");
        expect(await storeSnapshot(log, 5, [])).toBeNull();
        expect(contentOf(log)).toBe("");
        expect(log.status()).toMatchObject({ snapshotPosition: 5, snapshotBytes: 0 });
      }));

    test("copies the slices of a snapshot before write returns", () =>
      withLog(async (log, settle) => {
        log.append(bytes("x"));
        await settle();
        const writer = log.writeSnapshot(1);
        const slice = bytes("kept");
        writer.write(slice);
        slice.fill(0);
        expect(await new Promise((resolve) => writer.commit(resolve))).toBeNull();
        expect(contentOf(log)).toBe("kept");
      }));

    test("keeps the earlier snapshot when a later one is given up", () =>
      withLog(async (log, settle) => {
        log.append(bytes("x"));
        log.append(bytes("y"));
        await settle();
        await storeSnapshot(log, 1, ["first"]);
        const writer = log.writeSnapshot(2);
        writer.write(bytes("second"));
        expect(() => log.writeSnapshot(2)).toThrow(RangeError);
        writer.abort();
        await settle();
        expect(contentOf(log)).toBe("first");
        expect(await storeSnapshot(log, 2, ["again"])).toBeNull();
        expect(contentOf(log)).toBe("again");
      }));

    test("refuses a snapshot of what is not durable, and one older than the stored one", () =>
      withLog(async (log, settle) => {
        log.append(bytes("x"));
        expect(() => log.writeSnapshot(1)).toThrow(RangeError);
        log.append(bytes("y"));
        await settle();
        await storeSnapshot(log, 2, ["state"]);
        expect(() => log.writeSnapshot(1)).toThrow(RangeError);
        expect(() => log.writeSnapshot(0)).toThrow(RangeError);
      }));

    test("makes what was appended durable when it is closed, and takes no more", () =>
      withLog(async (log) => {
        const reported: number[] = [];
        log.listen({
          onDurable: (position) => reported.push(position),
          onFailure: (error) => expect(error).toBeNull(),
        });
        log.append(bytes("last"));
        const closed = new Promise((resolve) => log.close(resolve));
        expect(codeOf(() => log.append(bytes("late")))).toBe("closed");
        expect(await closed).toBeNull();
        expect(reported).toEqual([1]);
        expect(codeOf(() => log.append(bytes("late")))).toBe("closed");
        let again: LogError | null | undefined;
        log.close((error) => again = error);
        expect(again).toBeNull();
      }));

    test("counts what it does", () =>
      withLog(async (log, settle) => {
        for (let i = 0; i < 10; i++) log.append(bytes("0123456789"));
        await settle();
        const status = log.status();
        expect(status).toMatchObject({
          firstPosition: 1,
          lastPosition: 10,
          durablePosition: 10,
          appends: 10,
          syncs: 1,
        });
        expect(status.bytes).toBeGreaterThanOrEqual(100);
        expect(status.segments).toBeGreaterThanOrEqual(1);
      }));
  });
}
