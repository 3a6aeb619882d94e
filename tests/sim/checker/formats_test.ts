import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FormatError } from "../../../src/sim/checker/format_error.ts";
import { detectFormat, type Format, readHistory } from "../../../src/sim/checker/formats.ts";
import { HistoryError, type HistoryEvent, pairEvents } from "../../../src/sim/checker/history.ts";
import { writeJepsenLog } from "../../../src/sim/checker/jepsen_log.ts";
import { writeJsonLines } from "../../../src/sim/checker/json_lines.ts";
import { writePorcupineKv } from "../../../src/sim/checker/porcupine_kv.ts";

const value = fc.oneof(fc.string({ unit: "binary" }), fc.integer(), fc.boolean(), fc.constant(null));
const events = fc.array(
  fc.record({
    process: fc.nat(),
    type: fc.constantFrom("invoke", "ok", "fail", "info"),
    f: fc.constantFrom("get", "put", "append"),
    key: fc.option(fc.string()),
    value: fc.oneof(value, fc.array(value)),
  }),
  { minLength: 1 },
).map((list) => list.map((each, time): HistoryEvent => ({ ...each, time })));

function problem(text: string, format: Format): string {
  try {
    readHistory(text, format);
  } catch (error) {
    if (error instanceof FormatError) return `${error.line}: ${error.message}`;
    throw error;
  }
  return "";
}

describe("histories as text", () => {
  it("are read as they were written", () => {
    fc.assert(fc.property(events, (written) => {
      expect(readHistory(writeJsonLines(written), "jsonl").events).toEqual(written);
      expect(readHistory(writePorcupineKv(written), "porcupine-kv").events).toEqual(written);
      expect(detectFormat(writeJsonLines(written))).toBe("jsonl");
      expect(detectFormat(writePorcupineKv(written))).toBe("porcupine-kv");
    }));
  });

  it("of Jepsen's are read and written with nil, refusals, timeouts, other loggers and line ends of Windows", () => {
    const text = "INFO  jepsen.util - 0\t:invoke\t:cas\t[1 2]\r\n" +
      "INFO  jepsen.core - Worker 0 starting\n\n" +
      "INFO  jepsen.util - :nemesis\t:info\t:start\tnil\n" +
      "INFO  jepsen.util - 0   :fail   :cas    [1 2]\n" +
      "INFO  jepsen.util - 1\t:invoke\t:read\tnil\nINFO  jepsen.util - 1\t:fail\t:read\t:timed-out\n" +
      "INFO  jepsen.util - 2\t:invoke\t:write\t-3\nINFO  jepsen.util - 2\t:fail\t:write\t:timed-out\n";
    const { events, lines } = readHistory(text, detectFormat(text));
    expect(events.map(({ type, f, value }) => [type, f, value])).toEqual([
      ["invoke", "cas", [1, 2]],
      ["fail", "cas", [1, 2]],
      ["invoke", "read", null],
      ["fail", "read", null],
      ["invoke", "write", -3],
      ["info", "write", null],
    ]);
    expect(lines).toEqual([1, 5, 6, 7, 8, 9]);
    const again = readHistory(writeJepsenLog(events.slice(0, 3)), "jepsen-etcd");
    expect(again.events).toEqual(events.slice(0, 3));
  });

  it("are refused with the line that is wrong", () => {
    const good = '{"process":0,"type":"invoke","f":"get"}\n';
    expect(problem(`${good}{"process":`, "jsonl")).toMatch(/^2: not JSON/);
    expect(problem(`${good}\n{"process":0,"type":"done","f":"get"}`, "jsonl")).toMatch(/^3: "type" is none of/);
    expect(problem("", "jsonl")).toBe("1: there is no operation in it");
    expect(problem("INFO  jepsen.util - 0\t:invoke\t:cas\t[1]\n", "jepsen-etcd")).toMatch(
      /^1: a cas .*needs \[OLD NEW\]/,
    );
    expect(problem("INFO  jepsen.util - 0\t:ok\t:read\t:timed-out\n", "jepsen-etcd")).toMatch(/^1: a read/);
    expect(problem("hello\n", "jepsen-etcd")).toMatch(/^1: no line of Jepsen's log/);
    expect(problem('{:process 0, :type :invoke, :f :get, :key "a', "porcupine-kv")).toMatch(
      /^1: column .* does not end/,
    );
    expect(problem("{:process 0, :type}", "porcupine-kv")).toMatch(/^1: column/);
    expect(problem("[".repeat(100), "porcupine-kv")).toMatch(/nested deeper/);
    expect(problem(`${good}{"process":0,"ty`, "jsonl")).toMatch(/^2: not JSON.*; the text seems to be cut off here/);
    expect(problem(`${good}{"process":0,"ty\n`, "jsonl")).not.toContain("cut off");
    expect(() => detectFormat("hello")).toThrow(FormatError);
    expect(() => detectFormat(" \n")).toThrow("empty");
  });
});

describe("pairing", () => {
  const event = (process: number, type: HistoryEvent["type"], f = "get"): HistoryEvent => ({
    process,
    type,
    f,
    key: null,
    value: null,
    time: 0,
  });

  it("joins invocations with their ends, and leaves the rest unknown", () => {
    const operations = pairEvents([event(0, "invoke"), event(1, "invoke"), event(0, "ok"), event(0, "invoke")]);
    expect(operations.map(({ outcome, complete }) => [outcome, complete])).toEqual([
      ["ok", 2],
      ["unknown", null],
      ["unknown", null],
    ]);
  });

  it("refuses histories that contradict themselves", () => {
    expect(() => pairEvents([event(0, "ok")])).toThrow(HistoryError);
    expect(() => pairEvents([event(0, "invoke"), event(0, "invoke")])).toThrow("one thing at a time");
    expect(() => pairEvents([event(0, "invoke"), event(0, "ok", "put")])).toThrow("invoked get but ends put");
  });
});
