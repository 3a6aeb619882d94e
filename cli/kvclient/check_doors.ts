/**
 * How `check` reaches the servers: which they are, whether they are ours, and through which of them each client goes.
 *
 * Invariant: every server is asked. Half of the clients know all servers and stay with one that works, as real clients
 * do; each of the others asks another server every time, whatever became of the last operation there.
 *
 * @module
 */
import { PlainRespClient } from "../../src/adapters/plain_resp/client.ts";
import type { ServerAddress } from "../../src/client/connection.ts";
import { KvError, type KvErrorCode } from "../../src/core/errors.ts";
import type { Operation, ReadOperation } from "../../src/core/kv/command.ts";
import type { Result } from "../../src/core/kv/result.ts";
import type { LiveClient } from "../../src/sim/live/live_client.ts";
import { UsageError } from "../exit_code.ts";
import { CHECK_FLAGS } from "./check_flags.ts";
import type { Context } from "./context.ts";
import { parseServer } from "./profile.ts";
import type { Store } from "./store.ts";
import { addressFor } from "./target.ts";
import { callerOf } from "./tls.ts";

/** How long a server that failed is left alone by the clients that go from one to the next. */
const AVOID_MS = 1000;
/** What speaks against the server that was asked. */
const FAILURES: ReadonlySet<KvErrorCode> = new Set<KvErrorCode>([
  "UNAVAILABLE",
  "STORAGE_FAILED",
  "DEADLINE_EXCEEDED",
  "OUTCOME_UNKNOWN",
]);

/** One way to some servers. */
interface Way {
  readonly execute: (operation: Operation, isStale: boolean) => Promise<Result>;
  /** Until when it is not taken where there is another one. */
  avoided_ms: number;
}

/** The servers under test. */
export class Doors {
  readonly servers: readonly ServerAddress[];
  /** Whether they are spoken to as to any RESP server. */
  readonly isPlain: boolean;
  readonly #readFrom: readonly ServerAddress[] | null;
  readonly #context: Context;
  readonly #closing: (() => Promise<void>)[] = [];

  private constructor(context: Context, servers: readonly ServerAddress[], isPlain: boolean) {
    const readFrom = context.line.get(CHECK_FLAGS.readFrom);
    this.#context = context;
    this.servers = servers;
    this.isPlain = isPlain;
    this.#readFrom = readFrom?.split(",").map((each) => addressFor(parseServer(each), context.resolved.profile)) ??
      null;
  }

  /** Finds the servers: those named and the other replicas of their cluster. Rejects when none answers. */
  static async find(context: Context, store: Store): Promise<Doors> {
    const { resolved, line, signal } = context;
    const { servers, protocol } = resolved.target;
    const isPlainAsked = line.get(CHECK_FLAGS.plain);
    if (isPlainAsked && protocol !== "tcp") throw new UsageError("--plain is RESP over TCP; leave out --protocol");
    const reports = await store.reports(signal);
    const answering = reports.filter(({ status }) => status !== null);
    // A server that is reached and does not know our KVSTATUS is one that speaks RESP and no more.
    const isStranger = protocol === "tcp" && reports.some(({ error }) => error?.code === "PROTOCOL_ERROR");
    if (isStranger) return new Doors(context, servers, true);
    if (answering.length === 0) throw reports[0]?.error ?? new KvError("UNAVAILABLE", "no server answers");
    return new Doors(context, reports.map(({ server }) => parseServer(server)), isPlainAsked);
  }

  /** The client of an actor. */
  clientOf(actor: number): LiveClient {
    const each = (servers: readonly ServerAddress[]): readonly (readonly ServerAddress[])[] =>
      actor % 2 === 0 ? [servers] : servers.map((server) => [server]);
    return this.#client(each(this.servers), each(this.#readFrom ?? this.servers), actor);
  }

  /** For each server that reads are asked of a client of it alone. */
  clientsOfEach(): LiveClient[] {
    return (this.#readFrom ?? this.servers).map((server) => this.#client([this.servers], [[server]], 0));
  }

  /** Closes something together with the clients. */
  closeLater(close: () => Promise<void>): void {
    this.#closing.push(close);
  }

  /** Closes all clients. */
  async close(): Promise<void> {
    await Promise.all(this.#closing.map((close) => close()));
  }

  #client(
    writing: readonly (readonly ServerAddress[])[],
    reading: readonly (readonly ServerAddress[])[],
    first: number,
  ): LiveClient {
    const isStale = this.#context.line.get(CHECK_FLAGS.staleReads);
    const writers = writing.map((servers) => this.#way(servers, first, false));
    // One connection for both where that makes no difference.
    const areOthers = this.#readFrom !== null || (this.isPlain && isStale) || reading.length !== writing.length;
    const readers = areOthers ? reading.map((servers) => this.#way(servers, first, isStale)) : writers;
    const write = this.#inTurn(writers, first);
    const read = areOthers ? this.#inTurn(readers, first) : write;
    return {
      write: (operation: Operation) => write(operation, false),
      read: (operation: ReadOperation) => read(operation, isStale),
    };
  }

  /** Takes one way after the other. */
  #inTurn(ways: readonly Way[], first: number): (operation: Operation, isStale: boolean) => Promise<Result> {
    const { terminal } = this.#context;
    let turn = first;
    return async (operation, isStale) => {
      const now_ms = terminal.monotonic();
      const order = ways.map((_, offset) => ways[(turn + offset) % ways.length]!);
      turn++;
      const way = order.find(({ avoided_ms }) => avoided_ms <= now_ms) ?? order[0]!;
      try {
        return await way.execute(operation, isStale);
      } catch (error) {
        if (error instanceof KvError && FAILURES.has(error.code)) way.avoided_ms = terminal.monotonic() + AVOID_MS;
        throw error;
      }
    };
  }

  #way(servers: readonly ServerAddress[], first: number, isStale: boolean): Way {
    return this.isPlain ? this.#plainWay(servers, first, isStale) : this.#libraryWay(servers);
  }

  #libraryWay(servers: readonly ServerAddress[]): Way {
    const { connect, resolved, signal } = this.#context;
    const store = connect({ ...resolved.target, servers });
    this.closeLater(() => store.close());
    return {
      execute: (operation, stale) => store.execute(operation, signal, stale ? "stale" : "linearizable"),
      avoided_ms: 0,
    };
  }

  #plainWay(servers: readonly ServerAddress[], first: number, isStale: boolean): Way {
    const { target } = this.#context.resolved;
    const { user, password, deadline_ms } = target;
    const caller = callerOf(target);
    const client = new PlainRespClient({ servers, first, user, password, deadline_ms, caller, readOnly: isStale });
    this.closeLater(() => {
      client.close();
      return Promise.resolve();
    });
    return {
      execute: (operation) => client.execute(operation),
      avoided_ms: 0,
    };
  }
}
