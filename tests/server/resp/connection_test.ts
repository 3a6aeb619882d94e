import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { systemClock } from "../../../src/adapters/system_clock.ts";
import { KvError } from "../../../src/core/errors.ts";
import { command, MemoryClient, MemoryTransport, splitReplies, until } from "../../support/resp_client.ts";
import { testContext, type TestContextOptions } from "../../support/resp_server.ts";

const OK = "+OK\r\n";
const bulk = (text: string): string => `$${text.length}\r\n${text}\r\n`;

/** Things that a test lets happen when it wants. */
class Steps {
  readonly due: (() => void)[] = [];
  readonly add = (run: () => void): void => {
    this.due.push(run);
  };

  /** Lets the thing at `place` happen; whether there was one. */
  run(place = 0): boolean {
    const [run] = this.due.splice(place % Math.max(this.due.length, 1), 1);
    run?.();
    return run !== undefined;
  }

  runAll(): void {
    while (this.run());
  }
}

/** A client whose server does nothing by itself. */
function steppedClient(
  options: TestContextOptions & { readonly barriers?: boolean } = {},
): { client: MemoryClient; steps: Steps } & ReturnType<typeof testContext> {
  const steps = new Steps();
  const test = testContext({
    ...options,
    schedule: steps.add,
    ...(options.barriers ? { scheduleBarrier: steps.add } : {}),
    clock: { ...systemClock, defer: steps.add },
  });
  return { client: new MemoryClient(test.context), steps, ...test };
}

/** What a single-threaded server would reply. */
class Model {
  readonly #values = new Map<string, string>();
  #name = "";
  #queued: (readonly string[])[] | null = null;

  reply(args: readonly string[]): string {
    const [name, key = "", value = ""] = args;
    const queued = this.#queued;
    if (name === "MULTI") {
      if (queued !== null) return "-ERR MULTI calls can not be nested\r\n";
      this.#queued = [];
      return OK;
    }
    if (name === "EXEC") {
      this.#queued = null;
      if (queued === null) return "-ERR EXEC without MULTI\r\n";
      if (queued.some(([each]) => each === "NOPE")) {
        return "-EXECABORT Transaction discarded because of previous errors.\r\n";
      }
      return `*${queued.length}\r\n` + queued.map((each) => this.reply(each)).join("");
    }
    if (queued !== null) {
      queued.push(args);
      if (name !== "NOPE") return "+QUEUED\r\n";
    }
    const old = this.#values.get(key);
    switch (name) {
      case "SET":
        this.#values.set(key, value);
        return OK;
      case "GET":
        return old === undefined ? "$-1\r\n" : bulk(old);
      case "MGET":
        return `*${args.length - 1}\r\n` + args.slice(1).map((one) => this.reply(["GET", one])).join("");
      case "DEL":
        this.#values.delete(key);
        return `:${old === undefined ? 0 : 1}\r\n`;
      case "APPEND":
        this.#values.set(key, (old ?? "") + value);
        return `:${(old ?? "").length + value.length}\r\n`;
      case "INCR": {
        const number = /^(0|[1-9]\d{0,15})$/.test(old ?? "0") ? Number(old ?? 0) + 1 : NaN;
        if (Number.isNaN(number)) return "-ERR value is not an integer or out of range\r\n";
        this.#values.set(key, `${number}`);
        return `:${number}\r\n`;
      }
      case "CLIENT":
        if (key === "GETNAME") return this.#name === "" ? "$-1\r\n" : bulk(this.#name);
        this.#name = value;
        return OK;
      case "PING":
        return "+PONG\r\n";
      case "DBSIZE":
        return `:${this.#values.size}\r\n`;
      default:
        return `-ERR unknown command '${name}', with args beginning with: \r\n`;
    }
  }
}

const key = fc.constantFrom("a", "b", "c");
const request: fc.Arbitrary<readonly string[]> = fc.oneof<fc.Arbitrary<readonly string[]>[]>(
  fc.tuple(fc.constant("SET"), key, fc.oneof(fc.constantFrom("0", "7", "x"), fc.string({ unit: "binary-ascii" }))),
  fc.tuple(fc.constant("GET"), key),
  fc.tuple(fc.constant("GET"), key),
  fc.tuple(fc.constant("MGET"), key, key),
  fc.tuple(fc.constant("DEL"), key),
  fc.tuple(fc.constant("APPEND"), key, fc.constantFrom("1", "y", "")),
  fc.tuple(fc.constant("INCR"), key),
  fc.constantFrom("PING", "DBSIZE", "NOPE").map((name) => [name]),
  fc.constantFrom("MULTI", "EXEC", "EXEC").map((name) => [name]),
  fc.constantFrom(["CLIENT", "GETNAME"], ["CLIENT", "SETNAME", "me"], ["CLIENT", "SETNAME", "you"]),
);

describe("RespConnection", () => {
  it.each([
    [false, 1_000_000],
    [true, 1_000_000],
    [false, 20],
    [true, 20],
  ])(
    "answers any pipeline as a sequential server would (barriers wait: %s, output of %i bytes)",
    (barriers, output) => {
      fc.assert(
        fc.property(
          fc.array(request, { maxLength: 40 }),
          fc.array(fc.record({
            cut: fc.nat({ max: 60 }),
            steps: fc.array(fc.nat({ max: 20 }), { maxLength: 6 }),
            reading: fc.boolean(),
          })),
          (requests, plan) => {
            const { client, steps } = steppedClient({ barriers, limits: { softOutputBytes: output } });
            const model = new Model();
            const expected = requests.map((args) => model.reply(args)).join("");
            let bytes = requests.map((args) => command(...args)).join("");
            const read = (reading: boolean): void => {
              client.transport.reading = reading;
              if (!reading || client.transport.bufferedBytes() === 0) return;
              client.transport.drain();
              client.connection.onDrain();
            };
            for (const { cut, steps: places, reading } of plan) {
              read(reading);
              client.raw(bytes.slice(0, cut));
              bytes = bytes.slice(cut);
              for (const place of places) steps.run(place);
            }
            read(true);
            client.raw(bytes);
            steps.runAll();
            expect(client.wire()).toBe(expected);
            expect(client.transport.paused).toBe(false);
          },
        ),
        { numRuns: 1500 },
      );
    },
  );

  it("sends the replies of a turn in one write", () => {
    const { client, steps } = steppedClient();
    client.raw(command("SET", "a", "1").repeat(50) + command("PING").repeat(50));
    steps.runAll();
    expect(client.transport.writes).toBe(1);
    expect(splitReplies(client.wire())).toHaveLength(100);
  });

  it("answers reads without a proposal, unless they stand behind an unfinished write", () => {
    const { client, steps, replication } = steppedClient();
    client.raw(command("GET", "a") + command("MGET", "a", "b") + command("STRLEN", "a"));
    expect(replication.proposals).toBe(0);
    expect(client.wire()).toBe("$-1\r\n*2\r\n$-1\r\n$-1\r\n:0\r\n");
    client.raw(command("SET", "a", "1") + command("GET", "a"));
    expect(replication.proposals).toBe(2);
    expect(client.wire()).toBe("");
    steps.runAll();
    expect(client.wire()).toBe(OK + bulk("1"));
  });

  it("keeps a write behind a read whose barrier is under way", () => {
    const { client, steps, replication } = steppedClient({ barriers: true });
    client.raw(command("GET", "a") + command("SET", "a", "new") + command("GET", "a"));
    expect(replication.proposals).toBe(0);
    expect(client.transport.paused).toBe(true);
    steps.runAll();
    expect(client.wire()).toBe("$-1\r\n" + OK + bulk("new"));
    expect(client.transport.paused).toBe(false);
  });

  it("stops reading while a client does not read, and goes on when it does", () => {
    const { client, steps } = steppedClient({ limits: { softOutputBytes: 10_000 } });
    client.send("SET", "a", "v".repeat(1000));
    steps.runAll();
    client.wire();
    client.transport.reading = false;
    client.raw(command("GET", "a").repeat(1000));
    expect(client.transport.paused).toBe(true);
    expect(client.transport.bufferedBytes()).toBeLessThan(12_000);
    for (let i = 0; i < 1000 && client.transport.paused; i++) {
      client.transport.drain();
      client.connection.onDrain();
    }
    client.transport.drain();
    expect(splitReplies(client.wire())).toHaveLength(1000);
    expect(client.connection.bufferedInput).toBe(0);
  });

  it("closes a client that leaves too many results of pipelined writes unread", () => {
    const notices: string[] = [];
    const limits = { softOutputBytes: 1000, hardOutputBytes: 50_000 };
    const { client, steps, context } = steppedClient({ limits, notices });
    client.send("SET", "a", "v".repeat(900));
    steps.runAll();
    client.transport.reading = false;
    client.raw(command("SET", "b", "") + command("GET", "a").repeat(100));
    expect(client.transport.destroyed).toBe(false);
    steps.runAll();
    expect(client.transport.destroyed).toBe(true);
    expect(notices.join()).toContain("left more than 50000 bytes of replies unread: closed");
    expect(context.stats.connectionsDropped).toBe(1);
    expect(client.transport.bufferedBytes()).toBeLessThan(5000);
  });

  it("sends few reads through the log, however many stand behind a write", () => {
    const { client, steps, replication } = steppedClient();
    client.raw(command("SET", "a", "1") + command("GET", "a").repeat(1000));
    expect(replication.proposals).toBeLessThan(200);
    steps.runAll();
    expect(replication.proposals).toBeLessThan(200);
    expect(client.wire()).toBe(OK + bulk("1").repeat(1000));
  });

  it("stops reading while too much is unfinished", () => {
    const { client, steps, replication } = steppedClient({ limits: { maxUnfinished: 10 } });
    client.raw(command("SET", "a", "1").repeat(100));
    expect(replication.proposals).toBe(10);
    expect(client.transport.paused).toBe(true);
    steps.runAll();
    expect(client.wire()).toBe(OK.repeat(100));
    expect(client.transport.paused).toBe(false);
  });

  it("counts the bytes of unfinished requests", () => {
    const { client, steps, replication } = steppedClient({ limits: { maxUnfinishedBytes: 5000 } });
    client.raw(command("SET", "a", "v".repeat(1000)).repeat(100));
    expect(replication.proposals).toBe(5);
    steps.runAll();
    expect(client.wire()).toBe(OK.repeat(100));
  });

  it("answers a protocol error behind the replies before it, and closes", () => {
    const { client, steps } = steppedClient();
    client.raw(command("SET", "a", "1") + "*1\r\nx" + command("SET", "a", "2"));
    expect(client.transport.ended).toBe(false);
    steps.runAll();
    expect(client.wire()).toBe(OK + "-ERR Protocol error: expected '$', got 'x'\r\n");
    expect(client.transport.ended).toBe(true);
    client.send("PING");
    expect(client.wire()).toBe("");
  });

  it("finishes what it took before it closes", () => {
    const { client, steps } = steppedClient();
    client.send("SET", "a", "1");
    client.connection.finish();
    client.send("SET", "a", "2");
    expect(client.transport.ended).toBe(false);
    steps.runAll();
    expect(client.wire()).toBe(OK);
    expect(client.transport.ended).toBe(true);
  });

  it("executes all that a client sent before it ended its half, however long that waits", () => {
    const { client, steps } = steppedClient({ limits: { maxUnfinished: 10 } });
    client.raw(command("SET", "a", "1").repeat(100));
    client.connection.onInputEnd();
    expect(client.transport.ended).toBe(false);
    steps.runAll();
    expect(client.wire()).toBe(OK.repeat(100));
    expect(client.transport.ended).toBe(true);
  });

  it("survives a wire that goes away under unfinished commands", () => {
    const { client, steps, store } = steppedClient();
    client.raw(command("SET", "a", "1") + command("GET", "a"));
    client.connection.onClosed();
    steps.runAll();
    expect(client.wire()).toBe("");
    expect(store.size).toBe(1);
  });

  it("tells of failures on the way to the store by prefix", () => {
    const { client, steps, replication } = steppedClient();
    const cases = [
      [new KvError("UNAVAILABLE", "starting"), "-TRYAGAIN starting\r\n"],
      [new KvError("STORAGE_FAILED", "disk full"), "-MISCONF disk full\r\n"],
      [new KvError("OUTCOME_UNKNOWN", "lost"), "-UNKNOWN lost\r\n"],
    ] as const;
    for (const [failure, expected] of cases) {
      replication.failure = failure;
      client.raw(command("GET", "a"));
      client.raw(command("SET", "a", "1") + command("GET", "a"));
      steps.runAll();
      expect(client.wire()).toBe(expected.repeat(3));
    }
  });

  it("breaks no limit of the store by the short way of GET and SET", () => {
    const { client, steps } = steppedClient({ storeLimits: { maxKeyBytes: 5, maxValueBytes: 5 } });
    client.raw(command("SET", "", "1") + command("SET", "longer", "1") + command("SET", "k", "longer"));
    steps.runAll();
    const replies = splitReplies(client.wire());
    expect(replies).toHaveLength(3);
    for (const reply of replies) expect(reply).toMatch(/^-ERR (the key is empty|key of|value of)/);
    client.raw(command("GET", "") + command("GET", "longer"));
    expect(client.wire()).toBe("$-1\r\n$-1\r\n");
  });

  it("answers in the version of RESP in which it was asked", () => {
    const { client, steps } = steppedClient();
    client.raw(command("SET", "a", "1") + command("GET", "b") + command("HELLO", "3") + command("GET", "b"));
    steps.runAll();
    const replies = splitReplies(client.wire());
    expect(replies.map((reply) => reply[0])).toEqual(["+", "$", "%", "_"]);
  });

  it("leaves replies out as CLIENT REPLY says", () => {
    const { client, steps } = steppedClient();
    client.raw(command("CLIENT", "REPLY", "SKIP") + command("SET", "a", "1") + command("GET", "a"));
    steps.runAll();
    expect(client.wire()).toBe(bulk("1"));
    client.raw(command("CLIENT", "REPLY", "OFF") + command("INCR", "a") + command("PING") + command("NOPE"));
    steps.runAll();
    expect(client.wire()).toBe("");
    client.raw(command("CLIENT", "REPLY", "ON") + command("GET", "a"));
    expect(client.wire()).toBe(OK + bulk("2"));
  });

  it("keeps connections apart", async () => {
    const { context } = testContext();
    const clients = Array.from({ length: 20 }, () => new MemoryClient(context, new MemoryTransport()));
    for (const client of clients) client.raw(command("INCR", "n").repeat(50));
    await until(() => clients.every((client) => client.connection.unfinished === 0), "all were answered");
    expect(await clients[0]!.call("GET", "other")).toMatch(/^:/);
    const last = new MemoryClient(context);
    expect(await last.call("GET", "n")).toBe(bulk("1000"));
  });
});
