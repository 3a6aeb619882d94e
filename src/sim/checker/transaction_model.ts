/**
 * Transactions over several keys. A transaction is a list of small operations, done at one time:
 * `["r", key, value]` reads (the value stands in the result), `["w", key, value]` writes (null deletes),
 * `["append", key, value]` appends to a text or list, `["add", key, amount]` adds, and `["is", key, value]` and
 * `["not", key, value]` are conditions: where one does not hold the transaction has no effect. The result is the
 * same list with the values read, or the list of what was done instead; null when nothing is told.
 *
 * @module
 */
import { HistoryError, type Operation, type Value } from "./history.ts";
import { IMPOSSIBLE, type Machine, type Model, type UnknownClass } from "./model.ts";
import { canonical, show } from "./values.ts";

type StepName = "r" | "w" | "append" | "add" | "is" | "not";
type Step = readonly [name: StepName, key: string, value: Value];

const NAMES: ReadonlySet<string> = new Set<StepName>(["r", "w", "append", "add", "is", "not"]);

/** Transactions (`txn`), and single operations on the same keys: read, write, delete, cas, append, add. */
export const TRANSACTIONS: Model = {
  name: "transactions",
  keysOf: (operation) => [
    ...new Set([
      ...stepsOf(operation).map(([, key]) => key),
      ...(operation.outcome === "ok" ? resultOf(operation) ?? [] : []).map(([, key]) => key),
    ]),
  ],
  machine: () => new TransactionMachine(),
};

/** What an operation asks for, as steps. */
function stepsOf(operation: Operation): readonly Step[] {
  const { f, input, invoke } = operation;
  const key = operation.key ?? "";
  switch (f) {
    case "txn":
      return listed(input, invoke);
    case "read":
    case "get":
      return [["r", key, null]];
    case "write":
    case "put":
      return [["w", key, input]];
    case "delete":
      return [["w", key, null]];
    case "append":
      return [["append", key, input]];
    case "add":
      return listed([["add", key, input ?? 1]], invoke);
    case "cas": {
      const [old, next] = Array.isArray(input) && input.length === 2 ? input as readonly Value[] : [];
      if (old === undefined || next === undefined) {
        throw new HistoryError(invoke, `a cas needs [old, new], not ${show(input)}`);
      }
      return [["is", key, old], ["w", key, next]];
    }
    default:
      throw new HistoryError(
        invoke,
        `the model transactions has no operation "${f}"; it has txn, read, write, delete, cas, append, add`,
      );
  }
}

/** What an operation that is ok did, with what it read. Null when its result tells nothing. */
function resultOf(operation: Operation): readonly Step[] | null {
  const { f, output, complete } = operation;
  switch (f) {
    case "txn":
      return output === null ? null : listed(output, complete!);
    case "read":
    case "get":
      return [["r", operation.key ?? "", output]];
    case "cas":
      return output === false ? stepsOf(operation).slice(0, 1).map(([, key, old]): Step => ["not", key, old]) : null;
    default:
      return null;
  }
}

function listed(value: Value, event: number): readonly Step[] {
  if (!Array.isArray(value)) throw new HistoryError(event, `a txn is a list of operations, not ${show(value)}`);
  for (const step of value as readonly Value[]) {
    const good = Array.isArray(step) && step.length === 3 && typeof step[0] === "string" && NAMES.has(step[0]) &&
      (typeof step[1] === "string" || typeof step[1] === "number") &&
      (step[0] !== "add" || Number.isSafeInteger(step[2]));
    if (!good) {
      throw new HistoryError(
        event,
        `${show(step)} is no operation of a txn; write [name, key, value], the name one of ${[...NAMES].join(", ")}`,
      );
    }
  }
  return (value as unknown as Step[]).map(([name, key, each]) => [name, String(key), each]);
}

class TransactionMachine implements Machine {
  readonly initial: number = 0;
  /** Each state: the values by key, absent ones left out. */
  readonly #states: ReadonlyMap<string, Value>[] = [new Map()];
  readonly #numbers = new Map<string, number>([["", 0]]);
  readonly #programs: { readonly steps: readonly Step[]; readonly blind: boolean }[] = [];
  readonly #codes = new Map<string, number>();
  readonly #transitions: Map<number, number>[] = [];

  known(operation: Operation): number | null {
    if (operation.outcome === "fail") return null;
    const result = resultOf(operation);
    const steps = result ?? stepsOf(operation);
    if (result === null && steps.every(([name]) => name === "r")) return null;
    return this.#code(steps, result === null);
  }

  unknown(operation: Operation): UnknownClass | null {
    const steps = stepsOf(operation).filter(([name]) => name !== "r");
    if (steps.every(([name]) => name === "is" || name === "not")) return null;
    return { code: this.#code(steps, true), standIn: null, overwrites: false };
  }

  observes(code: number): boolean {
    return this.#programs[code]!.steps.every(([name]) => name === "r" || name === "is" || name === "not");
  }

  step(state: number, code: number): number {
    const transitions = this.#transitions[code]!;
    let next = transitions.get(state);
    if (next === undefined) {
      next = this.#run(this.#states[state]!, this.#programs[code]!);
      transitions.set(state, next);
    }
    return next;
  }

  describe(state: number): string {
    const entries = sorted(this.#states[state]!);
    return entries.length === 0 ? "empty" : entries.map(([key, value]) => `${show(key)} = ${show(value)}`).join(", ");
  }

  #run(before: ReadonlyMap<string, Value>, { steps, blind }: { steps: readonly Step[]; blind: boolean }): number {
    const after = new Map(before);
    for (const [name, key, value] of steps) {
      const present = after.get(key) ?? null;
      const next = apply(name, present, value, blind);
      if (next === undefined) return IMPOSSIBLE;
      if (next === null) after.delete(key);
      else after.set(key, next);
    }
    const name = sorted(after).map(([key, value]) => `${JSON.stringify(key)}:${canonical(value)}`).join(",");
    let number = this.#numbers.get(name);
    if (number === undefined) {
      number = this.#states.length;
      this.#numbers.set(name, number);
      this.#states.push(after);
    }
    return number;
  }

  #code(steps: readonly Step[], blind: boolean): number {
    const name = `${blind ? "?" : ""}${canonical(steps)}`;
    let code = this.#codes.get(name);
    if (code === undefined) {
      code = this.#programs.length;
      this.#codes.set(name, code);
      this.#programs.push({ steps, blind });
      this.#transitions.push(new Map());
    }
    return code;
  }
}

/** The value after a step, undefined when it cannot have gone so. `blind`: what was read is not told. */
function apply(name: StepName, present: Value, value: Value, blind: boolean): Value | undefined {
  switch (name) {
    case "r":
      return blind || canonical(present) === canonical(value) ? present : undefined;
    case "w":
      return value;
    case "is":
      return canonical(present) === canonical(value) ? present : undefined;
    case "not":
      return canonical(present) === canonical(value) ? undefined : present;
    case "add": {
      const sum = (present ?? 0) as number + (value as number);
      return Number.isSafeInteger(sum) ? sum : undefined;
    }
    case "append":
      if (Array.isArray(present)) return [...present as readonly Value[], value];
      if (typeof value !== "string") return present === null ? [value] : undefined;
      if (present === null) return value;
      return typeof present === "string" ? present + value : undefined;
  }
}

function sorted(state: ReadonlyMap<string, Value>): [string, Value][] {
  return [...state].sort(([a], [b]) => a < b ? -1 : 1);
}
