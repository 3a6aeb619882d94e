/**
 * From two looks at a server to what it did between them.
 *
 * @module
 */
import type { StatusPage } from "../../src/server/status_page.ts";
import { BUCKET_BOUNDS_SECONDS } from "../../src/server/metrics/histogram.ts";
import { pageOf } from "./status_table.ts";
import type { ServerReport } from "./store.ts";

/** What all servers said at one moment. */
export interface Look {
  /** On a clock that does not go back. */
  readonly at_ms: number;
  readonly reports: readonly ServerReport[];
}

/** One server. What needs two looks is null after one, after a restart, and where the server does not say. */
export interface TopRow {
  readonly server: string;
  readonly reachable: boolean;
  /** Why it does not answer; null when it does. */
  readonly error: string | null;
  readonly role: string | null;
  /** Why it takes no writes; null when it does. */
  readonly unready: string | null;
  readonly requests_per_second: number | null;
  readonly errors_per_second: number | null;
  readonly read_p99_ms: number | null;
  readonly write_p99_ms: number | null;
  readonly syncs_per_second: number | null;
  readonly received_bytes_per_second: number | null;
  readonly sent_bytes_per_second: number | null;
  readonly pending: number | null;
  readonly lag: number | null;
  readonly connections: number | null;
  readonly keys: number | null;
  readonly memory_bytes: number | null;
  readonly uptime_ms: number | null;
}

type Page = Partial<StatusPage>;

/** The servers of the later look, in its order. */
export function rowsOf(earlier: Look | null, later: Look): TopRow[] {
  return later.reports.map((report) => {
    const before = earlier?.reports.find(({ server }) => server === report.server);
    const page = pageOf(report);
    const old = before === undefined ? null : pageOf(before);
    // Counters of another life of the process say nothing of this one.
    const isSame = old !== null && page !== null && old.startedAt_ms === page.startedAt_ms;
    const seconds = earlier === null ? 0 : (later.at_ms - earlier.at_ms) / 1000;
    return rowOf(report, page ?? {}, isSame && seconds > 0 ? { page: old, seconds } : null);
  });
}

function rowOf(
  { server, status, error }: ServerReport,
  page: Page,
  since: { readonly page: Page; readonly seconds: number } | null,
): TopRow {
  const { replication, stats, store, memory } = page;
  const rate = (count: (page: Page) => number | undefined): number | null => {
    const [now, then] = [count(page), since === null ? undefined : count(since.page)];
    // A counter that went back was set to 0 by CONFIG RESETSTAT.
    return since === null || now === undefined || then === undefined || now < then
      ? null
      : (now - then) / since.seconds;
  };
  const p99 = (kind: "read" | "write"): number | null =>
    since === null ? null : p99Between(since.page.latency?.[kind], page.latency?.[kind]);
  return {
    server,
    reachable: status !== null,
    error: error?.message ?? null,
    role: status === null ? null : replication?.cluster?.role ?? replication?.twoPhase?.role ?? "master",
    unready: replication?.cluster?.unready ?? replication?.twoPhase?.unready ?? replication?.reason ?? null,
    requests_per_second: rate(({ stats }) => stats === undefined ? undefined : stats.commands + stats.httpRequests),
    errors_per_second: rate(({ stats }) => stats?.errors),
    read_p99_ms: p99("read"),
    write_p99_ms: p99("write"),
    syncs_per_second: rate(({ log }) => log?.syncs),
    received_bytes_per_second: rate(({ stats }) => stats?.bytesIn),
    sent_bytes_per_second: rate(({ stats }) => stats?.bytesOut),
    pending: replication?.pending ?? null,
    lag: replication?.cluster?.lag ?? null,
    connections: stats?.connectionsOpen ?? null,
    keys: store?.keys ?? null,
    memory_bytes: memory?.resident_bytes ?? null,
    uptime_ms: page.uptime_ms ?? null,
  };
}

/** The upper bound of the bucket that 99 % of what was added fell into or below, in milliseconds. */
export function p99Between(then: readonly number[] | undefined, now: readonly number[] | undefined): number | null {
  if (then?.length !== BUCKET_BOUNDS_SECONDS.length + 1 || now?.length !== then.length) return null;
  const added = now.map((count, index) => count - then[index]!);
  const total = added.reduce((sum, count) => sum + count, 0);
  if (total <= 0) return null;
  let seen = 0;
  const index = added.findIndex((count) => (seen += count) >= total * 0.99);
  return (BUCKET_BOUNDS_SECONDS[index] ?? Infinity) * 1000;
}
