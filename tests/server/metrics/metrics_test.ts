/** What `/metrics` says, read by parsers that are not ours. */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import { beforeAll, describe, expect, test } from "vitest";
import { connect } from "../../../src/adapters/connect.ts";
import { stringCodec } from "../../../src/client/codecs.ts";
import { SocketClient } from "../../support/resp_client.ts";
import { until } from "../cluster/in_process.ts";
import { familiesOf, type Family, sampleOf, scrape, scrapeEveryKind, withServer } from "./scrape.ts";

type Kind = "none" | "paxos" | "2pc";
let texts: Readonly<Record<Kind, string>>;
let kinds: readonly (readonly [Kind, Map<string, Family>])[];
beforeAll(async () => {
  texts = await scrapeEveryKind();
  kinds = (["none", "paxos", "2pc"] as const).map((kind) => [kind, familiesOf(texts[kind])]);
});

describe("the metrics of a server of every kind", () => {
  test("have names, types and help as Prometheus's conventions ask", () => {
    for (const [kind, families] of kinds) {
      const types = [...texts[kind].matchAll(/^# TYPE (\S+)/gm)].map((match) => match[1]!);
      expect(types.toSorted(), "each family once").toEqual([...families.keys()].toSorted());
      for (const { name, type, help } of families.values()) {
        expect(name).toMatch(/^(kvpaxos|process)(_[a-z0-9]+)+$/);
        expect(type, name).toMatch(/^(COUNTER|GAUGE|HISTOGRAM)$/);
        expect(name.endsWith("_total"), name).toBe(type === "COUNTER");
        expect(name, "base units only").not.toMatch(/_(ms|milliseconds|us|kb|mb|kib|mib|percent|minutes)(_|$)/);
        if (type === "HISTOGRAM") expect(name).toMatch(/_seconds$/);
        expect(help, name).toMatch(/^[A-Z0-9].*\.$/);
      }
    }
  });

  test("have cumulative buckets for each set of labels, that end with +Inf and the count", () => {
    let seen = 0;
    for (const { name, samples } of kinds.flatMap(([, families]) => [...families.values()])) {
      for (const { labels, value: count } of samples.filter((sample) => sample.name === `${name}_count`)) {
        const own = samples.filter((sample) =>
          Object.entries(labels).every(([key, value]) => sample.labels[key] === value)
        );
        const buckets = own.filter((sample) => sample.name === `${name}_bucket`);
        const bounds = buckets.map((bucket) => bucket.labels["le"] === "+Inf" ? Infinity : Number(bucket.labels["le"]));
        const counts = buckets.map((bucket) => bucket.value);
        expect(bounds).toEqual([...new Set(bounds)].toSorted((a, b) => a - b));
        expect(counts, name).toEqual(counts.toSorted((a, b) => a - b));
        expect([bounds.at(-1), counts.at(-1)]).toEqual([Infinity, count]);
        expect(own.find((sample) => sample.name === `${name}_sum`)?.value).toBeGreaterThanOrEqual(0);
        seen += count;
      }
    }
    expect(seen).toBeGreaterThan(0);
  });

  test("are what promtool takes without a complaint", (context) => {
    const promtool = process.env["PROMTOOL"] ?? "promtool";
    if (spawnSync(promtool, ["--version"]).error !== undefined) context.skip("promtool is not installed");
    for (const [kind, text] of Object.entries(texts)) {
      const { status, stdout, stderr } = spawnSync(promtool, ["check", "metrics"], { input: text, encoding: "utf8" });
      expect({ kind, status, said: stdout + stderr }).toEqual({ kind, status: 0, said: "" });
    }
  });

  test("are all in docs/observability.md, and nothing else is (UPDATE_DOCS=1 writes the table again)", () => {
    const page = new URL("../../../docs/observability.md", import.meta.url);
    const table = tableOf(kinds);
    const [begin, end] = ["<!-- metrics: begin -->\n", "<!-- metrics: end -->"];
    const text = existsSync(page) ? readFileSync(page, "utf8") : begin + end;
    const [before, rest] = text.split(begin) as [string, string];
    const [present, after] = rest.split(end) as [string, string];
    if (process.env["UPDATE_DOCS"] === "1") writeFileSync(page, before + begin + table + end + after);
    else expect(present).toBe(table);
  });
});

/** Every family, as the documentation lists it. */
function tableOf(all: typeof kinds): string {
  const names = [...new Set(all.flatMap(([, families]) => [...families.keys()]))].toSorted();
  const rows = names.map((name) => {
    const having = all.filter(([, families]) => families.has(name));
    const { type, help } = having[0]![1].get(name)!;
    const labels = new Set(having.flatMap(([, families]) => {
      return families.get(name)!.samples.flatMap((sample) => Object.keys(sample.labels));
    }));
    const where = having.length === all.length ? "all" : having.map(([kind]) => kind).join(", ");
    return `| \`${name}\` | ${type.toLowerCase()} | ${[...labels].join(", ")} | ${where} | ${help} |`;
  });
  return ["| metric | type | labels | replication | |", "|---|---|---|---|---|", ...rows, ""].join("\n");
}

describe("requests", () => {
  test("are counted by door, command and result, and each is in a histogram", async () => {
    await withServer(async (server, url) => {
      const { port } = server.addresses.tcp;
      const resp = await SocketClient.connect(port);
      await resp.call("SET", "text", "hello");
      await resp.call("SET", "text", "hello", "EX", "100");
      await resp.call("GET", "text");
      await resp.call("GET", "absent");
      await resp.call("INCR", "text");
      await resp.call("SET", "text");
      await resp.call("NOSUCH", "x");
      await resp.call("PING");
      resp.close();
      const client = connect({ servers: [{ host: "127.0.0.1", port }], protocol: "udp", codec: stringCodec });
      await client.put("a", "1");
      await client.get("a");
      await client.close();
      await fetch(`${url}/v1/kv/text`);
      await fetch(`${url}/v1/kv/absent`);
      await fetch(`${url}/v1/kv/text?limit=x`);
      await fetch(`${url}/v1/kv/a`, { method: "PUT", body: "x" });
      await fetch(`${url}/secret-path`);
      const text = await scrape(url);
      const families = familiesOf(text);
      const requests = (door: string, command: string, result: string): number | undefined =>
        sampleOf(families, "kvpaxos_requests_total", { door, command, result });
      expect(requests("tcp", "set", "ok")).toBe(2);
      expect(requests("tcp", "set", "refused")).toBe(1);
      expect(requests("tcp", "set", "unavailable")).toBeUndefined();
      expect(requests("tcp", "get", "ok")).toBe(2);
      expect(requests("tcp", "incr", "refused")).toBe(1);
      expect(requests("tcp", "unknown", "refused")).toBe(1);
      expect(requests("udp", "kv:put", "ok")).toBe(1);
      expect(requests("udp", "kv:get", "ok")).toBe(1);
      expect(requests("http", "GET /v1/kv/{key}", "ok")).toBe(2);
      expect(requests("http", "GET /v1/kv/{key}", "refused")).toBe(1);
      expect(requests("http", "PUT /v1/kv/{key}", "ok")).toBe(1);
      expect(requests("http", "unserved", "ok")).toBe(1);
      expect(text).not.toContain("secret-path");
      expect(text).not.toContain("NOSUCH");
      const answered = (door: string, kind: string): number | undefined =>
        sampleOf(families, "kvpaxos_request_duration_seconds_count", { door, kind });
      expect(answered("tcp", "read")).toBe(2);
      expect(answered("tcp", "write")).toBe(4);
      expect(answered("tcp", "other")).toBe(2);
      expect(answered("http", "read")).toBe(3);
      expect(answered("http", "write")).toBe(1);
      expect(sampleOf(families, "kvpaxos_received_bytes_total", { door: "tcp" })).toBeGreaterThan(100);
      expect(sampleOf(families, "kvpaxos_sent_bytes_total", { door: "udp" })).toBeGreaterThan(10);
      expect(sampleOf(families, "kvpaxos_http_requests_in_flight")).toBe(1);
    });
  });

  test("that came in one pipeline are each counted", async () => {
    await withServer(async (server, url) => {
      const resp = await SocketClient.connect(server.addresses.tcp.port);
      await Promise.all(Array.from({ length: 50 }, (_, index) => {
        return index % 2 === 0 ? resp.call("SET", "a", String(index)) : resp.call("GET", "a");
      }));
      await resp.call("MULTI");
      await resp.call("SET", "a", "x");
      await resp.call("EXEC");
      resp.close();
      const families = familiesOf(await scrape(url));
      const count = (command: string): number | undefined =>
        sampleOf(families, "kvpaxos_requests_total", { door: "tcp", command, result: "ok" });
      expect([count("set"), count("get"), count("multi"), count("exec")]).toEqual([26, 25, 1, 1]);
    });
  });
});

describe("the disk", () => {
  test("is measured: syncs of the log, and the time and size of snapshots", async () => {
    await withServer(async (server, url) => {
      const resp = await SocketClient.connect(server.addresses.tcp.port);
      for (let i = 0; i < 5; i++) await resp.call("SET", "key", "value");
      const families = familiesOf(await scrape(url));
      const timed = sampleOf(families, "kvpaxos_log_sync_duration_seconds_count");
      expect(timed).toBeGreaterThanOrEqual(5);
      expect(timed).toBeGreaterThanOrEqual(sampleOf(families, "kvpaxos_log_syncs_total")!);
      expect(sampleOf(families, "kvpaxos_log_written_bytes_total")).toBeGreaterThan(50);
      const value = "x".repeat(1000);
      await until("there is a snapshot", async () => {
        await resp.call("SET", "large", value);
        return sampleOf(familiesOf(await scrape(url)), "kvpaxos_snapshots_total")! > 0;
      });
      resp.close();
      const later = familiesOf(await scrape(url));
      expect(sampleOf(later, "kvpaxos_snapshot_duration_seconds_count")).toBeGreaterThan(0);
      expect(sampleOf(later, "kvpaxos_snapshot_written_bytes_total")).toBeGreaterThan(value.length);
    }, { snapshotEvery_bytes: 10_000 });
  });
});

describe("the event loop", () => {
  test("is looked at while the server runs", async () => {
    await withServer(async (_, url) => {
      await until("it was looked at", async () => {
        return sampleOf(familiesOf(await scrape(url)), "kvpaxos_event_loop_delay_seconds_count")! > 2;
      });
    });
  });
});
