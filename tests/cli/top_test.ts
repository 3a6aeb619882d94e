import { describe, expect, it } from "vitest";
import { BUCKET_BOUNDS_SECONDS } from "../../src/server/metrics/histogram.ts";
import { KvError } from "../../src/core/errors.ts";
import { p99Between, rowsOf } from "../../cli/kvclient/top_rows.ts";
import type { ServerReport, ServerStatus } from "../../cli/kvclient/store.ts";
import { runClient } from "../../cli/kvclient/run.ts";
import { FakeStore, FakeTerminal, kvclient } from "./fakes.ts";

/** How many requests were in each bucket, all of them in one. */
function bucket(index: number, count: number): number[] {
  const counts = Array.from({ length: BUCKET_BOUNDS_SECONDS.length + 1 }, () => 0);
  counts[index] = count;
  return counts;
}

function page(change: { startedAt_ms?: number; commands?: number; read?: number[] } = {}): ServerStatus {
  const { startedAt_ms = 5, commands = 0, read = bucket(0, 0) } = change;
  return {
    version: "0.1.0",
    startedAt_ms,
    uptime_ms: 1000,
    replication: { pending: 3, reason: null, cluster: { role: "leader", lag: 7, unready: null } },
    stats: { commands, httpRequests: 0, errors: 0, bytesIn: commands * 10, bytesOut: 0, connectionsOpen: 2 },
    log: { syncs: commands / 10 },
    store: { keys: 42 },
    memory: { resident_bytes: 64 * 1024 * 1024 },
    latency: { read, write: bucket(0, 0) },
  };
}

const answer = (status: ServerStatus, server = "10.0.0.1:32000"): ServerReport => ({ server, status, error: null });
const silence = (server: string): ServerReport => ({
  server,
  status: null,
  error: new KvError("UNAVAILABLE", `${server}: no answer within 2000 ms`),
});

/** A store whose servers have done `step` more commands each time they are asked. */
class BusyStore extends FakeStore {
  commands = 0;
  asked = 0;
  onAsked: (count: number) => void = () => {};

  override reports(): Promise<readonly ServerReport[]> {
    this.commands += 1000;
    this.onAsked(++this.asked);
    return Promise.resolve([answer(page({ commands: this.commands })), silence("10.0.0.2:32000")]);
  }
}

describe("the rows of top", () => {
  it("have rates between two looks", () => {
    const earlier = { at_ms: 1000, reports: [answer(page({ commands: 100 }))] };
    const later = { at_ms: 3000, reports: [answer(page({ commands: 900, read: bucket(6, 10) }))] };
    expect(rowsOf(earlier, later)).toMatchObject([{
      server: "10.0.0.1:32000",
      reachable: true,
      role: "leader",
      requests_per_second: 400,
      received_bytes_per_second: 4000,
      syncs_per_second: 40,
      read_p99_ms: BUCKET_BOUNDS_SECONDS[6]! * 1000,
      write_p99_ms: null,
      lag: 7,
      pending: 3,
      keys: 42,
    }]);
  });

  it("have none after one look, after a restart, or after the counters were reset", () => {
    const look = (at_ms: number, status: ServerStatus) => ({ at_ms, reports: [answer(status)] });
    expect(rowsOf(null, look(0, page()))).toMatchObject([{ requests_per_second: null, keys: 42 }]);
    const restarted = rowsOf(look(0, page({ commands: 100 })), look(1000, page({ commands: 900, startedAt_ms: 6 })));
    expect(restarted).toMatchObject([{ requests_per_second: null, read_p99_ms: null }]);
    const reset = rowsOf(look(0, page({ commands: 100 })), look(1000, page({ commands: 9 })));
    expect(reset).toMatchObject([{ requests_per_second: null, syncs_per_second: null }]);
  });

  it("say of a server that does not answer why", () => {
    expect(rowsOf(null, { at_ms: 0, reports: [silence("a:1")] })).toMatchObject([
      { server: "a:1", reachable: false, role: null, error: "a:1: no answer within 2000 ms", keys: null },
    ]);
  });

  it("give the 99th percentile as the bound that so many are below", () => {
    const then = bucket(3, 50);
    const now = bucket(3, 50 + 99);
    now[8] = 1;
    expect(p99Between(then, now)).toBe(BUCKET_BOUNDS_SECONDS[3]! * 1000);
    now[8] = 3;
    expect(p99Between(then, now)).toBe(BUCKET_BOUNDS_SECONDS[8]! * 1000);
    expect(p99Between(then, then)).toBeNull();
    expect(p99Between([1, 2], [3, 4])).toBeNull();
    expect(p99Between(bucket(21, 0), bucket(21, 5))).toBe(Infinity);
  });
});

describe("kvclient top", () => {
  it("prints one table with --once, after two looks", async () => {
    const store = new BusyStore();
    const { code, output, error } = await kvclient(["top", "--once"], { store });
    expect([code, error, store.asked]).toEqual([0, "", 2]);
    const [head, first, second, problem] = output.split("\n");
    expect(head).toMatch(/^REPLICA +ROLE +REQ\/S +ERR\/S +READ P99/);
    expect(first).toMatch(/^10\.0\.0\.1:32000 +leader +\d+ +0 +- +- /);
    // Waiting, lag, connections and keys are whole numbers.
    expect(first).toMatch(/ 3 +7 +2 +42 +64\.0 MiB$/);
    expect(second).toMatch(/^10\.0\.0\.2:32000 +unreachable +- /);
    expect(problem).toBe("  10.0.0.2:32000: no answer within 2000 ms");
  });

  it("prints a line of JSON for each look with -o json, until a signal", async () => {
    const store = new BusyStore();
    const terminal = new FakeTerminal({ args: ["top", "-o", "json", "--interval", "1ms"] });
    store.onAsked = (count) => {
      if (count === 4) terminal.signal("SIGINT");
    };
    expect(await runClient(terminal, store.connect)).toBe(0);
    const lines = terminal.output.trimEnd().split("\n").map((line) => JSON.parse(line) as { servers: object[] });
    expect(lines.length).toBe(4);
    expect(lines[0]!.servers).toMatchObject([{ requests_per_second: null }, { reachable: false }]);
    expect(lines[3]!.servers).toMatchObject([{ requests_per_second: expect.any(Number) }, { reachable: false }]);
  });

  it("draws the table again and again on a terminal, until q, and leaves the screen as it was", async () => {
    const store = new BusyStore();
    const terminal = new FakeTerminal({ args: ["top", "--no-color"], tty: true });
    store.onAsked = (count) => {
      if (count === 3) terminal.press("q");
    };
    expect(await runClient(terminal, store.connect)).toBe(0);
    expect(store.asked).toBe(3);
    expect(terminal.output.startsWith("\x1b[?1049h\x1b[?25l\x1b[H\x1b[JREPLICA")).toBe(true);
    expect(terminal.output.endsWith("\x1b[?25h\x1b[?1049l")).toBe(true);
    expect(terminal.output.split("\x1b[H\x1b[J").length - 1).toBe(3);
  });

  it("leaves the screen as it was when it fails, and ends with 5 when nobody answers --once", async () => {
    const store = new FakeStore();
    store.answers = [{ server: "a:1", status: null, error: new KvError("UNAUTHENTICATED", "no") }];
    const failed = await kvclient(["top"], { store, tty: true });
    expect(failed.code).toBe(1);
    expect(failed.output.endsWith("\x1b[?25h\x1b[?1049l")).toBe(true);
    store.answers = [silence("a:1")];
    expect((await kvclient(["top", "--once"], { store })).code).toBe(5);
    const json = await kvclient(["top", "--once", "-o", "json"], { store });
    expect([json.code, JSON.parse(json.output)]).toMatchObject([5, { servers: [{ reachable: false }] }]);
  });
});
