/**
 * SET, its older kin, and GETEX: how their options are read and combine.
 *
 * The invariant: a combination of options is refused exactly when Redis 7.0 refuses it (NX with GET is allowed;
 * one kind of time may be repeated, and the last one counts).
 *
 * @module
 */
import { keyFromBytes } from "../../../codec/bytes.ts";
import { type Expiry, NO_EXPIRY, type Put } from "../../../core/kv/command.ts";
import type { Result } from "../../../core/kv/result.ts";
import { type Args, type CommandSpec, type Plan, RespError } from "../command_spec.ts";
import type { RespConnection } from "../connection.ts";
import type { ReplyWriter } from "../reply_writer.ts";
import { errorLine } from "../resp_errors.ts";
import { entryOf, optionName, positiveExpiry, replyOk, replyValue, syntaxError, type TimeUnit } from "./arguments.ts";

const KEEP: Expiry = { type: "keep" };

interface Options {
  condition: Put["condition"];
  get: boolean;
  keepTtl: boolean;
  persist: boolean;
  unit: TimeUnit | null;
  /** The argument after {@link unit}. */
  time: Uint8Array | null;
}

function readOptions(args: Args, first: number, command: "set" | "get"): Options {
  const options: Options = {
    condition: "always",
    get: false,
    keepTtl: false,
    persist: false,
    unit: null,
    time: null,
  };
  for (let i = first; i < args.length; i++) {
    const name = optionName(args[i]!);
    switch (name) {
      case "nx":
        if (command !== "set" || options.condition === "present") throw syntaxError();
        options.condition = "absent";
        break;
      case "xx":
        if (command !== "set" || options.condition === "absent") throw syntaxError();
        options.condition = "present";
        break;
      case "get":
        if (command !== "set") throw syntaxError();
        options.get = true;
        break;
      case "keepttl":
        if (command !== "set" || options.unit !== null) throw syntaxError();
        options.keepTtl = true;
        break;
      case "persist":
        if (command !== "get" || options.unit !== null) throw syntaxError();
        options.persist = true;
        break;
      case "ex":
      case "px":
      case "exat":
      case "pxat": {
        const time = args[++i];
        const other = options.unit !== null && options.unit !== name;
        if (time === undefined || other || options.keepTtl || options.persist) throw syntaxError();
        options.unit = name;
        options.time = time;
        break;
      }
      default:
        throw syntaxError();
    }
  }
  return options;
}

function replyPrevious(result: Result, out: ReplyWriter): void {
  if (result.type !== "put") throw new Error(`a put gave a result of type ${result.type}`);
  replyValue(result.previous, out);
}

function replyOkOrNil(result: Result, out: ReplyWriter): void {
  if (result.type !== "put") throw new Error(`a put gave a result of type ${result.type}`);
  if (result.written) out.ok();
  else out.nil();
}

function replyWritten(result: Result, out: ReplyWriter): void {
  if (result.type !== "put") throw new Error(`a put gave a result of type ${result.type}`);
  out.integer(result.written ? 1 : 0);
}

const PLAIN: Partial<Put> = {};

/** A put, always and without an expiry unless `other` says so. */
export function put(key: Uint8Array, value: Uint8Array, other: Partial<Put> = PLAIN): Put {
  return {
    type: "put",
    key: keyFromBytes(key),
    value,
    expiry: other.expiry ?? NO_EXPIRY,
    condition: other.condition ?? "always",
    returnPrevious: other.returnPrevious ?? false,
  };
}

/** The present time, for checking that a duration added to it still fits 64 bits. */
function now(connection: RespConnection): number {
  return connection.context.clock.now();
}

function planSet(args: Args, connection: RespConnection): Plan {
  if (args.length === 3) return { kind: "operation", operation: put(args[1]!, args[2]!), reply: replyOk };
  const { condition, get, keepTtl, unit, time } = readOptions(args, 3, "set");
  let expiry = keepTtl ? KEEP : NO_EXPIRY;
  if (unit !== null) expiry = positiveExpiry(unit, time!, "set", now(connection));
  return {
    kind: "operation",
    operation: put(args[1]!, args[2]!, { expiry, condition, returnPrevious: get }),
    reply: get ? replyPrevious : condition === "always" ? replyOk : replyOkOrNil,
  };
}

function planSetWithTime(command: "setex" | "psetex", unit: TimeUnit): CommandSpec["plan"] {
  return (args, connection) => {
    const expiry = positiveExpiry(unit, args[2]!, command, now(connection));
    return { kind: "operation", operation: put(args[1]!, args[3]!, { expiry }), reply: replyOk };
  };
}

function planGetEx(args: Args, connection: RespConnection): Plan {
  const { persist, unit, time } = readOptions(args, 2, "get");
  const key = keyFromBytes(args[1]!);
  if (unit === null && !persist) {
    return {
      kind: "operation",
      operation: { type: "get", key },
      reply: (result, out) => replyValue(entryOf(result), out),
    };
  }
  let expiry = NO_EXPIRY;
  if (unit !== null) {
    try {
      expiry = positiveExpiry(unit, time!, "getex", now(connection));
    } catch (error) {
      if (!(error instanceof RespError)) throw error;
      // Redis looks for the key first, and minds the time only when it is there.
      return {
        kind: "operation",
        operation: { type: "get", key },
        reply: (result, out) => entryOf(result) === null ? out.nil() : out.error(error.message),
      };
    }
  }
  return {
    kind: "operation",
    operation: {
      type: "txn",
      compare: [],
      then: [{ type: "get", key }, { type: "expire", key, expiry, condition: "always" }],
      else: [],
    },
    reply: (result, out) => {
      if (result.type !== "txn") throw new Error(`a txn gave a result of type ${result.type}`);
      const read = result.results[0]!;
      if (read.type === "error") out.error(errorLine(read));
      else replyValue(entryOf(read), out);
    },
  };
}

const SET: Omit<CommandSpec, "name"> = {
  arity: -3,
  flags: ["write", "denyoom"],
  keys: [1, 1, 1],
  group: "string",
  summary: "Stores a value; options say under which condition and for how long.",
  plan: planSet,
};

/** SET PUT SETNX SETEX PSETEX GETSET GETEX. */
export const setCommands: readonly CommandSpec[] = [
  { name: "set", ...SET },
  { name: "put", ...SET, summary: "SET by another name." },
  {
    name: "setnx",
    arity: 3,
    flags: ["write", "denyoom", "fast"],
    keys: [1, 1, 1],
    group: "string",
    summary: "Stores a value when the key is absent.",
    plan: (args) => ({
      kind: "operation",
      operation: put(args[1]!, args[2]!, { condition: "absent" }),
      reply: replyWritten,
    }),
  },
  {
    name: "setex",
    arity: 4,
    flags: ["write", "denyoom"],
    keys: [1, 1, 1],
    group: "string",
    summary: "Stores a value for a number of seconds.",
    plan: planSetWithTime("setex", "ex"),
  },
  {
    name: "psetex",
    arity: 4,
    flags: ["write", "denyoom"],
    keys: [1, 1, 1],
    group: "string",
    summary: "Stores a value for a number of milliseconds.",
    plan: planSetWithTime("psetex", "px"),
  },
  {
    name: "getset",
    arity: 3,
    flags: ["write", "denyoom", "fast"],
    keys: [1, 1, 1],
    group: "string",
    summary: "Stores a value and returns the one before.",
    plan: (args) => ({
      kind: "operation",
      operation: put(args[1]!, args[2]!, { returnPrevious: true }),
      reply: replyPrevious,
    }),
  },
  {
    name: "getex",
    arity: -2,
    flags: ["write", "fast"],
    keys: [1, 1, 1],
    group: "string",
    summary: "Returns a value and changes when it expires.",
    plan: planGetEx,
  },
];
