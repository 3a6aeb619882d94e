import { describe, expect, it } from "vitest";
import { textToBytes } from "../../src/codec/bytes.ts";
import { KvError } from "../../src/core/errors.ts";
import type { Operation } from "../../src/core/kv/command.ts";
import type { Result } from "../../src/core/kv/result.ts";
import { FakeStore, kvclient } from "./fakes.ts";

interface Line {
  readonly phase: string;
  readonly request: string;
  readonly reply: string;
  readonly correct: boolean;
  readonly latency_ms: number;
}

describe("demo", () => {
  it("prints 5 PUTs, 5 GETs and 5 DELETEs with their replies and latencies, and passes", async () => {
    const store = new FakeStore();
    const { code, output } = await kvclient(["demo"], { store });
    expect(code).toBe(0);
    for (const verb of ["PUT", "GET", "DELETE"]) {
      const lines = output.split("\n").filter((line) => line.startsWith(`  ${verb} `));
      expect(lines.length).toBe(5);
      for (const line of lines) expect(line).toMatch(/→ .+ \d+(\.\d+)? (µs|ms|s) {2}ok$/);
    }
    expect(output).toContain("The demo passed");
    expect(store.kv.size).toBe(0);
  });

  it("goes through another replica in each phase when told to", async () => {
    const store = new FakeStore();
    const { version } = await store.status();
    store.answers = [32_000, 32_001, 32_002].map((port) => ({
      server: `127.0.0.1:${port}`,
      status: port === 32_001 ? null : { version },
      error: port === 32_001 ? new KvError("UNAVAILABLE", "away") : null,
    }));
    const { code, output } = await kvclient(["demo", "--spread"], { store });
    expect(code).toBe(0);
    expect(store.targets.slice(1).map(({ servers }) => servers)).toEqual([
      [{ host: "127.0.0.1", port: 32_000 }],
      [{ host: "127.0.0.1", port: 32_002 }],
    ]);
    expect(output).toContain("PUT: store a value under a key, through 127.0.0.1:32002");
    expect(store.closed).toBe(3);
  });

  it("can be repeated, and touches no other keys", async () => {
    const store = new FakeStore();
    await kvclient(["put", "mine", "1"], { store });
    for (let i = 0; i < 2; i++) expect(await kvclient(["demo"], { store })).toMatchObject({ code: 0 });
    expect(store.kv.size).toBe(1);
  });

  it("tells programs the same as JSON lines", async () => {
    const { code, output } = await kvclient(["demo", "-o", "json"]);
    const lines: Line[] = output.trimEnd().split("\n").map((line) => JSON.parse(line));
    expect(code).toBe(0);
    expect(["put", "get", "delete"].map((phase) => lines.filter((line) => line.phase === phase).length)).toEqual([
      5,
      5,
      5,
    ]);
    expect(lines.at(-1)).toEqual({ phase: "end", wrong: 0, passed: true });
    expect(lines.filter((line) => line.phase === "verify" && line.reply === "(absent)").length).toBe(5);
  });

  const lies: readonly (readonly [what: string, lie: (result: Result, operation: Operation) => Result])[] = [
    [
      "loses a write",
      (result, operation) => operation.type === "get" ? { ...result, type: "get", entry: null } : result,
    ],
    [
      "answers with another value",
      (result) =>
        result.type === "get" && result.entry !== null
          ? { ...result, entry: { ...result.entry, value: textToBytes("beige") } }
          : result,
    ],
    ["says that it stored nothing", (result) => result.type === "put" ? { ...result, written: false } : result],
    ["deletes nothing", (result) => result.type === "delete" ? { ...result, deleted: 0 } : result],
    ["answers another question", (result) => result.type === "get" ? { type: "done", revision: 1 } : result],
  ];
  for (const [what, lie] of lies) {
    it(`fails when the server ${what}`, async () => {
      const store = new FakeStore();
      store.distort = lie;
      const { code, output } = await kvclient(["demo"], { store });
      expect(code).toBe(1);
      expect(output).toContain("WRONG, expected");
      expect(output).toContain("The demo FAILED");
    });
  }

  it("fails when a deleted key is still there, whatever the DELETE answered", async () => {
    const store = new FakeStore();
    const execute = store.execute.bind(store);
    store.execute = (operation, signal) =>
      operation.type === "delete"
        ? Promise.resolve({ type: "delete", revision: 1, deleted: 1, previous: null })
        : execute(operation, signal);
    const { code, output } = await kvclient(["demo"], { store });
    expect([code, output.includes("expected (absent)")]).toEqual([1, true]);
  });

  it("fails as unavailable when no server answers", async () => {
    const store = new FakeStore();
    store.execute = () => Promise.reject(new KvError("UNAVAILABLE", "nobody there"));
    const { code, output } = await kvclient(["demo"], { store });
    expect(code).toBe(5);
    expect(output).toContain("error: nobody there");
  });
});
