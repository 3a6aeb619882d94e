/**
 * Banks: transfers between accounts in one atomic step each, and reads of all accounts at one moment. A transfer asks
 * for the balances it was made from, by value, which is what plain Redis can do, too.
 *
 * @module
 */
import { bytesToText, keyFromText, textToBytes } from "../../../codec/bytes.ts";
import type { Compare, Operation } from "../../../core/kv/command.ts";
import type { Value } from "../../checker/history.ts";
import { TRANSACTIONS } from "../../checker/transaction_model.ts";
import { between } from "../../run/workload.ts";
import { type Course, drawFrom, type Kind, type Mix, type Step } from "../kind.ts";
import { resultAs } from "../live_client.ts";
import { put } from "./register.ts";

const ACCOUNTS = 5;
/** What is in each account when a bank opens. */
const INITIAL = 100;
const MOST_MOVED = 50;

/** A bank in every five keys. */
export const BANKS: Kind = {
  name: "bank",
  model: TRANSACTIONS,
  mix: { read: 1, transfer: 2 },
  keys: ACCOUNTS,
  begin: (name, mix) => new BankCourse(name, mix),
};

class BankCourse implements Course {
  readonly keys: readonly string[];
  readonly #name: string;
  readonly #mix: Mix;
  /** What is in the accounts as far as anybody was told; null before anybody has read them. */
  #balances: (number | null)[] | null = null;

  constructor(name: string, mix: Mix) {
    this.keys = Array.from({ length: ACCOUNTS }, (_, index) => `${name}/${index}`);
    this.#name = name;
    this.#mix = mix;
  }

  next(dice: Parameters<Course["next"]>[0]): Step {
    const balances = this.#balances;
    if (balances === null) return this.read();
    // Where money is missing there is nothing to move: reads go on to show it.
    const isWhole = balances.every((balance) => balance !== null);
    if (!isWhole) return balances.every((balance) => balance === null) ? this.#open() : this.read();
    if (drawFrom(this.#mix, dice) === "read") return this.read();
    const from = between(dice, 0, ACCOUNTS - 1);
    const to = (from + between(dice, 1, ACCOUNTS - 1)) % ACCOUNTS;
    return this.#transfer(from, to, between(dice, 1, MOST_MOVED), balances);
  }

  read(): Step {
    const operation = { type: "getMany", keys: this.keys.map(keyFromText) } as const;
    return {
      what: { f: "txn", key: this.#name, value: this.keys.map((key) => ["r", key, null]), isWrite: false },
      run: async (client) => {
        const { entries } = resultAs(await client.read(operation), "many");
        const texts = entries.map((entry) => entry === null ? null : bytesToText(entry.value));
        this.#balances = texts.map((text) => text === null ? null : Number(text));
        return { value: this.keys.map((key, at): Value => ["r", key, texts[at] ?? null]) };
      },
    };
  }

  #open(): Step {
    const compare = this.keys.map((key): Compare => ({
      key: keyFromText(key),
      target: "version",
      operator: "=",
      operand: 0,
    }));
    const steps = this.keys.flatMap((key): Value[] => [["is", key, null], ["w", key, String(INITIAL)]]);
    const then = this.keys.map((key) => put(key, String(INITIAL)));
    return this.#atomic(steps, { type: "txn", compare, then, else: [] }, () => this.keys.map(() => INITIAL));
  }

  #transfer(from: number, to: number, amount: number, balances: readonly (number | null)[]): Step {
    const changes = [{ at: from, by: -amount }, { at: to, by: amount }].map(({ at, by }) => {
      const before = balances[at]!;
      return { at, key: this.keys[at]!, before, after: before + by };
    });
    const compare = changes.map(({ key, before }): Compare => ({
      key: keyFromText(key),
      target: "value",
      operator: "=",
      operand: textToBytes(String(before)),
    }));
    const steps: Value[] = [
      ...changes.map(({ key, before }) => ["is", key, String(before)]),
      ...changes.map(({ key, after }) => ["w", key, String(after)]),
    ];
    const then = changes.map(({ key, after }) => put(key, String(after)));
    return this.#atomic(steps, { type: "txn", compare, then, else: [] }, () => {
      const moved = [...this.#balances ?? balances];
      for (const { at, after } of changes) moved[at] = after;
      return moved;
    });
  }

  #atomic(steps: readonly Value[], operation: Operation, after: () => (number | null)[]): Step {
    return {
      what: { f: "txn", key: this.#name, value: steps, isWrite: true },
      run: async (client) => {
        const { succeeded } = resultAs(await client.write(operation), "txn");
        // Refused: somebody else was first, and what was known of the accounts is old.
        this.#balances = succeeded ? after() : null;
        return succeeded ? { value: null } : null;
      },
    };
  }
}
