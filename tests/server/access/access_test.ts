import { describe, expect, it } from "vitest";
import { keyFromText } from "../../../src/codec/bytes.ts";
import { type Command, NO_EXPIRY, type Operation } from "../../../src/core/kv/command.ts";
import { type Access, denialOf, FULL_ACCESS } from "../../../src/server/access/access.ts";

const key = keyFromText;
const put = (name: string): Operation => ({
  type: "put",
  key: key(name),
  value: new Uint8Array(),
  expiry: NO_EXPIRY,
  condition: "always",
  returnPrevious: false,
});
const get = (name: string): Operation => ({ type: "get", key: key(name) });
const range = (start: string, end: string | null): Operation => ({
  type: "range",
  start: key(start),
  end: end === null ? null : key(end),
  limit: 0,
  reverse: false,
  projection: "count",
});
const deleteRange = (start: string, end: string | null): Operation => ({
  type: "deleteRange",
  start: key(start),
  end: end === null ? null : key(end),
});
const txn = (compare: string[], then: Operation[], otherwise: Operation[] = []): Operation => ({
  type: "txn",
  compare: compare.map((name) => ({ key: key(name), target: "version", operator: "=", operand: 0 })),
  then,
  else: otherwise,
});
const once = (operation: Operation): Command => ({
  type: "once",
  session: key("s"),
  incarnation: null,
  sequence: 1,
  acknowledged: 0,
  operation,
});

const app: Access = { user: "app", role: "read-write", prefixes: [key("app/"), key("tmp/")] };
const reader: Access = { user: "reader", role: "read-only", prefixes: null };
const narrow: Access = { user: "narrow", role: "read-only", prefixes: [key("app/")] };

describe("what a user may do", () => {
  it("is everything for full access", () => {
    for (const command of [put("a"), deleteRange("", null), once(put("b")), range("", null)]) {
      expect(denialOf(FULL_ACCESS, command)).toBeNull();
    }
  });

  it.each<[string, Access, Command]>([
    ["a write within a prefix", app, put("app/1")],
    ["the prefix itself as a key", app, put("app/")],
    ["a second prefix", app, get("tmp/x")],
    ["a range that ends where the prefix does", app, range("app/", "app0")],
    ["a range inside", app, range("app/a", "app/b")],
    ["deleting a range inside", app, deleteRange("app/a", "app0")],
    ["a transaction inside", app, txn(["app/1"], [put("tmp/2")], [get("app/3")])],
    ["once inside", app, once(put("app/1"))],
    ["several keys inside", app, { type: "getMany", keys: [key("app/1"), key("tmp/1")] }],
    ["a session for who writes", app, { type: "openSession", session: key("s") }],
    ["any read for a reader", reader, range("", null)],
    ["a read-only transaction for a reader", reader, txn(["x"], [get("y")])],
  ])("includes %s", (_what, access, command) => {
    expect(denialOf(access, command)).toBeNull();
  });

  it.each<[string, Access, Command, string]>([
    ["a write outside", app, put("other"), '"other"'],
    ["a key that is shorter than the prefix", app, put("app"), '"app"'],
    ["a range that begins before", app, range("ap", "app0"), '"ap"'],
    ["a range that ends after", app, range("app/", "app1"), '"app1"'],
    ["a range without an end", app, range("app/", null), "on"],
    ["a range over both prefixes", app, range("app/", "tmp0"), '"tmp0"'],
    ["deleting everything", app, deleteRange("", null), "write"],
    ["a compare outside", app, txn(["secret"], [put("app/1")]), '"secret"'],
    ["a branch outside", app, txn([], [], [get("secret")]), '"secret"'],
    ["a transaction in a transaction outside", app, txn([], [txn([], [put("secret")])]), '"secret"'],
    ["once outside", app, once(put("secret")), '"secret"'],
    ["one of several keys outside", app, { type: "getMany", keys: [key("app/1"), key("secret")] }, '"secret"'],
    ["an increment outside", app, { type: "increment", key: key("n"), delta: 1n }, '"n"'],
    ["an expiry outside", app, { type: "expire", key: key("n"), expiry: NO_EXPIRY, condition: "always" }, '"n"'],
    ["what is for the server itself", app, { type: "expireDue", limit: 1 }, "server itself"],
    ["a write of a reader", reader, put("a"), "only read"],
    ["a deletion of a reader", reader, { type: "delete", key: key("a"), returnPrevious: true }, "only read"],
    ["a write in a reader's transaction", reader, txn([], [get("a"), put("a")]), "only read"],
    ["a session of a reader", reader, { type: "openSession", session: key("s") }, "sessions"],
    ["a write within a reader's prefix", narrow, put("app/1"), "only read"],
    ["a read outside a reader's prefix", narrow, get("b"), '"app/"'],
  ])("does not include %s", (_what, access, command, says) => {
    const denial = denialOf(access, command);
    expect(denial?.code).toBe("PERMISSION_DENIED");
    expect(denial?.message).toContain(says);
    expect(denial?.message).toContain(`user "${access.user}"`);
  });

  it("is told in one short line, whatever the key", () => {
    const denial = denialOf(app, get(`a\r\nb${"x".repeat(5000)}`));
    expect(denial?.message).not.toMatch(/[\r\n]/);
    expect(denial!.message.length).toBeLessThan(400);
  });
});
