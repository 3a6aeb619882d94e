/**
 * The commands on all keys at once: listing, scanning, drawing one, deleting them all.
 *
 * The invariant of SCAN: a key that is there from the first call to the last is returned, because calls go up
 * the keys in their order, and each begins right after the last key that the one before looked at.
 *
 * @module
 */
import { type Key, keyFromBytes } from "../../../codec/bytes.ts";
import type { Result } from "../../../core/kv/result.ts";
import { type Args, type CommandSpec, type Plan, RespError } from "../command_spec.ts";
import type { RespConnection } from "../connection.ts";
import { Glob } from "../glob.ts";
import { unknownCommand } from "../refusals.ts";
import type { ReplyWriter } from "../reply_writer.ts";
import { integerArgument, optionName, replyOk, syntaxError } from "./arguments.ts";

const FIRST_KEY = "" as Key;
/** The most keys that one SCAN looks at, whatever COUNT says: it is a hint, and others wait meanwhile. */
const MAX_SCAN_COUNT = 100_000;
const UINT64_MAX = 2n ** 64n - 1n;

/** Replies with those keys of a range result that match. */
function replyKeys(result: Result, glob: Glob | null, out: ReplyWriter): void {
  if (result.type !== "range") throw new Error(`a range gave a result of type ${result.type}`);
  const keys: Key[] = [];
  for (const { key } of result.entries) if (glob === null || glob.matches(key)) keys.push(key);
  out.array(keys.length);
  for (const key of keys) out.bulkKey(key);
}

function planKeys(args: Args, connection: RespConnection): Plan {
  const glob = new Glob(keyFromBytes(args[1]!), connection.service.store.limits.maxKeyBytes);
  return {
    kind: "operation",
    operation: { type: "range", start: glob.prefix, end: glob.end, limit: 0, reverse: false, projection: "keys" },
    reply: (result, out) => {
      if (result.type === "range" && result.more) {
        out.error("ERR more keys match than one reply holds; use SCAN");
      } else {
        replyKeys(result, glob.matchesRange ? null : glob, out);
      }
    },
  };
}

interface ScanOptions {
  count: number;
  glob: Glob | null;
  /** Whether the type asked for is the only one there is. */
  strings: boolean;
}

function readScanOptions(args: Args, maxKeyBytes: number): ScanOptions {
  const options: ScanOptions = { count: 10, glob: null, strings: true };
  for (let i = 2; i < args.length; i += 2) {
    const value = args[i + 1];
    if (value === undefined) throw syntaxError();
    switch (optionName(args[i]!)) {
      case "count": {
        const count = integerArgument(value);
        if (count < 1n) throw syntaxError();
        options.count = count > BigInt(MAX_SCAN_COUNT) ? MAX_SCAN_COUNT : Number(count);
        break;
      }
      case "match":
        options.glob = new Glob(keyFromBytes(value), maxKeyBytes);
        break;
      case "type":
        options.strings = optionName(value) === "string";
        break;
      default:
        throw syntaxError();
    }
  }
  return options;
}

/** An unsigned 64-bit number, read as C's strtoul reads it: no digits at all are 0, and `-1` is the greatest. */
function readCursor(argument: Uint8Array): bigint {
  const match = /^([+-]?)([0-9]*)$/.exec(optionName(argument));
  if (match === null || (match[1] !== "" && match[2] === "") || match[2]!.length > MAX_CURSOR_CHARACTERS) {
    throw new RespError("ERR invalid cursor");
  }
  const value = BigInt(match[2]!);
  if (value > UINT64_MAX) throw new RespError("ERR invalid cursor");
  return match[1] === "-" ? BigInt.asUintN(64, -value) : value;
}

/** Far more than 20 digits, because zeros may stand in front. */
const MAX_CURSOR_CHARACTERS = 1000;

function planScan(args: Args, connection: RespConnection): Plan {
  const cursor = readCursor(args[1]!);
  const { count, glob, strings } = readScanOptions(args, connection.service.store.limits.maxKeyBytes);
  const cursors = connection.context.scanCursors;
  let start = FIRST_KEY;
  if (cursor !== 0n) {
    const last = cursors.find(cursor);
    if (last === undefined) {
      throw new RespError(
        `ERR unknown cursor ${cursor}: this server did not give it out, or has forgotten it; start again at 0`,
      );
    }
    start = (last + "\0") as Key;
  }
  if (glob !== null && glob.prefix > start) start = glob.prefix;
  const end = glob?.end ?? null;
  return {
    kind: "operation",
    operation: { type: "range", start, end, limit: count, reverse: false, projection: "keys" },
    reply: (result, out) => {
      if (result.type !== "range") throw new Error(`a range gave a result of type ${result.type}`);
      const last = result.entries.at(-1);
      out.array(2);
      if (!result.more) out.bulkText("0");
      else if (last !== undefined) out.bulkText(String(cursors.issue(last.key)));
      else throw new Error("a range with a limit of at least one key left all of them out");
      if (strings) replyKeys(result, glob === null || glob.matchesRange ? null : glob, out);
      else out.array(0);
    },
  };
}

/** What may stand from argument `at` on: nothing, SYNC or ASYNC. */
function checkFlushMode(args: Args, at: number): void {
  if (args.length === at) return;
  const mode = optionName(args[at]!);
  if (args.length > at + 1 || (mode !== "sync" && mode !== "async")) throw syntaxError();
}

function planFlush(args: Args): Plan {
  checkFlushMode(args, 1);
  return { kind: "operation", operation: { type: "deleteRange", start: FIRST_KEY, end: null }, reply: replyOk };
}

function flushSpec(name: string): CommandSpec {
  const summary = "Deletes every key.";
  return { name, arity: -1, flags: ["write"], keys: [0, 0, 0], group: "server", summary, plan: planFlush };
}

/** There are no functions, so FUNCTION FLUSH, with which Redis's own tests begin, has nothing to do. */
function planFunction(args: Args): Plan {
  if (optionName(args[1]!) !== "flush") throw new RespError(unknownCommand(args));
  checkFlushMode(args, 2);
  return { kind: "local", run: (_connection, out) => out.ok() };
}

/** KEYS SCAN RANDOMKEY FLUSHDB FLUSHALL, and FUNCTION FLUSH. */
export const keyspaceCommands: readonly CommandSpec[] = [
  {
    name: "keys",
    arity: 2,
    flags: ["readonly"],
    keys: [0, 0, 0],
    group: "generic",
    summary: "Returns the keys that match a pattern.",
    plan: planKeys,
  },
  {
    name: "scan",
    arity: -2,
    flags: ["readonly"],
    keys: [0, 0, 0],
    group: "generic",
    summary: "Returns some of the keys, and where to go on.",
    plan: planScan,
  },
  {
    name: "randomkey",
    arity: 1,
    flags: ["readonly"],
    keys: [0, 0, 0],
    group: "generic",
    summary: "Returns a key drawn at random.",
    plan: () => ({
      kind: "inspect",
      reads: { type: "range", start: FIRST_KEY, end: null, limit: 0, reverse: false, projection: "keys" },
      run: (connection, out) => {
        const key = connection.service.store.randomKey(connection.context.random.next());
        if (key === null) out.nil();
        else out.bulkKey(key);
      },
    }),
  },
  flushSpec("flushdb"),
  flushSpec("flushall"),
  {
    name: "function",
    arity: -2,
    flags: [],
    keys: [0, 0, 0],
    group: "server",
    summary: "FUNCTION FLUSH does nothing: there are no functions.",
    plan: planFunction,
  },
];
