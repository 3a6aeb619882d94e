/**
 * `put`, `get` and `delete`: one operation each.
 *
 * @module
 */
import { type Key, keyFromText, textToBytes } from "../../src/codec/bytes.ts";
import { type Expiry, NO_EXPIRY, type Put } from "../../src/core/kv/command.ts";
import { entryToJson, keyToJson } from "../../src/core/kv/json/json_form.ts";
import { EXIT, Failure, UsageError } from "../exit_code.ts";
import { consistencyOf, type Context, writeJson, writeLine } from "./context.ts";
import { showBytes } from "./display.ts";
import { expectResult, type Store } from "./store.ts";
import { FLAGS } from "./flags.ts";

/** `put KEY [VALUE]` */
export async function put(context: Context, store: Store): Promise<number> {
  const { terminal, line, signal } = context;
  const ifRevision = line.get(FLAGS.ifRevision);
  if (line.get(FLAGS.ifAbsent) && ifRevision !== undefined) {
    throw new UsageError("--if-absent is --if-revision 0; give one of the two");
  }
  const ttl_ms = line.get(FLAGS.ttl);
  const expiry: Expiry = ttl_ms === undefined ? NO_EXPIRY : { type: "after", duration_ms: ttl_ms };
  const key = keyFromText(line.operands[0]!);
  const condition = line.get(FLAGS.ifAbsent) ? "absent" : "always";
  const operation: Put = { type: "put", key, value: await valueOf(context), expiry, condition, returnPrevious: false };

  const { written, revision } = ifRevision === undefined
    ? expectResult(await store.execute(operation, signal), "put")
    : await putAtRevision(store, operation, ifRevision, signal);
  if (context.json) await writeJson(terminal, { key: keyToJson(key), written, revision });
  else if (written) await writeLine(terminal, `OK (revision ${revision})`);
  else {
    const why = ifRevision === undefined ? "the key is present" : `the key's revision is not ${ifRevision}`;
    terminal.writeError(`kvclient: not written: ${why}\n`);
  }
  return written ? EXIT.done : EXIT.compareFailed;
}

async function putAtRevision(
  store: Store,
  operation: Put,
  operand: number,
  signal: AbortSignal,
): Promise<{ readonly written: boolean; readonly revision: number }> {
  const compare = { key: operation.key, target: "modRevision", operator: "=", operand } as const;
  const txn = { type: "txn", compare: [compare], then: [operation], else: [] } as const;
  const { succeeded, revision, results } = expectResult(await store.execute(txn, signal), "txn");
  const inner = results[0];
  if (inner?.type === "error") throw new Failure(inner.message);
  return { written: succeeded, revision };
}

async function valueOf({ terminal, line }: Context): Promise<Uint8Array> {
  const file = line.get(FLAGS.file);
  const argument = line.operands[1];
  if (file !== undefined) {
    if (argument !== undefined) throw new UsageError("a value and --file are both given; give one of the two");
    try {
      return terminal.readFile(file);
    } catch (error) {
      throw new Failure(`--file ${file}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  if (argument !== undefined && argument !== "-") return textToBytes(argument);
  if (argument === undefined && terminal.stdinIsTTY) {
    throw new UsageError(`put ${line.operands[0]} needs a value; give it as an argument, by --file, or - to type it`);
  }
  return await terminal.readInput();
}

/** `get KEY` */
export async function get({ terminal, line, json, signal }: Context, store: Store): Promise<number> {
  const key = keyFromText(line.operands[0]!);
  const { entry, revision } = expectResult(
    await store.execute({ type: "get", key }, signal, consistencyOf(line)),
    "get",
  );
  if (json) {
    await writeJson(terminal, {
      key: keyToJson(key),
      present: entry !== null,
      ...(entry === null ? {} : entryToJson(entry)),
      revision,
    });
  } else if (entry === null) terminal.writeError("kvclient: (absent)\n");
  else if (line.get(FLAGS.revision)) await writeLine(terminal, String(entry.modRevision));
  else if (terminal.stdoutIsTTY) await writeLine(terminal, forTerminal(entry.value));
  else await terminal.write(entry.value);
  return entry === null ? EXIT.absent : EXIT.done;
}

/** What is not text must not reach a terminal, which would take it for commands. Lines and tabs stay. */
function forTerminal(value: Uint8Array): string {
  const shown = showBytes(value);
  return shown.replaceAll(/\\([\\nt])/g, (_, name: string) => name === "n" ? "\n" : name === "t" ? "\t" : "\\");
}

/** `delete KEY…` */
export async function remove({ terminal, line, json, signal }: Context, store: Store): Promise<number> {
  const keys: Key[] = line.operands.map(keyFromText);
  const replies = await Promise.all(
    keys.map((key) => store.execute({ type: "delete", key, returnPrevious: false }, signal)),
  );
  const results = replies.map((reply) => expectResult(reply, "delete"));
  const deleted = results.reduce((sum, result) => sum + result.deleted, 0);
  const revision = Math.max(...results.map((result) => result.revision));
  if (json) await writeJson(terminal, { deleted, revision });
  else if (deleted > 0) await writeLine(terminal, `${deleted} deleted (revision ${revision})`);
  else terminal.writeError("kvclient: (absent)\n");
  return deleted > 0 ? EXIT.done : EXIT.absent;
}
