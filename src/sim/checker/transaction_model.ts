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
import { ABSENT, type Sighting, UNSEEN, ValueTable } from "./value_table.ts";
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
  machine: (operations) => new TransactionMachine(operations),
};

/** What an operation asks for, as steps. */
function stepsOf(operation: Operation): readonly Step[] {
  const { f, input, invoke } = operation;
  const key = operation.key ?? "";
  switch (f) {
    case "txn":
      return stepList(input, invoke);
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
      return stepList([["add", key, input ?? 1]], invoke);
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
      return output === null ? null : stepList(output, complete!);
    case "read":
    case "get":
      return [["r", operation.key ?? "", output]];
    case "cas":
      return output === false ? stepsOf(operation).slice(0, 1).map(([, key, old]): Step => ["not", key, old]) : null;
    default:
      return null;
  }
}

function stepList(value: Value, event: number): readonly Step[] {
  if (!Array.isArray(value)) throw new HistoryError(event, `a txn is a list of operations, not ${show(value)}`);
  return (value as readonly Value[]).map((given) => {
    const step = stepOf(given);
    if (step !== null) return step;
    throw new HistoryError(
      event,
      `${show(given)} is no operation of a txn; write [name, key, value], the name one of ${[...NAMES].join(", ")}`,
    );
  });
}

function stepOf(given: Value): Step | null {
  if (!Array.isArray(given) || given.length !== 3) return null;
  const [name, key, value] = given as [Value, Value, Value];
  if (!isStepName(name) || (typeof key !== "string" && typeof key !== "number")) return null;
  return name === "add" && !Number.isSafeInteger(value) ? null : [name, String(key), value];
}

function isStepName(name: Value): name is StepName {
  return typeof name === "string" && NAMES.has(name);
}

/** A step with its value as a number of its key's table. Of an append and an add `argument` is the value. */
interface CompiledStep {
  readonly name: StepName;
  /** The place of the key's value in a state. */
  readonly at: number;
  readonly value: number;
  readonly argument: Value;
}

interface Program {
  readonly steps: readonly CompiledStep[];
  /** Whether what it read is not told. */
  readonly blind: boolean;
}

/** A state is a list of numbers of values, one for each key; states are known by numbers themselves. */
class TransactionMachine implements Machine {
  readonly initial: number = 0;
  readonly #keys: readonly string[];
  readonly #places: ReadonlyMap<string, number>;
  readonly #tables: readonly ValueTable[];
  readonly #states: (readonly number[])[] = [];
  readonly #numbers = new Map<string, number>();
  readonly #programs: Program[] = [];
  readonly #codes = new Map<string, number>();
  readonly #transitions: Map<number, number>[] = [];
  /** Whether all operations of unknown outcome append, so that what is there stays there. */
  #onlyAppends = true;

  constructor(operations: readonly Operation[]) {
    const listed = operations.map((each) => ({
      steps: [...stepsOf(each), ...each.outcome === "ok" ? resultOf(each) ?? [] : []],
      until: each.outcome === "unknown" || each.complete === null ? Infinity : each.complete,
    }));
    this.#keys = [...new Set(listed.flatMap(({ steps }) => steps.map(([, key]) => key)))].sort();
    this.#places = new Map(this.#keys.map((key, at) => [key, at]));
    const seen = this.#keys.map((): Sighting[] => []);
    const added = new Set<string>();
    for (const { steps, until } of listed) {
      for (const [name, key, value] of steps) {
        if (name === "add") added.add(key);
        else if (name === "r" || name === "is" || name === "not") seen[this.#places.get(key)!]!.push({ value, until });
      }
    }
    this.#tables = this.#keys.map((key, at) => new ValueTable(null, added.has(key) ? null : seen[at]!));
    this.#number(this.#keys.map(() => ABSENT));
  }

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
    if (steps.some(([name]) => name !== "append")) this.#onlyAppends = false;
    return { code: this.#code(steps, true), standIn: null, overwrites: false };
  }

  observes(code: number): boolean {
    return this.#programs[code]!.steps.every(({ name }) => name === "r" || name === "is" || name === "not");
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

  from(state: number, event: number): number {
    const values = this.#states[state]!;
    const left = values.map((id, at) => this.#tables[at]!.from(id, event));
    return left.some((id, at) => id !== values[at]) ? this.#number(left) : state;
  }

  covers(state: number, other: number): boolean {
    return state === other;
  }

  mayLeadTo(state: number, code: number): boolean {
    const { steps, blind } = this.#programs[code]!;
    if (!this.#onlyAppends || blind) return true;
    const values = this.#states[state]!;
    const written = new Set<number>();
    return steps.every(({ name, at, value }) => {
      if (name !== "r" && name !== "is") written.add(at);
      return written.has(at) || name === "not" || this.#tables[at]!.isBeginning(values[at]!, value);
    });
  }

  describe(state: number): string {
    const entries = this.#states[state]!.flatMap((id, at) =>
      id === ABSENT ? [] : [`${show(this.#keys[at]!)} = ${this.#tables[at]!.describe(id)}`]
    );
    return entries.length === 0 ? "empty" : entries.join(", ");
  }

  #run(before: readonly number[], { steps, blind }: Program): number {
    const after = [...before];
    for (const step of steps) {
      const next = apply(step, after[step.at]!, blind, this.#tables[step.at]!);
      if (next === null) return IMPOSSIBLE;
      after[step.at] = next;
    }
    return this.#number(after);
  }

  #number(values: readonly number[]): number {
    const name = values.join(",");
    let number = this.#numbers.get(name);
    if (number === undefined) {
      number = this.#states.push(values) - 1;
      this.#numbers.set(name, number);
    }
    return number;
  }

  #code(given: readonly Step[], blind: boolean): number {
    const steps = given.map(([name, key, value]): CompiledStep => {
      const at = this.#places.get(key)!;
      const isArgument = name === "append" || name === "add";
      return {
        name,
        at,
        value: isArgument ? UNSEEN : this.#tables[at]!.id(value),
        argument: isArgument ? value : null,
      };
    });
    const name = (blind ? "?" : "") +
      steps.map((step) => `${step.name} ${step.at} ${step.value} ${canonical(step.argument)}`).join(";");
    let code = this.#codes.get(name);
    if (code === undefined) {
      code = this.#programs.push({ steps, blind }) - 1;
      this.#codes.set(name, code);
      this.#transitions.push(new Map());
    }
    return code;
  }
}

/** The value after a step, null when it cannot have gone so. `blind`: what was read is not told. */
function apply(
  { name, value, argument }: CompiledStep,
  present: number,
  blind: boolean,
  table: ValueTable,
): number | null {
  switch (name) {
    case "r":
      return blind || present === value ? present : null;
    case "w":
      return value;
    case "is":
      return present === value ? present : null;
    case "not":
      return present === value ? null : present;
    case "add": {
      const sum = (table.value(present) ?? 0) as number + (argument as number);
      return Number.isSafeInteger(sum) ? table.id(sum) : null;
    }
    case "append":
      return table.appended(present, argument);
  }
}
