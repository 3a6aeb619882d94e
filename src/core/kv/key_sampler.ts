/**
 * Some key of the store, as RANDOMKEY wants one, without a list of all keys: each call goes on where the last one stopped,
 * by some steps along the index.
 *
 * @module
 */
import type { Key } from "../../codec/bytes.ts";
import type { EntryTable } from "./entry_table.ts";

/** How many keys are stepped over at most. */
const MOST_STEPS = 1000;

/** Goes round the keys of a table. */
export class KeySampler {
  #start = "" as Key;

  /** The key some steps on, by `random` in [0, 1), or null when none is visible. */
  next(table: EntryTable, random: number): Key | null {
    if (table.size === 0) return null;
    let steps = Math.floor(random * Math.min(table.size, MOST_STEPS));
    let found: Key | null = null;
    const visit = (key: Key): boolean => {
      if (table.live(key, false) === undefined) return true;
      found = key;
      return steps-- > 0;
    };
    table.index.scan(this.#start, null, visit);
    // Round the end. A round that passes fewer keys than there are steps left need not be walked again and again.
    while (steps >= 0) {
      const before = steps;
      table.index.scan("" as Key, null, visit);
      if (steps === before) return null;
      if (steps >= 0) steps %= before - steps;
    }
    this.#start = (found! + "\0") as Key;
    return found;
  }
}
