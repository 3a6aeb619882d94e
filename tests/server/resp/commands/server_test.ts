import { describe, expect, it } from "vitest";
import { MemoryClient, splitReplies } from "../../../support/resp_client.ts";
import { testContext } from "../../../support/resp_server.ts";
import { commandTable } from "../../../../src/server/resp/command_table.ts";

const bulk = (text: string): string => `$${text.length}\r\n${text}\r\n`;
const client = (): MemoryClient => new MemoryClient(testContext({ config: { tcpPort: 1234 } }).context);

describe("server commands", () => {
  it("counts keys, unfinished writes before it included", async () => {
    const one = client();
    one.raw("set a 1\r\nset b 1\r\ndbsize\r\n");
    await one.next();
    await one.next();
    expect(await one.next()).toBe(":2\r\n");
    expect(await one.call("dbsize")).toBe(":2\r\n");
  });

  it("tells the time in seconds and microseconds", async () => {
    const [, , seconds, , micros] = (await client().call("time")).split("\r\n");
    expect(Math.abs(Number(seconds) - Date.now() / 1000)).toBeLessThan(60);
    expect(Number(micros)).toBeLessThan(1_000_000);
  });

  it("gives the sections of INFO that clients read", async () => {
    const one = client();
    const all = await one.call("info");
    for (const field of ["redis_version:7", "loading:0", "connected_clients:", "role:master", "tcp_port:1234"]) {
      expect(all).toContain(field);
    }
    const server = await one.call("INFO", "server");
    expect(server).toContain("# Server\r\n");
    expect(server).not.toContain("# Clients");
    expect(await one.call("info", "nope")).toBe("$0\r\n\r\n");
    expect(await one.call("info", "everything")).toContain("# Keyspace");
    await one.call("set", "a", "1");
    expect(await one.call("info", "keyspace")).toContain("db0:keys=1");
  });

  it("counts what happens", async () => {
    const one = client();
    await one.call("set", "a", "1");
    await one.call("get", "a");
    await one.call("get", "b");
    await one.call("nope");
    const stats = await one.call("info", "stats");
    for (
      const field of ["total_commands_processed:4", "keyspace_hits:1", "keyspace_misses:1", "total_error_replies:1"]
    ) {
      expect(stats).toContain(field);
    }
    expect(await one.call("config", "resetstat")).toBe("+OK\r\n");
    expect(await one.call("info", "stats")).toContain("keyspace_hits:0");
  });

  it("shows its configuration by pattern, and changes none of it", async () => {
    const one = client();
    expect(await one.call("config", "get", "save")).toBe("*2\r\n" + bulk("save") + bulk(""));
    expect(await one.call("CONFIG", "GET", "APPEND*", "port")).toBe(
      "*6\r\n" + ["appendfsync", "always", "appendonly", "yes", "port", "1234"].map(bulk).join(""),
    );
    expect(await one.call("config", "get", "nope")).toBe("*0\r\n");
    expect(await one.call("config", "set", "save", "")).toMatch(/^-ERR CONFIG SET is not supported/);
    expect(await one.call("config", "rewrite")).toBe("-ERR The server is running without a config file\r\n");
  });

  it("describes its commands", async () => {
    const one = client();
    const count = commandTable.all.length;
    expect(await one.call("command", "count")).toBe(`:${count}\r\n`);
    expect(await one.call("command")).toMatch(new RegExp(`^\\*${count}\r\n\\*10\r\n`));
    expect(await one.call("command", "info")).toMatch(new RegExp(`^\\*${count}\r\n`));
    expect(await one.call("command", "info", "get", "nope")).toMatch(
      /^\*2\r\n\*10\r\n\$3\r\nget\r\n:2\r\n\*2\r\n\+readonly\r\n\+fast\r\n:1\r\n:1\r\n:1\r\n[^]*\*-1\r\n$/,
    );
    expect(await one.call("command", "docs", "get")).toContain("$7\r\nsummary\r\n");
    expect(splitReplies(await one.call("command", "docs"))).toHaveLength(1);
    expect(await one.call("command", "list", "filterby", "pattern", "ge*x")).toBe("*1\r\n" + bulk("getex"));
    expect(await one.call("command", "getkeys", "mset", "a", "1", "b", "2")).toBe("*2\r\n" + bulk("a") + bulk("b"));
    expect(await one.call("command", "getkeys", "ping", "x")).toBe("-ERR The command has no key arguments\r\n");
    expect(await one.call("command", "getkeys", "nope", "x")).toBe("-ERR Invalid command specified\r\n");
    expect(await one.call("command", "getkeys", "get", "a", "b")).toBe(
      "-ERR Invalid number of arguments specified for command\r\n",
    );
  });

  it("has every command that it promises", () => {
    const promised =
      "ping echo hello auth select quit reset client command info config dbsize time get set put setnx setex psetex getset " +
      "getdel getex mget mset msetnx del delete unlink exists type append strlen getrange setrange incr decr incrby decrby " +
      "incrbyfloat expire pexpire expireat pexpireat ttl pttl expiretime pexpiretime persist keys scan randomkey flushdb " +
      "flushall multi exec discard watch unwatch kv kvwatch kvunwatch kvevents session once";
    for (const name of promised.split(" ")) expect(commandTable.get(name)?.name).toBe(name);
  });
});
