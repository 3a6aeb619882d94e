/**
 * Registers: read, write, compare-and-set and delete. Every value is written once, so that the checker knows whose
 * write a read saw.
 *
 * @module
 */
import { bytesToText, keyFromText, textToBytes } from "../../../codec/bytes.ts";
import { NO_EXPIRY, type Operation } from "../../../core/kv/command.ts";
import { KV } from "../../checker/cell_model.ts";
import { type Course, drawFrom, type Kind, type Mix, type Step } from "../kind.ts";
import { resultAs } from "../live_client.ts";

/** A register in each key. */
export const REGISTERS: Kind = {
  name: "register",
  model: KV,
  mix: { read: 4, write: 3, cas: 2, delete: 1 },
  keys: 1,
  begin: (name, mix) => new RegisterCourse(name, mix),
};

class RegisterCourse implements Course {
  readonly keys: readonly string[];
  readonly #key: string;
  readonly #mix: Mix;
  /** What was seen or written last, as far as anybody was told. */
  #seen: string | null = null;
  #written = 0;

  constructor(name: string, mix: Mix) {
    this.keys = [name];
    this.#key = name;
    this.#mix = mix;
  }

  next(dice: Parameters<Course["next"]>[0]): Step {
    switch (drawFrom(this.#mix, dice)) {
      case "read":
        return this.read();
      case "delete":
        return this.#delete();
      case "cas":
        return this.#seen === null ? this.#write() : this.#swap(this.#seen);
      default:
        return this.#write();
    }
  }

  read(): Step {
    return {
      what: { f: "get", key: this.#key, value: null, isWrite: false },
      run: async (client) => {
        const { entry } = resultAs(await client.read({ type: "get", key: keyFromText(this.#key) }), "get");
        const value = entry === null ? null : bytesToText(entry.value);
        this.#seen = value ?? this.#seen;
        return { value };
      },
    };
  }

  #write(): Step {
    const value = this.#fresh();
    return {
      what: { f: "put", key: this.#key, value, isWrite: true },
      run: async (client) => {
        resultAs(await client.write(put(this.#key, value)), "put");
        this.#seen = value;
        return { value };
      },
    };
  }

  #swap(from: string): Step {
    const to = this.#fresh();
    const operation: Operation = {
      type: "txn",
      compare: [{ key: keyFromText(this.#key), target: "value", operator: "=", operand: textToBytes(from) }],
      then: [put(this.#key, to)],
      else: [],
    };
    return {
      what: { f: "cas", key: this.#key, value: [from, to], isWrite: true },
      run: async (client) => {
        const { succeeded } = resultAs(await client.write(operation), "txn");
        if (!succeeded) return null;
        this.#seen = to;
        return { value: [from, to] };
      },
    };
  }

  #delete(): Step {
    const operation: Operation = { type: "delete", key: keyFromText(this.#key), returnPrevious: false };
    return {
      what: { f: "delete", key: this.#key, value: null, isWrite: true },
      run: async (client) => ({ value: resultAs(await client.write(operation), "delete").deleted }),
    };
  }

  #fresh(): string {
    return `v${++this.#written}`;
  }
}

/** A write of a text. */
export function put(key: string, value: string): Operation {
  return {
    type: "put",
    key: keyFromText(key),
    value: textToBytes(value),
    expiry: NO_EXPIRY,
    condition: "always",
    returnPrevious: false,
  };
}
