/**
 * `status`: what each replica says of itself, side by side; of a server without replicas everything that it says.
 *
 * @module
 */
import { ROLES } from "../../src/core/replication.ts";
import type { StatusPage } from "../../src/server/status_page.ts";
import { EXIT } from "../exit_code.ts";
import { type Context, exitCodeOf, writeJson, writeLine } from "./context.ts";
import type { ServerReport, Store } from "./store.ts";

/** `status` */
export async function status(context: Context, store: Store): Promise<number> {
  const { terminal, json, signal } = context;
  const reports = await store.reports(signal);
  const unreached = reports.every((report) => report.status === null) ? reports[0]?.error ?? null : null;
  if (json && unreached?.code !== "UNAUTHENTICATED") {
    await writeJson(terminal, reports.map(reportToJson));
    return unreached === null ? EXIT.done : exitCodeOf(unreached);
  }
  if (unreached !== null) throw unreached;
  const replicas = reports.filter((report) => report.status === null || summaryOf(report) !== null);
  const alone = reports.filter((report) => !replicas.includes(report));
  if (replicas.length > 0) await writeTable(context, replicas);
  for (const report of alone) {
    if (reports.length > 1) await writeLine(terminal, `${replicas.length > 0 ? "\n" : ""}${report.server}`);
    await writeFields(context, report.status!);
  }
  return EXIT.done;
}

/** The figures of a replica that are looked at first. */
interface Summary {
  readonly id: number;
  readonly role: string;
  readonly ballot: string;
  /** The number of the leader; null for none. */
  readonly leader: number | null;
  readonly leaderAddress: string | null;
  readonly ready: boolean;
  /** Why it cannot serve; null when it can. */
  readonly unready: string | null;
  readonly mayVote: boolean;
  readonly chosenSlot: number;
  readonly appliedSlot: number;
  readonly lag: number;
  readonly logBytes: number;
  readonly connections: number;
  /** Crashes of each role. */
  readonly roleFailures: Readonly<Record<string, number>>;
}

function summaryOf({ status }: ServerReport): Summary | null {
  // What a server of this version sends; of another version it may lack any of this.
  const page = status as unknown as Partial<StatusPage> | null;
  const cluster = page?.replication?.cluster ?? null;
  if (cluster === null) return null;
  const { id, role, ballot, leader, unready, mayVote, chosenSlot, appliedSlot, lag, roles } = cluster;
  return {
    id,
    role,
    ballot,
    leader,
    leaderAddress: leader === null ? null : page?.cluster?.peers[leader]?.address ?? null,
    ready: unready === null,
    unready,
    mayVote,
    chosenSlot,
    appliedSlot,
    lag,
    logBytes: page?.log?.bytes ?? 0,
    connections: page?.stats?.connectionsOpen ?? 0,
    roleFailures: Object.fromEntries(ROLES.map((name) => [name, roles[name].crashes])),
  };
}

/** A replica as programs want it: what is looked at first at the top, then the whole page. */
function reportToJson(report: ServerReport): object {
  const { server, status, error } = report;
  if (status === null) return { server, reachable: false, error: error?.message ?? "no answer" };
  // The role that Redis's clients know: a server without replicas is its own master.
  return { server, reachable: true, ...summaryOf(report) ?? { role: "master" }, ...status };
}

const COLUMNS = ["REPLICA", "ROLE", "BALLOT", "LEADER", "CHOSEN", "APPLIED", "LAG", "LOG", "CONNECTIONS", "CRASHES"];

async function writeTable({ terminal, style }: Context, reports: readonly ServerReport[]): Promise<void> {
  const rows = reports.map((report) => {
    const summary = summaryOf(report);
    if (summary === null) {
      return { cells: [report.server, "unreachable"], notes: report.error === null ? [] : [report.error.message] };
    }
    const { role, ballot, leaderAddress, chosenSlot, appliedSlot, lag, logBytes, connections, roleFailures } = summary;
    const crashes = Object.entries(roleFailures).filter(([, count]) => count > 0);
    const cells = [
      report.server,
      role,
      ballot,
      leaderAddress ?? "none",
      chosenSlot,
      appliedSlot,
      lag,
      showSize(logBytes),
    ];
    const failures = crashes.length === 0 ? "0" : crashes.map(([name, count]) => `${name} ${count}`).join(", ");
    return {
      cells: [...cells, connections, failures].map(String),
      notes: [...summary.unready === null ? [] : [summary.unready], ...refusalsOf(report)],
    };
  });
  const widths = COLUMNS.map((name, column) => {
    return Math.max(name.length, ...rows.map(({ cells }) => cells[column]?.length ?? 0));
  });
  const layOut = (cells: readonly string[]): string =>
    cells.map((cell, column) => column === cells.length - 1 ? cell : cell.padEnd(widths[column]!)).join("  ");
  await writeLine(terminal, style.dim(layOut(COLUMNS)));
  for (const { cells, notes } of rows) {
    await writeLine(terminal, layOut(cells));
    for (const note of notes) await writeLine(terminal, style.red(`  ${note}`));
  }
}

/** Which of the others will not hear this replica, and why. */
function refusalsOf({ status }: ServerReport): string[] {
  // What a server of this version sends; of another version it may lack any of this.
  const page = status as unknown as Partial<StatusPage> | null;
  return (page?.cluster?.peers ?? []).flatMap(({ address, link }) => {
    return link === null || link.refusal === null ? [] : [`${address} does not hear it: ${link.refusal}`];
  });
}

function showSize(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  const units = ["KiB", "MiB", "GiB"];
  const power = Math.min(units.length, Math.floor(Math.log2(bytes) / 10));
  return `${(bytes / 1024 ** power).toFixed(1)} ${units[power - 1]}`;
}

async function writeFields({ terminal, style }: Context, fields: object): Promise<void> {
  const rows = flatten(fields, "");
  const width = Math.max(...rows.map(([name]) => name.length));
  for (const [name, value] of rows) await writeLine(terminal, `${style.dim(name.padEnd(width))}  ${value}`);
}

/** Nested fields as rows with dotted names. */
function flatten(fields: object, prefix: string): [name: string, value: string][] {
  return Object.entries(fields).flatMap(([name, value]): [string, string][] => {
    if (typeof value === "object" && value !== null && !Array.isArray(value)) {
      return flatten(value, `${prefix}${name}.`);
    }
    return [[prefix + name, typeof value === "string" ? value : JSON.stringify(value) ?? ""]];
  });
}
