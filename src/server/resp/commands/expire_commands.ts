/**
 * When keys go: EXPIRE and its kin set it, TTL and its kin tell it.
 *
 * The invariant: a key that is there never shows a negative time left. Keys go by log time, so one may still be
 * there a moment after its time on this server's clock; it then shows 0.
 *
 * @module
 */
import { keyFromBytes } from "../../../codec/bytes.ts";
import { type Expire, NO_EXPIRY } from "../../../core/kv/command.ts";
import type { Entry, Result } from "../../../core/kv/result.ts";
import { type CommandSpec, RespError } from "../command_spec.ts";
import type { ReplyWriter } from "../reply_writer.ts";
import { anyExpiry, entryOf, optionName, quoted, type TimeUnit } from "./arguments.ts";

type Condition = Expire["condition"];

/** The options of EXPIRE. XX with LT or GT is the one pair that Redis lets stand. */
function readConditions(args: readonly Uint8Array[]): ReadonlySet<string> {
  const conditions = new Set<string>();
  for (let i = 3; i < args.length; i++) {
    const name = optionName(args[i]!);
    if (name !== "nx" && name !== "xx" && name !== "gt" && name !== "lt") {
      throw new RespError(`ERR Unsupported option ${quoted(args[i]!)}`);
    }
    conditions.add(name);
  }
  if (conditions.has("nx") && conditions.size > 1) {
    throw new RespError("ERR NX and XX, GT or LT options at the same time are not compatible");
  }
  if (conditions.has("gt") && conditions.has("lt")) {
    throw new RespError("ERR GT and LT options at the same time are not compatible");
  }
  return conditions;
}

function conditionOf(conditions: ReadonlySet<string>): Condition {
  if (conditions.has("nx")) return "absent";
  // A key without an expiry never passes GT, so XX adds nothing to it.
  if (conditions.has("gt")) return "greater";
  if (conditions.has("lt")) return "less";
  return conditions.has("xx") ? "present" : "always";
}

function replyChanged(result: Result, out: ReplyWriter): void {
  if (result.type === "txn") {
    if (result.succeeded) replyChanged(result.results[0]!, out);
    else out.integer(0);
    return;
  }
  if (result.type !== "expire") throw new Error(`an expire gave a result of type ${result.type}`);
  out.integer(result.changed ? 1 : 0);
}

function expireSpec(name: string, unit: TimeUnit, summary: string): CommandSpec {
  return {
    name,
    arity: -3,
    flags: ["write", "fast"],
    keys: [1, 1, 1],
    group: "generic",
    summary,
    plan: (args, connection) => {
      const conditions = readConditions(args);
      const expiry = anyExpiry(unit, args[2]!, name, connection.context.clock.now());
      const key = keyFromBytes(args[1]!);
      const expire: Expire = { type: "expire", key, expiry, condition: conditionOf(conditions) };
      if (!(conditions.has("xx") && conditions.has("lt"))) {
        return { kind: "operation", operation: expire, reply: replyChanged };
      }
      // No expiry counts as later than any, so LT alone would take it.
      const compare = [{ key, target: "expiry", operator: ">", operand: 0 }] as const;
      return {
        kind: "operation",
        operation: { type: "txn", compare, then: [expire], else: [] },
        reply: replyChanged,
      };
    },
  };
}

function ttlSpec(name: string, summary: string, show: (entry: Entry, now_ms: number) => number): CommandSpec {
  return {
    name,
    arity: 2,
    flags: ["readonly", "fast"],
    keys: [1, 1, 1],
    group: "generic",
    summary,
    plan: (args, connection) => ({
      kind: "operation",
      operation: { type: "get", key: keyFromBytes(args[1]!) },
      reply: (result, out) => {
        const entry = entryOf(result);
        if (entry === null) out.integer(-2);
        else if (entry.expiry === 0) out.integer(-1);
        else out.integer(show(entry, connection.context.clock.now()));
      },
    }),
  };
}

function seconds(time_ms: number): number {
  return Math.floor((time_ms + 500) / 1000);
}

function left(entry: Entry, now_ms: number): number {
  return Math.max(0, entry.expiry - now_ms);
}

/** EXPIRE PEXPIRE EXPIREAT PEXPIREAT TTL PTTL EXPIRETIME PEXPIRETIME PERSIST. */
export const expireCommands: readonly CommandSpec[] = [
  expireSpec("expire", "ex", "Lets a key go after a number of seconds."),
  expireSpec("pexpire", "px", "Lets a key go after a number of milliseconds."),
  expireSpec("expireat", "exat", "Lets a key go at a Unix time in seconds."),
  expireSpec("pexpireat", "pxat", "Lets a key go at a Unix time in milliseconds."),
  ttlSpec("ttl", "Returns how many seconds a key has left.", (entry, now_ms) => seconds(left(entry, now_ms))),
  ttlSpec("pttl", "Returns how many milliseconds a key has left.", left),
  ttlSpec("expiretime", "Returns the Unix time in seconds at which a key goes.", (entry) => seconds(entry.expiry)),
  ttlSpec("pexpiretime", "Returns the Unix time in milliseconds at which a key goes.", (entry) => entry.expiry),
  {
    name: "persist",
    arity: 2,
    flags: ["write", "fast"],
    keys: [1, 1, 1],
    group: "generic",
    summary: "Lets a key stay that was to go.",
    plan: (args) => ({
      kind: "operation",
      operation: { type: "expire", key: keyFromBytes(args[1]!), expiry: NO_EXPIRY, condition: "present" },
      reply: replyChanged,
    }),
  },
];
