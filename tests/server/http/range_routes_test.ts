import { describe, expect, test } from "vitest";
import { body, createFixture, type Fixture, problem } from "./http_fixture.ts";

async function fill({ request }: Fixture, keys: readonly string[]): Promise<void> {
  for (const key of keys) await request("PUT", `/v1/kv/${encodeURIComponent(key)}`, { body: body(`v${key}`) });
}

interface Page {
  readonly revision: number;
  readonly entries: readonly { readonly key: unknown; readonly value?: unknown }[];
  readonly count: number;
  readonly more: boolean;
  readonly cursor: string | null;
}

async function list({ request }: Fixture, query: string): Promise<Page> {
  const response = await request("GET", `/v1/kv?${query}`);
  expect(response.status).toBe(200);
  return await response.json() as Page;
}

function keysOf(page: Page): unknown[] {
  return page.entries.map(({ key }) => key);
}

describe("GET /v1/kv", () => {
  test("lists by prefix, by range, in both directions, with and without values", async () => {
    const fixture = createFixture();
    await fill(fixture, ["a", "b/1", "b/2", "c"]);
    expect(keysOf(await list(fixture, ""))).toEqual(["a", "b/1", "b/2", "c"]);
    expect(keysOf(await list(fixture, "prefix=b%2F"))).toEqual(["b/1", "b/2"]);
    expect(keysOf(await list(fixture, "start=b/2"))).toEqual(["b/2", "c"]);
    expect(keysOf(await list(fixture, "start=a&end=b%2F2&reverse"))).toEqual(["b/1", "a"]);
    expect((await list(fixture, "prefix=c")).entries).toEqual([
      { key: "c", value: "vc", version: 1, createRevision: 4, modRevision: 4, expiry: 0 },
    ]);
    expect((await list(fixture, "prefix=c&keys_only=true")).entries).toEqual([
      { key: "c", version: 1, createRevision: 4, modRevision: 4, expiry: 0 },
    ]);
    expect(await list(fixture, "prefix=b&count_only=1")).toEqual({ revision: 4, count: 2 });
  });

  test("keys and values that are not UTF-8 come in base64", async () => {
    const fixture = createFixture();
    await fixture.request("PUT", "/v1/kv/%ff", { body: body(new Uint8Array([0x80])) });
    expect((await list(fixture, "prefix=%ff")).entries).toMatchObject([
      { key: { base64: "/w==" }, value: { base64: "gA==" } },
    ]);
  });

  test.each(["", "reverse"])("pages by cursor through everything exactly once: %s", async (direction) => {
    const fixture = createFixture();
    const keys = Array.from({ length: 25 }, (_, i) => `k${String(i).padStart(2, "0")}`);
    await fill(fixture, keys);
    const seen: unknown[] = [];
    let cursor = "";
    for (let pages = 0;; pages++) {
      expect(pages).toBeLessThan(10);
      const page = await list(fixture, `prefix=k&limit=10&${direction}${cursor === "" ? "" : `&cursor=${cursor}`}`);
      seen.push(...keysOf(page));
      expect(page.more).toBe(page.cursor !== null);
      if (page.cursor === null) break;
      cursor = page.cursor;
    }
    expect(seen).toEqual(direction === "" ? keys : keys.toReversed());
  });

  test("a page is bounded by bytes too, and the cursor goes on where it was cut", async () => {
    const fixture = createFixture();
    for (let i = 0; i < 20; i++) {
      await fixture.request("PUT", `/v1/kv/k${String(i).padStart(2, "0")}`, { body: body("x".repeat(1 << 20)) });
    }
    const first = await list(fixture, "");
    expect(first.entries.length).toBe(15);
    expect(first.more).toBe(true);
    const rest = await list(fixture, `cursor=${first.cursor}`);
    expect(keysOf(rest)).toEqual(["k15", "k16", "k17", "k18", "k19"]);
    expect(rest.more).toBe(false);
  });

  test.each([
    "prefix=a&start=b",
    "limit=0",
    "limit=x",
    "reverse=2",
    "count_only&limit=1",
    "cursor=%21",
    "prefix=%f",
    "prefix=a&prefix=a",
    "prefx=a",
    "=",
  ])("?%s is refused", async (query) => {
    const { request } = createFixture();
    expect(await problem(await request("GET", `/v1/kv?${query}`))).toMatchObject({ status: 400 });
  });
});

describe("DELETE /v1/kv", () => {
  test("deletes a range, once per idempotency key", async () => {
    const fixture = createFixture();
    await fill(fixture, ["a", "b1", "b2", "c"]);
    const init = { headers: { "Idempotency-Key": "k" } };
    for (let i = 0; i < 2; i++) {
      expect(await (await fixture.request("DELETE", "/v1/kv?prefix=b", init)).json()).toEqual({
        deleted: 2,
        revision: 5,
      });
    }
    expect(await (await fixture.request("DELETE", "/v1/kv?start=%00")).json()).toEqual({ deleted: 2, revision: 6 });
    expect(fixture.store.size).toBe(0);
  });

  test.each(["", "?prefix=", "?start=", "?end=z", "?prefix=a&limit=1"])(
    "DELETE /v1/kv%s is refused, lest a slip empties the store",
    async (query) => {
      const fixture = createFixture();
      await fill(fixture, ["a"]);
      expect(await problem(await fixture.request("DELETE", `/v1/kv${query}`))).toMatchObject({ status: 400 });
      expect(fixture.store.size).toBe(1);
    },
  );
});

describe("GET /v1/events", () => {
  interface EventPage {
    readonly revision: number;
    readonly events: readonly { type: string; revision: number; key: string }[];
    readonly nextRevision: number;
  }

  test("gives past events by pages of whole revisions, and says where to go on", async () => {
    const fixture = createFixture();
    await fill(fixture, ["a", "b", "x", "c"]);
    await fixture.request("DELETE", "/v1/kv?start=a&end=d");
    const pages: EventPage[] = [];
    for (let next = 1; next <= 5;) {
      const response = await fixture.request("GET", `/v1/events?start=a&end=d&from_revision=${next}&limit=2`);
      const page = await response.json() as EventPage;
      pages.push(page);
      next = page.nextRevision;
    }
    expect(pages.map(({ events }) => events.map(({ type, revision, key }) => `${type} ${key} ${revision}`))).toEqual([
      ["put a 1", "put b 2"],
      ["put c 4", "delete a 5", "delete b 5", "delete c 5"],
    ]);
    const none = await (await fixture.request("GET", "/v1/events?from_revision=6")).json();
    expect(none).toEqual({ revision: 5, events: [], nextRevision: 6 });
  });

  test("a revision that is no longer kept is 410, naming the oldest", async () => {
    const fixture = createFixture({ limits: { maxHistoryEvents: 2 } });
    await fill(fixture, ["a", "b", "c", "d"]);
    const response = await fixture.request("GET", "/v1/events?from_revision=1");
    const copy = response.clone();
    expect(await problem(response)).toMatchObject({ status: 410, code: "COMPACTED" });
    expect(await copy.json()).toMatchObject({ oldestRevision: 3 });
  });

  test.each(["", "?from_revision=0", "?from_revision=x", "?from_revision=1&limit=0"])(
    "%s is refused",
    async (query) => {
      const { request } = createFixture();
      expect(await problem(await request("GET", `/v1/events${query}`))).toMatchObject({ status: 400 });
    },
  );
});
