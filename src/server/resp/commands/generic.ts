/**
 * The commands on keys whatever their value: deleting, counting and describing them. Their expiry is in
 * `expire_commands.ts`.
 *
 * @module
 */
import { keyFromBytes } from "../../../codec/bytes.ts";
import type { Operation } from "../../../core/kv/command.ts";
import type { Entry, Result } from "../../../core/kv/result.ts";
import type { Args, CommandSpec, Plan } from "../command_spec.ts";
import type { ReplyWriter } from "../reply_writer.ts";
import { entriesOf, entryOf, keysFrom, parseInt64 } from "./arguments.ts";
import { expireCommands } from "./expire_commands.ts";
import { planSubcommand, type Subcommand } from "./subcommands.ts";

function replyDeleted(result: Result, out: ReplyWriter): void {
  let deleted = 0;
  for (const one of result.type === "txn" ? result.results : [result]) {
    if (one.type !== "delete") throw new Error(`a delete gave a result of type ${one.type}`);
    deleted += one.deleted;
  }
  out.integer(deleted);
}

function planDelete(args: Args): Plan {
  const keys = new Set(keysFrom(args, 1));
  const deletes = [...keys].map((key): Operation => ({ type: "delete", key, returnPrevious: false }));
  return {
    kind: "operation",
    operation: deletes.length === 1 ? deletes[0]! : { type: "txn", compare: [], then: deletes, else: [] },
    reply: replyDeleted,
  };
}

function planCount(args: Args): Plan {
  return {
    kind: "operation",
    operation: { type: "getMany", keys: keysFrom(args, 1) },
    reply: (result, out) => {
      let count = 0;
      for (const entry of entriesOf(result)) if (entry !== null) count++;
      out.integer(count);
    },
  };
}

function planType(args: Args): Plan {
  return {
    kind: "operation",
    operation: { type: "get", key: keyFromBytes(args[1]!) },
    reply: (result, out) => out.simple(entryOf(result) === null ? "none" : "string"),
  };
}

/** Redis shares the objects of the integers below this one, and says so instead of counting. */
const SHARED_INTEGERS = 10_000n;
const SHARED_COUNT = 2 ** 31 - 1;
/** The longest value that Redis keeps in one allocation with its header. */
const EMBEDDED_BYTES = 44;

const NO_FREQUENCY = "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that " +
  "when switching between policies at runtime LRU and LFU data will take some time to adjust.";

function replyEncoding(entry: Entry, out: ReplyWriter): void {
  const integer = parseInt64(entry.value) !== null;
  out.bulkText(integer ? "int" : entry.value.length <= EMBEDDED_BYTES ? "embstr" : "raw");
}

function replyReferences(entry: Entry, out: ReplyWriter): void {
  const integer = parseInt64(entry.value);
  out.integer(integer !== null && integer >= 0n && integer < SHARED_INTEGERS ? SHARED_COUNT : 1);
}

/** A subcommand of OBJECT that looks at one entry. */
function objectSubcommand(
  name: string,
  summary: string,
  describe: (entry: Entry, out: ReplyWriter) => void,
): Subcommand {
  return {
    name,
    arity: 3,
    help: [`${name.toUpperCase()} <key>`, summary],
    plan: (args) => ({
      kind: "operation",
      operation: { type: "get", key: keyFromBytes(args[2]!) },
      reply: (result, out) => {
        const entry = entryOf(result);
        if (entry === null) out.nil();
        else describe(entry, out);
      },
    }),
  };
}

const OBJECT_SUBCOMMANDS: readonly Subcommand[] = [
  objectSubcommand(
    "encoding",
    "The encoding that Redis would choose for the value: int, embstr or raw.",
    replyEncoding,
  ),
  objectSubcommand("freq", "An error: how often keys are used is not counted.", (_entry, out) => {
    out.error(NO_FREQUENCY);
  }),
  objectSubcommand("idletime", "Always 0: when keys were used last is not kept.", (_entry, out) => out.integer(0)),
  objectSubcommand("refcount", "How many references Redis would count for the value.", replyReferences),
];

function deleteSpec(name: string, flags: readonly string[], summary: string): CommandSpec {
  return { name, arity: -2, flags, keys: [1, -1, 1], group: "generic", summary, plan: planDelete };
}

function countSpec(name: string, summary: string): CommandSpec {
  const flags = ["readonly", "fast"];
  return { name, arity: -2, flags, keys: [1, -1, 1], group: "generic", summary, plan: planCount };
}

/** DEL DELETE UNLINK EXISTS TOUCH TYPE OBJECT, and those of `expire_commands.ts`. */
export const genericCommands: readonly CommandSpec[] = [
  deleteSpec("del", ["write"], "Deletes keys and returns how many were there."),
  deleteSpec("delete", ["write"], "DEL by another name."),
  deleteSpec("unlink", ["write", "fast"], "DEL by another name."),
  countSpec("exists", "Returns how many of the keys are there."),
  countSpec("touch", "Returns how many of the keys are there."),
  {
    name: "type",
    arity: 2,
    flags: ["readonly", "fast"],
    keys: [1, 1, 1],
    group: "generic",
    summary: "Returns the type of a value, which is string.",
    plan: planType,
  },
  {
    name: "object",
    arity: -2,
    flags: ["readonly"],
    keys: [2, 2, 1],
    group: "generic",
    summary: "Describes how Redis would hold a value.",
    plan: planSubcommand("object", OBJECT_SUBCOMMANDS),
  },
  ...expireCommands,
];
