/**
 * `bench`: how many operations per second a server does, and how long each takes, under a load of one's choice.
 *
 * @module
 */
import { type Key, keyFromText } from "../../src/codec/bytes.ts";
import { KvError } from "../../src/core/errors.ts";
import { NO_EXPIRY, type Operation } from "../../src/core/kv/command.ts";
import { EXIT, UsageError } from "../exit_code.ts";
import { type Context, exitCodeOf, writeJson, writeLine } from "./context.ts";
import { showDuration } from "./display.ts";
import { Histogram } from "./histogram.ts";
import { showProgress } from "./load_progress.ts";
import { openLoop } from "./open_loop.ts";
import { formatServer } from "./profile.ts";
import { expectResult, type Store } from "./store.ts";
import { FLAGS } from "./flags.ts";

/** How many keys are under way while they are written and removed. */
const LOADERS = 64;
/** How many keys there are unless told otherwise. */
const KEYS = 1000;

/** What came of one kind of operation. */
interface Measure {
  readonly latency_us: Histogram;
  errors: number;
  firstError: KvError | null;
}

/** `bench` */
export async function bench(context: Context, first: Store): Promise<number> {
  const { terminal, line, json, signal } = context;
  const clientCount = line.get(FLAGS.clients);
  if (line.get(FLAGS.rate) !== undefined && line.source(FLAGS.pipeline) !== "default") {
    throw new UsageError(
      "--rate and --pipeline: at a given rate as many operations are under way as it takes; give one",
    );
  }
  const stores = [first, ...Array.from({ length: clientCount - 1 }, () => context.connect(context.resolved.target))];
  const prefix = `bench-${terminal.randomName()}/`;
  const keys = Array.from({ length: line.get(FLAGS.keys) ?? KEYS }, (_, i) => keyFromText(prefix + i));
  const value = filler(line.get(FLAGS.valueSize));
  try {
    await each(keys, (key) => first.execute(put(key, value), signal));
    await Promise.all(stores.map((store) => store.execute({ type: "get", key: keys[0]! }, signal)));
    const reads: Measure = { latency_us: new Histogram(), errors: 0, firstError: null };
    const writes: Measure = { latency_us: new Histogram(), errors: 0, firstError: null };
    const elapsed_ms = await load(context, stores, keys, value, reads, writes);
    const report = reportOf(context, reads, writes, elapsed_ms);
    if (json) await writeJson(terminal, report);
    else await writeReport(context, report);
    await removeAll(first, prefix, signal);
    const error = reads.firstError ?? writes.firstError;
    if (error === null || signal.aborted) return EXIT.done;
    terminal.writeError(`kvclient: the first error: ${error.message}\n`);
    return reads.latency_us.count + writes.latency_us.count === 0 ? exitCodeOf(error) : EXIT.failed;
  } finally {
    await Promise.all(stores.slice(1).map((store) => store.close()));
  }
}

/**
 * For the chosen time, keeps the chosen number of operations under way, or issues as many a second as were chosen. Returns
 * how long it took.
 */
async function load(
  context: Context,
  stores: readonly Store[],
  keys: readonly Key[],
  value: Uint8Array,
  reads: Measure,
  writes: Measure,
): Promise<number> {
  const { terminal, line, signal } = context;
  const duration_ms = line.get(FLAGS.duration);
  const readShare = line.get(FLAGS.readShare);
  const since_ms = terminal.monotonic();
  let now_ms = since_ms;
  const operate = async (store: Store, random: () => number, before_ms: number): Promise<void> => {
    const key = keys[Math.floor(random() * keys.length)]!;
    const isRead = random() < readShare;
    const measure = isRead ? reads : writes;
    try {
      await store.execute(isRead ? { type: "get", key } : put(key, value), signal);
      now_ms = terminal.monotonic();
      measure.latency_us.record((now_ms - before_ms) * 1000);
    } catch (error) {
      now_ms = terminal.monotonic();
      if (!(error instanceof KvError)) throw error;
      if (signal.aborted) return;
      measure.errors++;
      measure.firstError ??= error;
    }
  };
  const worker = async (store: Store, seed: number): Promise<void> => {
    const random = generator(seed);
    while (now_ms - since_ms < duration_ms && !signal.aborted) {
      now_ms = terminal.monotonic();
      await operate(store, random, now_ms);
    }
  };
  const finished = new AbortController();
  const count = (): number => reads.latency_us.count + writes.latency_us.count;
  const progress = showProgress(context, since_ms, duration_ms, count, finished.signal);
  const pipeline = line.get(FLAGS.pipeline);
  const rate_per_s = line.get(FLAGS.rate);
  try {
    if (rate_per_s !== undefined) {
      const random = generator(1);
      return await openLoop(terminal, { rate_per_s, duration_ms, signal }, (number, intended_ms) => {
        return operate(stores[number % stores.length]!, random, intended_ms);
      });
    }
    await Promise.all(
      stores.flatMap((store, i) => Array.from({ length: pipeline }, (_, j) => worker(store, i * pipeline + j + 1))),
    );
    return terminal.monotonic() - since_ms;
  } finally {
    finished.abort();
    await progress;
  }
}

/** Latencies of one kind of operation, in microseconds. */
interface Figures {
  readonly operations: number;
  readonly errors: number;
  readonly ops_per_s: number;
  readonly mean_us: number;
  readonly p50_us: number;
  readonly p90_us: number;
  readonly p99_us: number;
  readonly p999_us: number;
  readonly max_us: number;
}

interface Report {
  readonly servers: readonly string[];
  readonly protocol: string;
  readonly clients: number;
  /** How many operations each client had under way; null where their rate was given. */
  readonly pipeline: number | null;
  /** How many operations a second were issued; null where it was as many as were answered. */
  readonly rate_per_s: number | null;
  readonly value_bytes: number;
  readonly keys: number;
  readonly read_share: number;
  readonly duration_s: number;
  readonly total: Figures;
  readonly reads: Figures;
  readonly writes: Figures;
}

function reportOf({ line, resolved }: Context, reads: Measure, writes: Measure, elapsed_ms: number): Report {
  const total: Measure = { latency_us: new Histogram(), errors: reads.errors + writes.errors, firstError: null };
  total.latency_us.add(reads.latency_us);
  total.latency_us.add(writes.latency_us);
  return {
    servers: resolved.target.servers.map(formatServer),
    protocol: resolved.target.protocol,
    clients: line.get(FLAGS.clients),
    pipeline: line.get(FLAGS.rate) === undefined ? line.get(FLAGS.pipeline) : null,
    rate_per_s: line.get(FLAGS.rate) ?? null,
    value_bytes: line.get(FLAGS.valueSize),
    keys: line.get(FLAGS.keys) ?? KEYS,
    read_share: line.get(FLAGS.readShare),
    duration_s: Math.round(elapsed_ms) / 1000,
    total: figuresOf(total, elapsed_ms),
    reads: figuresOf(reads, elapsed_ms),
    writes: figuresOf(writes, elapsed_ms),
  };
}

function figuresOf({ latency_us, errors }: Measure, elapsed_ms: number): Figures {
  return {
    operations: latency_us.count,
    errors,
    ops_per_s: Math.round(latency_us.count / Math.max(elapsed_ms, 1) * 1000),
    mean_us: Math.round(latency_us.mean),
    p50_us: latency_us.quantile(0.5),
    p90_us: latency_us.quantile(0.9),
    p99_us: latency_us.quantile(0.99),
    p999_us: latency_us.quantile(0.999),
    max_us: latency_us.max,
  };
}

async function writeReport({ terminal, style }: Context, report: Report): Promise<void> {
  const { protocol, clients, pipeline, rate_per_s, value_bytes, keys, duration_s } = report;
  const offered = rate_per_s === null ? `${pipeline} under way each` : `${rate_per_s} operations a second offered`;
  await writeLine(
    terminal,
    `${protocol.toUpperCase()} to ${report.servers.join(", ")}: ${clients} clients, ${offered}, ` +
      `${value_bytes}-byte values, ${keys} keys, ${duration_s} s`,
  );
  const headings = ["", "operations", "errors", "ops/s", "p50", "p90", "p99", "p99.9", "max"];
  const rows = (["reads", "writes", "total"] as const).map((name) => {
    const { operations, errors, ops_per_s, p50_us, p90_us, p99_us, p999_us, max_us } = report[name];
    const latencies = [p50_us, p90_us, p99_us, p999_us, max_us].map((us) => showDuration(us / 1000));
    return [name, String(operations), String(errors), String(ops_per_s), ...latencies];
  });
  const table = [headings, ...rows];
  const widths = headings.map((_, i) => Math.max(...table.map((row) => row[i]!.length)));
  for (const [i, row] of table.entries()) {
    const text = row.map((cell, j) => j === 0 ? cell.padEnd(widths[j]!) : cell.padStart(widths[j]!)).join("  ");
    await writeLine(terminal, i === 0 ? style.dim(text) : text);
  }
}

/** Does something to each key, some at a time. */
async function each(keys: readonly Key[], task: (key: Key) => Promise<unknown>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < keys.length) await task(keys[next++]!);
  };
  await Promise.all(Array.from({ length: Math.min(LOADERS, keys.length) }, worker));
}

async function removeAll(store: Store, prefix: string, signal: AbortSignal): Promise<void> {
  // "0" is the character after "/": the range holds exactly the keys of this run.
  const end = keyFromText(`${prefix.slice(0, -1)}0`);
  const operation: Operation = { type: "deleteRange", start: keyFromText(prefix), end };
  if (!signal.aborted) expectResult(await store.execute(operation, signal), "delete");
}

function put(key: Key, value: Uint8Array): Operation {
  return { type: "put", key, value, expiry: NO_EXPIRY, condition: "always", returnPrevious: false };
}

/** Bytes that do not compress to nothing. */
function filler(length: number): Uint8Array {
  const random = generator(1);
  return Uint8Array.from({ length }, () => Math.floor(random() * 256));
}

/** Numbers in [0, 1): mulberry32, as good as a load needs. */
function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
