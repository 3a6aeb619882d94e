/**
 * Lists that grow by appends of elements that are unique: every read tells the order of all writes before it, so what
 * is lost, done twice or moved shows at once.
 *
 * @module
 */
import { bytesToText, keyFromText, textToBytes } from "../../../codec/bytes.ts";
import { KV } from "../../checker/cell_model.ts";
import { type Course, drawFrom, type Kind, type Mix, type Step } from "../kind.ts";
import { resultAs } from "../live_client.ts";

/** A list in each key, as text. */
export const LISTS: Kind = {
  name: "append",
  model: KV,
  mix: { read: 2, append: 3 },
  keys: 1,
  begin: (name, mix) => new ListCourse(name, mix),
};

class ListCourse implements Course {
  readonly keys: readonly string[];
  readonly #key: string;
  readonly #mix: Mix;
  #appended = 0;

  constructor(name: string, mix: Mix) {
    this.keys = [name];
    this.#key = name;
    this.#mix = mix;
  }

  next(dice: Parameters<Course["next"]>[0]): Step {
    return drawFrom(this.#mix, dice) === "read" ? this.read() : this.#append();
  }

  read(): Step {
    return {
      what: { f: "get", key: this.#key, value: null, isWrite: false },
      run: async (client) => {
        const { entry } = resultAs(await client.read({ type: "get", key: keyFromText(this.#key) }), "get");
        return { value: entry === null ? null : bytesToText(entry.value) };
      },
    };
  }

  #append(): Step {
    const value = `e${++this.#appended} `;
    const operation = { type: "append", key: keyFromText(this.#key), value: textToBytes(value) } as const;
    return {
      what: { f: "append", key: this.#key, value, isWrite: true },
      run: async (client) => ({ value: Number(resultAs(await client.write(operation), "integer").value) }),
    };
  }
}
