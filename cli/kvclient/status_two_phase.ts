/**
 * Replicas under two-phase commit side by side: whether each takes writes, who is missing, which transactions it cannot
 * end by itself, and which wait for those.
 *
 * @module
 */
import type { TwoPhasePage } from "../../src/server/two_phase_page.ts";
import { pageOf, type ReplicaView, type Row, showSize } from "./status_table.ts";
import type { ServerReport } from "./store.ts";

/** The figures of a replica that are looked at first. */
interface Summary extends Omit<TwoPhasePage, "replicas"> {
  readonly ready: boolean;
  /** Where the missing replicas would be. */
  readonly missingAddresses: readonly string[];
  readonly logBytes: number;
  readonly connections: number;
}

/** Younger transactions are on their way, and not worth a line. */
const SHOWN_MS = 100;
/** The most lines below a replica for each kind. */
const MOST_LINES = 5;

/** Where a replica is, by the word of the one that reports. */
function addressOf(report: ServerReport, id: number): string {
  return pageOf(report)?.cluster?.peers[id]?.address ?? `replica ${id + 1}`;
}

function summaryOf(report: ServerReport): Summary | null {
  const page = pageOf(report);
  const twoPhase = page?.replication?.twoPhase ?? null;
  if (twoPhase === null) return null;
  const { replicas: _, ...figures } = twoPhase;
  return {
    ...figures,
    ready: figures.unready === null,
    missingAddresses: figures.missing.map((id) => addressOf(report, id)),
    logBytes: page?.log?.bytes ?? 0,
    connections: page?.stats?.connectionsOpen ?? 0,
  };
}

function rowOf(report: ServerReport): Row {
  const summary = summaryOf(report);
  if (summary === null) throw new Error(`${report.server} is no replica under two-phase commit`);
  const { role, unready, missingAddresses, coordinating, inDoubt, inDoubtCount, waiting, waitingCount } = summary;
  const doubts = inDoubt.filter(({ age_ms }) => age_ms >= SHOWN_MS).map(({ transaction, coordinator, age_ms, ...of }) =>
    `in doubt for ${showAge(age_ms)}: transaction ${transaction}, which ${addressOf(report, coordinator)} decides; ` +
    keysText(of)
  );
  const waits = waiting.filter(({ age_ms }) => age_ms >= SHOWN_MS).map(({ transaction, age_ms, waitsFor, ...of }) =>
    `waits for locks for ${showAge(age_ms)}: transaction ${transaction}; ${keysText(of)}; ` +
    (waitsFor.length === 0 ? "it is next" : `held by ${waitsFor.slice(0, MOST_LINES).join(", ")}`)
  );
  return {
    cells: [
      report.server,
      role,
      unready === null ? "serving" : "unready",
      missingAddresses.join(",") || "none",
      coordinating,
      inDoubtCount,
      waitingCount,
      showSize(summary.logBytes),
      summary.connections,
    ],
    notes: [...unready === null ? [] : [unready], ...shortened(doubts, "in doubt"), ...shortened(waits, "waiting")],
  };
}

function shortened(lines: readonly string[], what: string): string[] {
  const rest = lines.length - MOST_LINES;
  return rest <= 0 ? [...lines] : [...lines.slice(0, MOST_LINES), `and ${rest} more ${what}: kvclient status -o json`];
}

function keysText({ keys, moreKeys }: Pick<TwoPhasePage["inDoubt"][number], "keys" | "moreKeys">): string {
  if (keys === null) return "all keys";
  const named = keys.map((key) => JSON.stringify(key)).join(", ");
  return `${keys.length === 1 ? "key" : "keys"} ${named}${moreKeys === 0 ? "" : ` and ${moreKeys} more`}`;
}

function showAge(age_ms: number): string {
  return `${(age_ms / 1000).toFixed(1)} s`;
}

/** How replicas under two-phase commit are shown. */
export const TWO_PHASE_VIEW: ReplicaView = {
  columns: ["REPLICA", "ROLE", "STATE", "MISSING", "COORDINATING", "IN DOUBT", "WAITING", "LOG", "CONNECTIONS"],
  row: rowOf,
  summary: summaryOf,
};
