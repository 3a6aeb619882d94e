import { describe, expect, test } from "vitest";
import { BackupError, type BackupHead } from "../../../src/adapters/backup/format.ts";
import { BackupReader, type BackupSummary, type BackupVisitor } from "../../../src/adapters/backup/reader.ts";
import { BackupWriter } from "../../../src/adapters/backup/writer.ts";
import { concatBytes, type Key, textToBytes } from "../../../src/codec/bytes.ts";
import { KVStore } from "../../../src/core/kv/kv_store.ts";
import { put } from "../../core/kv/arbitraries.ts";

function filled(): KVStore {
  const store = new KVStore();
  for (let i = 0; i < 12; i++) store.execute(put(`key${i}`, `value ${i}`), 100 + i);
  store.execute({ type: "openSession", session: "s" as Key }, 200);
  return store;
}

function headOf(store: KVStore): BackupHead {
  return {
    product: "1.2.3",
    replication: "paxos",
    revision: store.revision,
    time_ms: store.time,
    taken_ms: 1_700_000_000_000,
    keys: store.size,
    sessions: store.sessions,
  };
}

function bytesOf(store: KVStore, head: BackupHead = headOf(store)): Uint8Array {
  const writer = new BackupWriter();
  const pieces = [writer.begin(head)];
  const source = store.backup();
  for (let slice = source.next(64); slice !== null; slice = source.next(64)) pieces.push(writer.part(slice));
  source.close();
  return concatBytes([...pieces, writer.end()]);
}

function read(bytes: Uint8Array, step = bytes.length, visitor: BackupVisitor = {}): BackupSummary {
  const reader = new BackupReader("the file", visitor);
  for (let at = 0; at < bytes.length; at += step) reader.write(bytes.slice(at, at + step));
  return reader.finish();
}

/** The error that reading gives. */
function refusal(bytes: Uint8Array): BackupError {
  try {
    read(bytes);
  } catch (error) {
    if (error instanceof BackupError) return error;
    throw error;
  }
  throw new Error("it was taken");
}

describe("a saved snapshot", () => {
  const store = filled();
  const whole = bytesOf(store);

  test("says what it holds, and its parts are the state, however the bytes come", () => {
    for (const step of [1, 7, 100, whole.length]) {
      const copy = new KVStore();
      const sink = copy.restore();
      const keys: string[] = [];
      const summary = read(whole, step, { onPart: (part) => sink.write(part), onEntry: (key) => keys.push(key) });
      sink.finish();
      expect(copy.hash()).toBe(store.hash());
      expect(summary).toMatchObject({
        formatVersion: 1,
        entries: 12,
        sessions: 1,
        results: 0,
        size_bytes: whole.length,
      });
      expect(summary.head).toEqual(headOf(store));
      expect(summary.digest).toMatch(/^[0-9a-f]{64}$/);
      expect(keys).toHaveLength(12);
    }
  });

  test("is refused when it is cut short anywhere", () => {
    for (let length = 0; length < whole.length; length++) {
      expect(refusal(whole.subarray(0, length)).code).toMatch(length < 8 ? /damaged/ : /truncated/);
    }
    expect(refusal(whole.subarray(0, whole.length - 1)).message).toMatch(
      /^the file is cut short: it ends after \d+ bytes/,
    );
  });

  test("is refused with any one bit flipped, and with bytes behind its end", () => {
    for (let at = 0; at < whole.length; at++) {
      const damaged = whole.slice();
      damaged[at]! ^= 1 << (at % 8);
      expect(refusal(damaged), `byte ${at}`).toBeInstanceOf(BackupError);
    }
    expect(refusal(concatBytes([whole, Uint8Array.of(0)])).message).toMatch(/bytes follow its end/);
  });

  test("is refused by name when a newer version wrote it, or something else", () => {
    const newer = whole.slice();
    newer[8] = 2;
    expect(refusal(newer)).toMatchObject({ code: "version" });
    expect(refusal(newer).message).toMatch(/has format version 2; this program reads up to version 1/);
    expect(refusal(textToBytes("GIF89a and more")).message).toBe("the file is no snapshot of kvpaxos");
  });

  test("whose head is not that of its state is refused", () => {
    expect(refusal(bytesOf(store, { ...headOf(store), revision: 3 })).message).toMatch(/head says revision 3/);
  });

  test("that was given up says why", () => {
    const writer = new BackupWriter();
    const bytes = concatBytes([writer.begin(headOf(store)), writer.giveUp("the server is closing")]);
    expect(refusal(bytes)).toMatchObject({
      code: "given-up",
      message: expect.stringMatching(/: the server is closing$/),
    });
  });

  test("is another one with another digest when the state is another", () => {
    const other = filled();
    other.execute(put("key1", "value X"), 111);
    expect(read(bytesOf(other)).digest).not.toBe(read(whole).digest);
  });
});
