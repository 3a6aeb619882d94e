/**
 * MULTI, EXEC, DISCARD, WATCH and UNWATCH. The transaction itself is in `transaction.ts`.
 *
 * @module
 */
import { type Args, type CommandSpec, type Plan, RespError } from "../command_spec.ts";
import type { RespConnection } from "../connection.ts";
import { planExec, Transaction } from "../transaction.ts";
import { keysFrom } from "./arguments.ts";

const planMulti = (): Plan => ({
  kind: "local",
  run: ({ state }, out) => {
    if (state.transaction !== null) throw new RespError("ERR MULTI calls can not be nested");
    state.transaction = new Transaction();
    out.ok();
  },
});

const planDiscard = (): Plan => ({
  kind: "local",
  run: ({ state }, out) => {
    if (state.transaction === null) throw new RespError("ERR DISCARD without MULTI");
    state.transaction = null;
    state.watched.clear();
    out.ok();
  },
});

function planWatch(args: Args, connection: RespConnection): Plan {
  if (connection.state.transaction !== null) throw new RespError("ERR WATCH inside MULTI is not allowed");
  const keys = keysFrom(args, 1);
  const { maxTxnOperations } = connection.service.store.limits;
  return {
    kind: "inspect",
    reads: { type: "getMany", keys },
    run: ({ state, service }, out) => {
      if (state.watched.size + keys.length > maxTxnOperations) {
        throw new RespError(`ERR too many watched keys: the limit is ${maxTxnOperations}`);
      }
      for (const key of keys) {
        if (!state.watched.has(key)) state.watched.set(key, service.store.entry(key)?.modRevision ?? 0);
      }
      out.ok();
    },
  };
}

const planUnwatch = (): Plan => ({
  kind: "local",
  run: ({ state }, out) => {
    state.watched.clear();
    out.ok();
  },
});

/** The commands of this file. */
export const transactionCommands: readonly CommandSpec[] = [
  {
    name: "multi",
    arity: 1,
    flags: ["noscript", "loading", "stale", "fast", "allow_busy"],
    keys: [0, 0, 0],
    group: "transactions",
    summary: "Starts a transaction.",
    inMulti: "now",
    plan: planMulti,
  },
  {
    name: "exec",
    arity: 1,
    flags: ["noscript", "loading", "stale", "skip_slowlog"],
    keys: [0, 0, 0],
    group: "transactions",
    summary: "Executes all commands in a transaction.",
    inMulti: "now",
    plan: (_args, connection) => planExec(connection),
  },
  {
    name: "discard",
    arity: 1,
    flags: ["noscript", "loading", "stale", "fast", "allow_busy"],
    keys: [0, 0, 0],
    group: "transactions",
    summary: "Discards a transaction.",
    inMulti: "now",
    plan: planDiscard,
  },
  {
    name: "watch",
    arity: -2,
    flags: ["noscript", "loading", "stale", "fast", "allow_busy"],
    keys: [1, -1, 1],
    group: "transactions",
    summary: "Monitors changes to keys to determine the execution of a transaction.",
    inMulti: "now",
    plan: planWatch,
  },
  {
    name: "unwatch",
    arity: 1,
    flags: ["noscript", "loading", "stale", "fast", "allow_busy"],
    keys: [0, 0, 0],
    group: "transactions",
    summary: "Forgets about watched keys of a transaction.",
    plan: planUnwatch,
  },
];
