/**
 * The store: commands as they are applied, and snapshots.
 *
 * @module
 */
import { encodeCommand } from "../../src/core/kv/command_codec.ts";
import { KVStore } from "../../src/core/kv/kv_store.ts";
import type { Case } from "./timing.ts";
import { keysOf, putOf, valueOf } from "./values.ts";

const KEYS = 10_000;
/** How many commands a call applies. */
const MANY = 1000;
const SLICE_BYTES = 64 * 1024;

/** Everything that a store does for many. */
export function stateMachineCases(): Case[] {
  const keys = keysOf(KEYS);
  const value = valueOf(256);
  const puts = keys.map((key) => encodeCommand(putOf(key, value)));
  const filled = new KVStore();
  for (const put of puts) filled.apply(put, 0);
  let fresh = new KVStore();
  let next = 0;
  const increment = encodeCommand({ type: "increment", key: keysOf(KEYS + 1)[KEYS]!, delta: 1n });
  const get = encodeCommand({ type: "get", key: keys[KEYS / 2]! });
  const some = encodeCommand({
    type: "range",
    start: keys[0]!,
    end: null,
    limit: 100,
    reverse: false,
    projection: "entries",
  });
  return [
    {
      name: `put over one of ${KEYS} keys`,
      operations: MANY,
      run: () => {
        for (let i = 0; i < MANY; i++) filled.apply(puts[next = (next + 1) % KEYS]!, 0);
      },
    },
    {
      name: "put of a new key",
      operations: KEYS,
      run: () => {
        fresh = new KVStore();
        for (const put of puts) fresh.apply(put, 0);
      },
    },
    { name: "increment", operations: 1, run: () => void filled.apply(increment, 0) },
    { name: "get, as a query", operations: 1, run: () => void filled.query(get) },
    { name: "range of 100 entries, each", operations: 100, run: () => void filled.query(some) },
    {
      name: `snapshot of ${KEYS} entries, each`,
      operations: KEYS,
      run: () => {
        const source = filled.snapshot();
        while (source.next(SLICE_BYTES) !== null);
        source.close();
      },
    },
  ];
}
