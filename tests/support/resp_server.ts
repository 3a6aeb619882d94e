/**
 * A RESP server context over a store in memory, for tests of the RESP doors.
 *
 * @module
 */
import { systemClock } from "../../src/adapters/system_clock.ts";
import { systemRandom } from "../../src/adapters/system_random.ts";
import type { Limits } from "../../src/core/kv/limits.ts";
import { KVStore } from "../../src/core/kv/kv_store.ts";
import type { Replication } from "../../src/core/replication.ts";
import type { Clock } from "../../src/ports/clock.ts";
import { Logins } from "../../src/server/access/logins.ts";
import type { UserTable } from "../../src/server/access/user_table.ts";
import { commandTable } from "../../src/server/resp/command_table.ts";
import { type RespConfig, type RespLimits, ServerContext } from "../../src/server/resp/server_context.ts";
import { Service } from "../../src/server/service.ts";
import { ServerStats } from "../../src/server/stats.ts";
import type { Figures } from "../../src/server/status_page.ts";
import { type ImmediateOptions, ImmediateReplication } from "./immediate_replication.ts";

/** What a test wants otherwise. */
export interface TestContextOptions extends ImmediateOptions {
  readonly config?: Partial<RespConfig>;
  readonly limits?: Partial<RespLimits>;
  readonly storeLimits?: Partial<Limits>;
  readonly notices?: string[];
  readonly clock?: Clock;
  readonly password?: string;
  readonly users?: UserTable;
}

/** A context, and what is below it. */
export interface TestContext {
  readonly context: ServerContext;
  readonly store: KVStore;
  readonly replication: ImmediateReplication;
}

/** The figures of a server that is alone and keeps no log. */
export function figuresOf(replication: Replication, store: KVStore, stats: ServerStats): Figures {
  return {
    info: { name: "kvpaxos", version: "0.0.0-test", startedAt_ms: 0 },
    now_ms: 0,
    store,
    replication: replication.status(),
    stats,
    log: null,
    memory: { resident_bytes: 0, heap_bytes: 0 },
    cluster: null,
  };
}

/** A context over an empty store. */
export function testContext(options: TestContextOptions = {}): TestContext {
  const store = new KVStore({ limits: options.storeLimits ?? {} });
  const replication = new ImmediateReplication(store, options);
  const stats = new ServerStats();
  const context = new ServerContext({
    service: new Service(replication, store),
    table: commandTable,
    clock: options.clock ?? systemClock,
    random: systemRandom,
    stats,
    logins: new Logins({
      clock: options.clock ?? systemClock,
      password: options.password ?? null,
      users: options.users ?? null,
    }),
    limits: options.limits ?? {},
    config: {
      version: "0.0.0-test",
      runtime: "test",
      processId: 1,
      tcpPort: 0,
      maxConnections: 10_000,
      idleTimeout_ms: 0,
      memoryBytes: () => 0,
      figures: () => figuresOf(replication, store, stats),
      ...options.config,
    },
    onNotice: (message) => options.notices?.push(message),
  });
  return { context, store, replication };
}
