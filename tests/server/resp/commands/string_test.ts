import { beforeEach, describe, expect, it } from "vitest";
import { PlanDriver } from "./plan_driver.ts";

const NIL = "$-1\r\n";
const OK = "+OK\r\n";
const SYNTAX = "-ERR syntax error\r\n";
const NOT_AN_INTEGER = "-ERR value is not an integer or out of range\r\n";
const TOO_LONG = "-ERR string exceeds maximum allowed size (proto-max-bulk-len)\r\n";

let driver: PlanDriver;
const run = (line: string): string => driver.run(line);

function bulk(text: string): string {
  return `$${text.length}\r\n${text}\r\n`;
}

beforeEach(() => {
  driver = new PlanDriver();
});

describe("SET", () => {
  it("stores bytes as they are", () => {
    expect(run('SET k "\\x00\\xff\\r\\n"')).toBe(OK);
    expect(run("GET k")).toBe("$4\r\n\0\xff\r\n\r\n");
  });

  it("returns the value before with GET, also together with NX", () => {
    expect(run("SET k a NX GET")).toBe(NIL);
    expect(run("SET k b NX GET")).toBe(bulk("a"));
    expect(run("SET k c XX GET")).toBe(bulk("a"));
    expect(run("GET k")).toBe(bulk("c"));
  });

  it("replies nil when a condition does not hold, a null in RESP3", () => {
    expect(run("SET k a XX")).toBe(NIL);
    run("SET k a");
    driver.protocol = 3;
    expect(run("SET k b NX")).toBe("_\r\n");
  });

  it("forgets the expiry unless KEEPTTL is there", () => {
    run("SET k a EX 10");
    run("SET k b KEEPTTL");
    expect(run("TTL k")).toBe(":10\r\n");
    run("SET k b");
    expect(run("TTL k")).toBe(":-1\r\n");
  });

  it("takes a relative time from the log and an absolute one as it is", () => {
    run("SET k a PX 1500");
    expect(driver.lastOperation).toMatchObject({ expiry: { type: "after", duration_ms: 1500 } });
    run("SET k a EX 7");
    expect(driver.lastOperation).toMatchObject({ expiry: { type: "after", duration_ms: 7000 } });
    run("SET k a EXAT 5000");
    expect(run("PEXPIRETIME k")).toBe(":5000000\r\n");
    run("SET k a PXAT 5000001");
    expect(run("PEXPIRETIME k")).toBe(":5000001\r\n");
  });

  it("removes the key when the time has passed, and says OK", () => {
    run("SET k a");
    expect(run("SET k b EXAT 1")).toBe(OK);
    expect(run("GET k")).toBe(NIL);
  });

  it("refuses options that contradict each other", () => {
    for (
      const options of [
        "NX XX",
        "XX NX",
        "EX 1 PX 1",
        "EX 1 KEEPTTL",
        "KEEPTTL PXAT 9",
        "EX",
        "PERSIST",
        "EX 1 EXAT",
        "x",
      ]
    ) expect(run(`SET k v ${options}`), options).toBe(SYNTAX);
    expect(run("SET k v EX 10 EX 20")).toBe(OK);
    expect(run("TTL k")).toBe(":20\r\n");
  });

  it("refuses times that are not positive or do not fit 64 bits", () => {
    for (const time of ["EX 0", "PX -1", "EX 9223372036854776", "EXAT 10000000000000000", "PX 9223372036854775807"]) {
      expect(run(`SET k v ${time}`), time).toBe("-ERR invalid expire time in 'set' command\r\n");
    }
    expect(run("SET k v EX 1.5")).toBe(NOT_AN_INTEGER);
    expect(run("SETEX k 0 v")).toBe("-ERR invalid expire time in 'setex' command\r\n");
    expect(run("PSETEX k -1 v")).toBe("-ERR invalid expire time in 'psetex' command\r\n");
  });

  it("goes by the name PUT, too", () => {
    expect(run("PUT k v EX 10")).toBe(OK);
    expect(run("TTL k")).toBe(":10\r\n");
  });
});

describe("SETNX, GETSET, GETDEL, GETEX", () => {
  it("do what their names say", () => {
    expect([run("SETNX k a"), run("SETNX k b")]).toEqual([":1\r\n", ":0\r\n"]);
    expect([run("GETSET k c"), run("GETSET m c")]).toEqual([bulk("a"), NIL]);
    expect([run("GETDEL k"), run("GETDEL k")]).toEqual([bulk("c"), NIL]);
  });

  it("GETEX reads and sets the expiry in one step", () => {
    run("SET k v");
    expect(run("GETEX k EX 10")).toBe(bulk("v"));
    expect(run("TTL k")).toBe(":10\r\n");
    expect(run("GETEX k")).toBe(bulk("v"));
    expect(driver.lastOperation!.type).toBe("get");
    expect(run("GETEX k PERSIST")).toBe(bulk("v"));
    expect(run("TTL k")).toBe(":-1\r\n");
    expect(run("GETEX k PXAT 1")).toBe(bulk("v"));
    expect(run("EXISTS k")).toBe(":0\r\n");
  });

  it("GETEX minds a bad time only when the key is there, as Redis does", () => {
    expect(run("GETEX k EX 0")).toBe(NIL);
    run("SET k v");
    expect(run("GETEX k EX 0")).toBe("-ERR invalid expire time in 'getex' command\r\n");
    expect(run("GETEX k EX x")).toBe(NOT_AN_INTEGER);
    expect(run("GETEX k NX")).toBe(SYNTAX);
  });

  it("GETEX tells when the store refuses to read", () => {
    driver = new PlanDriver({ maxResultBytes: 0 });
    run("SET k v");
    expect(run("GETEX k EX 10")).toMatch(/^-ERR /);
  });
});

describe("MGET, MSET, MSETNX", () => {
  it("read and write several keys at once", () => {
    expect(run("MSET a 1 b 2 a 3")).toBe(OK);
    expect(run("MGET a x b a")).toBe("*4\r\n$1\r\n3\r\n$-1\r\n$1\r\n2\r\n$1\r\n3\r\n");
    expect(driver.lastOperation!.type).toBe("getMany");
    expect(run("MSETNX c 1 b 2")).toBe(":0\r\n");
    expect(run("MSETNX c 1 c 2")).toBe(":1\r\n");
    expect(run("MGET c")).toBe("*1\r\n$1\r\n2\r\n");
  });

  it("want a value for every key", () => {
    expect(run("MSET a 1 b")).toBe("-ERR wrong number of arguments for 'mset' command\r\n");
    expect(run("MSETNX a 1 b")).toBe("-ERR wrong number of arguments for 'msetnx' command\r\n");
  });
});

describe("INCR and its kin", () => {
  it("count in signed 64-bit integers", () => {
    expect([run("INCR n"), run("DECR n"), run("INCRBY n 5"), run("DECRBY n 7")]).toEqual([
      ":1\r\n",
      ":0\r\n",
      ":5\r\n",
      ":-2\r\n",
    ]);
    run("SET n 9223372036854775807");
    expect(run("INCR n")).toBe("-ERR increment or decrement would overflow\r\n");
    expect(run("DECRBY n -9223372036854775808")).toBe("-ERR decrement would overflow\r\n");
    expect(run("DECR n")).toBe(":9223372036854775806\r\n");
  });

  it("take canonical integers only", () => {
    for (const word of ["01", "+1", "-0", '" 1"', '""', "1e3", "9223372036854775808", "abc"]) {
      run(`SET n ${word}`);
      expect(run("INCR n"), word).toBe(NOT_AN_INTEGER);
      expect(run(`INCRBY m ${word}`), word).toBe(NOT_AN_INTEGER);
    }
  });

  it("INCRBYFLOAT adds decimal numbers exactly", () => {
    expect(run("INCRBYFLOAT n 0.1")).toBe(bulk("0.1"));
    expect(run("INCRBYFLOAT n 0.2")).toBe(bulk("0.3"));
    expect(run("INCRBYFLOAT n 5.0e3")).toBe(bulk("5000.3"));
    run("SET n abc");
    expect(run("INCRBYFLOAT n 1")).toBe("-ERR value is not a valid float\r\n");
    expect(run("INCRBYFLOAT m 1x")).toBe("-ERR value is not a valid float\r\n");
    expect(run("INCRBYFLOAT m inf")).toBe("-ERR increment would produce NaN or Infinity\r\n");
  });
});

describe("APPEND, STRLEN, GETRANGE, SETRANGE", () => {
  it("cut and mend values", () => {
    expect(run("APPEND k Hello")).toBe(":5\r\n");
    expect(run('APPEND k " World"')).toBe(":11\r\n");
    expect(run("STRLEN k")).toBe(":11\r\n");
    expect(run("GETRANGE k -5 -1")).toBe(bulk("World"));
    expect(run("SUBSTR k 0 4")).toBe(bulk("Hello"));
    expect(run("GETRANGE k 5 3")).toBe(bulk(""));
    expect(run("GETRANGE k -9223372036854775807 -9223372036854775808")).toBe(bulk(""));
    expect(run("GETRANGE k -9223372036854775808 -9223372036854775807")).toBe(bulk("H"));
    expect(run("SETRANGE k 13 !")).toBe(":14\r\n");
    expect(run("GET k")).toBe(bulk("Hello World\0\0!"));
  });

  it("SETRANGE of nothing changes nothing, wherever", () => {
    expect(run('SETRANGE k 9223372036854775807 ""')).toBe(":0\r\n");
    expect(run("EXISTS k")).toBe(":0\r\n");
    expect(run('SETRANGE k -1 ""')).toBe("-ERR offset is out of range\r\n");
  });

  it("refuse values over the limit in Redis's words", () => {
    driver = new PlanDriver({ maxValueBytes: 10 });
    run("SET k 12345");
    expect(run("SETRANGE k 8 abc")).toBe(TOO_LONG);
    expect(run("SETRANGE k 9223372036854775807 a")).toBe(TOO_LONG);
    expect(run("SETRANGE k 7 abc")).toBe(":10\r\n");
    expect(run("APPEND k x")).toBe(TOO_LONG);
    expect(run("APPEND new 12345678901")).toBe(TOO_LONG);
  });
});
