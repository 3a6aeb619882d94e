import { describe, expect, it } from "vitest";
import { keyFromText } from "../../../src/codec/bytes.ts";
import { KvError } from "../../../src/core/errors.ts";
import { encodeCommand } from "../../../src/core/kv/command_codec.ts";
import { command, MemoryClient } from "../../support/resp_client.ts";
import { testContext, type TestContextOptions } from "../../support/resp_server.ts";

const OK = "+OK\r\n";
const QUEUED = "+QUEUED\r\n";
const bulk = (text: string): string => `$${text.length}\r\n${text}\r\n`;

function clients(
  options: TestContextOptions = {},
): { a: MemoryClient; b: MemoryClient } & ReturnType<typeof testContext> {
  const test = testContext(options);
  return { a: new MemoryClient(test.context), b: new MemoryClient(test.context), ...test };
}

/** Sends lines of words at once; gives all replies. */
async function script(client: MemoryClient, ...lines: readonly string[]): Promise<string> {
  client.raw(lines.map((line) => command(...line.split(" "))).join(""));
  let replies = "";
  for (let i = 0; i < lines.length; i++) replies += await client.next();
  return replies;
}

describe("MULTI and EXEC", () => {
  it("executes what was queued in one step, and replies in its order", async () => {
    const { a, replication } = clients();
    expect(await script(a, "multi", "set n 5", "incr n", "ping", "get n", "dbsize", "exec")).toBe(
      OK + QUEUED.repeat(5) + "*5\r\n" + OK + ":6\r\n+PONG\r\n" + bulk("6") + ":1\r\n",
    );
    expect(replication.proposals).toBe(1);
  });

  it("keeps nothing of the receive buffer", async () => {
    const { a } = clients();
    const bytes = new TextEncoder().encode(command("multi") + command("set", "key", "value"));
    a.connection.receive(bytes);
    bytes.fill(0x58);
    a.send("exec");
    await a.next();
    await a.next();
    await a.next();
    expect(await a.call("get", "key")).toBe(bulk("value"));
  });

  it("replies to an empty transaction with an empty array, and to local commands in their place", async () => {
    const { a, replication } = clients();
    expect(await script(a, "multi", "exec")).toBe(OK + "*0\r\n");
    expect(await script(a, "multi", "echo hi", "select 0", "exec")).toBe(
      OK + QUEUED.repeat(2) + "*2\r\n" + bulk("hi") + OK,
    );
    expect(replication.proposals).toBe(0);
  });

  it("has done what it does to the client before the command behind it begins", async () => {
    const { a } = clients();
    expect(await script(a, "multi", "client setname me", "set k v", "exec", "client getname", "get k")).toBe(
      OK + QUEUED.repeat(2) + "*2\r\n" + OK.repeat(2) + bulk("me") + bulk("v"),
    );
    const first = script(
      a,
      "set k w",
      "multi",
      "client setname you",
      "get k",
      "exec",
      "get k",
      "client getname",
      "ping",
    );
    expect(await first).toBe(
      OK.repeat(2) + QUEUED.repeat(2) + "*2\r\n" + OK + bulk("w") + bulk("w") + bulk("you") + "+PONG\r\n",
    );
  });

  it("gives each failed command an error in its place and does the others", async () => {
    const { a } = clients();
    expect(await script(a, "multi", "set s x", "incr s", "set s y badoption", "append s z", "exec")).toBe(
      OK + QUEUED.repeat(4) + "*4\r\n" + OK +
        "-ERR value is not an integer or out of range\r\n-ERR syntax error\r\n:2\r\n",
    );
  });

  it.each([
    ["nope", "-ERR unknown command 'nope', with args beginning with: \r\n"],
    ["get", "-ERR wrong number of arguments for 'get' command\r\n"],
    ["lpush l x", "-ERR LPUSH is not supported: kvpaxos stores strings only\r\n"],
    ["kvunwatch 1", "-ERR Command not allowed inside a transaction\r\n"],
  ])("refuses EXEC after '%s' was refused", async (line, error) => {
    const { a, store } = clients();
    expect(await script(a, "multi", "set n 5", line, "set n 6", "exec")).toBe(
      OK + QUEUED + error + QUEUED + "-EXECABORT Transaction discarded because of previous errors.\r\n",
    );
    expect(store.size).toBe(0);
    expect(await a.call("ping")).toBe("+PONG\r\n");
  });

  it("says what is out of place", async () => {
    const { a } = clients();
    expect(await a.call("exec")).toBe("-ERR EXEC without MULTI\r\n");
    expect(await a.call("discard")).toBe("-ERR DISCARD without MULTI\r\n");
    expect(await script(a, "multi", "multi", "watch k", "set k v", "exec")).toBe(
      OK + "-ERR MULTI calls can not be nested\r\n-ERR WATCH inside MULTI is not allowed\r\n" + QUEUED + "*1\r\n" + OK,
    );
  });

  it("forgets what was queued at DISCARD and RESET", async () => {
    const { a, store } = clients();
    expect(await script(a, "multi", "set k v", "discard", "get k")).toBe(OK + QUEUED + OK + "$-1\r\n");
    expect(await script(a, "multi", "set k v", "reset", "get k")).toBe(OK + QUEUED + "+RESET\r\n$-1\r\n");
    expect(store.size).toBe(0);
  });

  it("bounds what is queued", async () => {
    const { a } = clients({ storeLimits: { maxTxnOperations: 3, maxCommandBytes: 1000 } });
    expect(await script(a, "multi", "get a", "get a", "get a", "get a", "exec")).toMatch(
      /-ERR transaction too large: .*\r\n-EXECABORT/,
    );
    expect(await script(a, "multi", `set a ${"v".repeat(900)}`, `set a ${"v".repeat(900)}`, "exec")).toMatch(
      /-ERR transaction too large: .*\r\n-EXECABORT/,
    );
  });

  it("passes on why a transaction was not executed", async () => {
    const { a, replication } = clients();
    replication.failure = new KvError("UNAVAILABLE", "stopping");
    expect(await script(a, "multi", "set a 1", "exec")).toBe(OK + QUEUED + "-TRYAGAIN stopping\r\n");
  });
});

describe("WATCH", () => {
  it("lets EXEC pass when the keys are as they were", async () => {
    const { a, b } = clients();
    await a.call("set", "k", "1");
    expect(await script(a, "watch k absent")).toBe(OK);
    await b.call("set", "other", "1");
    expect(await script(a, "multi", "set k 2", "exec")).toBe(OK + QUEUED + "*1\r\n" + OK);
  });

  it.each([
    ["was written", "set k 2"],
    ["was written with the same value", "set k 1"],
    ["was removed", "del k"],
    ["was given an expiry", "expire k 1000"],
    ["was created", "set absent 1"],
  ])("makes EXEC reply nil when a key %s", async (_what, line) => {
    const { a, b } = clients();
    await a.call("set", "k", "1");
    await script(a, "watch k absent");
    await script(b, line);
    expect(await script(a, "multi", "set k mine", "exec")).toBe(OK + QUEUED + "*-1\r\n");
    expect(await b.call("get", "k")).not.toBe(bulk("mine"));
    // EXEC has forgotten the keys.
    expect(await script(a, "multi", "set k mine", "exec")).toBe(OK + QUEUED + "*1\r\n" + OK);
  });

  it("notices a key that was removed and made again", async () => {
    const { a, b } = clients();
    await a.call("set", "k", "1");
    await a.call("watch", "k");
    await script(b, "del k", "set k 1");
    expect(await script(a, "multi", "ping", "exec")).toBe(OK + QUEUED + "*-1\r\n");
  });

  it("keeps the first look at a key that is watched twice", async () => {
    const { a, b } = clients();
    await a.call("watch", "k");
    await b.call("set", "k", "1");
    await a.call("watch", "k");
    expect(await script(a, "multi", "ping", "exec")).toBe(OK + QUEUED + "*-1\r\n");
  });

  it.each(["unwatch", "multi discard", "reset"])("is forgotten by %s", async (line) => {
    const { a, b } = clients();
    await a.call("watch", "k");
    for (const name of line.split(" ")) await a.call(name);
    await b.call("set", "k", "1");
    expect(await script(a, "multi", "ping", "exec")).toBe(OK + QUEUED + "*1\r\n+PONG\r\n");
  });

  it("looks before the GET that is sent together with it", async () => {
    const barriers: (() => void)[] = [];
    const { a, store } = clients({ scheduleBarrier: (run) => barriers.push(run) });
    const put = (value: string): void => {
      const bytes = new TextEncoder().encode(value);
      const how = { expiry: { type: "none" }, condition: "always", returnPrevious: false } as const;
      store.apply(encodeCommand({ type: "put", key: keyFromText("k"), value: bytes, ...how }), 0);
    };
    put("1");
    // Each barrier is followed, in the same turn, by a change, as a busy follower applies one batch after the other.
    let value = 1;
    const settled = async (replies: Promise<string>): Promise<string> => {
      let isSettled = false;
      void replies.finally(() => isSettled = true);
      while (!isSettled) {
        for (const release of barriers.splice(0)) {
          release();
          put(String(++value));
        }
        await new Promise((turn) => setImmediate(turn));
      }
      return await replies;
    };
    expect(await settled(script(a, "watch k", "get k"))).toMatch(/^\+OK\r\n\$1\r\n[12]\r\n/);
    expect(await settled(script(a, "multi", "set k mine", "exec"))).toBe(OK + QUEUED + "*-1\r\n");
  });

  it("stays when UNWATCH is queued, but EXEC looks first", async () => {
    const { a, b } = clients();
    await a.call("watch", "k");
    await b.call("set", "k", "1");
    expect(await script(a, "multi", "unwatch", "exec")).toBe(OK + QUEUED + "*-1\r\n");
  });

  it("sees the writes before it in a pipeline, and EXEC waits for it", async () => {
    const { a } = clients({ scheduleBarrier: (run) => void setTimeout(run, 2) });
    expect(await script(a, "set k 1", "watch k", "multi", "incr k", "exec", "get k")).toBe(
      OK + OK + OK + QUEUED + "*1\r\n:2\r\n" + bulk("2"),
    );
  });

  it("makes concurrent read-modify-write cycles lose nothing", async () => {
    const { context } = clients({ schedule: (run) => void setTimeout(run, 0) });
    const workers = Array.from({ length: 8 }, () => new MemoryClient(context));
    await Promise.all(workers.map(async (client) => {
      for (let done = 0; done < 10;) {
        await client.call("watch", "n");
        const reply = await client.call("get", "n");
        const next = Number(reply.startsWith("$-1") ? 0 : reply.split("\r\n")[1]) + 1;
        const replies = await script(client, "multi", `set n ${next}`, "exec");
        if (replies.endsWith("*1\r\n" + OK)) done++;
      }
    }));
    expect(await workers[0]!.call("get", "n")).toBe(bulk("80"));
  });
});
