/**
 * Histories of stores that are wrong in a way that people know by name. What goes wrong does so amid the operations
 * of other clients, and is made so that no order can explain it, whatever these do: the values in it are written
 * once only, and all sums grow.
 *
 * @module
 */
import type { HistoryEvent, Value } from "../../../src/sim/checker/history.ts";
import { type HistoryShape, type Kind, randomHistory, type Store } from "./random_history.ts";

/** What a store may do wrong. */
export type Fault = "stale read" | "lost update" | "uncommitted read";

/** The faults. */
export const FAULTS: readonly Fault[] = ["stale read", "lost update", "uncommitted read"];

/** Greater than all values, and than the sum of all amounts, of the other clients. */
const UNIQUE = 1_000_000;

/** A history in which the store does this once. */
export function faultyHistory(shape: HistoryShape, fault: Fault): HistoryEvent[] {
  const steps = { "stale read": staleRead, "lost update": lostUpdate, "uncommitted read": uncommittedRead }[fault];
  return randomHistory({ ...shape, episode: (store) => steps(new Kinded(shape.kind, store)) });
}

/** The operations of a kind of object on one key. */
class Kinded {
  readonly kind: Kind;
  readonly #store: Store;
  readonly #key: string;

  constructor(kind: Kind, store: Store) {
    this.kind = kind;
    this.#store = store;
    this.#key = kind === "register" ? "" : "k0";
  }

  /** What a read would see. */
  get value(): Value {
    return this.#store.object.get(this.#key) ?? (this.kind === "counter" ? 0 : null);
  }

  set value(value: Value) {
    this.#store.object.set(this.#key, value);
  }

  note(client: number, type: HistoryEvent["type"], f: string, value: Value): void {
    const key = this.kind === "register" || this.kind === "transactions" ? null : this.#key;
    this.#store.note(client, type, f, key, value);
  }

  /** The name and argument of an update, and the value after it. */
  update(number: number, before: Value): { readonly f: string; readonly input: Value; readonly after: Value } {
    const unique = UNIQUE + number;
    switch (this.kind) {
      case "register":
        return { f: "write", input: unique, after: unique };
      case "kv":
        return { f: "append", input: `<u${number}>`, after: `${String(before ?? "")}<u${number}>` };
      case "counter":
        return { f: "add", input: unique, after: Number(before) + unique };
      case "transactions":
        return {
          f: "txn",
          input: [["append", this.#key, unique]],
          after: [...(before ?? []) as readonly Value[], unique],
        };
    }
  }

  /** The result of an update that left this value. */
  updated(input: Value, after: Value): Value {
    return this.kind === "counter" ? after : input;
  }

  *doUpdate(client: number, number: number): Generator<void> {
    const { f, input } = this.update(number, null);
    this.note(client, "invoke", f, input);
    yield;
    this.value = this.update(number, this.value).after;
    this.note(client, "ok", f, this.updated(input, this.value));
    yield;
  }

  *doRead(client: number, seen: Value): Generator<void> {
    const isTransaction = this.kind === "transactions";
    const f = isTransaction ? "txn" : this.kind === "kv" ? "get" : "read";
    this.note(client, "invoke", f, isTransaction ? [["r", this.#key, null]] : null);
    yield;
    this.note(client, "ok", f, isTransaction ? [["r", this.#key, seen]] : seen);
    yield;
  }
}

/** A cache answers with a value from before an update that was acknowledged before the read began. */
function* staleRead(store: Kinded): Generator<void> {
  const first = store.update(1, null);
  store.note(0, "invoke", first.f, first.input);
  yield;
  store.value = store.update(1, store.value).after;
  const cached = store.value;
  store.note(0, "ok", first.f, store.updated(first.input, cached));
  yield* store.doUpdate(1, 2);
  yield* store.doRead(2, cached);
}

/** Two clients change the same value, both are told that it went well, and one change is not there. */
function* lostUpdate(store: Kinded): Generator<void> {
  const [base, one, two] = [UNIQUE, UNIQUE + 1, UNIQUE + 2];
  if (store.kind === "register") {
    yield* store.doUpdate(0, 0);
    store.note(1, "invoke", "cas", [base, one]);
    store.note(2, "invoke", "cas", [base, two]);
    yield;
    store.note(1, "ok", "cas", [base, one]);
    yield;
    store.value = two;
    store.note(2, "ok", "cas", [base, two]);
    return;
  }
  if (store.kind === "kv") {
    store.note(0, "invoke", "put", "<u0>");
    yield;
    store.note(0, "ok", "put", "<u0>");
    store.note(1, "invoke", "append", "<u1>");
    store.note(2, "invoke", "append", "<u2>");
    yield;
    store.note(1, "ok", "append", "<u1>");
    store.value = "<u0><u2>";
    store.note(2, "ok", "append", "<u2>");
    yield* store.doRead(3, store.value);
    return;
  }
  const before = store.value;
  const clients = [1, 2].map((client) => ({ client, ...store.update(client, before) }));
  // Both must see what they changed, or nobody can tell.
  const told = ({ input, after }: { readonly input: Value; readonly after: Value }): Value =>
    store.kind === "counter" ? after : [...input as readonly Value[], ["r", "k0", after]];
  for (const each of clients) {
    const { input } = each;
    const asked = store.kind === "counter" ? input : [...input as readonly Value[], ["r", "k0", null]];
    store.note(each.client, "invoke", each.f, asked);
  }
  for (const each of clients) {
    store.value = each.after;
    store.note(each.client, "ok", each.f, told(each));
  }
}

/** A read sees an update that then fails, and so never was. */
function* uncommittedRead(store: Kinded): Generator<void> {
  const { f, input } = store.update(1, null);
  store.note(0, "invoke", f, input);
  yield;
  yield* store.doRead(1, store.update(1, store.value).after);
  store.note(0, "fail", f, "aborted");
}
