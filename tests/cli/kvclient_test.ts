import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { keyFromText, textToBytes } from "../../src/codec/bytes.ts";
import { KvError } from "../../src/core/errors.ts";
import { NO_EXPIRY } from "../../src/core/kv/command.ts";
import { showBytes } from "../../cli/kvclient/display.ts";
import { parseStatement } from "../../cli/kvclient/prompt_language.ts";
import { FakeStore, kvclient } from "./fakes.ts";
import { secret } from "../support/secrets/secrets.ts";

const PASSWORD = secret("kvclient");

const PROFILE = "/home/user/.config/kvpaxos/client.json";

async function filled(entries: Readonly<Record<string, string | Uint8Array>>): Promise<FakeStore> {
  const store = new FakeStore();
  for (const [key, value] of Object.entries(entries)) {
    await store.execute({
      type: "put",
      key: keyFromText(key),
      value: typeof value === "string" ? textToBytes(value) : value,
      expiry: NO_EXPIRY,
      condition: "always",
      returnPrevious: false,
    });
  }
  return store;
}

describe("put, get and delete", () => {
  it("store, print and remove a value", async () => {
    const store = new FakeStore();
    expect(await kvclient(["put", "k", "v"], { store })).toMatchObject({ code: 0, output: "OK (revision 1)\n" });
    expect(await kvclient(["get", "k"], { store })).toMatchObject({ code: 0, output: "v" });
    expect(await kvclient(["get", "k"], { store, tty: true })).toMatchObject({ code: 0, output: "v\n" });
    expect(await kvclient(["get", "k", "--revision"], { store })).toMatchObject({ code: 0, output: "1\n" });
    expect(JSON.parse((await kvclient(["get", "k", "-o", "json"], { store })).output)).toEqual({
      key: "k",
      present: true,
      value: "v",
      version: 1,
      createRevision: 1,
      modRevision: 1,
      expiry: 0,
      revision: 1,
    });
    expect(await kvclient(["delete", "k", "other"], { store })).toMatchObject({
      code: 0,
      output: "1 deleted (revision 2)\n",
    });
    expect(await kvclient(["get", "k"], { store })).toMatchObject({
      code: 3,
      output: "",
      error: "kvclient: (absent)\n",
    });
    expect(await kvclient(["delete", "k"], { store })).toMatchObject({ code: 3, output: "" });
    expect(store.closed).toBe(8);
  });

  it("carry every byte from standard input and files, and out again", async () => {
    await fc.assert(fc.asyncProperty(fc.uint8Array(), async (value) => {
      const store = new FakeStore();
      await kvclient(["put", "k", "-"], { store, input: value });
      expect((await kvclient(["get", "k"], { store })).terminal.bytes).toEqual(value);
    }));
    const store = new FakeStore();
    await kvclient(["put", "k", "--file", "f"], { store, files: { f: "from a file\n" } });
    await kvclient(["put", "empty"], { store });
    expect((await kvclient(["get", "k"], { store })).output).toBe("from a file\n");
    expect(await kvclient(["get", "empty"], { store })).toMatchObject({ code: 0, output: "" });
    expect(await kvclient(["put", "k"], { store, tty: true })).toMatchObject({ code: 2 });
    expect(await kvclient(["put", "k", "v", "--file", "f"], { store })).toMatchObject({ code: 2 });
    expect(await kvclient(["put", "k", "--file", "nowhere"], { store })).toMatchObject({ code: 1 });
  });

  it("send no control characters to a terminal", async () => {
    const store = await filled({ k: "red \x1b[31m, a tab\t and a \\n\n", bytes: Uint8Array.of(255, 0, 65) });
    expect((await kvclient(["get", "k"], { store, tty: true })).output).toBe(
      "red \\x1b[31m, a tab\t and a \\n\n\n",
    );
    expect((await kvclient(["get", "bytes"], { store, tty: true })).output).toBe("\\xff\\x00A\n");
  });

  it("write conditionally, and say by the exit code when the condition does not hold", async () => {
    const store = await filled({ k: "v" });
    expect(await kvclient(["put", "k", "w", "--if-absent"], { store })).toMatchObject({ code: 6, output: "" });
    expect(await kvclient(["put", "k", "w", "--if-revision", "9"], { store })).toMatchObject({ code: 6 });
    expect(await kvclient(["put", "k", "w", "--if-revision", "1"], { store })).toMatchObject({ code: 0 });
    expect(await kvclient(["put", "new", "w", "--if-revision", "0"], { store })).toMatchObject({ code: 0 });
    expect(await kvclient(["put", "k", "w", "--if-absent", "-o", "json"], { store })).toMatchObject({ code: 6 });
    expect(await kvclient(["put", "k", "w", "--if-absent", "--if-revision", "0"], { store })).toMatchObject({
      code: 2,
    });
  });

  it("set how long a key lives", async () => {
    const store = new FakeStore();
    await kvclient(["put", "k", "v", "--ttl", "10s"], { store });
    expect(store.kv.entry(keyFromText("k"))?.expiry).toBe(1_700_000_010_000);
    expect(await kvclient(["put", "k", "v", "--ttl", "soon"], { store })).toMatchObject({ code: 2 });
  });
});

describe("range", () => {
  const entries = Object.fromEntries(Array.from({ length: 600 }, (_, i) => [`k${String(i).padStart(3, "0")}`, `${i}`]));

  it("lists keys and values in order over as many pages as it takes", async () => {
    const store = await filled(entries);
    const lines = (await kvclient(["range"], { store })).output.trimEnd().split("\n");
    expect(lines).toEqual(Object.entries(entries).map(([key, value]) => `${key}\t${value}`));
    const json = JSON.parse((await kvclient(["range", "-o", "json"], { store })).output);
    expect([json.count, json.more, json.entries.length, json.entries[599].value]).toEqual([600, false, 600, "599"]);
    expect((await kvclient(["range", "--count-only"], { store })).output).toBe("600\n");
    expect(JSON.parse((await kvclient(["range", "--prefix", "x", "-o", "json"], { store })).output).entries).toEqual(
      [],
    );
  });

  it("keeps to its bounds, limit and direction", async () => {
    const store = await filled(entries);
    const keys = async (...args: string[]): Promise<string[]> =>
      (await kvclient(["range", "--keys-only", ...args], { store })).output.split("\n").slice(0, -1);
    expect(await keys("--prefix", "k01", "--limit", "2")).toEqual(["k010", "k011"]);
    expect(await keys("--start", "k597")).toEqual(["k597", "k598", "k599"]);
    expect(await keys("--end", "k002", "--reverse")).toEqual(["k001", "k000"]);
    expect((await keys("--reverse", "--limit", "300")).at(-1)).toBe("k300");
    expect(await kvclient(["range", "--prefix", "k", "--start", "a"], { store })).toMatchObject({ code: 2 });
  });

  it("asks for less where a page does not fit a reply", async () => {
    const store = await filled(entries);
    store.distort = (result, operation) =>
      operation.type === "range" && operation.limit > 10
        ? { type: "error", revision: 0, code: "MESSAGE_TOO_LARGE", message: "too large" }
        : result;
    expect((await kvclient(["range", "--keys-only"], { store })).output.trimEnd().split("\n").length).toBe(600);
  });
});

describe("txn", () => {
  const text = JSON.stringify({
    compare: [{ key: "a", target: "version", operand: 0 }],
    then: [{ type: "put", key: "a", value: "1" }, { type: "get", key: "a" }],
    else: [{ type: "increment", key: "a", delta: 1 }],
  });

  it("does one branch or the other and says which by its exit code", async () => {
    const store = new FakeStore();
    expect(await kvclient(["txn"], { store, input: text })).toMatchObject({
      code: 0,
      output: "succeeded\n  OK (revision 1)\n  1\n",
    });
    const second = await kvclient(["txn", "file", "-o", "json"], { store, files: { file: text } });
    expect(second.code).toBe(6);
    expect(JSON.parse(second.output)).toMatchObject({ succeeded: false, results: [{ type: "integer", value: 2 }] });
  });

  it("says what is wrong with its JSON", async () => {
    expect(await kvclient(["txn"], { input: "{" })).toMatchObject({ code: 1, output: "" });
    const { code, error } = await kvclient(["txn"], { input: '{"then":[{"type":"putt"}]}' });
    expect(code).toBe(1);
    expect(error).toContain("standard input is no transaction: then.0.type");
    expect(await kvclient(["txn"], { tty: true })).toMatchObject({ code: 2 });
  });
});

describe("watch and status", () => {
  it("prints events until it has seen enough of them", async () => {
    const store = await filled({ "a/1": "x", b: "y", "a/2": "z" });
    const { code, output } = await kvclient(["watch", "--prefix", "a/", "--from-revision", "1", "--count", "2"], {
      store,
    });
    expect([code, output]).toEqual([0, "put a/1 = x (revision 1)\nput a/2 = z (revision 3)\n"]);
    const json = await kvclient(["watch", "b", "--from-revision", "1", "--count", "1", "-o", "json"], { store });
    expect(JSON.parse(json.output)).toMatchObject({ type: "put", key: "b", revision: 2, entry: { value: "y" } });
    expect(await kvclient(["watch", "b", "--prefix", "a"], { store })).toMatchObject({ code: 2 });
  });

  it("shows what the server says of itself", async () => {
    const store = await filled({ a: "1" });
    expect((await kvclient(["status"], { store })).output).toBe("version     0.1.0\nstore.keys  1\nlog         null\n");
    expect(JSON.parse((await kvclient(["status", "-o", "json"], { store })).output)).toMatchObject([
      { server: "127.0.0.1:32000", reachable: true, role: "master", store: { keys: 1 } },
    ]);
  });
});

describe("errors", () => {
  it("end with the code that fits and say what to do", async () => {
    const failing = (code: KvError["code"], args: readonly string[] = ["get", "k"]): ReturnType<typeof kvclient> => {
      const store = new FakeStore();
      store.execute = () => Promise.reject(new KvError(code, `it is ${code}`));
      return kvclient(args, { store });
    };
    expect(await failing("UNAVAILABLE")).toMatchObject({ code: 5, error: "kvclient: it is UNAVAILABLE\n" });
    expect(await failing("DEADLINE_EXCEEDED")).toMatchObject({ code: 5 });
    expect(await failing("LIMIT_EXCEEDED")).toMatchObject({ code: 1 });
    expect((await failing("UNAUTHENTICATED")).error).toContain("--password-file");
    const { code, error } = await failing("UNAVAILABLE", ["get", "k", "-o", "json"]);
    expect([code, JSON.parse(error)]).toEqual([
      5,
      { error: { code: "UNAVAILABLE", message: "it is UNAVAILABLE", retryable: true } },
    ]);
  });
});

describe("the server to talk to", () => {
  async function targetOf(
    args: readonly string[],
    env: Readonly<Record<string, string>> = {},
    profile?: string,
  ): Promise<unknown> {
    const store = new FakeStore();
    const files = profile === undefined ? {} : { [PROFILE]: profile };
    const { code, error } = await kvclient([...args, "status"], { store, env, files });
    if (code !== 0) return error;
    const { servers, protocol } = store.targets[0]!;
    return `${protocol} ${servers.map(({ host, port }) => `${host} ${port}`).join(", ")}`;
  }
  const saved = '{"servers":["10.0.0.1:4000"],"protocol":"http","httpPort":4444}';

  it("comes from the arguments, the environment, the profile, or the default", async () => {
    expect(await targetOf([])).toBe("tcp 127.0.0.1 32000");
    expect(await targetOf([], {}, saved)).toBe("http 10.0.0.1 4444");
    expect(await targetOf(["--port", "5"], {}, saved)).toBe("http 10.0.0.1 1005");
    expect(await targetOf(["--protocol", "tcp"], {}, saved)).toBe("tcp 10.0.0.1 4000");
    expect(await targetOf([], { KVCLIENT_SERVER_IP: "h", KVCLIENT_PROTOCOL: "UDP" }, saved)).toBe("udp h 4000");
    expect(await targetOf(["--server", "a:1,b,[::1]:3"])).toBe("tcp a 1, b 32000, ::1 3");
    expect(await targetOf(["--port", "7"], { KVCLIENT_SERVER: "a:1" })).toBe("tcp 127.0.0.1 7");
    expect(await targetOf(["--protocol", "rpc", "--server", "a:1,b:2"])).toBe("rpc a 1001, b 1002");
    expect(await targetOf(["--protocol", "rpc", "--http-port", "9"])).toBe("rpc 127.0.0.1 9");
  });

  it("is refused where it makes no sense", async () => {
    expect(await targetOf(["--server", "a:1", "--port", "2"])).toContain("leave out --server-ip and --port");
    expect(await targetOf(["--server", "a:b"])).toContain('"a:b" is not HOST:PORT');
    expect(await targetOf(["--server", "a:99999"])).toContain("is not a port");
    expect(await targetOf(["--protocol", "http", "--port", "65000"])).toContain("past 65535");
    expect(await targetOf(["--protocol", "udp", "--password", "x"])).toContain("UDP cannot carry a password");
    expect(await targetOf([], {}, "{}")).toContain("client.json is not a profile; remove it");
    expect(await targetOf(["--port", "5"], {}, "{}")).toBe("tcp 127.0.0.1 5");
  });

  it("is saved when arguments name it and it answers, and not otherwise", async () => {
    const args = ["--server_ip", "127.0.0.1", "--port", "32001", "--protocol", "TCP"];
    const first = await kvclient(args);
    expect(first).toMatchObject({ code: 0 });
    expect(first.output).toContain("Connected to 127.0.0.1:32001 by TCP: kvserver 0.1.0");
    expect(JSON.parse(first.terminal.files.get(PROFILE)!)).toEqual({ servers: ["127.0.0.1:32001"], protocol: "tcp" });
    const elsewhere = await kvclient(args, { env: { XDG_CONFIG_HOME: "/etc/xdg" } });
    expect(elsewhere.terminal.files.has("/etc/xdg/kvpaxos/client.json")).toBe(true);
    expect((await kvclient([])).terminal.files.size).toBe(0);
    expect((await kvclient([...args, "status"])).terminal.files.size).toBe(0);
    const down = new FakeStore();
    down.status = () => Promise.reject(new KvError("UNAVAILABLE", "down"));
    const failed = await kvclient(args, { store: down });
    expect([failed.code, failed.error, failed.terminal.files.size]).toEqual([5, "kvclient: down\n", 0]);
  });

  it("never has its password saved", async () => {
    const { terminal } = await kvclient(["--port", "32001", "--password", PASSWORD]);
    expect([...terminal.files.values()].join("")).not.toContain(PASSWORD);
  });
});

describe("the prompt", () => {
  it("takes commands in either case, and no error ends it", async () => {
    const store = new FakeStore();
    const typed = [
      'put a "hello, world"',
      "GET a",
      "get b",
      "gett a",
      "put a",
      "Incr n 5",
      "DELETE a",
      "HELP",
      "exit",
      "get n",
    ];
    const { code, output, error, terminal } = await kvclient([], { store, tty: true, typed, env: { NO_COLOR: "1" } });
    expect(code).toBe(0);
    expect(output.split("\n").slice(2, 7)).toEqual([
      "OK (revision 1)",
      "hello, world",
      "(absent)",
      "5",
      "1 deleted (revision 3)",
    ]);
    expect(error).toBe(
      'error: unknown command "gett"; did you mean GET?\nerror: the value is missing; write PUT key value [TTL 10s]\n',
    );
    expect(output).toContain("RANGE [prefix] [LIMIT n]");
    const history = terminal.files.get("/home/user/.local/state/kvpaxos/history")!;
    expect(history.split("\n")).toEqual([...typed.slice(0, 9), ""]);
    expect(terminal.promptOptions?.complete("de")).toEqual(["DELETE "]);
  });

  it("goes on after a server that does not answer", async () => {
    const store = new FakeStore();
    store.distort = () => ({ type: "error", revision: 0, code: "DEADLINE_EXCEEDED", message: "too late" });
    const { code, error } = await kvclient([], { store, tty: true, typed: ["get a", "get b"], env: { NO_COLOR: "1" } });
    expect([code, error]).toEqual([0, "error: too late\nerror: too late\n"]);
  });

  it("reads standard input where that is no terminal, and says whether anything failed", async () => {
    const store = new FakeStore();
    expect(await kvclient([], { store })).toMatchObject({ code: 0, error: "" });
    expect(await kvclient([], { store, input: "# a comment\n\nPUT a 1\nGET a\nGET zz\n" })).toMatchObject({ code: 0 });
    const { code, output, error } = await kvclient([], { store, input: "FROB\nGET a\nEXIT\nGET a\n" });
    expect([code, output.split("\n").slice(1), error]).toEqual([
      1,
      ["1", ""],
      'error: unknown command "FROB"; HELP lists the commands\n',
    ]);
    expect(await kvclient([], { store, input: "PUT t text\nINCR t\nGET a\n" })).toMatchObject({ code: 1 });
    const json = await kvclient(["-o", "json"], { store, input: "GET a\n" });
    expect(json.output.trimEnd().split("\n").map((line) => JSON.parse(line))).toMatchObject([
      { connected: { protocol: "tcp", version: "0.1.0" } },
      { type: "get", entry: { value: "1" } },
    ]);
  });

  it("reads what it shows: any bytes in double quotes", () => {
    fc.assert(fc.property(fc.uint8Array({ minLength: 1 }), (value) => {
      const shown = showBytes(value).replaceAll('"', '\\"');
      expect(parseStatement(`PUT k "${shown}"`)).toMatchObject({ operation: { type: "put", value } });
    }));
    fc.assert(fc.property(fc.string(), (text) => {
      const value = textToBytes(text);
      const shown = showBytes(value).replaceAll('"', '\\"');
      expect(parseStatement(`PUT k "${shown}"`)).toMatchObject({ operation: { type: "put", value } });
    }));
  });

  it("splits a line as a shell does", () => {
    const value = (line: string): unknown => parseStatement(line);
    expect(value("put a 'it\\n'")).toMatchObject({ operation: { key: "a", value: textToBytes("it\\n") } });
    expect(value('put "a b"c "x\\ty"')).toMatchObject({ operation: { key: "a bc", value: textToBytes("x\ty") } });
    expect(value("put k ''")).toMatchObject({ operation: { value: textToBytes("") } });
    expect(value("put color #ff0000")).toMatchObject({ operation: { value: textToBytes("#ff0000") } });
    expect(value("set a b TTL 5s")).toMatchObject({ operation: { expiry: { type: "after", duration_ms: 5000 } } });
    expect(value("range user/ limit 5")).toMatchObject({ operation: { start: "user/", end: "user0", limit: 5 } });
    expect(value("range")).toMatchObject({ operation: { start: "", end: null, limit: 100 } });
    expect(value("incr n -3")).toMatchObject({ operation: { delta: -3n } });
    const bad: readonly (readonly [line: string, message: string])[] = [
      ["put a b c", '"c" is too much; a value with spaces needs quotes; write PUT key value [TTL 10s]'],
      ["get", "the key is missing; write GET key"],
      ["put a 'b", "the quote that begins at 'b does not end"],
      ['put a "\\q"', "\\q is no escape"],
      ["incr n 1.5", 'the step "1.5" is not a whole number'],
      ["incr n 9223372036854775808", "is not a signed 64-bit integer"],
      ["put a b TTL x", 'TTL "x" is not a duration'],
      ["exit now", '"now" is too much'],
      ["constructor", 'unknown command "constructor"'],
    ];
    for (const [line, message] of bad) expect(() => parseStatement(line), line).toThrow(message);
  });
});
