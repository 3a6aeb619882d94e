/** A whole HTTP front door over a store without a log, and short ways to ask it things. */
import { textToBytes } from "../../../src/codec/bytes.ts";
import type { Limits } from "../../../src/core/kv/limits.ts";
import { KVStore } from "../../../src/core/kv/kv_store.ts";
import { systemClock } from "../../../src/adapters/system_clock.ts";
import type { Clock } from "../../../src/ports/clock.ts";
import { Logins } from "../../../src/server/access/logins.ts";
import type { UserTable } from "../../../src/server/access/user_table.ts";
import type { FeedLimits } from "../../../src/server/http/event_feed.ts";
import { createHttpApp, type HttpApp } from "../../../src/server/http/http_app.ts";
import type { SnapshotLimits } from "../../../src/server/http/snapshot_route.ts";
import type { LogLevels } from "../../../src/server/log_levels.ts";
import { Service } from "../../../src/server/service.ts";
import { ServerStats } from "../../../src/server/stats.ts";
import { keepSaid } from "../../support/secrets/secrets.ts";
import { ImmediateReplication, type Schedule } from "../../support/immediate_replication.ts";

export interface FixtureOptions {
  readonly password?: string;
  readonly users?: UserTable;
  readonly limits?: Partial<Limits>;
  readonly logLevels?: LogLevels;
  readonly body_ms?: number;
  readonly feedLimits?: Partial<FeedLimits>;
  readonly snapshotLimits?: Partial<SnapshotLimits>;
  readonly clock?: Clock;
  readonly now?: () => number;
  /** When proposals are applied. */
  readonly schedule?: Schedule;
  /** Barriers call back in a later turn. */
  readonly slowBarriers?: boolean;
}

export interface Fixture {
  readonly store: KVStore;
  readonly replication: ImmediateReplication;
  readonly stats: ServerStats;
  readonly http: HttpApp;
  readonly logins: Logins;
  /** What nobody foresaw; a test that leaves something here has found a bug. */
  readonly unforeseen: unknown[];
  request(method: string, target: string, init?: RequestInit): Promise<Response>;
  /** Sends JSON. */
  post(target: string, json: unknown, headers?: Record<string, string>): Promise<Response>;
}

export function createFixture(options: FixtureOptions = {}): Fixture {
  const store = new KVStore(options.limits === undefined ? {} : { limits: options.limits });
  const replication = new ImmediateReplication(store, {
    now: options.now ?? Date.now,
    ...(options.schedule === undefined ? {} : { schedule: options.schedule }),
    ...(options.slowBarriers === true ? { scheduleBarrier: (run: () => void) => void setTimeout(run, 0) } : {}),
  });
  const stats = new ServerStats();
  const unforeseen: unknown[] = [];
  const logins = new Logins({ clock: systemClock, password: options.password ?? null, users: options.users ?? null });
  const http = createHttpApp({
    service: new Service(replication, store),
    clock: options.clock ?? systemClock,
    stats,
    info: { name: "kvpaxos", version: "1.2.3", startedAt_ms: 1000 },
    logins,
    log: () => null,
    memory: () => ({ resident_bytes: 123, heap_bytes: 45 }),
    ...(options.body_ms === undefined ? {} : { body_ms: options.body_ms }),
    feedLimits: options.feedLimits ?? {},
    snapshotLimits: options.snapshotLimits ?? {},
    ...(options.logLevels === undefined ? {} : { logLevels: options.logLevels }),
    onError: (error) => void unforeseen.push(error),
  });
  const request = async (method: string, target: string, init: RequestInit = {}): Promise<Response> => {
    return await http.fetch(new Request(`http://server${target}`, { ...init, method }));
  };
  return {
    store,
    replication,
    stats,
    http,
    logins,
    unforeseen,
    request,
    post: (target, json, headers = {}) =>
      request("POST", target, {
        body: typeof json === "string" ? json : JSON.stringify(json),
        headers: { "Content-Type": "application/json", ...headers },
      }),
  };
}

/** A body of bytes, typed as fetch wants it. */
export function body(bytes: Uint8Array | string): Uint8Array<ArrayBuffer> {
  return (typeof bytes === "string" ? textToBytes(bytes) : bytes) as Uint8Array<ArrayBuffer>;
}

/** The problem that a response carries, as plain data. */
export async function problem(response: Response): Promise<{ status: number; code: string; detail: string }> {
  const type = response.headers.get("content-type");
  if (type !== "application/problem+json") throw new Error(`${response.status} ${type}: ${await response.text()}`);
  const text = await response.text();
  keepSaid("problems", text);
  const { status, code, detail } = JSON.parse(text) as { status: number; code: string; detail: string };
  if (status !== response.status) throw new Error(`status ${response.status} says ${status}`);
  return { status, code, detail };
}
