/**
 * `range` and `watch`: many keys.
 *
 * @module
 */
import { type Key, keyFromText } from "../../src/codec/bytes.ts";
import { type Bounds, boundsOf, successor } from "../../src/client/key_range.ts";
import { KvError } from "../../src/core/errors.ts";
import type { Range } from "../../src/core/kv/command.ts";
import { eventToJson, keyedEntryToJson, keyToJson } from "../../src/core/kv/json/json_form.ts";
import type { KeyedEntry, RangeResult } from "../../src/core/kv/result.ts";
import type { CommandLine } from "../command_line.ts";
import { EXIT, UsageError } from "../exit_code.ts";
import { consistencyOf, type Context, writeJson, writeLine } from "./context.ts";
import { showBytes, showEvent, showKey } from "./display.ts";
import { expectResult, type Store } from "./store.ts";
import { FLAGS } from "./flags.ts";

const PAGE = 256;

/** `range` */
export async function range(context: Context, store: Store): Promise<number> {
  const { terminal, line, json, signal } = context;
  const bounds = boundsOfLine(line);
  const reverse = line.get(FLAGS.reverse);
  const keysOnly = line.get(FLAGS.keysOnly);
  if (line.get(FLAGS.countOnly)) {
    const counting: Range = { type: "range", ...bounds, limit: 0, reverse: false, projection: "count" };
    const { count, revision } = expectResult(await store.execute(counting, signal, consistencyOf(line)), "range");
    if (json) await writeJson(terminal, { count, revision });
    else await writeLine(terminal, String(count));
    return EXIT.done;
  }

  let count = 0;
  let more = false;
  let revision = 0;
  if (json) await terminal.write('{"entries":[');
  const all: Range = { type: "range", ...bounds, limit: 0, reverse, projection: keysOnly ? "keys" : "entries" };
  for await (const page of pages(store, all, line, signal)) {
    const lines = page.entries.map((entry, i) => {
      if (!json) return `${showEntry(entry, keysOnly)}\n`;
      return `${count + i === 0 ? "" : ","}\n${
        JSON.stringify(keysOnly ? keyToJson(entry.key) : keyedEntryToJson(entry))
      }`;
    });
    await terminal.write(lines.join(""));
    count += page.entries.length;
    ({ more, revision } = page);
  }
  if (json) await terminal.write(`\n],"count":${count},"more":${more},"revision":${revision}}\n`);
  return EXIT.done;
}

function showEntry({ key, entry }: KeyedEntry, keysOnly: boolean): string {
  return keysOnly ? showKey(key) : `${showKey(key)}\t${showBytes(entry.value)}`;
}

/** The pages of a range. Each is consistent at its own revision. */
async function* pages(store: Store, whole: Range, line: CommandLine, signal: AbortSignal): AsyncGenerator<RangeResult> {
  let { start, end } = whole;
  let pageSize = PAGE;
  let limit = line.get(FLAGS.limit) ?? Infinity;
  while (limit > 0) {
    const operation: Range = { ...whole, start, end, limit: Math.min(pageSize, limit) };
    let page: RangeResult;
    try {
      page = expectResult(await store.execute(operation, signal, consistencyOf(line)), "range");
    } catch (error) {
      if (!(error instanceof KvError) || error.code !== "MESSAGE_TOO_LARGE" || operation.limit === 1) throw error;
      pageSize = Math.max(1, Math.floor(operation.limit / 4));
      continue;
    }
    yield page;
    const last = page.entries.at(-1);
    if (!page.more || last === undefined) return;
    limit -= page.entries.length;
    if (whole.reverse) end = last.key;
    else start = successor(last.key);
  }
}

/** `watch [KEY]` */
export async function watch(context: Context, store: Store): Promise<number> {
  const { terminal, line, json, signal } = context;
  const key = line.operands[0];
  if (key !== undefined && line.get(FLAGS.prefix) !== undefined) {
    throw new UsageError("a key and --prefix are both given; give one of the two");
  }
  const bounds = key === undefined ? boundsOfLine(line) : onlyKey(keyFromText(key));
  const count = line.get(FLAGS.count) ?? Infinity;
  const stop = new AbortController();
  let seen = 0;
  const events = store.watch(
    { ...bounds, fromRevision: line.get(FLAGS.fromRevision) },
    AbortSignal.any([signal, stop.signal]),
  );
  for await (const event of events) {
    if (json) await writeJson(terminal, eventToJson(event));
    else await writeLine(terminal, showEvent(event));
    if (++seen >= count) break;
  }
  stop.abort();
  return EXIT.done;
}

function onlyKey(key: Key): Bounds {
  return { start: key, end: successor(key) };
}

function boundsOfLine(line: CommandLine): Bounds {
  const [prefix, start, end] = [line.get(FLAGS.prefix), line.get(FLAGS.start), line.get(FLAGS.end)];
  if (prefix !== undefined && (start !== undefined || end !== undefined)) {
    throw new UsageError("--prefix stands alone; leave out --start and --end, or --prefix");
  }
  return boundsOf({
    ...(prefix === undefined ? {} : { prefix }),
    ...(start === undefined ? {} : { start }),
    ...(end === undefined ? {} : { end }),
  });
}
