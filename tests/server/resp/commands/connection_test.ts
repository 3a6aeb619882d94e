import { describe, expect, it } from "vitest";
import { KvError } from "../../../../src/core/errors.ts";
import { command, MemoryClient, splitReplies } from "../../../support/resp_client.ts";
import { testContext } from "../../../support/resp_server.ts";
import { secret } from "../../../support/secrets/secrets.ts";

const PASSWORD = secret("connection");

const OK = "+OK\r\n";
const bulk = (text: string): string => `$${text.length}\r\n${text}\r\n`;
const WRONGPASS = "-WRONGPASS invalid username-password pair or user is disabled.\r\n";

describe("READONLY and READWRITE", () => {
  it("make reads stale, which need no barrier, and linearizable again, until RESET", async () => {
    let barriers = 0;
    const { context, replication } = testContext({
      scheduleBarrier: (run) => {
        barriers++;
        setTimeout(run, 0);
      },
    });
    const client = new MemoryClient(context);
    await client.call("set", "a", "1");
    for (const args of [["get", "a"], ["mget", "a"], ["strlen", "a"], ["keys", "*"]]) {
      await client.call("readonly");
      const before = barriers;
      const stale = await client.call(...args);
      expect(barriers).toBe(before);
      await client.call(args[0] === "get" ? "reset" : "readwrite");
      expect(await client.call(...args)).toBe(stale);
      expect(barriers).toBe(before + 1);
    }
    client.raw(command("readonly") + command("get", "a") + command("readwrite") + command("get", "a"));
    for (const reply of [OK, bulk("1"), OK, bulk("1")]) expect(await client.next()).toBe(reply);
    expect(barriers).toBe(5);
    await client.call("readonly");
    replication.failure = new KvError("STORAGE_FAILED", "the disk");
    expect(await client.call("get", "a")).toMatch(/^-MISCONF/);
  });
});

describe("connection commands", () => {
  it.each<[string, string]>([
    ["ping", "+PONG\r\n"],
    ["PiNg hi", bulk("hi")],
    ["ping a b", "-ERR wrong number of arguments for 'ping' command\r\n"],
    ["echo hi", bulk("hi")],
    ["echo", "-ERR wrong number of arguments for 'echo' command\r\n"],
    ["select 0", OK],
    ["select 1", "-ERR DB index is out of range\r\n"],
    ["select x", "-ERR value is not an integer or out of range\r\n"],
    ["reset", "+RESET\r\n"],
    ["hello 4", "-NOPROTO unsupported protocol version\r\n"],
    ["hello x", "-ERR Protocol version is not an integer or out of range\r\n"],
    ["hello 3 foo", "-ERR Syntax error in HELLO option 'foo'\r\n"],
    [
      "auth x",
      "-ERR AUTH <password> called without any password configured for the default user. Are you sure your " +
      "configuration is correct?\r\n",
    ],
    ["auth default x", OK],
    ["auth other x", WRONGPASS],
    ["client id", ":1\r\n"],
    ["client getname", "$-1\r\n"],
    ["client setname a\nb", "-ERR Client names cannot contain spaces, newlines or special characters.\r\n"],
    ["client setinfo lib-name x", OK],
    ["client setinfo lib x", "-ERR Unrecognized option 'lib'\r\n"],
    ["client no-evict on", OK],
    ["client no-touch off", OK],
    ["client tracking off", OK],
    ["client tracking on", "-ERR CLIENT TRACKING is not supported: KVWATCH follows the changes of keys\r\n"],
    ["client getredir", ":-1\r\n"],
    ["client kill 1.2.3.4:5", "-ERR No such client\r\n"],
    ["client kill id 99", ":0\r\n"],
    ["client kill foo bar", "-ERR syntax error\r\n"],
    ["client nope", "-ERR unknown subcommand 'nope'. Try CLIENT HELP.\r\n"],
    ["client setname", "-ERR wrong number of arguments for 'client|setname' command\r\n"],
    ["client", "-ERR wrong number of arguments for 'client' command\r\n"],
    ["nope a b", "-ERR unknown command 'nope', with args beginning with: 'a' 'b' \r\n"],
    ["ZADD z 1 a", "-ERR ZADD is not supported: kvpaxos stores strings only\r\n"],
  ])("answers '%s' as Redis does", async (line, expected) => {
    const client = new MemoryClient(testContext().context);
    expect(await client.call(...line.split(" "))).toBe(expected);
  });

  it("cuts what an unknown command repeats", async () => {
    const client = new MemoryClient(testContext().context);
    const reply = await client.call("x".repeat(300), "y".repeat(300), "z");
    expect(reply).toBe(
      `-ERR unknown command '${"x".repeat(128)}', with args beginning with: '${"y".repeat(128)}' \r\n`,
    );
  });

  it("says what the server is in HELLO, in the version asked for", async () => {
    const client = new MemoryClient(testContext().context);
    expect(await client.call("hello")).toMatch(/^\*14\r\n\$6\r\nserver\r\n\$7\r\nkvpaxos\r\n/);
    const three = await client.call("HELLO", "3", "SETNAME", "me");
    expect(three).toMatch(/^%7\r\n/);
    expect(three).toContain("$5\r\nproto\r\n:3\r\n");
    expect(await client.call("client", "getname")).toBe(bulk("me"));
    expect(await client.call("get", "absent")).toBe("_\r\n");
    expect(await client.call("reset")).toBe("+RESET\r\n");
    expect(await client.call("get", "absent")).toBe("$-1\r\n");
    expect(await client.call("client", "getname")).toBe("$-1\r\n");
  });

  it("lets nobody in without the password", async () => {
    const client = new MemoryClient(testContext({ password: PASSWORD }).context);
    const noauth = "-NOAUTH Authentication required.\r\n";
    expect(await client.call("get", "k")).toBe(noauth);
    expect(await client.call("nope")).toMatch(/^-ERR unknown command/);
    expect(await client.call("hello", "3")).toMatch(/^-NOAUTH HELLO must be called/);
    for (const wrong of ["", PASSWORD.slice(0, -1), `${PASSWORD}!`, PASSWORD.toUpperCase()]) {
      expect(await client.call("auth", wrong)).toBe(WRONGPASS);
    }
    expect(await client.call("hello", "3", "AUTH", "default", "wrong")).toBe(WRONGPASS);
    expect(await client.call("auth", "root", PASSWORD)).toBe(WRONGPASS);
    expect(await client.call("get", "k")).toBe(noauth);
    expect(await client.call("auth", PASSWORD)).toBe(OK);
    expect(await client.call("get", "k")).toBe("$-1\r\n");
    expect(await client.call("reset")).toBe("+RESET\r\n");
    expect(await client.call("get", "k")).toBe(noauth);
    expect(await client.call("hello", "3", "AUTH", "default", PASSWORD, "SETNAME", "me")).toMatch(/^%7/);
    expect(await client.call("get", "k")).toBe("_\r\n");
  });

  it("takes only small requests before the password", () => {
    const client = new MemoryClient(testContext({ password: PASSWORD }).context);
    client.raw("*2\r\n$3\r\nGET\r\n$20000\r\n");
    expect(client.wire()).toBe("-ERR Protocol error: unauthenticated bulk length\r\n");
    expect(client.transport.ended).toBe(true);
  });

  it("closes at QUIT, behind the replies", async () => {
    const client = new MemoryClient(testContext().context);
    client.raw(command("set", "k", "v") + command("quit") + command("get", "k"));
    await client.next();
    expect(await client.next()).toBe(OK);
    expect(client.transport.ended).toBe(true);
    expect(client.wire()).toBe("");
  });

  it("lists and closes clients", async () => {
    const { context } = testContext();
    const [a, b, c] = [new MemoryClient(context), new MemoryClient(context), new MemoryClient(context)];
    await a.call("client", "setname", "first");
    await b.call("multi");
    const list = await a.call("client", "list");
    expect(list).toMatch(/id=1 addr=127.0.0.1:50000 laddr=127.0.0.1:32000 name=first .*cmd=client/);
    expect(list).toMatch(/id=2 .*flags=x .*multi=0/);
    expect(await a.call("client", "list", "id", "2", "3")).not.toContain("id=1 ");
    expect(await a.call("client", "list", "type", "pubsub")).toBe("$0\r\n\r\n");
    expect(await a.call("client", "info")).toContain("name=first");
    expect(await a.call("client", "kill", "id", "2")).toBe(":1\r\n");
    expect([a, b, c].map(({ transport }) => transport.destroyed)).toEqual([false, true, false]);
    expect(await a.call("client", "kill", "id", "1", "skipme", "no")).toBe(":1\r\n");
    expect(a.transport.ended).toBe(true);
  });

  it("explains itself", async () => {
    const client = new MemoryClient(testContext().context);
    for (const container of ["client", "config", "command", "session"]) {
      const reply = await client.call(container, "help");
      expect(splitReplies(reply)).toHaveLength(1);
      expect(reply).toContain(`+${container.toUpperCase()} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:`);
    }
  });
});
