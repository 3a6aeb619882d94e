/**
 * Objects that hold one value per key: a register, a key-value store and a counter. A state is the number of the
 * value in a {@link ValueTable}.
 *
 * @module
 */
import { HistoryError, type Operation, type Value } from "./history.ts";
import { IMPOSSIBLE, type Machine, type Model, type UnknownClass } from "./model.ts";
import { ABSENT, type Sighting, UNSEEN, ValueTable } from "./value_table.ts";
import { canonical, show } from "./values.ts";

/** What kinds of cells differ in. */
interface CellOptions {
  readonly name: string;
  /** What is read where nothing was written. */
  readonly absent: Value;
  /** Whether values are numbers, also when they come as text. */
  readonly numeric: boolean;
  readonly known: ReadonlySet<Kind>;
}

type Kind = "read" | "write" | "cas" | "delete" | "append" | "add";

const KINDS: Readonly<Record<string, Kind>> = {
  read: "read",
  get: "read",
  write: "write",
  put: "write",
  set: "write",
  cas: "cas",
  delete: "delete",
  del: "delete",
  append: "append",
  add: "add",
  increment: "add",
  incr: "add",
};

/** A register for each key: read, write, cas (`[old, new]`) and delete. Starts as null. */
export const REGISTER: Model = cellModel({
  name: "register",
  absent: null,
  numeric: false,
  known: new Set<Kind>(["read", "write", "cas", "delete"]),
});

/** A key-value store: as a register, and append, which joins text (or adds an element to a list). */
export const KV: Model = cellModel({
  name: "kv",
  absent: null,
  numeric: false,
  known: new Set<Kind>(["read", "write", "cas", "delete", "append"]),
});

/** A key-value store in which an absent key reads as the empty text. */
export const KV_EMPTY: Model = cellModel({
  name: "kv",
  absent: "",
  numeric: false,
  known: new Set<Kind>(["read", "write", "cas", "delete", "append"]),
});

/** A counter for each key: add (its result, unless null, is the new value) and read, and what a register does. Starts as 0. */
export const COUNTER: Model = cellModel({
  name: "counter",
  absent: 0,
  numeric: true,
  known: new Set<Kind>(["read", "write", "cas", "delete", "add"]),
});

function cellModel(options: CellOptions): Model {
  return {
    name: options.name,
    keysOf: (operation) => {
      kindOf(operation, options);
      return [operation.key ?? ""];
    },
    machine: (operations) => new CellMachine(operations, options),
  };
}

function kindOf({ f, input, invoke }: Operation, { name, known, numeric }: CellOptions): Kind {
  const kind = Object.hasOwn(KINDS, f) ? KINDS[f]! : undefined;
  if (kind === undefined || !known.has(kind)) {
    throw new HistoryError(invoke, `the model ${name} has no operation "${f}"; it has ${[...known].join(", ")}`);
  }
  if (kind === "cas" && !(Array.isArray(input) && input.length === 2)) {
    throw new HistoryError(invoke, `a cas needs [old, new], not ${show(input)}`);
  }
  if (kind === "add" && input !== null && !Number.isSafeInteger(numberOf(input))) {
    throw new HistoryError(invoke, `an add needs a whole number below 2^53, not ${show(input)}`);
  }
  if (numeric && kind === "write" && !Number.isSafeInteger(numberOf(input))) {
    throw new HistoryError(invoke, `a counter is set to a whole number below 2^53, not to ${show(input)}`);
  }
  return kind;
}

function numberOf(value: Value): Value {
  return typeof value === "string" && /^-?\d{1,16}$/.test(value) ? Number(value) : value;
}

const READ = 0;
const WRITE = 1;
const CAS = 2;
const CAS_REFUSED = 3;
const DELETE = 4;
const DELETE_PRESENT = 5;
const DELETE_ABSENT = 6;
const APPEND = 7;
const ADD = 8;
const ADD_TO = 9;

class CellMachine implements Machine {
  readonly initial: number = ABSENT;
  readonly #options: CellOptions;
  readonly #table: ValueTable;
  readonly #codes = new Map<string, number>();
  readonly #kinds: number[] = [];
  readonly #firsts: number[] = [];
  readonly #seconds: number[] = [];
  /** What appends and adds append and add. */
  readonly #arguments: Value[] = [];
  readonly #argumentIds = new Map<string, number>();
  readonly #transitions: Map<number, number>[] = [];
  /**
   * Whether all that can follow a value that nobody sees can follow every other one that is there: nothing asks
   * for another value than a certain one, and everything can be appended to everything.
   */
  readonly #isUnseenLeast: boolean;
  /** Among operations of unknown outcome: whether there is a cas, an append, an add, and one that adds less than 0. */
  #mayCas = false;
  #mayAppend = false;
  #mayAdd = false;
  #maySubtract = false;

  constructor(operations: readonly Operation[], options: CellOptions) {
    this.#options = options;
    this.#table = new ValueTable(
      options.absent,
      options.numeric ? null : operations.flatMap((each) => this.#observed(each)),
    );
    this.#isUnseenLeast = !options.numeric && operations.every(({ f, input }) => {
      const kind = KINDS[f]!;
      return kind !== "cas" && ((kind !== "append" && kind !== "write") || typeof input === "string");
    });
  }

  known(operation: Operation): number | null {
    const { f, input, output, outcome, complete } = operation;
    const kind = KINDS[f]!;
    if (outcome === "fail") {
      // As everywhere else in this field, a cas that fails with its own argument found another value. With any
      // other value (an error) it just had no effect.
      return kind === "cas" && canonical(output) === canonical(input) ? this.#cas(CAS_REFUSED, input) : null;
    }
    switch (kind) {
      case "read":
        return this.#code(READ, this.#state(output));
      case "write":
        return this.#code(WRITE, this.#state(input));
      case "cas":
        return this.#cas(output === false || output === 0 ? CAS_REFUSED : CAS, input);
      case "delete":
        if (output === true || (typeof output === "number" && output > 0)) return this.#code(DELETE_PRESENT);
        return this.#code(output === false || output === 0 ? DELETE_ABSENT : DELETE);
      case "append":
        return this.#code(APPEND, this.#argument(input));
      case "add": {
        const amount = this.#argument(input === null ? 1 : numberOf(input));
        if (output === null) return this.#code(ADD, amount);
        if (!Number.isSafeInteger(numberOf(output))) {
          throw new HistoryError(complete!, `an add results in a whole number below 2^53, not in ${show(output)}`);
        }
        return this.#code(ADD_TO, amount, this.#state(output));
      }
    }
  }

  unknown({ f, input }: Operation): UnknownClass | null {
    switch (KINDS[f]!) {
      case "read":
        return null;
      case "write":
        return { code: this.#code(WRITE, this.#state(input)), standIn: null, overwrites: true };
      case "cas": {
        const code = this.#cas(CAS, input);
        this.#mayCas = true;
        return { code, standIn: this.#code(WRITE, this.#seconds[code]!), overwrites: false };
      }
      case "delete":
        return { code: this.#code(WRITE, ABSENT), standIn: null, overwrites: true };
      case "append":
        this.#mayAppend = true;
        return { code: this.#code(APPEND, this.#argument(input)), standIn: null, overwrites: false };
      case "add": {
        const amount = input === null ? 1 : numberOf(input) as number;
        this.#mayAdd = true;
        if (amount < 0) this.#maySubtract = true;
        return { code: this.#code(ADD, this.#argument(amount)), standIn: null, overwrites: false };
      }
    }
  }

  observes(code: number): boolean {
    const kind = this.#kinds[code]!;
    return kind === READ || kind === CAS_REFUSED || kind === DELETE_ABSENT ||
      (kind === CAS && this.#firsts[code] === this.#seconds[code]);
  }

  step(state: number, code: number): number {
    const first = this.#firsts[code]!;
    switch (this.#kinds[code]!) {
      case READ:
        return state === first ? state : IMPOSSIBLE;
      case WRITE:
        return first;
      case CAS:
        return state === first ? this.#seconds[code]! : IMPOSSIBLE;
      case CAS_REFUSED:
        return state === first ? IMPOSSIBLE : state;
      case DELETE:
        return ABSENT;
      case DELETE_PRESENT:
        return state === ABSENT ? IMPOSSIBLE : ABSENT;
      case DELETE_ABSENT:
        return state === ABSENT ? state : IMPOSSIBLE;
      default:
        return this.#combine(state, code);
    }
  }

  from(state: number, event: number): number {
    return this.#table.from(state, event);
  }

  covers(state: number, other: number): boolean {
    return state === other || (other === UNSEEN && state !== ABSENT && this.#isUnseenLeast);
  }

  mayLeadTo(state: number, code: number): boolean {
    if (this.#mayCas) return true;
    const kind = this.#kinds[code]!;
    const first = this.#firsts[code]!;
    if (kind === CAS_REFUSED || kind === DELETE_PRESENT) return true;
    if (this.#mayAppend) {
      if (kind === APPEND) return true;
      return (kind === READ || kind === CAS) && this.#table.isBeginning(state, first);
    }
    if (!this.#mayAdd || this.#maySubtract) return this.#mayAdd;
    // Only additions of something: the sum never becomes less.
    const value = this.#table.value(state);
    let wanted: Value = null;
    if (kind === READ || kind === CAS) wanted = this.#table.value(first);
    else if (kind === DELETE_ABSENT) wanted = this.#options.absent;
    else if (kind === ADD_TO) {
      const sum = this.#table.value(this.#seconds[code]!);
      const amount = this.#arguments[first]!;
      wanted = typeof sum === "number" ? sum - (amount as number) : sum;
    } else return kind === ADD;
    return typeof value === "number" && typeof wanted === "number" && value <= wanted;
  }

  describe(state: number): string {
    return state === ABSENT && this.#options.absent === null ? "absent" : this.#table.describe(state);
  }

  #combine(state: number, code: number): number {
    const cached = this.#transitions[code]!.get(state);
    if (cached !== undefined) return cached;
    const argument = this.#arguments[this.#firsts[code]!]!;
    let next = IMPOSSIBLE;
    if (this.#kinds[code] === APPEND) next = this.#table.appended(state, argument) ?? IMPOSSIBLE;
    else {
      const value = this.#table.value(state);
      if (typeof value === "number") {
        const sum = this.#state(value + (argument as number));
        next = this.#kinds[code] === ADD || sum === this.#seconds[code] ? sum : IMPOSSIBLE;
      }
    }
    this.#transitions[code]!.set(state, next);
    return next;
  }

  #cas(kind: number, input: Value): number {
    const [old, next] = input as readonly [Value, Value];
    return this.#code(kind, this.#state(old), kind === CAS ? this.#state(next) : 0);
  }

  #code(kind: number, first = 0, second = 0): number {
    const name = `${kind},${first},${second}`;
    let code = this.#codes.get(name);
    if (code === undefined) {
      code = this.#kinds.length;
      this.#codes.set(name, code);
      this.#kinds.push(kind);
      this.#firsts.push(first);
      this.#seconds.push(second);
      this.#transitions.push(new Map());
    }
    return code;
  }

  #argument(value: Value): number {
    const form = canonical(value);
    let id = this.#argumentIds.get(form);
    if (id === undefined) {
      id = this.#arguments.length;
      this.#argumentIds.set(form, id);
      this.#arguments.push(value);
    }
    return id;
  }

  /** The state that holds this value. */
  #state(value: Value): number {
    return this.#table.id(this.#normal(value));
  }

  #normal(value: Value): Value {
    if (value === null) return this.#options.absent;
    return this.#options.numeric ? numberOf(value) : value;
  }

  #observed({ f, input, output, outcome, complete }: Operation): Sighting[] {
    const kind = KINDS[f]!;
    const until = outcome === "unknown" || complete === null ? Infinity : complete;
    if (kind === "read" && outcome === "ok") return [{ value: this.#normal(output), until }];
    return kind === "cas" ? [{ value: this.#normal((input as readonly [Value, Value])[0]), until }] : [];
  }
}
