/**
 * Runs plans against a store of their own, without a connection: a clock and random numbers that the test sets.
 *
 * @module
 */
import { keyFromBytes } from "../../../../src/codec/bytes.ts";
import { KVStore } from "../../../../src/core/kv/kv_store.ts";
import { checkCommand, type Limits } from "../../../../src/core/kv/limits.ts";
import type { Operation } from "../../../../src/core/kv/command.ts";
import { type CommandSpec, RespError } from "../../../../src/server/resp/command_spec.ts";
import { genericCommands } from "../../../../src/server/resp/commands/generic.ts";
import { keyspaceCommands } from "../../../../src/server/resp/commands/keyspace.ts";
import { stringCommands } from "../../../../src/server/resp/commands/string.ts";
import type { RespConnection } from "../../../../src/server/resp/connection.ts";
import { ReplyWriter } from "../../../../src/server/resp/reply_writer.ts";
import { errorLine } from "../../../../src/server/resp/resp_errors.ts";
import { ScanCursors } from "../../../../src/server/resp/scan_cursors.ts";
import { words } from "../../../e2e/redis_differential/sequences.ts";

const SPECS: ReadonlyMap<string, CommandSpec> = new Map(
  [...stringCommands, ...genericCommands, ...keyspaceCommands].map((spec) => [spec.name, spec]),
);

/** A store, and what a plan asks of a connection. */
export class PlanDriver {
  readonly store: KVStore;
  /** The wall clock, in milliseconds. Log time is the same. */
  now = 1_000_000;
  random: () => number = () => 0.5;
  /** The operation of the latest plan that has one. */
  lastOperation: Operation | null = null;
  protocol: 2 | 3 = 2;
  readonly #connection: RespConnection;

  constructor(limits: Partial<Limits> = {}) {
    this.store = new KVStore({ limits });
    const random = { next: () => this.random(), bytes: (length: number) => new Uint8Array(length) };
    let cursor = 0;
    const cursors = { next: () => ++cursor / 2 ** 20, bytes: (length: number) => new Uint8Array(length) };
    // Plans look at nothing else of a connection.
    this.#connection = {
      service: { store: this.store },
      context: { clock: { now: () => this.now }, random, scanCursors: new ScanCursors(cursors) },
    } as unknown as RespConnection;
  }

  /** The reply to a command line, its bytes as characters. */
  run(line: string): string {
    return this.runWords(words(line));
  }

  /** The reply to a command whose words are byte strings. */
  runWords(command: readonly string[]): string {
    const args = command.map((word) => Uint8Array.from(word, (character) => character.charCodeAt(0)));
    const spec = SPECS.get(keyFromBytes(args[0]!).toLowerCase());
    if (spec === undefined) throw new Error(`no command ${command.join(" ")}`);
    const out = new ReplyWriter(this.protocol);
    try {
      const plan = spec.plan(args, this.#connection);
      if (plan.kind === "operation") {
        this.lastOperation = plan.operation;
        checkCommand(plan.operation, this.store.limits);
        const result = this.store.execute(plan.operation, this.now);
        if (result.type === "error") out.error(errorLine(result));
        else plan.reply(result, out);
      } else if (plan.kind === "local" || plan.kind === "inspect") {
        plan.run(this.#connection, out);
      } else {
        throw new Error(`a data command has no plan of kind ${plan.kind}`);
      }
    } catch (error) {
      if (!(error instanceof RespError)) throw error;
      out.error(error.message);
    }
    return keyFromBytes(out.take());
  }
}
