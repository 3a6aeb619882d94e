import { beforeEach, describe, expect, it } from "vitest";
import { PlanDriver } from "./plan_driver.ts";

let driver: PlanDriver;
const run = (line: string): string => driver.run(line);

beforeEach(() => {
  driver = new PlanDriver();
});

describe("DEL, EXISTS, TYPE", () => {
  it("count what was there, a repeated key once when deleting and each time when counting", () => {
    run("MSET a 1 b 2");
    expect(run("EXISTS a a x b")).toBe(":3\r\n");
    expect(run("TOUCH a x")).toBe(":1\r\n");
    expect(run("DEL a a x")).toBe(":1\r\n");
    expect(run("DELETE b")).toBe(":1\r\n");
    expect(driver.lastOperation!.type).toBe("delete");
    expect(run("UNLINK b")).toBe(":0\r\n");
  });

  it("EXISTS only reads, so that it need not go through the log", () => {
    run("EXISTS a b");
    expect(driver.lastOperation!.type).toBe("getMany");
  });

  it("TYPE knows strings", () => {
    expect(run("TYPE a")).toBe("+none\r\n");
    run("SET a 1");
    expect(run("TYPE a")).toBe("+string\r\n");
  });
});

describe("EXPIRE", () => {
  it("sets a time, or deletes when it has passed", () => {
    expect(run("EXPIRE k 10")).toBe(":0\r\n");
    run("SET k v");
    expect(run("EXPIRE k 10")).toBe(":1\r\n");
    expect(run("PTTL k")).toBe(":10000\r\n");
    expect(run("PEXPIREAT k 2000000")).toBe(":1\r\n");
    expect(run("EXPIRETIME k")).toBe(":2000\r\n");
    for (
      const past of ["EXPIRE k 0", "EXPIRE k -5", "PEXPIRE k -1", "EXPIREAT k 1", "PEXPIREAT k -9223372036854775808"]
    ) {
      run("SET k v");
      expect(run(past), past).toBe(":1\r\n");
      expect(run("EXISTS k"), past).toBe(":0\r\n");
    }
  });

  it("minds its conditions", () => {
    run("SET k v");
    expect(run("EXPIRE k 10 XX")).toBe(":0\r\n");
    expect(run("EXPIRE k 10 GT")).toBe(":0\r\n");
    expect(run("EXPIRE k 10 XX LT")).toBe(":0\r\n");
    expect(run("EXPIRE k 10 NX")).toBe(":1\r\n");
    expect(run("EXPIRE k 20 NX")).toBe(":0\r\n");
    expect(run("EXPIRE k 20 LT")).toBe(":0\r\n");
    expect(run("EXPIRE k 20 XX GT")).toBe(":1\r\n");
    expect(run("EXPIRE k 5 LT XX")).toBe(":1\r\n");
    expect(run("TTL k")).toBe(":5\r\n");
    expect(run("EXPIRE k -1 GT")).toBe(":0\r\n");
    expect(run("EXPIRE k -1 LT")).toBe(":1\r\n");
    expect(run("EXISTS k")).toBe(":0\r\n");
  });

  it("refuses conditions that contradict each other", () => {
    const nx = "-ERR NX and XX, GT or LT options at the same time are not compatible\r\n";
    for (const conditions of ["NX XX", "GT NX", "NX LT", "NX GT LT"]) expect(run(`EXPIRE k 1 ${conditions}`)).toBe(nx);
    expect(run("EXPIRE k 1 GT LT")).toBe("-ERR GT and LT options at the same time are not compatible\r\n");
    expect(run("EXPIRE k x AB")).toBe("-ERR Unsupported option AB\r\n");
    expect(run('EXPIRE k 1 "A\\nB"')).toBe("-ERR Unsupported option A B\r\n");
  });

  it("refuses times that do not fit 64 bits", () => {
    run("SET k v");
    for (const command of ["EXPIRE k 9223372036854776", "EXPIRE k -9223372036854776", "EXPIRE k 9223372036854775"]) {
      expect(run(command), command).toBe("-ERR invalid expire time in 'expire' command\r\n");
    }
    expect(run("PEXPIRE k 9223372036853000000")).toBe(":1\r\n");
    expect(run("PEXPIRE k 9223372036854775807")).toBe("-ERR invalid expire time in 'pexpire' command\r\n");
  });

  it("takes a time past what the store can hold as the latest that it can", () => {
    run("SET k v");
    expect(run("PEXPIREAT k 9223372036854770000")).toBe(":1\r\n");
    expect(run("PEXPIRETIME k")).toBe(":9007199254740991\r\n");
    expect(run("PEXPIRE k 9007199254740990")).toBe(":1\r\n");
    expect(run("PEXPIRETIME k")).toBe(":9007199254740991\r\n");
    expect(run("SET k v PXAT 9007199254740990")).toBe("+OK\r\n");
    expect(run("PEXPIRETIME k")).toBe(":9007199254740990\r\n");
  });
});

describe("TTL and its kin", () => {
  it("say -2 without the key and -1 without an expiry", () => {
    for (const command of ["TTL", "PTTL", "EXPIRETIME", "PEXPIRETIME"]) {
      expect(run(`${command} missing`)).toBe(":-2\r\n");
      run("SET k v");
      expect(run(`${command} k`)).toBe(":-1\r\n");
    }
  });

  it("round to the nearest second", () => {
    run("SET k v PX 1499");
    expect(run("TTL k")).toBe(":1\r\n");
    run("SET k v PX 1500");
    expect(run("TTL k")).toBe(":2\r\n");
    expect(run("PTTL k")).toBe(":1500\r\n");
  });

  it("never say less than 0 of a key that is still there", () => {
    run("SET k v PX 1000");
    driver.now += 600;
    const entry = driver.store.entry("k" as never)!;
    expect(run("PTTL k")).toBe(":400\r\n");
    // Log time stands still for reads that are answered from the store's own state.
    const time = driver.now;
    driver.store.execute = ((): unknown => ({ type: "get", revision: 1, entry })) as never;
    driver.now = time + 5000;
    expect(run("PTTL k")).toBe(":0\r\n");
    expect(run("TTL k")).toBe(":0\r\n");
  });

  it("PERSIST takes the expiry away, once", () => {
    expect(run("PERSIST k")).toBe(":0\r\n");
    run("SET k v EX 10");
    expect(run("PERSIST k")).toBe(":1\r\n");
    expect(run("PERSIST k")).toBe(":0\r\n");
    expect(run("TTL k")).toBe(":-1\r\n");
  });
});

describe("OBJECT", () => {
  it("tells the encoding that Redis would choose", () => {
    expect(run("OBJECT ENCODING k")).toBe("$-1\r\n");
    run("SET k 123");
    expect(run("OBJECT ENCODING k")).toBe("$3\r\nint\r\n");
    expect(run("OBJECT REFCOUNT k")).toBe(":2147483647\r\n");
    run(`SET k ${"x".repeat(44)}`);
    expect(run("object encoding k")).toBe("$6\r\nembstr\r\n");
    run(`SET k ${"x".repeat(45)}`);
    expect(run("OBJECT ENCODING k")).toBe("$3\r\nraw\r\n");
    expect(run("OBJECT REFCOUNT k")).toBe(":1\r\n");
    expect(run("OBJECT IDLETIME k")).toBe(":0\r\n");
    expect(run("OBJECT FREQ k")).toMatch(/^-ERR An LFU maxmemory policy is not selected/);
  });

  it("has help, and refuses what it does not know", () => {
    expect(run("OBJECT HELP")).toMatch(/^\*11\r\n\+OBJECT <subcommand>/);
    expect(run("OBJECT nonsense k")).toBe("-ERR unknown subcommand 'nonsense'. Try OBJECT HELP.\r\n");
    expect(run("OBJECT ENCODING")).toBe("-ERR wrong number of arguments for 'object|encoding' command\r\n");
  });
});
