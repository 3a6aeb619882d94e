/**
 * `demo`: five PUTs, five GETs and five DELETEs on keys of its own, each printed and checked; on request each phase
 * through another replica, which shows that they are one store.
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
import { FLAGS } from "./flags.ts";
import { formatServer, parseServer } from "./profile.ts";
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
  const doors = await openDoors(context, store);
  try {
    await runPhases(context, doors, prefix, expected, tally, show);
  } finally {
    await doors.close();
  }

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

/** What each phase goes through. */
interface Doors {
  /** The next store, and how its place is told to people. */
  next(): { readonly store: Store; readonly through: string };
  close(): Promise<void>;
}

/** One store for all phases, or with `--spread` one for each replica that answers, taken in turn. */
async function openDoors({ line, resolved, connect, signal }: Context, store: Store): Promise<Doors> {
  if (!line.get(FLAGS.spread)) return { next: () => ({ store, through: "" }), close: () => Promise.resolve() };
  const reports = await store.reports(signal);
  const answering = reports.filter(({ status }) => status !== null);
  if (answering.length === 0) throw reports[0]!.error ?? new KvError("UNAVAILABLE", "no server answers");
  const doors = answering.map(({ server }) => {
    return { store: connect({ ...resolved.target, servers: [parseServer(server)] }), through: `, through ${server}` };
  });
  let turn = 0;
  return {
    next: () => doors[turn++ % doors.length]!,
    close: async () => {
      await Promise.all(doors.map((door) => door.store.close()));
    },
  };
}

async function runPhases(
  context: Context,
  doors: Doors,
  prefix: string,
  expected: Map<string, string>,
  tally: Tally,
  show: (line: string) => Promise<void>,
): Promise<void> {
  const { style } = context;
  let door = doors.next();
  await show(`Storing ${STOCK.length} keys to begin with: ${STOCK.map(([name]) => name).join(", ")}${door.through}`);
  await run(context, door.store, "prepare", STOCK.map(([name, value]) => putStep(prefix, name, value)), tally);

  door = doors.next();
  await show(`\n${style.bold("PUT: store a value under a key")}${door.through}`);
  for (const [name, value] of PUTS) expected.set(name, value);
  await run(context, door.store, "put", PUTS.map(([name, value]) => putStep(prefix, name, value)), tally);

  door = doors.next();
  await show(`\n${style.bold("GET: read a value back")}${door.through}`);
  await run(context, door.store, "get", GETS.map((name) => getStep(prefix, name, expected.get(name))), tally);

  door = doors.next();
  await show(`\n${style.bold("DELETE: remove a key")}${door.through}`);
  for (const name of DELETES) expected.delete(name);
  await run(context, door.store, "delete", DELETES.map((name) => deleteStep(prefix, name)), tally);

  door = doors.next();
  await show(`\nChecking that the deleted keys are absent and the others are as they should be${door.through}`);
  const names = [...new Set([...STOCK, ...PUTS].map(([name]) => name))];
  await run(context, door.store, "verify", names.map((name) => getStep(prefix, name, expected.get(name))), tally);

  door = doors.next();
  await show(`Removing the ${expected.size} keys that are left${door.through}`);
  await run(context, door.store, "clean", [...expected.keys()].map((name) => deleteStep(prefix, name)), tally);
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
    // None of the other steps would fare better.
    if (!(error instanceof KvError) || error.code === "TLS_FAILED") throw error;
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
