/**
 * Counters: increments that must each count exactly once. The sum that each returns says which came before it.
 *
 * @module
 */
import { bytesToText, keyFromText } from "../../../codec/bytes.ts";
import type { Value } from "../../checker/history.ts";
import { COUNTER } from "../../checker/cell_model.ts";
import { type Course, drawFrom, type Kind, type Mix, type Step } from "../kind.ts";
import { resultAs } from "../live_client.ts";

/** A counter in each key. */
export const COUNTERS: Kind = {
  name: "counter",
  model: COUNTER,
  mix: { read: 1, increment: 3 },
  keys: 1,
  begin: (name, mix) => new CounterCourse(name, mix),
};

class CounterCourse implements Course {
  readonly keys: readonly string[];
  readonly #key: string;
  readonly #mix: Mix;

  constructor(name: string, mix: Mix) {
    this.keys = [name];
    this.#key = name;
    this.#mix = mix;
  }

  next(dice: Parameters<Course["next"]>[0]): Step {
    return drawFrom(this.#mix, dice) === "read" ? this.read() : this.#increment();
  }

  read(): Step {
    return {
      what: { f: "get", key: this.#key, value: null, isWrite: false },
      run: async (client) => {
        const { entry } = resultAs(await client.read({ type: "get", key: keyFromText(this.#key) }), "get");
        return { value: entry === null ? 0 : sumOf(bytesToText(entry.value)) };
      },
    };
  }

  #increment(): Step {
    const operation = { type: "increment", key: keyFromText(this.#key), delta: 1n } as const;
    return {
      what: { f: "increment", key: this.#key, value: 1, isWrite: true },
      run: async (client) => ({ value: Number(resultAs(await client.write(operation), "integer").value) }),
    };
  }
}

/** A text that is no number stays what it is: no counter ever held it, which the checker will say. */
function sumOf(text: string): Value {
  const sum = Number(text);
  return text !== "" && Number.isSafeInteger(sum) ? sum : text;
}
