import fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import { elementsOf } from "../../../e2e/redis_differential/raw_client.ts";
import { PlanDriver } from "./plan_driver.ts";

let driver: PlanDriver;
const run = (line: string): string => driver.run(line);

beforeEach(() => {
  driver = new PlanDriver();
});

function text(bulk: string): string {
  return bulk.slice(bulk.indexOf("\r\n") + 2, -2);
}

function keys(reply: string): string[] {
  return elementsOf(reply)!.map(text);
}

/** One step of a scan: the cursor and the keys. */
function scan(cursor: string, options = ""): [cursor: string, keys: string[]] {
  const [next, found] = elementsOf(run(`SCAN ${cursor} ${options}`))!;
  return [text(next!), keys(found!)];
}

function scanAll(options = "", between: (step: number) => void = () => {}): string[] {
  const found: string[] = [];
  let cursor = "0";
  let step = 0;
  do {
    const [next, some] = scan(cursor, options);
    found.push(...some);
    cursor = next;
    between(step++);
    if (step > 1000) throw new Error("the scan does not end");
  } while (cursor !== "0");
  return found;
}

describe("KEYS", () => {
  it("returns what matches, and reads no more than the prefix's range", () => {
    run("MSET user:1 a user:2 b user:10 c other d");
    expect(keys(run("KEYS *"))).toEqual(["other", "user:1", "user:10", "user:2"]);
    expect(keys(run("KEYS user:?"))).toEqual(["user:1", "user:2"]);
    expect(driver.lastOperation).toMatchObject({ start: "user:", end: "user;" });
    expect(keys(run("KEYS other"))).toEqual(["other"]);
    expect(keys(run("KEYS nothing*"))).toEqual([]);
  });

  it("says so rather than leave keys out", () => {
    driver = new PlanDriver({ maxResultBytes: 100 });
    for (let i = 0; i < 50; i++) run(`SET key:${i} v`);
    expect(run("KEYS *")).toMatch(/^-ERR .*SCAN/);
  });
});

describe("SCAN", () => {
  it("returns every key in steps of COUNT", () => {
    for (let i = 0; i < 25; i++) run(`SET key:${i} v`);
    const [cursor, first] = scan("0");
    expect(first).toHaveLength(10);
    expect(cursor).toMatch(/^[1-9][0-9]{0,15}$/);
    expect(scan(cursor)[1]).toHaveLength(10);
    expect(new Set(scanAll()).size).toBe(25);
    expect(scanAll("COUNT 7")).toHaveLength(25);
    expect(scan("0", "COUNT 9223372036854775807")[0]).toBe("0");
  });

  it("filters by pattern and type", () => {
    for (let i = 0; i < 25; i++) run(`SET key:${i} v`);
    expect(scanAll("MATCH key:1?")).toHaveLength(10);
    expect(scanAll("MATCH *2*")).toHaveLength(7);
    expect(scanAll("MATCH absent*")).toHaveLength(0);
    expect(scanAll("TYPE string")).toHaveLength(25);
    expect(scanAll("TYPE list")).toHaveLength(0);
  });

  it("returns every key that is there all the time, whatever else comes and goes", () => {
    const name = fc.string({ unit: fc.constantFrom("\0", "a", "\xff"), minLength: 1, maxLength: 4 });
    const change = fc.record({ step: fc.nat(20), set: fc.boolean(), key: name });
    fc.assert(
      fc.property(
        fc.uniqueArray(name),
        fc.array(change, { maxLength: 60 }),
        fc.integer({ min: 1, max: 9 }),
        (initial, changes, count) => {
          driver = new PlanDriver();
          const steady = new Set(initial);
          for (const key of initial) driver.runWords(["SET", key, "v"]);
          const found = new Set(scanAll(`COUNT ${count}`, (step) => {
            for (const { step: at, set, key } of changes) {
              if (at !== step) continue;
              if (!set) steady.delete(key);
              driver.runWords(set ? ["SET", key, "v"] : ["DEL", key]);
            }
          }));
          return [...steady].every((key) => found.has(key));
        },
      ),
      { numRuns: 300 },
    );
  });

  it("takes the same cursor twice", () => {
    for (let i = 0; i < 25; i++) run(`SET key:${i} v`);
    const [cursor] = scan("0");
    expect(scan(cursor)[1]).toEqual(scan(cursor)[1]);
  });

  it("refuses a cursor that it does not know, and says what to do", () => {
    expect(run("SCAN 5")).toBe(
      "-ERR unknown cursor 5: this server did not give it out, or has forgotten it; start again at 0\r\n",
    );
    expect(run("SCAN 18446744073709551615")).toMatch(/^-ERR unknown cursor/);
    for (const cursor of ["abc", "1x", '" 0"', "-", "18446744073709551616", "1".repeat(2000)]) {
      expect(run(`SCAN ${cursor}`)).toBe("-ERR invalid cursor\r\n");
    }
    expect(run("SCAN 0 COUNT 0")).toBe("-ERR syntax error\r\n");
    expect(run("SCAN 0 MATCH")).toBe("-ERR syntax error\r\n");
    expect(run("SCAN 0 COUNT x")).toBe("-ERR value is not an integer or out of range\r\n");
  });
});

describe("RANDOMKEY and FLUSHALL", () => {
  it("RANDOMKEY draws every key", () => {
    expect(run("RANDOMKEY")).toBe("$-1\r\n");
    run("MSET a 1 b 2 c 3");
    const drawn = new Set<string>();
    for (let i = 0; i < 30; i++) {
      driver.random = () => i / 30;
      drawn.add(text(run("RANDOMKEY")));
    }
    expect([...drawn].sort()).toEqual(["a", "b", "c"]);
  });

  it("FLUSHALL and FLUSHDB delete everything", () => {
    for (const command of ["FLUSHALL", "FLUSHDB", "FLUSHALL ASYNC", "flushdb sync"]) {
      run("MSET a 1 b 2");
      expect(run(command)).toBe("+OK\r\n");
      expect(run("EXISTS a b")).toBe(":0\r\n");
    }
    for (const command of ["FLUSHALL now", "FLUSHDB SYNC ASYNC"]) expect(run(command)).toBe("-ERR syntax error\r\n");
  });

  it("FUNCTION FLUSH has nothing to do, and other functions are refused", () => {
    expect(run("FUNCTION FLUSH")).toBe("+OK\r\n");
    expect(run("FUNCTION FLUSH ASYNC")).toBe("+OK\r\n");
    expect(run("FUNCTION FLUSH now")).toBe("-ERR syntax error\r\n");
    expect(run("FUNCTION LOAD x")).toMatch(/^-ERR FUNCTION is not supported/);
  });
});
