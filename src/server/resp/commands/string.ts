/**
 * The commands on string values, as Redis 7 has them. Each is a pure function from arguments to one store
 * operation and the way its result reads.
 *
 * @module
 */
import { EMPTY, type Key, keyFromBytes } from "../../../codec/bytes.ts";
import type { Put } from "../../../core/kv/command.ts";
import type { Result } from "../../../core/kv/result.ts";
import { type Args, type CommandSpec, type Plan, RespError } from "../command_spec.ts";
import type { RespConnection } from "../connection.ts";
import type { ReplyWriter } from "../reply_writer.ts";
import {
  arityError,
  decimalArgument,
  entriesOf,
  entryOf,
  INT64_MIN,
  integerArgument,
  keysFrom,
  replyInteger,
  replyOk,
  replyValue,
} from "./arguments.ts";
import { put, setCommands } from "./set_command.ts";

function replyEntry(result: Result, out: ReplyWriter): void {
  replyValue(entryOf(result), out);
}

function replyEntries(result: Result, out: ReplyWriter): void {
  const entries = entriesOf(result);
  out.array(entries.length);
  for (const entry of entries) replyValue(entry, out);
}

function planGetDel(args: Args): Plan {
  return {
    kind: "operation",
    operation: { type: "delete", key: keyFromBytes(args[1]!), returnPrevious: true },
    reply: (result, out) => {
      if (result.type !== "delete") throw new Error(`a delete gave a result of type ${result.type}`);
      replyValue(result.previous, out);
    },
  };
}

/** One put per key. Of a key that is given twice the last value counts. */
function puts(args: Args, command: string): ReadonlyMap<Key, Put> {
  if (args.length % 2 === 0) throw arityError(command);
  const byKey = new Map<Key, Put>();
  for (let i = 1; i < args.length; i += 2) {
    const one = put(args[i]!, args[i + 1]!);
    byKey.set(one.key, one);
  }
  return byKey;
}

function planMset(args: Args): Plan {
  const then = [...puts(args, "mset").values()];
  return { kind: "operation", operation: { type: "txn", compare: [], then, else: [] }, reply: replyOk };
}

function planMsetNx(args: Args): Plan {
  const byKey = puts(args, "msetnx");
  const compare = [...byKey.keys()].map((key) => ({ key, target: "version", operator: "=", operand: 0 }) as const);
  return {
    kind: "operation",
    operation: { type: "txn", compare, then: [...byKey.values()], else: [] },
    reply: (result, out) => {
      if (result.type !== "txn") throw new Error(`a txn gave a result of type ${result.type}`);
      out.integer(result.succeeded ? 1 : 0);
    },
  };
}

function planIncrement(key: Uint8Array, delta: bigint): Plan {
  return {
    kind: "operation",
    operation: { type: "increment", key: keyFromBytes(key), delta },
    reply: replyInteger,
  };
}

function planDecrBy(args: Args): Plan {
  const amount = integerArgument(args[2]!);
  if (amount === INT64_MIN) throw new RespError("ERR decrement would overflow");
  return planIncrement(args[1]!, -amount);
}

function planIncrByFloat(args: Args): Plan {
  return {
    kind: "operation",
    operation: { type: "incrementFloat", key: keyFromBytes(args[1]!), delta: decimalArgument(args[2]!) },
    reply: (result, out) => {
      if (result.type !== "value") throw new Error(`an incrementFloat gave a result of type ${result.type}`);
      out.bulk(result.value);
    },
  };
}

function tooLong(): RespError {
  return new RespError("ERR string exceeds maximum allowed size (proto-max-bulk-len)");
}

function planAppend(args: Args, connection: RespConnection): Plan {
  if (args[2]!.length > connection.service.store.limits.maxValueBytes) throw tooLong();
  return {
    kind: "operation",
    operation: { type: "append", key: keyFromBytes(args[1]!), value: args[2]! },
    reply: replyInteger,
  };
}

function planSetRange(args: Args, connection: RespConnection): Plan {
  const offset = integerArgument(args[2]!);
  if (offset < 0n) throw new RespError("ERR offset is out of range");
  const value = args[3]!;
  const key = keyFromBytes(args[1]!);
  // Nothing to write changes nothing, wherever it would be written.
  if (value.length === 0) return planLength(args);
  if (offset + BigInt(value.length) > BigInt(connection.service.store.limits.maxValueBytes)) throw tooLong();
  return {
    kind: "operation",
    operation: { type: "setRange", key, offset: Number(offset), value },
    reply: replyInteger,
  };
}

function planLength(args: Args): Plan {
  return {
    kind: "operation",
    operation: { type: "get", key: keyFromBytes(args[1]!) },
    reply: (result, out) => out.integer(entryOf(result)?.value.length ?? 0),
  };
}

/** The bytes from `start` to `end`, both included; negative ones count from the end of the value. */
function slice(value: Uint8Array, start: bigint, end: bigint): Uint8Array {
  if (start < 0n && end < 0n && start > end) return EMPTY;
  const length = BigInt(value.length);
  const from = start < 0n ? start + length : start;
  const to = end < 0n ? end + length : end;
  const first = from < 0n ? 0n : from;
  const last = to < 0n ? 0n : to >= length ? length - 1n : to;
  return first > last ? EMPTY : value.subarray(Number(first), Number(last) + 1);
}

function planGetRange(args: Args): Plan {
  const start = integerArgument(args[2]!);
  const end = integerArgument(args[3]!);
  return {
    kind: "operation",
    operation: { type: "get", key: keyFromBytes(args[1]!) },
    reply: (result, out) => out.bulk(slice(entryOf(result)?.value ?? EMPTY, start, end)),
  };
}

type Described = Omit<CommandSpec, "group" | "keys"> & { readonly keys?: CommandSpec["keys"] };

const described: readonly Described[] = [
  {
    name: "get",
    arity: 2,
    flags: ["readonly", "fast"],
    summary: "Returns the value at a key.",
    plan: (args) => ({
      kind: "operation",
      operation: { type: "get", key: keyFromBytes(args[1]!) },
      reply: replyEntry,
    }),
  },
  {
    name: "getdel",
    arity: 2,
    flags: ["write", "fast"],
    summary: "Returns a value and deletes its key.",
    plan: planGetDel,
  },
  {
    name: "mget",
    arity: -2,
    flags: ["readonly", "fast"],
    keys: [1, -1, 1],
    summary: "Returns the values at several keys.",
    plan: (args) => ({
      kind: "operation",
      operation: { type: "getMany", keys: keysFrom(args, 1) },
      reply: replyEntries,
    }),
  },
  {
    name: "mset",
    arity: -3,
    flags: ["write", "denyoom"],
    keys: [1, -1, 2],
    summary: "Stores several values in one step.",
    plan: planMset,
  },
  {
    name: "msetnx",
    arity: -3,
    flags: ["write", "denyoom"],
    keys: [1, -1, 2],
    summary: "Stores several values in one step when all their keys are absent.",
    plan: planMsetNx,
  },
  {
    name: "append",
    arity: 3,
    flags: ["write", "denyoom", "fast"],
    summary: "Appends to a value and returns its new length.",
    plan: planAppend,
  },
  {
    name: "strlen",
    arity: 2,
    flags: ["readonly", "fast"],
    summary: "Returns the length of a value.",
    plan: planLength,
  },
  {
    name: "getrange",
    arity: 4,
    flags: ["readonly"],
    summary: "Returns part of a value.",
    plan: planGetRange,
  },
  {
    name: "substr",
    arity: 4,
    flags: ["readonly"],
    summary: "GETRANGE by its older name.",
    plan: planGetRange,
  },
  {
    name: "setrange",
    arity: 4,
    flags: ["write", "denyoom"],
    summary: "Overwrites part of a value and returns its length.",
    plan: planSetRange,
  },
  {
    name: "incr",
    arity: 2,
    flags: ["write", "denyoom", "fast"],
    summary: "Adds one to the integer at a key.",
    plan: (args) => planIncrement(args[1]!, 1n),
  },
  {
    name: "decr",
    arity: 2,
    flags: ["write", "denyoom", "fast"],
    summary: "Takes one from the integer at a key.",
    plan: (args) => planIncrement(args[1]!, -1n),
  },
  {
    name: "incrby",
    arity: 3,
    flags: ["write", "denyoom", "fast"],
    summary: "Adds to the integer at a key.",
    plan: (args) => planIncrement(args[1]!, integerArgument(args[2]!)),
  },
  {
    name: "decrby",
    arity: 3,
    flags: ["write", "denyoom", "fast"],
    summary: "Takes from the integer at a key.",
    plan: planDecrBy,
  },
  {
    name: "incrbyfloat",
    arity: 3,
    flags: ["write", "denyoom", "fast"],
    summary: "Adds to the decimal number at a key.",
    plan: planIncrByFloat,
  },
];

/** GET SET PUT SETNX SETEX PSETEX GETSET GETDEL GETEX MGET MSET MSETNX APPEND STRLEN GETRANGE SUBSTR SETRANGE INCR… DECR…. */
export const stringCommands: readonly CommandSpec[] = [
  ...setCommands,
  ...described.map((spec): CommandSpec => ({ keys: [1, 1, 1], group: "string", ...spec })),
];
