/**
 * What kvpaxos adds to Redis: the bytes of commands (KV), events (KVWATCH, KVUNWATCH, KVEVENTS), exactly-once writes
 * (SESSION, ONCE), and the server's figures (KVSTATUS). docs/protocol.md describes them for authors of clients.
 *
 * @module
 */
import { keyFromBytes, textToBytes } from "../../../codec/bytes.ts";
import { CodecError } from "../../../codec/byte_reader.ts";
import { KvError } from "../../../core/errors.ts";
import type { Command } from "../../../core/kv/command.ts";
import { decodeCommand } from "../../../core/kv/command_codec.ts";
import { isStaleRead, staleReadOf, withoutMark } from "../../../core/kv/stale_read.ts";
import { encodeEvents, encodeResult } from "../../../core/kv/result_codec.ts";
import type { Result } from "../../../core/kv/result.ts";
import { statusPage } from "../../status_page.ts";
import { type Args, type CommandSpec, type Plan, RespError } from "../command_spec.ts";
import type { RespConnection } from "../connection.ts";
import { permittedPlan } from "../permissions.ts";
import { refusalOf, unknownCommand } from "../refusals.ts";
import type { ReplyWriter } from "../reply_writer.ts";
import { errorResult } from "../resp_errors.ts";
import { type WatchedRange, Watches } from "../watches.ts";
import { integerArgument, replyOk } from "./arguments.ts";
import { planSubcommand, type Subcommand } from "./subcommands.ts";

/** The most events that one KVEVENTS returns. */
const MAX_EVENTS = 10_000;

function planKv(args: Args): Plan {
  const isStale = isStaleRead(args[1]!);
  const bytes = isStale ? withoutMark(args[1]!) : args[1]!;
  let command: Command;
  try {
    command = decodeCommand(bytes);
    if (isStale) staleReadOf(command);
    if (command.type === "expireDue") throw new KvError("INVALID_ARGUMENT", "expireDue is for the server itself");
  } catch (error) {
    if (!(error instanceof KvError) && !(error instanceof CodecError)) throw error;
    return { kind: "local", run: (_connection, out) => out.bulk(encodeResult(errorResult(error))) };
  }
  return { kind: "encoded", command, bytes, isStale };
}

/** A whole number from `least` to 2^53 − 1. */
function wholeNumber(argument: Uint8Array, name: string, least: number): number {
  const value = integerArgument(argument);
  if (value < BigInt(least) || value > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw new RespError(`ERR ${name} ${value} is out of range: it is ${least} to 2^53 - 1`);
  }
  return Number(value);
}

function rangeOf(start: Uint8Array, end: Uint8Array): WatchedRange {
  return { start: keyFromBytes(start), end: end.length === 0 ? null : keyFromBytes(end) };
}

function planWatch(args: Args, { protocol }: RespConnection): Plan {
  if (protocol !== 3) throw new RespError("ERR KVWATCH sends push messages, which need RESP3: send HELLO 3 first");
  const id = wholeNumber(args[1]!, "id", 0);
  const range = rangeOf(args[2]!, args[3]!);
  const fromRevision = wholeNumber(args[4]!, "revision", 0);
  return {
    kind: "inspect",
    reads: { type: "range", ...range, limit: 0, reverse: false, projection: "entries" },
    run: (connection, out) => {
      const watches = connection.state.watches ?? new Watches(connection);
      connection.state.watches = watches;
      out.integer(watches.start(id, range, fromRevision));
      connection.catchUpLater();
    },
  };
}

function planUnwatch(args: Args): Plan {
  const id = wholeNumber(args[1]!, "id", 0);
  return {
    kind: "local",
    run: ({ state }, out) => {
      state.watches?.cancel(id);
      out.ok();
    },
  };
}

function planEvents(args: Args): Plan {
  const range = rangeOf(args[1]!, args[2]!);
  const fromRevision = wholeNumber(args[3]!, "revision", 0);
  const limit = Math.min(wholeNumber(args[4]!, "limit", 1), MAX_EVENTS);
  return {
    kind: "inspect",
    reads: { type: "range", ...range, limit, reverse: false, projection: "entries" },
    run: ({ service }, out) => {
      const from = fromRevision === 0 ? service.store.revision + 1 : fromRevision;
      out.bulk(encodeEvents(service.store.events({ ...range, fromRevision: from, limit })));
    },
  };
}

function planStatus(): Plan {
  return {
    kind: "local",
    run: ({ context: { config } }, out) => out.bulk(textToBytes(JSON.stringify(statusPage(config.figures())))),
  };
}

function replyIncarnation(result: Result, out: ReplyWriter): void {
  if (result.type === "session") out.integer(result.incarnation);
}

const sessionCommands: readonly Subcommand[] = [
  {
    name: "open",
    arity: 3,
    help: ["OPEN <id>", "Open a session, or show that it is there; returns its incarnation."],
    plan: (args) => ({
      kind: "command",
      command: { type: "openSession", session: keyFromBytes(args[2]!) },
      reply: replyIncarnation,
    }),
  },
  {
    name: "close",
    arity: 3,
    help: ["CLOSE <id>", "End a session and forget its results."],
    plan: (args) => ({
      kind: "command",
      command: { type: "closeSession", session: keyFromBytes(args[2]!) },
      reply: replyOk,
    }),
  },
];

function planOnce(args: Args, connection: RespConnection): Plan {
  const session = keyFromBytes(args[1]!);
  const incarnation = wholeNumber(args[2]!, "incarnation", 1);
  const sequence = wholeNumber(args[3]!, "sequence", 1);
  const acknowledged = wholeNumber(args[4]!, "acknowledged", 0);
  const inner = args.slice(5);
  const name = inner[0]!;
  const spec = connection.context.table.find(name, 0, name.length);
  if (spec === undefined) throw new RespError(unknownCommand(inner));
  const refusal = refusalOf(spec, inner.length, connection);
  if (refusal !== null) throw new RespError(refusal);
  if (spec.group === "kvpaxos" || spec.group === "transactions") throw notOnce(spec);
  const plan = permittedPlan(spec, inner, connection);
  if (plan.kind !== "operation") throw notOnce(spec);
  return {
    kind: "command",
    command: { type: "once", session, incarnation, sequence, acknowledged, operation: plan.operation },
    reply: plan.reply,
  };
}

function notOnce(spec: CommandSpec): RespError {
  return new RespError(`ERR ONCE does one command on data, and ${spec.name.toUpperCase()} is none`);
}

/** The commands of this file. */
export const kvpaxosCommands: readonly CommandSpec[] = [
  {
    name: "kv",
    arity: 2,
    flags: ["write", "noscript", "denyoom"],
    keys: [0, 0, 0],
    group: "kvpaxos",
    summary: "Executes the bytes of a command and returns the bytes of its result.",
    inMulti: "refuse",
    plan: planKv,
  },
  {
    name: "kvwatch",
    arity: 5,
    flags: ["readonly", "noscript", "pubsub"],
    keys: [0, 0, 0],
    group: "kvpaxos",
    summary: "Pushes the events of the keys from start up to but not including end, from a revision on.",
    inMulti: "refuse",
    plan: planWatch,
  },
  {
    name: "kvunwatch",
    arity: 2,
    flags: ["noscript", "pubsub", "fast"],
    keys: [0, 0, 0],
    group: "kvpaxos",
    summary: "Ends a watch.",
    inMulti: "refuse",
    plan: planUnwatch,
  },
  {
    name: "kvevents",
    arity: 5,
    flags: ["readonly", "noscript"],
    keys: [0, 0, 0],
    group: "kvpaxos",
    summary: "Returns past events of the keys from start up to but not including end, from a revision on.",
    inMulti: "refuse",
    plan: planEvents,
  },
  {
    name: "kvstatus",
    arity: 1,
    flags: ["loading", "stale"],
    keys: [0, 0, 0],
    group: "kvpaxos",
    summary: "Returns the server's figures as JSON, as /v1/status does.",
    inMulti: "refuse",
    plan: planStatus,
  },
  {
    name: "session",
    arity: -2,
    flags: ["write", "noscript"],
    keys: [0, 0, 0],
    group: "kvpaxos",
    summary: "Opens and closes sessions, under which commands are executed exactly once.",
    inMulti: "refuse",
    plan: planSubcommand("session", sessionCommands),
  },
  {
    name: "once",
    arity: -6,
    flags: ["write", "noscript", "denyoom", "movablekeys"],
    keys: [0, 0, 0],
    group: "kvpaxos",
    summary: "Executes a command on data exactly once, however often it is sent.",
    inMulti: "refuse",
    plan: planOnce,
  },
];
