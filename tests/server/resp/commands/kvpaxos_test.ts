import { describe, expect, it } from "vitest";
import { type Key, keyFromBytes, keyFromText, keyToBytes, textToBytes } from "../../../../src/codec/bytes.ts";
import { KvError } from "../../../../src/core/errors.ts";
import { type Command, NO_EXPIRY } from "../../../../src/core/kv/command.ts";
import { encodeCommand } from "../../../../src/core/kv/command_codec.ts";
import { decodeEvents, decodeResult } from "../../../../src/core/kv/result_codec.ts";
import type { Result } from "../../../../src/core/kv/result.ts";
import { command, MemoryClient, until } from "../../../support/resp_client.ts";
import { testContext, type TestContextOptions } from "../../../support/resp_server.ts";

const OK = "+OK\r\n";
const bulk = (text: string): string => `$${text.length}\r\n${text}\r\n`;

function start(options: TestContextOptions = {}): { client: MemoryClient } & ReturnType<typeof testContext> {
  const test = testContext(options);
  return { client: new MemoryClient(test.context), ...test };
}

function bodyOf(reply: string): Uint8Array {
  expect(reply[0]).toBe("$");
  return keyToBytes(reply.slice(reply.indexOf("\r\n") + 2, -2) as Key);
}

const put = (key: string, value: string): Command => ({
  type: "put",
  key: keyFromText(key),
  value: textToBytes(value),
  expiry: NO_EXPIRY,
  condition: "always",
  returnPrevious: false,
});

async function kv(client: MemoryClient, request: Command): Promise<Result> {
  return decodeResult(bodyOf(await client.call("KV", keyFromBytes(encodeCommand(request)))));
}

describe("KV", () => {
  it("passes the bytes of a command on and the bytes of its result back", async () => {
    const { client } = start();
    expect(await kv(client, put("k", "v"))).toEqual({ type: "put", revision: 1, written: true, previous: null });
    const got = await kv(client, { type: "get", key: keyFromText("k") });
    expect(got).toMatchObject({ type: "get", revision: 1, entry: { version: 1, value: textToBytes("v") } });
  });

  it("reads without a proposal, unless an unfinished write stands before it", async () => {
    const { client, replication } = start();
    await kv(client, { type: "get", key: keyFromText("k") });
    expect(replication.proposals).toBe(0);
    const get = keyFromBytes(encodeCommand({ type: "get", key: keyFromText("k") }));
    client.raw(command("KV", keyFromBytes(encodeCommand(put("k", "v")))) + command("KV", get));
    expect(replication.proposals).toBe(2);
    await client.next();
    expect(decodeResult(bodyOf(await client.next()))).toMatchObject({ entry: { value: textToBytes("v") } });
  });

  it("gives failures as results too, so that their codes survive", async () => {
    const { client, replication } = start({ storeLimits: { maxValueBytes: 3 } });
    const failure = async (bytes: string): Promise<Result> => decodeResult(bodyOf(await client.call("KV", bytes)));
    expect(await failure("\xff")).toMatchObject({ type: "error", revision: 0, code: "INVALID_ARGUMENT" });
    expect(await failure("")).toMatchObject({ type: "error", code: "INVALID_ARGUMENT" });
    const due = keyFromBytes(encodeCommand({ type: "expireDue", limit: 1 }));
    expect(await failure(due)).toMatchObject({ type: "error", code: "INVALID_ARGUMENT" });
    expect(await kv(client, put("k", "long"))).toMatchObject({ type: "error", revision: 0, code: "LIMIT_EXCEEDED" });
    expect(await kv(client, { type: "increment", key: keyFromText("n"), delta: 1n })).toMatchObject({ value: 1n });
    replication.failure = new KvError("UNAVAILABLE", "stopping");
    expect(await kv(client, put("k", "v"))).toMatchObject({ type: "error", revision: 0, code: "UNAVAILABLE" });
    expect(await kv(client, { type: "get", key: keyFromText("k") })).toMatchObject({ code: "UNAVAILABLE" });
  });

  it("waits for its barrier with its own copy of the request", async () => {
    const { client } = start({ scheduleBarrier: (run) => void setTimeout(run, 1) });
    await kv(client, put("k", "v"));
    const bytes = textToBytes("");
    expect(bytes).toHaveLength(0);
    const request = keyToBytes(
      command("KV", keyFromBytes(encodeCommand({ type: "get", key: keyFromText("k") }))) as Key,
    );
    client.connection.receive(request);
    request.fill(0);
    expect(decodeResult(bodyOf(await client.next()))).toMatchObject({ entry: { value: textToBytes("v") } });
  });

  it("answers a read marked as stale without a barrier, and refuses the mark before anything else", async () => {
    const { client, store } = start({ scheduleBarrier: () => {} });
    await kv(client, put("k", "v"));
    const stale = (operation: Parameters<typeof encodeCommand>[0]): string =>
      "\0" + keyFromBytes(encodeCommand(operation));
    const answer = async (bytes: string) => decodeResult(bodyOf(await client.call("KV", bytes)));
    const get = { type: "get", key: keyFromText("k") } as const;
    expect(await answer(stale(get))).toMatchObject({ entry: { value: textToBytes("v") } });
    const { revision } = store;
    const many = { type: "getMany", keys: [keyFromText("k"), keyFromText("l")] } as const;
    expect(await answer(stale(many))).toMatchObject({ entries: [{ value: textToBytes("v") }, null] });
    for (const command of [put("k", "w"), { type: "txn", compare: [], then: [get], else: [] } as const]) {
      expect(await answer(stale(command))).toMatchObject({
        type: "error",
        code: "INVALID_ARGUMENT",
        message: expect.stringContaining("only get, getMany and range can be stale"),
      });
    }
    expect(await answer("\0")).toMatchObject({ type: "error", code: "INVALID_ARGUMENT" });
    expect(store.revision).toBe(revision);
  });

  it("stands in no transaction", async () => {
    const { client } = start();
    await client.call("multi");
    expect(await client.call("kv", "x")).toBe("-ERR Command not allowed inside a transaction\r\n");
    expect(await client.call("exec")).toMatch(/^-EXECABORT/);
  });
});

describe("KVSTATUS", () => {
  it("gives the figures as JSON", async () => {
    const { client, replication } = start();
    await client.call("set", "a", "1");
    const page = async (): Promise<unknown> => JSON.parse(keyFromBytes(bodyOf(await client.call("kvstatus"))));
    expect(await page()).toMatchObject({ name: "kvpaxos", store: { keys: 1 }, cluster: null });
    replication.failure = new KvError("STORAGE_FAILED", "the disk");
    expect(await page()).toMatchObject({ replication: { state: "failed", reason: "the disk" } });
  });
});

describe("SESSION and ONCE", () => {
  it("does a command once, however often it is sent", async () => {
    const { client } = start();
    expect(await client.call("session", "open", "s1")).toBe(":1\r\n");
    expect(await client.call("session", "open", "s1")).toBe(":1\r\n");
    expect(await client.call("once", "s1", "1", "1", "0", "incr", "n")).toBe(":1\r\n");
    expect(await client.call("once", "s1", "1", "1", "0", "incr", "n")).toBe(":1\r\n");
    expect(await client.call("once", "s1", "1", "2", "2", "INCRBY", "n", "5")).toBe(":6\r\n");
    expect(await client.call("once", "s1", "1", "1", "2", "incr", "n")).toMatch(/^-SESSIONSTALE /);
    expect(await client.call("once", "s1", "1", "2", "2", "incr", "n")).toMatch(/^-SESSIONCONFLICT /);
    expect(await client.call("once", "s1", "1", "3", "2", "get", "n")).toBe(bulk("6"));
    expect(await client.call("session", "close", "s1")).toBe(OK);
    expect(await client.call("once", "s1", "1", "4", "2", "incr", "n")).toMatch(/^-SESSIONUNKNOWN /);
  });

  it.each([
    ["once s 0 1 0 incr n", "-ERR incarnation 0 is out of range: it is 1 to 2^53 - 1\r\n"],
    ["once s 1 0 0 incr n", "-ERR sequence 0 is out of range: it is 1 to 2^53 - 1\r\n"],
    ["once s 1 x 0 incr n", "-ERR value is not an integer or out of range\r\n"],
    ["once s 1 1 0 ping", "-ERR ONCE does one command on data, and PING is none\r\n"],
    ["once s 1 1 0 multi", "-ERR ONCE does one command on data, and MULTI is none\r\n"],
    ["once s 1 1 0 nope", "-ERR unknown command 'nope', with args beginning with: \r\n"],
    ["once s 1 1 0 incr", "-ERR wrong number of arguments for 'incr' command\r\n"],
    ["once s 1 1 0", "-ERR wrong number of arguments for 'once' command\r\n"],
    ["session nope x", "-ERR unknown subcommand 'nope'. Try SESSION HELP.\r\n"],
  ])("refuses '%s'", async (line, expected) => {
    expect(await start().client.call(...line.split(" "))).toBe(expected);
  });
});

interface Push {
  readonly kind: string;
  readonly id: number;
  readonly keys: string[];
  readonly revisions: number[];
}

/** A push message of events. */
function parsePush(reply: string): Push {
  const match = /^>(\d)\r\n\$\d+\r\n(\w+)\r\n:(\d+)\r\n/.exec(reply);
  if (match === null) throw new Error(`no push message: ${reply}`);
  const kind = match[2]!;
  if (kind !== "kvwatch") return { kind, id: Number(match[3]), keys: [reply.slice(match[0].length)], revisions: [] };
  const events = decodeEvents(bodyOf(reply.slice(match[0].length)));
  return {
    kind,
    id: Number(match[3]),
    keys: events.map((event) => event.key),
    revisions: events.map((event) => event.revision),
  };
}

describe("KVWATCH", () => {
  it("needs RESP3", async () => {
    const { client } = start();
    expect(await client.call("kvwatch", "1", "a", "b", "0")).toMatch(/^-ERR KVWATCH .* HELLO 3 first/);
  });

  it("pushes the events of its range from now on", async () => {
    const { client, context } = start();
    const writer = new MemoryClient(context);
    await writer.call("set", "a1", "x");
    await client.call("hello", "3");
    expect(await client.call("kvwatch", "7", "a", "b", "0")).toBe(":1\r\n");
    await writer.call("mset", "a2", "y", "b", "z", "a3", "w");
    await writer.call("del", "a1");
    const first = parsePush(await client.next());
    expect(first).toMatchObject({ kind: "kvwatch", id: 7, keys: ["a2", "a3"], revisions: [2, 2] });
    expect(parsePush(await client.next()).keys).toEqual(["a1"]);
    expect(await client.call("kvunwatch", "7")).toBe(OK);
    await writer.call("set", "a1", "x");
    expect(await client.call("ping")).toBe("+PONG\r\n");
  });

  it("begins with the past when it is asked for, without a gap and in bounded pieces", async () => {
    const { client, context } = start({ limits: { softOutputBytes: 3000 } });
    const writer = new MemoryClient(context);
    for (let i = 0; i < 1000; i++) writer.send("set", `k${i}`, "v".repeat(10));
    await until(() => writer.connection.unfinished === 0, "all was written");
    client.transport.reading = false;
    client.send("hello", "3");
    client.send("kvwatch", "1", "", "", "11");
    await until(() => client.transport.bufferedBytes() > 3000, "events came");
    const held = client.transport.bufferedBytes();
    writer.send("set", "live", "1");
    await until(() => writer.connection.unfinished === 0, "all was written");
    expect(client.transport.bufferedBytes()).toBe(held);
    client.transport.reading = true;
    client.transport.drain();
    client.connection.onDrain();
    expect(await client.next()).toMatch(/^%7/);
    expect(await client.next()).toBe(":10\r\n");
    const revisions: number[] = [];
    while (revisions.at(-1) !== 1001) revisions.push(...parsePush(await client.next()).revisions);
    expect(revisions).toEqual(Array.from({ length: 991 }, (_, i) => i + 11));
    await writer.call("set", "last", "1");
    expect(parsePush(await client.next()).keys).toEqual(["last"]);
  });

  it("refuses a revision that is no longer known", async () => {
    const { client } = start({ storeLimits: { maxHistoryEvents: 5 } });
    await client.call("hello", "3");
    for (let i = 0; i < 20; i++) await client.call("incr", "n");
    expect(await client.call("kvwatch", "1", "a", "", "1")).toMatch(/^-COMPACTED /);
    expect(await client.call("kvevents", "a", "", "1", "10")).toMatch(/^-COMPACTED /);
  });

  it("refuses an id that is in use, and too many", async () => {
    const { client } = start({ limits: { maxWatches: 2 } });
    await client.call("hello", "3");
    expect(await client.call("kvwatch", "1", "a", "b", "0")).toBe(":0\r\n");
    expect(await client.call("kvwatch", "1", "a", "b", "0")).toMatch(/^-ERR watch 1 is already there/);
    expect(await client.call("kvwatch", "2", "a", "b", "0")).toBe(":0\r\n");
    expect(await client.call("kvwatch", "3", "a", "b", "0")).toMatch(/^-ERR too many watches/);
  });

  it("ends a watcher that does not read, and tells it", async () => {
    const { client, context, store } = start({ limits: { maxWatchBytes: 10_000 } });
    const writer = new MemoryClient(context);
    await client.call("hello", "3");
    await client.call("kvwatch", "5", "", "", "0");
    client.transport.reading = false;
    for (let i = 0; i < 100; i++) await writer.call("set", "k", "v".repeat(1000));
    expect(store.watchers).toBe(0);
    expect(client.transport.bufferedBytes()).toBeLessThan(15_000);
    client.transport.reading = true;
    client.transport.drain();
    client.connection.onDrain();
    let last = parsePush(await client.next());
    while (last.kind === "kvwatch") last = parsePush(await client.next());
    expect(last).toMatchObject({ kind: "kvwatchend", id: 5 });
    expect(last.keys[0]).toContain("WATCH_OVERFLOW");
    expect(await client.call("ping")).toBe("+PONG\r\n");
  });

  it.each(["reset", "hello 2", "close"])("ends with %s", async (how) => {
    const { client, context, store } = start();
    await client.call("hello", "3");
    await client.call("kvwatch", "5", "", "", "0");
    expect(store.watchers).toBe(1);
    if (how === "close") client.connection.onClosed();
    else await client.call(...how.split(" "));
    expect(store.watchers).toBe(0);
    const writer = new MemoryClient(context);
    await writer.call("set", "k", "v");
    expect(client.wire()).toBe("");
  });
});

describe("KVEVENTS", () => {
  it("returns past events, whole revisions of them", async () => {
    const { client } = start();
    await client.call("mset", "a", "1", "b", "1", "c", "1");
    await client.call("set", "a", "2");
    const events = async (...args: string[]): Promise<string[]> =>
      decodeEvents(bodyOf(await client.call("kvevents", ...args))).map(({ key, revision }) => `${key}@${revision}`);
    expect(await events("", "", "1", "100")).toEqual(["a@1", "b@1", "c@1", "a@2"]);
    expect(await events("", "", "1", "1")).toEqual(["a@1", "b@1", "c@1"]);
    expect(await events("a", "b", "1", "100")).toEqual(["a@1", "a@2"]);
    expect(await events("", "", "2", "100")).toEqual(["a@2"]);
    expect(await events("", "", "3", "100")).toEqual([]);
    expect(await events("", "", "0", "100")).toEqual([]);
  });
});
