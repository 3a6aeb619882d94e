/**
 * Crash points around what a replication protocol does to its log, its machine and its transport: every append by the
 * kind of record, every message by its kind, every apply.
 *
 * @module
 */
import { applyFrom } from "../../../../src/core/batch.ts";
import type { StateMachine } from "../../../../src/core/replication.ts";
import type { Log } from "../../../../src/ports/log.ts";
import type { Transport } from "../../../../src/ports/transport.ts";
import type { CrashPoints } from "./crash_points.ts";

/** The name of a record or message whose first byte is `type`, as the tables of its protocol have it. */
function nameOf(table: Readonly<Record<string, number>>, type: number): string {
  return Object.keys(table).find((name) => table[name] === type) ?? `type-${type}`;
}

/** Puts points around a log. `records` names the kinds of records by their first byte. */
export function watchedLog(log: Log, points: CrashPoints, records: Readonly<Record<string, number>>): Log {
  return {
    identity: log.identity,
    get firstPosition(): number {
      return log.firstPosition;
    },
    get lastPosition(): number {
      return log.lastPosition;
    },
    get durablePosition(): number {
      return log.durablePosition;
    },
    listen: (listener) =>
      log.listen({
        onDurable: (position) => points.around("durable", () => listener.onDurable(position)),
        onFailure: (error) => listener.onFailure(error),
      }),
    append: (payload) => points.around(`append-${nameOf(records, payload[0]!)}`, () => log.append(payload)),
    read: (position, limit_bytes) => log.read(position, limit_bytes),
    truncate: (position) => points.around("truncate-log", () => log.truncate(position)),
    writeSnapshot: (position) => {
      const writer = points.around("begin-snapshot", () => log.writeSnapshot(position));
      return {
        write: (slice) => points.around("snapshot-slice", () => writer.write(slice)),
        commit: (done) => {
          points.pass("before-commit-snapshot");
          writer.commit((error) => {
            points.pass("after-commit-snapshot");
            done(error);
          });
        },
        abort: () => writer.abort(),
      };
    },
    readSnapshot: () => log.readSnapshot(),
    status: () => log.status(),
    close: (done) => points.around("close-log", () => log.close(done)),
  };
}

/** What kinds of messages a body has, by their names. */
export type KindsIn = (body: Uint8Array) => Iterable<string>;

/** The kinds of a body that is one message, whose first byte says which. */
export function oneMessage(messages: Readonly<Record<string, number>>): KindsIn {
  return (body) => [nameOf(messages, body[0]!)];
}

/** The kinds of a body that has several messages, of which each is one kind only once. */
export function manyMessages(
  messages: Readonly<Record<string, number>>,
  read: (body: Uint8Array) => readonly { readonly type: number }[],
): KindsIn {
  return (body) => new Set(read(body).map(({ type }) => nameOf(messages, type)));
}

/** Puts points around a transport, for each kind of message that a body has. */
export function watchedTransport(transport: Transport, points: CrashPoints, kindsIn: KindsIn): Transport {
  const around = (what: string, body: Uint8Array, action: () => void): void => {
    const names = [...kindsIn(body)].map((kind) => `${what}-${kind}`);
    for (const name of names) points.pass(`before-${name}`);
    action();
    for (const name of names) points.pass(`after-${name}`);
  };
  return {
    listen: (listener) =>
      transport.listen({
        onMessage: (from, body) => around("receive", body, () => listener.onMessage(from, body)),
        onPeer: (peer, isConnected) => listener.onPeer?.(peer, isConnected),
      }),
    send: (to, body) => around("send", body, () => transport.send(to, body)),
    status: () => transport.status(),
    close: () => transport.close(),
  };
}

/** Puts points around a machine. */
export function watchedMachine(machine: StateMachine, points: CrashPoints): StateMachine {
  const watched: Partial<StateMachine> = {
    apply: (command, time) => points.around("apply", () => machine.apply(command, time)),
    applyFrom: (...command) => points.around("apply", () => applyFrom(machine, ...command)),
    restore: () => {
      const sink = machine.restore();
      return {
        write: (slice) => points.around("restore-slice", () => sink.write(slice)),
        finish: () => points.around("restore", () => sink.finish()),
      };
    },
  };
  // What the machine can do beside that, some of which is optional, it does itself.
  return new Proxy(machine, {
    get: (target, name) => {
      const own: unknown = Reflect.get(watched, name) ?? Reflect.get(target, name);
      return typeof own === "function" ? own.bind(target) : own;
    },
  });
}
