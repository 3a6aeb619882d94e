/**
 * `top`: what all servers are doing right now, again and again.
 *
 * @module
 */
import { KvError } from "../../src/core/errors.ts";
import { EXIT } from "../exit_code.ts";
import { defaultedFlag, duration, type Flag, switchFlag } from "../flags.ts";
import { type Context, exitCodeOf, writeJson } from "./context.ts";
import { showSize } from "./status_table.ts";
import type { Store } from "./store.ts";
import { type Look, rowsOf, type TopRow } from "./top_rows.ts";

/** The flags of the command. */
export const TOP_FLAGS: { readonly once: Flag<boolean>; readonly interval: Flag<number> } = {
  once: switchFlag({ name: "once", group: "Options", summary: "look twice, print one table and end" }),
  interval: defaultedFlag({
    name: "interval",
    placeholder: "DURATION",
    group: "Options",
    summary: "the time between two looks",
    parse: duration,
    fallback: 1000,
    shownDefault: "1s",
  }),
};

/** Another screen, so that what was on this one is there again afterwards; and no cursor. */
const ENTER = "\x1b[?1049h\x1b[?25l";
const LEAVE = "\x1b[?25h\x1b[?1049l";
const HOME = "\x1b[H\x1b[J";
/** Ctrl-C is a key where keys are read. */
const QUIT: ReadonlySet<string> = new Set(["q", "Q", "\x03"]);

/** `top`, until the user has seen enough. */
export async function top(context: Context, store: Store): Promise<number> {
  const { terminal, line, json, signal } = context;
  const isOnce = line.get(TOP_FLAGS.once);
  const isScreen = terminal.stdoutIsTTY && !json && !isOnce;
  const quit = new AbortController();
  const until = AbortSignal.any([signal, quit.signal]);
  const release = isScreen && terminal.stdinIsTTY
    ? terminal.onKey((key) => {
      if (QUIT.has(key)) quit.abort();
    })
    : () => {};
  if (isScreen) await terminal.write(ENTER);
  try {
    return await refresh(context, store, until, isScreen, isOnce);
  } catch (error) {
    if (until.aborted && error instanceof KvError) return EXIT.done;
    throw error;
  } finally {
    release();
    if (isScreen) await terminal.write(LEAVE);
  }
}

async function refresh(
  { terminal, line, json, style }: Context,
  store: Store,
  until: AbortSignal,
  isScreen: boolean,
  isOnce: boolean,
): Promise<number> {
  const interval_ms = line.get(TOP_FLAGS.interval);
  let earlier: Look | null = null;
  while (!until.aborted) {
    const later: Look = { at_ms: terminal.monotonic(), reports: await store.reports(until) };
    const error = later.reports.every(({ status }) => status === null) ? later.reports[0]?.error ?? null : null;
    if (error !== null && (isOnce || error.code === "UNAUTHENTICATED")) {
      // A password that is wrong does not become right.
      if (error.code === "UNAUTHENTICATED" || !json) throw error;
    }
    if (!isOnce || earlier !== null || error !== null) {
      const rows = rowsOf(earlier, later);
      if (json) await writeJson(terminal, { time_ms: terminal.now(), servers: rows });
      else await terminal.write((isScreen ? HOME : "") + tableOf(rows, style.dim, style.red) + (isOnce ? "" : "\n"));
      if (isOnce) return error === null ? EXIT.done : exitCodeOf(error);
    }
    earlier = later;
    if (until.aborted) break;
    await terminal.sleep(interval_ms, until);
  }
  return EXIT.done;
}

type Paint = (text: string) => string;

const COLUMNS: readonly (readonly [name: string, cell: (row: TopRow) => string])[] = [
  ["REPLICA", ({ server }) => server],
  ["ROLE", ({ role }) => role ?? "unreachable"],
  ["REQ/S", ({ requests_per_second }) => shown(requests_per_second, count)],
  ["ERR/S", ({ errors_per_second }) => shown(errors_per_second, count)],
  ["READ P99", ({ read_p99_ms }) => shown(read_p99_ms, milliseconds)],
  ["WRITE P99", ({ write_p99_ms }) => shown(write_p99_ms, milliseconds)],
  ["SYNC/S", ({ syncs_per_second }) => shown(syncs_per_second, count)],
  ["IN/S", ({ received_bytes_per_second }) => shown(received_bytes_per_second, size)],
  ["OUT/S", ({ sent_bytes_per_second }) => shown(sent_bytes_per_second, size)],
  ["WAIT", ({ pending }) => shown(pending, count)],
  ["LAG", ({ lag }) => shown(lag, count)],
  ["CONN", ({ connections }) => shown(connections, count)],
  ["KEYS", ({ keys }) => shown(keys, count)],
  ["MEMORY", ({ memory_bytes }) => shown(memory_bytes, size)],
];

/** The rows as a table, figures to the right, with what is wrong below the row that it is about. */
function tableOf(rows: readonly TopRow[], dim: Paint, red: Paint): string {
  const cells = rows.map((row) => COLUMNS.map(([, cell]) => cell(row)));
  const widths = COLUMNS.map(([name], column) => Math.max(name.length, ...cells.map((row) => row[column]!.length)));
  const layOut = (row: readonly string[]): string =>
    row.map((cell, column) => column < 2 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)).join("  ")
      .trimEnd();
  let text = dim(layOut(COLUMNS.map(([name]) => name))) + "\n";
  for (const [index, row] of rows.entries()) {
    text += layOut(cells[index]!) + "\n";
    for (const problem of [row.error, row.unready]) if (problem !== null) text += red(`  ${problem}`) + "\n";
  }
  return text;
}

function shown(value: number | null, text: (value: number) => string): string {
  return value === null ? "-" : text(value);
}

function count(value: number): string {
  return value < 10 && !Number.isInteger(value) ? value.toFixed(1) : String(Math.round(value));
}

function milliseconds(value: number): string {
  if (value === Infinity) return "> 17 s";
  return value < 1 ? `${Math.round(value * 1000)} µs` : `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`;
}

function size(value: number): string {
  return showSize(Math.round(value));
}
