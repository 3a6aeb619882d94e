/**
 * The language of scripted scenarios: one step a line, in words that say what they do.
 *
 * @module
 */

/** A step of a scenario. Servers and clients count from 1, as in the text. */
export type Step =
  | { readonly verb: "hold" | "flow" | "heal" }
  | { readonly verb: "deliver" | "drop"; readonly link: readonly [from: string, to: string] | null }
  | { readonly verb: "crash" | "kill" | "stop" | "restart" | "failSync" | "freeDisk"; readonly node: number }
  | { readonly verb: "tick"; readonly ms: number }
  | {
    readonly verb: "partition";
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
  | { readonly verb: "expect"; readonly text: string };

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

/** Roles that a replica may have under some protocol, none of them under the standalone server. */
const ROLES: ReadonlySet<string> = new Set(["acceptor", "proposer", "leader", "learner", "coordinator", "participant"]);

const USAGE = "hold, flow, deliver [1→3], drop [1→3], tick MS, crash|kill|stop|restart N, partition 1 | 2 3, " +
  "partition 1 → 2, heal, slow sync N MS, fail sync N, fill disk N [BYTES], free disk N, pause N MS, jump N MS, " +
  "flip N FILE OFFSET, misdirect N FILE FROM TO LENGTH, cN put|get|delete|increment KEY [VALUE], expect TEXT";

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
    const word = words[index] ?? "";
    if (ROLES.has(word)) fail(`"${content}": there are no roles in a standalone server; crash the whole of it`);
    const value = count(index, "the server's number");
    if (!Number.isInteger(value) || value < 1) fail(`"${word}" is no server: they count from 1`);
    return value;
  };
  const word = (index: number, what: string): string => words[index] ?? fail(`${what} is missing in "${content}"`);
  const client = /^c([1-9]\d*)$/.exec(first);
  if (client !== null) {
    const [operation] = [second];
    if (operation !== "put" && operation !== "get" && operation !== "delete" && operation !== "increment") {
      return fail(`a client can put, get, delete and increment, not "${second}"`);
    }
    const value = operation === "put" ? word(3, "the value") : words[3] ?? "1";
    return { verb: "operation", client: Number(client[1]), operation, key: word(2, "the key"), value };
  }
  switch (first) {
    case "hold":
    case "flow":
    case "heal":
      return { verb: first };
    case "deliver":
    case "drop": {
      if (second === "") return { verb: first, link: null };
      const ends = /^(c?\d+)(?:→|->)(c?\d+)$/.exec(words.slice(1).join(""));
      if (ends === null) return fail(`"${content}" names no link: write ${first} 1→3 or ${first} c1→1`);
      return { verb: first, link: [ends[1]!, ends[2]!] };
    }
    case "tick":
      return { verb: "tick", ms: count(1, "the time in milliseconds") };
    case "crash":
    case "kill":
    case "stop":
    case "restart":
      return { verb: first, node: node(1) };
    case "partition": {
      const isOneWay = /→|->/.test(content);
      const groups = words.slice(1).join(" ").split(/\||→|->/).map((group) => group.trim().split(" "));
      if (groups.length < 2 || groups.some((group) => group[0] === "") || (isOneWay && groups.length !== 2)) {
        return fail(`"${content}" names no groups: write partition 1 | 2 3, or partition 1 → 2 3 for one way`);
      }
      return { verb: "partition", isOneWay, groups };
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
      return { verb: "expect", text: content.slice("expect".length).trim() };
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
  }
  return fail(`"${content}" is no step. There are: ${USAGE}`);
}
