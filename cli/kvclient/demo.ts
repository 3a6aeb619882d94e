/**
 * `demo`: five PUTs, five GETs and five DELETEs on keys of its own, each printed and checked.
 *
 * @module
 */
import { bytesToText, keyFromText, textToBytes } from "../../src/codec/bytes.ts";
import { KvError } from "../../src/core/errors.ts";
import { NO_EXPIRY, type Operation } from "../../src/core/kv/command.ts";
import type { Result } from "../../src/core/kv/result.ts";
import { EXIT } from "../exit_code.ts";
import { type Context, exitCodeOf, writeJson, writeLine } from "./context.ts";
import { showDuration } from "./display.ts";
import { formatServer } from "./profile.ts";
import type { Store } from "./store.ts";

/** What is stored before the demo begins. */
const STOCK: readonly (readonly [name: string, value: string])[] = [
  ["apple", "red"],
  ["banana", "yellow"],
  ["cherry", "dark red"],
  ["date", "brown"],
  ["elderberry", "black"],
  ["fig", "purple"],
  ["grape", "green"],
  ["kiwi", "brown"],
];

/** Three new keys, and two that are there. */
const PUTS: readonly (readonly [name: string, value: string])[] = [
  ["lemon", "yellow"],
  ["mango", "orange"],
  ["nectarine", "pink"],
  ["apple", "green"],
  ["grape", "blue"],
];
const GETS: readonly string[] = ["lemon", "mango", "apple", "grape", "cherry"];
const DELETES: readonly string[] = ["lemon", "mango", "nectarine", "apple", "banana"];

/** One request of the demo, and the text of the reply it must get. */
interface Step {
  readonly request: string;
  readonly operation: Operation;
  readonly expected: string;
}

/** What a step came to. */
interface Outcome {
  readonly reply: string;
  readonly correct: boolean;
  readonly latency_ms: number;
  readonly failure: KvError | null;
}

/** `demo` */
export async function demo(context: Context, store: Store): Promise<number> {
  const { terminal, style, json, resolved } = context;
  const prefix = `demo-${terminal.randomName()}/`;
  const show = (line: string): Promise<void> => json ? Promise.resolve() : writeLine(terminal, line);
  const { servers, protocol } = resolved.target;
  await show(style.bold(`Demo: ${protocol.toUpperCase()} to ${servers.map(formatServer).join(", ")}`));
  await show(`Every key begins with ${prefix}, so that nothing of yours is touched.\n`);

  const expected = new Map(STOCK);
  const tally: Tally = { wrong: 0, code: EXIT.done };
  await show(`Storing ${STOCK.length} keys to begin with: ${STOCK.map(([name]) => name).join(", ")}`);
  await run(context, store, "prepare", STOCK.map(([name, value]) => putStep(prefix, name, value)), tally);

  await show(`\n${style.bold("PUT: store a value under a key")}`);
  for (const [name, value] of PUTS) expected.set(name, value);
  await run(context, store, "put", PUTS.map(([name, value]) => putStep(prefix, name, value)), tally);

  await show(`\n${style.bold("GET: read a value back")}`);
  await run(context, store, "get", GETS.map((name) => getStep(prefix, name, expected.get(name))), tally);

  await show(`\n${style.bold("DELETE: remove a key")}`);
  for (const name of DELETES) expected.delete(name);
  await run(context, store, "delete", DELETES.map((name) => deleteStep(prefix, name)), tally);

  await show("\nChecking that the deleted keys are absent and the others are as they should be");
  const names = [...new Set([...STOCK, ...PUTS].map(([name]) => name))];
  await run(context, store, "verify", names.map((name) => getStep(prefix, name, expected.get(name))), tally);

  await show(`Removing the ${expected.size} keys that are left`);
  await run(context, store, "clean", [...expected.keys()].map((name) => deleteStep(prefix, name)), tally);

  if (json) await writeJson(terminal, { phase: "end", wrong: tally.wrong, passed: tally.wrong === 0 });
  await show(
    tally.wrong === 0
      ? `\n${style.green("The demo passed: every reply was right.")}`
      : `\n${
        style.red(`The demo FAILED: ${tally.wrong} wrong or missing ${tally.wrong === 1 ? "reply" : "replies"}.`)
      }`,
  );
  return tally.code;
}

interface Tally {
  wrong: number;
  code: number;
}

/** The phases whose requests are printed one by one even when they are right. */
const PRINTED: ReadonlySet<string> = new Set(["put", "get", "delete"]);

async function run(
  { terminal, style, json, signal }: Context,
  store: Store,
  phase: string,
  steps: readonly Step[],
  tally: Tally,
): Promise<void> {
  for (const step of steps) {
    const { reply, correct, latency_ms, failure } = await take(store, step, terminal.monotonic.bind(terminal), signal);
    if (!correct) {
      tally.wrong++;
      const code = failure === null ? EXIT.failed : exitCodeOf(failure);
      tally.code = tally.code === EXIT.failed ? EXIT.failed : code;
    }
    if (json) {
      const { request, expected } = step;
      await writeJson(terminal, { phase, request, reply, expected, correct, latency_ms: round(latency_ms) });
    } else if (!correct || PRINTED.has(phase)) {
      const mark = correct ? style.green("ok") : style.red(`WRONG, expected ${step.expected}`);
      const time = style.dim(showDuration(latency_ms).padStart(10));
      await writeLine(terminal, `  ${step.request.padEnd(44)} → ${reply.padEnd(20)} ${time}  ${mark}`);
    }
  }
}

async function take(store: Store, step: Step, now: () => number, signal: AbortSignal): Promise<Outcome> {
  const since_ms = now();
  try {
    const reply = replyOf(await store.execute(step.operation, signal));
    return { reply, correct: reply === step.expected, latency_ms: now() - since_ms, failure: null };
  } catch (error) {
    if (!(error instanceof KvError)) throw error;
    return { reply: `error: ${error.message}`, correct: false, latency_ms: now() - since_ms, failure: error };
  }
}

/** A reply without what differs from run to run. */
function replyOf(result: Result): string {
  switch (result.type) {
    case "put":
      return result.written ? "stored" : "not stored";
    case "get":
      return result.entry === null ? "(absent)" : JSON.stringify(bytesToText(result.entry.value));
    case "delete":
      return `${result.deleted} deleted`;
    default:
      return `a result of type ${result.type}`;
  }
}

function putStep(prefix: string, name: string, value: string): Step {
  const key = keyFromText(prefix + name);
  return {
    request: `PUT ${prefix}${name} ${JSON.stringify(value)}`,
    operation: {
      type: "put",
      key,
      value: textToBytes(value),
      expiry: NO_EXPIRY,
      condition: "always",
      returnPrevious: false,
    },
    expected: "stored",
  };
}

function getStep(prefix: string, name: string, value: string | undefined): Step {
  return {
    request: `GET ${prefix}${name}`,
    operation: { type: "get", key: keyFromText(prefix + name) },
    expected: value === undefined ? "(absent)" : JSON.stringify(value),
  };
}

function deleteStep(prefix: string, name: string): Step {
  return {
    request: `DELETE ${prefix}${name}`,
    operation: { type: "delete", key: keyFromText(prefix + name), returnPrevious: false },
    expected: "1 deleted",
  };
}

function round(milliseconds: number): number {
  return Math.round(milliseconds * 1000) / 1000;
}
