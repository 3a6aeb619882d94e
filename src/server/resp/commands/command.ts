/**
 * COMMAND: what this server's table tells clients about its commands. Cluster-aware and proxying clients read
 * the key positions, redis-cli the documentation.
 *
 * @module
 */
import { type Key, keyFromBytes, keyFromText } from "../../../codec/bytes.ts";
import { type Args, type CommandSpec, type Plan, RespError } from "../command_spec.ts";
import type { RespConnection } from "../connection.ts";
import { Glob } from "../glob.ts";
import { arityRefusal } from "../refusals.ts";
import type { ReplyWriter } from "../reply_writer.ts";
import { optionName, syntaxError } from "./arguments.ts";
import type { Subcommand } from "./subcommands.ts";

/** The version of Redis whose commands these are, for COMMAND DOCS. */
const SINCE = "1.0.0";
/** No command has a longer name. */
const MAX_NAME_BYTES = 64;

function aclCategories(spec: CommandSpec): string[] {
  const categories: string[] = [];
  if (spec.flags.includes("write")) categories.push("@write");
  if (spec.flags.includes("readonly")) categories.push("@read");
  if (spec.group === "string") categories.push("@string");
  if (spec.group === "generic") categories.push("@keyspace");
  if (spec.group === "connection") categories.push("@connection");
  if (spec.group === "transactions") categories.push("@transaction");
  if (spec.flags.includes("admin")) categories.push("@admin", "@dangerous");
  categories.push(spec.flags.includes("fast") ? "@fast" : "@slow");
  return categories;
}

function replyStatuses(texts: readonly string[], out: ReplyWriter): void {
  out.set(texts.length);
  for (const text of texts) out.simple(text);
}

function replyKeySpecs(spec: CommandSpec, out: ReplyWriter): void {
  const [first, last, step] = spec.keys;
  if (first === 0) {
    out.array(0);
    return;
  }
  out.array(1);
  out.map(3);
  out.bulkText("flags");
  replyStatuses(spec.flags.includes("write") ? ["RW", "UPDATE"] : ["RO", "ACCESS"], out);
  out.bulkText("begin_search");
  out.map(2);
  out.bulkText("type");
  out.bulkText("index");
  out.bulkText("spec");
  out.map(1);
  out.bulkText("index");
  out.integer(first);
  out.bulkText("find_keys");
  out.map(2);
  out.bulkText("type");
  out.bulkText("range");
  out.bulkText("spec");
  out.map(3);
  out.bulkText("lastkey");
  // Relative to the first key here, or to the end when negative.
  out.integer(last < 0 ? last : last - first);
  out.bulkText("keystep");
  out.integer(step);
  out.bulkText("limit");
  out.integer(0);
}

function replyInfo(spec: CommandSpec, out: ReplyWriter): void {
  out.array(10);
  out.bulkText(spec.name);
  out.integer(spec.arity);
  replyStatuses(spec.flags, out);
  for (const position of spec.keys) out.integer(position);
  replyStatuses(aclCategories(spec), out);
  out.array(0);
  replyKeySpecs(spec, out);
  out.array(0);
}

/** Replies with what is known of every command. */
export function replyAllCommands({ context }: RespConnection, out: ReplyWriter): void {
  out.array(context.table.all.length);
  for (const spec of context.table.all) replyInfo(spec, out);
}

function planInfo(args: Args): Plan {
  if (args.length === 2) return { kind: "local", run: replyAllCommands };
  const names = args.slice(2).map(optionName);
  return {
    kind: "local",
    run: ({ context }, out) => {
      out.array(names.length);
      for (const name of names) {
        const spec = context.table.get(name);
        if (spec === undefined) out.nilArray();
        else replyInfo(spec, out);
      }
    },
  };
}

function planDocs(args: Args): Plan {
  const names = args.slice(2).map(optionName);
  return {
    kind: "local",
    run: ({ context }, out) => {
      const specs = names.length === 0
        ? context.table.all
        : names.map((name) => context.table.get(name)).filter((spec) => spec !== undefined);
      out.map(specs.length);
      for (const spec of specs) {
        out.bulkText(spec.name);
        out.map(3);
        out.bulkText("summary");
        out.bulkText(spec.summary);
        out.bulkText("since");
        out.bulkText(SINCE);
        out.bulkText("group");
        out.bulkText(spec.group);
      }
    },
  };
}

function planList(args: Args): Plan {
  let accepts = (_spec: CommandSpec): boolean => true;
  if (args.length > 2) {
    if (args.length !== 5 || optionName(args[2]!) !== "filterby") throw syntaxError();
    const filter = optionName(args[3]!);
    const value = optionName(args[4]!);
    if (filter === "pattern") {
      const glob = new Glob(keyFromText(value), MAX_NAME_BYTES);
      accepts = (spec) => glob.matches(keyFromText(spec.name));
    } else if (filter === "aclcat") {
      accepts = (spec) => aclCategories(spec).includes(`@${value}`);
    } else if (filter === "module") {
      accepts = () => false;
    } else {
      throw syntaxError();
    }
  }
  return {
    kind: "local",
    run: ({ context }, out) => {
      const specs = context.table.all.filter(accepts);
      out.array(specs.length);
      for (const spec of specs) out.bulkText(spec.name);
    },
  };
}

function planGetKeys(args: Args, { context }: RespConnection): Plan {
  const name = args[2]!;
  const spec = context.table.find(name, 0, name.length);
  if (spec === undefined) throw new RespError("ERR Invalid command specified");
  const [first, last, step] = spec.keys;
  if (first === 0) throw new RespError("ERR The command has no key arguments");
  const count = args.length - 2;
  if (arityRefusal(spec, count) !== null) throw new RespError("ERR Invalid number of arguments specified for command");
  const keys: Key[] = [];
  const end = last < 0 ? count + last : last;
  for (let i = first; i <= end; i += step) keys.push(keyFromBytes(args[i + 2]!));
  return {
    kind: "local",
    run: (_connection, out) => {
      out.array(keys.length);
      for (const key of keys) out.bulkKey(key);
    },
  };
}

/** What COMMAND takes. */
export const commandSubcommands: readonly Subcommand[] = [
  {
    name: "count",
    arity: 2,
    help: ["COUNT", "Return the total number of commands in this server."],
    plan: () => ({ kind: "local", run: ({ context }, out) => out.integer(context.table.all.length) }),
  },
  {
    name: "list",
    arity: -2,
    help: [
      "LIST [FILTERBY <MODULE <name> | ACLCAT <category> | PATTERN <pattern>>]",
      "Return a list of all commands in this server.",
    ],
    plan: planList,
  },
  {
    name: "info",
    arity: -2,
    help: ["INFO [<command-name> ...]", "Return details about multiple commands; all of them without a name."],
    plan: planInfo,
  },
  {
    name: "docs",
    arity: -2,
    help: ["DOCS [<command-name> ...]", "Return documentation of multiple commands; of all without a name."],
    plan: planDocs,
  },
  {
    name: "getkeys",
    arity: -4,
    help: ["GETKEYS <full-command>", "Return the keys from a full command."],
    plan: planGetKeys,
  },
];
