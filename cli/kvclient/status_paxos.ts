/**
 * Replicas of Multi-Paxos side by side: who leads, and how far each is.
 *
 * @module
 */
import { ROLES } from "../../src/core/replication.ts";
import { pageOf, type ReplicaView, type Row, showSize } from "./status_table.ts";
import type { ServerReport } from "./store.ts";

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

function summaryOf(report: ServerReport): Summary | null {
  const page = pageOf(report);
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

function rowOf(report: ServerReport): Row {
  const summary = summaryOf(report);
  if (summary === null) throw new Error(`${report.server} is no replica of Multi-Paxos`);
  const { role, ballot, leaderAddress, chosenSlot, appliedSlot, lag, logBytes, connections, unready } = summary;
  const crashes = Object.entries(summary.roleFailures).filter(([, count]) => count > 0);
  return {
    cells: [
      report.server,
      role,
      ballot,
      leaderAddress ?? "none",
      chosenSlot,
      appliedSlot,
      lag,
      showSize(logBytes),
      connections,
      crashes.length === 0 ? "0" : crashes.map(([name, count]) => `${name} ${count}`).join(", "),
    ],
    notes: unready === null ? [] : [unready],
  };
}

/** How replicas of Multi-Paxos are shown. */
export const PAXOS_VIEW: ReplicaView = {
  columns: ["REPLICA", "ROLE", "BALLOT", "LEADER", "CHOSEN", "APPLIED", "LAG", "LOG", "CONNECTIONS", "CRASHES"],
  row: rowOf,
  summary: summaryOf,
};
