import { describe, expect, test } from "vitest";
import { ManualClock } from "../../support/manual_clock.ts";
import { body, createFixture, type Fixture, type FixtureOptions, problem } from "./http_fixture.ts";
import { SseReader } from "./sse_reader.ts";

async function watch({ request }: Fixture, query: string, headers: Record<string, string> = {}): Promise<SseReader> {
  const response = await request("GET", `/v1/watch?${query}`, { headers });
  expect(response.status).toBe(200);
  expect(response.headers.get("content-type")).toBe("text/event-stream");
  return new SseReader(response);
}

async function put({ request }: Fixture, key: string, value = "v"): Promise<void> {
  await request("PUT", `/v1/kv/${key}`, { body: body(value) });
}

function brief({ event, data }: { event: string; data: unknown }): string {
  const { key, revision } = data as { key?: string; revision?: number };
  return [event, key, revision].filter((part) => part !== undefined).join(" ");
}

describe("GET /v1/watch", () => {
  test("tells the revision, then every later event of the range, and nothing else", async () => {
    let now = 1000;
    const fixture = createFixture({ now: () => now });
    await put(fixture, "a/0");
    const reader = await watch(fixture, "prefix=a%2F");
    expect(await reader.next()).toEqual({ event: "watching", id: "1", data: { revision: 1 } });
    await put(fixture, "b");
    await put(fixture, "a/1", "one");
    await fixture.request("DELETE", "/v1/kv/a/0");
    await fixture.request("PUT", "/v1/kv/a/2?ttl_ms=5", { body: body("x") });
    now += 100;
    fixture.store.apply(fixture.store.dueCommand(), now);
    const events = await reader.take(4);
    expect(events.map(brief)).toEqual(["put a/1 3", "delete a/0 4", "put a/2 5", "expire a/2 6"]);
    expect(events[0]).toEqual({
      event: "put",
      id: "3",
      data: {
        type: "put",
        revision: 3,
        key: "a/1",
        entry: { value: "one", version: 1, createRevision: 3, modRevision: 3, expiry: 0 },
      },
    });
    expect(events[1]!.data).toMatchObject({ entry: { value: "v", modRevision: 1 } });
    await reader.cancel();
    expect(fixture.store.watchers).toBe(0);
  });

  test("starts from a past revision, page by page, and goes on with what happens meanwhile", async () => {
    const fixture = createFixture();
    for (let i = 1; i <= 1700; i++) await put(fixture, `k${i}`);
    const reader = await watch(fixture, "prefix=k&from_revision=3");
    expect(await reader.next()).toMatchObject({ event: "watching", data: { revision: 2 } });
    const first = await reader.take(900);
    for (let i = 1701; i <= 1800; i++) await put(fixture, `k${i}`);
    const rest = await reader.take(1798 - 900);
    expect([...first, ...rest].map(({ id }) => Number(id))).toEqual(Array.from({ length: 1798 }, (_, i) => i + 3));
    await reader.cancel();
  });

  test("Last-Event-ID resumes after that revision and goes before from_revision", async () => {
    const fixture = createFixture();
    for (const key of ["a", "b", "c"]) await put(fixture, key);
    const reader = await watch(fixture, "from_revision=1", { "Last-Event-ID": "2" });
    expect((await reader.take(2)).map(brief)).toEqual(["watching 2", "put c 3"]);
    await reader.cancel();
  });

  test("a revision that is still to come is waited for", async () => {
    const fixture = createFixture();
    const reader = await watch(fixture, "from_revision=3");
    for (const key of ["a", "b", "c"]) await put(fixture, key);
    expect((await reader.take(2)).map(brief)).toEqual(["watching 2", "put c 3"]);
    await reader.cancel();
  });

  test("events of one revision stay together, and only the last of them carries the id", async () => {
    const fixture = createFixture();
    await put(fixture, "z");
    const reader = await watch(fixture, "");
    await fixture.post("/v1/txn", { then: ["a", "b", "c"].map((key) => ({ type: "put", key, value: "x" })) });
    await put(fixture, "d");
    const events = await reader.take(5);
    expect(events.map(brief)).toEqual(["watching 1", "put a 2", "put b 2", "put c 2", "put d 3"]);
    expect(events.map(({ id }) => id)).toEqual(["1", "1", "1", "2", "3"]);
    await reader.cancel();
  });

  test("a reader that breaks off anywhere and resumes by id misses nothing", async () => {
    const fixture = createFixture();
    for (let i = 0; i < 30; i++) {
      const then = Array.from({ length: 1 + i % 3 }, (_, j) => ({ type: "put", key: `${i}-${j}`, value: "x" }));
      await fixture.post("/v1/txn", { then });
    }
    const seen = new Set<string>();
    let lastId = "0";
    for (let stop = 1; seen.size < 60; stop = stop % 7 + 1) {
      const reader = await watch(fixture, "from_revision=1", lastId === "0" ? {} : { "Last-Event-ID": lastId });
      await reader.next();
      for (let i = 0; i < stop && seen.size < 60; i++) {
        const event = await reader.next();
        seen.add((event!.data as { key: string }).key);
      }
      lastId = reader.lastId;
      await reader.cancel();
    }
    expect(seen.size).toBe(60);
    expect(fixture.store.watchers).toBe(0);
  });

  test("a revision that is no longer kept is an error event with its code, and the end", async () => {
    const fixture = createFixture({ limits: { maxHistoryEvents: 2 } });
    for (const key of ["a", "b", "c", "d"]) await put(fixture, key);
    const reader = await watch(fixture, "from_revision=1");
    const events = await reader.rest();
    expect(events).toMatchObject([{ event: "error", data: { code: "COMPACTED", status: 410, oldestRevision: 3 } }]);
  });

  test.each<[string, FixtureOptions["feedLimits"] & object, number]>([
    ["events", { maxQueuedEvents: 100 }, 10],
    ["bytes", { maxQueuedBytes: 100_000 }, 2000],
  ])("a reader that is too slow, counted in %s, is ended with an error and skips nothing", async (_, limits, size) => {
    const fixture = createFixture({ feedLimits: limits });
    const reader = await watch(fixture, "");
    await reader.next();
    for (let i = 1; i <= 1000; i++) await put(fixture, `k${i}`, "x".repeat(size));
    expect(fixture.store.watchers).toBe(0);
    const events = await reader.rest();
    const last = events.pop();
    expect(last).toMatchObject({ event: "error", data: { code: "WATCH_OVERFLOW", retryable: true } });
    expect(events.map(({ id }) => Number(id))).toEqual(events.map((_, i) => i + 1));
    expect(events.length).toBeLessThan(1000);

    const resumed = await watch(fixture, "", { "Last-Event-ID": reader.lastId });
    const all = await resumed.take(1 + 1000 - events.length);
    expect(all.at(-1)).toMatchObject({ id: "1000" });
    await resumed.cancel();
  });

  test("one command with more events than may wait does not end a reader that was up to date", async () => {
    const fixture = createFixture({ feedLimits: { maxQueuedEvents: 10 } });
    const reader = await watch(fixture, "");
    await reader.next();
    const then = Array.from({ length: 500 }, (_, i) => ({ type: "put", key: `k${i}`, value: "x" }));
    await fixture.post("/v1/txn", { then });
    expect(await reader.take(500)).toHaveLength(500);
    await reader.cancel();
  });

  test("a silent stream sends heartbeats, whose id lets a reader resume past events of other keys", async () => {
    const clock = new ManualClock();
    const fixture = createFixture({ clock });
    const reader = await watch(fixture, "prefix=a", {});
    await reader.next();
    await put(fixture, "b");
    clock.advance(15_000);
    clock.advance(15_000);
    await put(fixture, "a");
    clock.advance(0);
    expect(await reader.next()).toMatchObject({ event: "put", id: "2" });
    expect(reader.comments).toBe(1);
    clock.advance(15_000);
    await fixture.request("DELETE", "/v1/kv/b");
    fixture.http.close();
    await reader.rest();
    expect(reader.comments).toBe(2);
    expect(reader.lastId).toBe("2");
  });

  test("a server that closes ends the streams with an error and takes no more", async () => {
    const fixture = createFixture();
    const reader = await watch(fixture, "");
    await reader.next();
    await put(fixture, "a");
    fixture.http.close();
    const events = await reader.rest();
    expect(events.at(-1)).toMatchObject({ event: "error", data: { code: "UNAVAILABLE" } });
    expect(events.slice(0, -1).map(brief)).toEqual(["put a 1"]);
    expect(fixture.store.watchers).toBe(0);
    expect((await fixture.request("GET", "/v1/watch")).status).toBe(503);
  });

  test("HEAD starts no watch", async () => {
    const fixture = createFixture();
    const response = await fixture.request("HEAD", "/v1/watch");
    expect(response.headers.get("content-type")).toBe("text/event-stream");
    expect(fixture.store.watchers).toBe(0);
  });

  test("what makes no sense is refused before the stream begins", async () => {
    const fixture = createFixture();
    for (const query of ["from_revision=x", "prefix=a&end=b", "limit=1", "prefix=%"]) {
      expect(await problem(await fixture.request("GET", `/v1/watch?${query}`)), query).toMatchObject({ status: 400 });
    }
    const headers = { "Last-Event-ID": "junk" };
    expect(await problem(await fixture.request("GET", "/v1/watch", { headers }))).toMatchObject({ status: 400 });
  });
});
