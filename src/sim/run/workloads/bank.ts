/**
 * A bank: transfers between accounts in one atomic step each. Whatever happens, the money in it is the same, at
 * every read, and all transfers and reads have an order.
 *
 * @module
 */
import type { EntryView } from "../../../client/entries.ts";
import { op, when } from "../../../client/txn_builder.ts";
import { TRANSACTIONS } from "../../checker/transaction_model.ts";
import { judgeHistory } from "../linearizability.ts";
import { Recorder } from "../recorder.ts";
import { type Actor, type Arena, between, type Workload } from "../workload.ts";

const INITIAL = 100;

/** Checked by its sum, and for linearizability as transactions. */
export class BankWorkload implements Workload {
  readonly name = "bank";
  readonly recorder: Recorder;
  readonly #arena: Arena;
  readonly #accounts: readonly string[];
  #opened = false;

  constructor(arena: Arena, accounts: number) {
    this.#arena = arena;
    this.recorder = new Recorder(arena);
    this.#accounts = Array.from({ length: accounts }, (_, index) => `bank/${index}`);
  }

  async step(actor: Actor): Promise<void> {
    const balances = await this.#read(actor);
    if (balances === null) return;
    if (balances.length === 0) return await this.#open(actor);
    if (actor.dice.next() < 0.3) return;
    const from = between(actor.dice, 0, balances.length - 1);
    const to = (from + between(actor.dice, 1, balances.length - 1)) % balances.length;
    const amount = between(actor.dice, 1, 50);
    await this.#transfer(actor, balances, from, to, amount);
  }

  async finish(actor: Actor): Promise<void> {
    await this.#read(actor);
  }

  check(): void {
    // The sum was checked at every read.
    judgeHistory(this.#arena.violations, this.name, this.recorder.events, TRANSACTIONS);
  }

  /** All accounts at one revision: by name or as a range. Empty before the bank is open; null when it failed. */
  async #read(actor: Actor): Promise<readonly EntryView<string>[] | null> {
    const byRange = actor.dice.next() < 0.5;
    const { client } = actor;
    const wasOpen = this.#opened;
    const asked = this.#accounts.map((key) => ["r", key, null]);
    const what = { f: "txn", key: "bank", value: asked, isWrite: false };
    const read = await this.recorder.perform(
      actor.id,
      what,
      async () =>
        byRange ? await client.range({ prefix: "bank/" }).toArray() : await client.getMany([...this.#accounts]),
      // In both cases in the order of the accounts; where some are missing the sum tells.
      (entries) => ({ value: this.#accounts.map((key, at) => ["r", key, entries[at]?.value ?? null]) }),
    );
    if (read.type !== "ok") return null;
    const entries = read.value.filter((entry) => entry !== null);
    if (entries.length === 0 && !wasOpen) return [];
    this.#opened = true;
    const sum = entries.reduce((total, { value }) => total + Number(value), 0);
    const expected = INITIAL * this.#accounts.length;
    if (sum !== expected || entries.length !== this.#accounts.length) {
      this.#arena.violations.report(
        this.name,
        `${entries.length} accounts hold ${sum} (${entries.map(({ value }) => value).join(" ")}); ` +
          `it is ${expected} in ${this.#accounts.length}`,
      );
    }
    return entries;
  }

  async #open(actor: Actor): Promise<void> {
    const steps = this.#accounts.flatMap((key) => [["is", key, null], ["w", key, String(INITIAL)]]);
    const what = { f: "txn", key: "bank", value: steps, isWrite: true };
    const opening = {
      compare: this.#accounts.map((key) => when.absent(key)),
      then: this.#accounts.map((key) => op.put(key, String(INITIAL))),
    };
    const done = await this.recorder.perform(
      actor.id,
      what,
      () => actor.client.txn(opening),
      ({ succeeded }) => succeeded ? { value: null } : null,
    );
    if (done.type === "ok") this.#opened = true;
  }

  async #transfer(
    actor: Actor,
    balances: readonly EntryView<string>[],
    from: number,
    to: number,
    amount: number,
  ): Promise<void> {
    const [source, target] = [this.#accounts[from]!, this.#accounts[to]!];
    const [before, after] = [balances[from]!, balances[to]!];
    const transfer = {
      compare: [
        when.modRevision(source, "=", before.modRevision),
        when.modRevision(target, "=", after.modRevision),
      ],
      then: [
        op.put(source, String(Number(before.value) - amount)),
        op.put(target, String(Number(after.value) + amount)),
      ],
    };
    // The comparison asks for more than equal balances, so the history allows what the server may refuse.
    const steps = [
      ["is", source, before.value],
      ["is", target, after.value],
      ["w", source, String(Number(before.value) - amount)],
      ["w", target, String(Number(after.value) + amount)],
    ];
    const what = { f: "txn", key: "bank", value: steps, isWrite: true };
    await this.recorder.perform(
      actor.id,
      what,
      () => actor.client.txn(transfer),
      ({ succeeded }) => succeeded ? { value: null } : null,
    );
  }
}
