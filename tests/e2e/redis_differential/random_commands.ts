/**
 * Seeded random commands over a few keys, so that every command meets every state that the others leave.
 *
 * @module
 */
import { NUMBERS, words } from "./sequences.ts";

/** A small generator of numbers in [0, 1): mulberry32. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const KEYS = ["a", "b", "c", "{d}", '"\\xff\\x00"'];
/** Only short numbers are kept here: of long ones Redis keeps 64 bits, and ours keeps all digits. */
const FRACTION_KEYS = ["f", "g"];
const VALUES = ["v", '""', "10", "-3", "3.5", "hello", '"\\r\\n\\x00"', "9223372036854775807", "007"];
const TIMES = ["EX 100", "PX 100000", "EXAT 9999999999", "PXAT 9999999999999", "EXAT 1", "EX 0", "PX abc", "EX"];
const CONDITIONS = ["NX", "XX", "GT", "LT", "XX LT"];
const MOMENTS = ["9999999999", "9999999000", "1", "-5"];
const INDEXES = ["0", "1", "-1", "3", "-3", "100", "-100"];
const STEPS = ["1", "-1", "7", "0", "1000000"];
const DECIMALS = ["1", "-1", "0.5", "2.25", "-0.75", "10", "1e2"];
const PATTERNS = ["*", "[ab]", "?", "a*", "[^a]*", "*d*"];

/** `count` random commands; those between MULTI and EXEC may be any but the ones about transactions. */
export function randomCommands(seed: number, count: number): string[][] {
  const random = seeded(seed);
  const one = (choices: readonly string[]): string => choices[Math.floor(random() * choices.length)]!;
  const maybe = (text: string, chance = 0.5): string => random() < chance ? ` ${text}` : "";
  const several = (make: () => string): string => {
    const made = [make()];
    while (random() < 0.6) made.push(make());
    return made.join(" ");
  };
  const key = (): string => one(KEYS);
  const value = (): string => one(VALUES);
  const number = (usual: readonly string[]): string => random() < 0.1 ? one(NUMBERS) : one(usual);
  let durations = 0;
  // No two are alike: whether the later of two equal ones is the greater depends on the millisecond.
  const duration = (unit: string): string =>
    random() < 0.3 ? one(["-1", "0"]) : `${100_000 + (durations++ * 7919) % 1000 * 50}${unit}`;
  const makers: readonly (() => string)[] = [
    () => `SET ${key()} ${value()}`,
    () =>
      `SET ${key()} ${value()}${maybe(one(["NX", "XX"]))}${maybe("GET")}${maybe(one(TIMES))}${maybe("KEEPTTL", 0.3)}`,
    () => `SETNX ${key()} ${value()}`,
    () => `${one(["SETEX", "PSETEX"])} ${key()} ${one(["200000", "5000000", "0", "x"])} ${value()}`,
    () => `GETSET ${key()} ${value()}`,
    () => `GETDEL ${key()}`,
    () => `GETEX ${key()}${maybe(one([...TIMES, "PERSIST"]))}`,
    () => `GET ${key()}`,
    () => `MGET ${several(key)}`,
    () => `MSET ${several(() => `${key()} ${value()}`)}`,
    () => `MSETNX ${several(() => `${key()} ${value()}`)}`,
    () => `${one(["DEL", "UNLINK", "EXISTS", "TOUCH"])} ${several(key)}`,
    () => `TYPE ${key()}`,
    () => `APPEND ${key()} ${value()}`,
    () => `STRLEN ${key()}`,
    () => `${one(["GETRANGE", "SUBSTR"])} ${key()} ${number(INDEXES)} ${number(INDEXES)}`,
    () => `SETRANGE ${key()} ${one([...INDEXES, "abc"])} ${value()}`,
    () => `${one(["INCR", "DECR"])} ${key()}`,
    () => `${one(["INCRBY", "DECRBY"])} ${key()} ${number(STEPS)}`,
    () => `INCRBYFLOAT ${one(FRACTION_KEYS)} ${one(DECIMALS)}`,
    () => `SET ${one(FRACTION_KEYS)} ${one(DECIMALS)}`,
    () => `${one(["GET", "INCR", "STRLEN", "DEL", "GETDEL", "PERSIST", "TTL"])} ${one(FRACTION_KEYS)}`,
    () => `EXPIRE ${key()} ${duration("")}${maybe(one(CONDITIONS))}`,
    () => `PEXPIRE ${key()} ${duration("000")}${maybe(one(CONDITIONS))}`,
    () => `EXPIREAT ${key()} ${one(MOMENTS)}${maybe(one(["NX", "XX", "GT", "LT", "XX GT", "NX GT"]))}`,
    () => `PEXPIREAT ${key()} ${one(MOMENTS)}000${maybe(one(["NX", "XX", "GT", "LT", "XX LT"]))}`,
    () => `${one(["TTL", "PTTL", "EXPIRETIME", "PEXPIRETIME"])} ${key()}`,
    () => `PERSIST ${key()}`,
    () => `KEYS ${one(PATTERNS)}`,
    () => `SCAN 0 COUNT 1000${maybe(`MATCH ${one(PATTERNS)}`)}${maybe(`TYPE ${one(["string", "list"])}`, 0.3)}`,
    () => random() < 0.1 ? one(["FLUSHALL", "FLUSHDB ASYNC"]) : `GET ${key()}`,
  ];
  const commands: string[][] = [];
  let queueing = false;
  while (commands.length < count || queueing) {
    if (queueing && random() < 0.15) {
      commands.push([random() < 0.8 ? "EXEC" : "DISCARD"]);
      queueing = false;
    } else if (!queueing && random() < 0.02) {
      commands.push(["MULTI"]);
      queueing = true;
    } else {
      commands.push(words(makers[Math.floor(random() * makers.length)]!()));
    }
  }
  return commands;
}
