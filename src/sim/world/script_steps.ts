/**
 * The language of scripted scenarios: one step a line, in words that say what they do.
 *
 * @module
 */

import { type MessageFilter, parseFilter } from "./message_filter.ts";

/** A step of a scenario. Servers and clients count from 1, as in the text. */
export type Step =
  | { readonly verb: "flow" | "heal" }
  | { readonly verb: "hold" | "lose"; readonly filter: MessageFilter }
  | { readonly verb: "deliver" | "drop"; readonly filter: MessageFilter; readonly isAll: boolean }
  | { readonly verb: "crashRole" | "restartRole"; readonly role: string; readonly node: number }
  | {
    readonly verb: "crash" | "kill" | "stop" | "restart" | "failSync" | "freeDisk" | "emptyDisk";
    readonly node: number;
  }
  | { readonly verb: "tick"; readonly ms: number }
  | { readonly verb: "wait"; readonly ms: number; readonly text: string }
  | { readonly verb: "uses"; readonly client: number; readonly nodes: readonly number[] }
  | {
    readonly verb: "partition" | "cut";
    readonly isOneWay: boolean;
    readonly groups: readonly (readonly string[])[];
  }
  | { readonly verb: "slowSync" | "pause" | "jump"; readonly node: number; readonly ms: number }
  | { readonly verb: "fillDisk"; readonly node: number; readonly bytes: number }
  | { readonly verb: "flip"; readonly node: number; readonly file: string; readonly offset: number }
  | {
    readonly verb: "misdirect";
    readonly node: number;
    readonly file: string;
    readonly from: number;
    readonly to: number;
    readonly length: number;
  }
  | {
    readonly verb: "operation";
    readonly client: number;
    readonly operation: "put" | "get" | "delete" | "increment";
    readonly key: string;
    readonly value: string;
  }
  | { readonly verb: "expect" | "expectNo"; readonly text: string }
  | { readonly verb: "expectHas"; readonly node: number; readonly key: string; readonly value: string | null }
  | { readonly verb: "expectSame"; readonly nodes: readonly number[] | null };

/** A scenario that makes no sense, or that went otherwise than it says. */
export class ScriptError extends Error {
  /** The name of this class of errors. */
  override readonly name = "ScriptError";
  /** The line of the scenario, counted from 1. */
  readonly line: number;

  /** An error in a line. */
  constructor(line: number, message: string, options?: ErrorOptions) {
    super(`line ${line}: ${message}`, options);
    this.line = line;
  }
}

const USAGE = [
  "tick MS",
  "wait MS for TEXT",
  "hold|lose [WORDS] [1→3]",
  "flow",
  "deliver|drop [all] [WORDS] [1→3]",
  "crash|restart [ROLE] N",
  "kill|stop N",
  "cut|partition 1,2 | 3",
  "cut|partition 1 → 2",
  "heal",
  "slow sync N MS",
  "fail sync N",
  "fill disk N [BYTES]",
  "free disk N",
  "empty disk N",
  "pause|jump N MS",
  "flip N FILE OFFSET",
  "misdirect N FILE FROM TO LENGTH",
  "cN uses 1,2",
  "cN put|get|delete|increment KEY [VALUE]",
  "expect [no] TEXT",
  "expect N has KEY VALUE",
  "expect N lacks KEY",
  "expect same state [1,2]",
].join(", ");

/** The step in a line, or null when there is none: the line is empty or a comment (`# …`). Throws {@link ScriptError}. */
export function parseStep(text: string, line: number): Step | null {
  const content = text.replace(/^#.*|\s#.*/, "").trim();
  if (content === "") return null;
  const words = content.split(/\s+/);
  const [first = "", second = ""] = words;
  const fail = (what: string): never => {
    throw new ScriptError(line, what);
  };
  const count = (index: number, what: string): number => {
    const word = words[index];
    const value = Number(word);
    if (word === undefined || !Number.isFinite(value)) fail(`${what} is missing or no number in "${content}"`);
    return value;
  };
  const node = (index: number): number => {
    const value = count(index, "the server's number");
    if (!Number.isInteger(value) || value < 1) fail(`"${words[index]}" is no server: they count from 1`);
    return value;
  };
  const nodes = (list: string): number[] => {
    const numbers = list.split(/[\s,]+/).map(Number);
    if (numbers.some((number) => !Number.isInteger(number) || number < 1)) fail(`"${list}" is no list of servers`);
    return numbers;
  };
  const word = (index: number, what: string): string => words[index] ?? fail(`${what} is missing in "${content}"`);
  const client = /^c([1-9]\d*)$/.exec(first);
  if (client !== null) {
    if (second === "uses") {
      return { verb: "uses", client: Number(client[1]), nodes: nodes(words.slice(2).join(",")) };
    }
    const [operation] = [second];
    if (operation !== "put" && operation !== "get" && operation !== "delete" && operation !== "increment") {
      return fail(`a client can put, get, delete, increment and use servers, not "${second}"`);
    }
    const value = operation === "put" ? word(3, "the value") : words[3] ?? "1";
    return { verb: "operation", client: Number(client[1]), operation, key: word(2, "the key"), value };
  }
  switch (first) {
    case "flow":
    case "heal":
      return { verb: first };
    case "hold":
    case "lose":
    case "deliver":
    case "drop": {
      const isAll = second === "all";
      const filter = parseFilter(words.slice(isAll ? 2 : 1).join(" "));
      if (filter === null) return fail(`"${content}" names no link: write ${first} 1→3 or ${first} c1→1`);
      return first === "hold" || first === "lose" ? { verb: first, filter } : { verb: first, filter, isAll };
    }
    case "tick":
      return { verb: "tick", ms: count(1, "the time in milliseconds") };
    case "wait": {
      const ms = count(1, "the time in milliseconds");
      const text = / for (.+)$/.exec(content)?.[1];
      return text === undefined
        ? fail(`"${content}" waits for nothing: write wait 100 for TEXT`)
        : { verb: "wait", ms, text };
    }
    case "crash":
    case "restart":
      if (/^[a-z]+$/i.test(second)) {
        return { verb: first === "crash" ? "crashRole" : "restartRole", role: second, node: node(words.length - 1) };
      }
      return { verb: first, node: node(1) };
    case "kill":
    case "stop":
      return { verb: first, node: node(1) };
    case "cut":
    case "partition": {
      const isOneWay = /→|->/.test(content);
      const groups = words.slice(1).join(" ").split(/\||→|->/).map((group) => group.trim().split(/[\s,]+/));
      if (groups.length < 2 || groups.some((group) => group[0] === "") || (isOneWay && groups.length !== 2)) {
        return fail(`"${content}" names no groups: write ${first} 1 | 2 3, or ${first} 1 → 2 3 for one way`);
      }
      return { verb: first, isOneWay, groups };
    }
    case "pause":
    case "jump":
      return { verb: first, node: node(1), ms: count(2, "the time in milliseconds") };
    case "flip":
      return { verb: "flip", node: node(1), file: word(2, "the file"), offset: count(3, "the offset") };
    case "misdirect": {
      const [from, to, length] = [count(3, "the offset"), count(4, "the other offset"), count(5, "the length")];
      return { verb: "misdirect", node: node(1), file: word(2, "the file"), from, to, length };
    }
    case "expect":
      return parseExpectation(words.slice(1), content, nodes);
  }
  switch (`${first} ${second}`) {
    case "slow sync":
      return { verb: "slowSync", node: node(2), ms: count(3, "the time in milliseconds") };
    case "fail sync":
      return { verb: "failSync", node: node(2) };
    case "fill disk":
      return { verb: "fillDisk", node: node(2), bytes: words[3] === undefined ? 0 : count(3, "the bytes left") };
    case "free disk":
      return { verb: "freeDisk", node: node(2) };
    case "empty disk":
      return { verb: "emptyDisk", node: node(2) };
  }
  return fail(`"${content}" is no step. There are: ${USAGE}`);
}

function parseExpectation(words: readonly string[], content: string, nodes: (list: string) => number[]): Step {
  const [first = "", second = "", third = ""] = words;
  if (first === "same" && second === "state") {
    return { verb: "expectSame", nodes: third === "" ? null : nodes(words.slice(2).join(",")) };
  }
  if (second === "has" && words.length === 4) {
    return { verb: "expectHas", node: nodes(first)[0]!, key: third, value: words[3]! };
  }
  if (second === "lacks" && words.length === 3) {
    return { verb: "expectHas", node: nodes(first)[0]!, key: third, value: null };
  }
  const text = content.slice("expect".length).trim();
  return first === "no" ? { verb: "expectNo", text: text.slice("no".length).trim() } : { verb: "expect", text };
}
