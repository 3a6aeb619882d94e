import { describe, expect, it } from "vitest";
import { keyFromText } from "../../src/codec/bytes.ts";
import { KvError, OutcomeUnknown } from "../../src/core/errors.ts";
import type { Result } from "../../src/core/kv/result.ts";
import { FakeStore, kvclient } from "./fakes.ts";

const QUICK = ["check", "--duration", "300ms", "--clients", "4", "--keys", "5", "-o", "json"];

describe("check", () => {
  it.each(["register", "counter", "bank", "append", "watch"])(
    "finds nothing wrong with %s and leaves no keys",
    async (workload) => {
      const store = new FakeStore();
      const { code, output, error } = await kvclient([...QUICK, "--workload", workload], { store });
      expect([code, error]).toEqual([0, ""]);
      const report = JSON.parse(output);
      expect(report).toMatchObject({
        verdict: "linearizable",
        workload,
        protocol: "tcp",
        clients: 4,
        keys: 5,
        seed: 1,
      });
      expect(report).toMatchObject({ undecided: 0, read_again_through: 1, violation: null });
      expect(report.operations.ok).toBeGreaterThan(10);
      expect(report.operations.refused + report.operations.unknown).toBe(0);
      expect(report.judged).toBeGreaterThan(0);
      expect(store.kv.size).toBe(0);
      expect(store.closed).toBe(store.targets.length);
    },
  );

  it("explains what is wrong, draws it, keeps the keys, and writes a history in which verify finds the same", async () => {
    const store = new FakeStore();
    let reads = 0;
    let old: Result | null = null;
    store.distort = (result) => {
      if (result.type !== "get" || result.entry === null) return result;
      old ??= result;
      return ++reads > 20 ? old : result;
    };
    const args = ["check", "--duration", "5s", "--keys", "1", "--mix", "read=1,write=1"];
    const files = ["--picture", "wrong.html", "--history", "run.jsonl"];
    const { code, output, terminal } = await kvclient([...args, ...files], { store });
    expect(code).toBe(1);
    expect(output).toMatch(/verdict +not linearizable\n +The history of "check-abc123\/register-1" up to event \d+ at/);
    expect(output).toMatch(/This cannot be placed:\n +process \d+: get "check-abc123\/register-1" = "v\d+"/);
    expect(output).toContain("It is drawn in wrong.html.");
    expect(terminal.files.get("wrong.html")).toMatch(/^<!doctype html>[^]*class="culprit"/);
    expect(store.kv.size).toBeGreaterThan(0);
    const history = terminal.files.get("run.jsonl")!;
    const again = await kvclient(["verify", "run.jsonl"], { files: { "run.jsonl": history } });
    expect([again.code, again.output.slice(0, 28)]).toEqual([1, "run.jsonl: not linearizable\n"]);
  });

  it("finds a write that is lost long after it was read", async () => {
    const store = new FakeStore();
    let operations = 0;
    store.distort = (result) => {
      // The key was given up after 250 operations; nobody reads it before the end.
      if (++operations === 1000) {
        store.kv.execute({ type: "delete", key: keyFromText("check-abc123/register-1"), returnPrevious: false }, 0);
      }
      return result;
    };
    const args = ["--keys", "1", "--clients", "2", "--mix", "read=1,write=1", "--duration", "2s"];
    const { code, output } = await kvclient([...QUICK, ...args], { store });
    expect(operations).toBeGreaterThan(1000);
    const report = JSON.parse(output);
    expect([code, report.violation?.keys]).toEqual([1, ["check-abc123/register-1"]]);
  });

  it.each([
    ["an event is left out", (count: number) => count !== 40],
    ["events come late and after others", (count: number) => count % 40 !== 0],
  ])("finds a watch in which %s", async (_what, isShown) => {
    const store = new FakeStore();
    const watch = store.watch.bind(store);
    let count = 0;
    store.watch = async function* (request, signal) {
      for await (const event of watch(request, signal)) if (isShown(++count)) yield event;
    };
    const { code, output } = await kvclient([...QUICK, "--workload", "watch", "--duration", "1s"], { store });
    expect(code).toBe(1);
    expect(JSON.parse(output).violation.lines[0]).toMatch(
      /watchers were shown nothing at that revision|watchers \d and \d/,
    );
  });

  it("takes an operation that may have been done for one of unknown outcome, and a refusal for one that was not", async () => {
    const store = new FakeStore();
    const execute = store.execute.bind(store);
    let calls = 0;
    store.execute = async (operation, signal) => {
      if (operation.type !== "put") return await execute(operation, signal);
      calls++;
      // Done, but nobody is told; or not done.
      if (calls % 7 === 0) await execute(operation, signal);
      if (calls % 7 === 0) throw new OutcomeUnknown("no answer");
      if (calls % 5 === 0) throw new KvError("UNAVAILABLE", "no leader; nothing was changed");
      return await execute(operation, signal);
    };
    const { code, output } = await kvclient([...QUICK, "--history", "h"], { store });
    const report = JSON.parse(output);
    expect([code, report.verdict]).toEqual([0, "linearizable"]);
    expect(report.operations.unknown).toBeGreaterThan(0);
    expect(report.operations.refused).toBeGreaterThan(0);
  });

  it("would not call a write that was done refused", async () => {
    const store = new FakeStore();
    const execute = store.execute.bind(store);
    store.execute = async (operation, signal) => {
      const result = await execute(operation, signal);
      if (operation.type === "put" && Math.random() < 0.2) throw new KvError("UNAVAILABLE", "a lie");
      return result;
    };
    const { code } = await kvclient([...QUICK, "--keys", "1", "--duration", "2s"], { store });
    expect(code).toBe(1);
  });

  it("writes every operation of a process after the one before, and none after one of unknown outcome", async () => {
    const store = new FakeStore();
    const execute = store.execute.bind(store);
    let calls = 0;
    store.execute = (operation, signal) =>
      ++calls % 9 === 0 ? Promise.reject(new OutcomeUnknown("no answer")) : execute(operation, signal);
    const { terminal } = await kvclient([...QUICK, "--history", "h"], { store });
    const events = terminal.files.get("h")!.trim().split("\n").map((
      line,
    ): { process: number; type: string; time: number } => JSON.parse(line));
    const last = new Map<number, string>();
    for (const { process, type } of events) {
      expect(type === "invoke").toBe(last.get(process) !== "invoke");
      expect(last.get(process)).not.toBe("info");
      last.set(process, type);
    }
    expect(events.every(({ time }, at) => at === 0 || time >= events[at - 1]!.time)).toBe(true);
    expect(new Set(last.keys()).size).toBeGreaterThan(4);
  });

  it("ends with 5 when no server answers or nothing could be done", async () => {
    const store = new FakeStore();
    const error = new KvError("UNAVAILABLE", "127.0.0.1:32000: ECONNREFUSED");
    store.answers = [{ server: "127.0.0.1:32000", status: null, error }];
    expect(await kvclient(QUICK, { store })).toMatchObject({ code: 5, output: "" });
    store.answers = null;
    store.execute = () => Promise.reject(new KvError("UNAVAILABLE", "no leader"));
    const { code, output, error: told } = await kvclient(QUICK, { store });
    expect([code, JSON.parse(output).verdict]).toEqual([5, "nothing done"]);
    expect(told).toContain("no leader");
  });

  it("reads from the servers that it is told, and with the consistency that it is told", async () => {
    const store = new FakeStore();
    const consistencies = new Set<unknown>();
    const execute = store.execute.bind(store);
    store.execute = (operation, signal, consistency?: unknown) => {
      if (operation.type === "get") consistencies.add(consistency);
      return execute(operation, signal);
    };
    await kvclient([...QUICK, "--stale-reads", "--read-from", "10.0.0.9:7000"], { store });
    expect([...consistencies]).toEqual(["stale"]);
    const ports = store.targets.flatMap(({ servers }) => servers.map(({ port }) => port));
    expect(new Set(ports)).toEqual(new Set([32000, 7000]));
  });

  it("refuses what makes no sense", async () => {
    for (const args of [["--mix", "fly=1"], ["--mix", "read"], ["--mix", "read=0"], ["--workload", "chess"]]) {
      expect(await kvclient(["check", ...args])).toMatchObject({ code: 2 });
    }
    expect(await kvclient(["check", "--plain", "--protocol", "udp"])).toMatchObject({ code: 2 });
  });
});
