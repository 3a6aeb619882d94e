/**
 * The linearizability checker: a history of many clients on some keys, for each operation of it.
 *
 * @module
 */
import { KV } from "../../src/sim/checker/cell_model.ts";
import { checkHistory, DEFAULT_LIMITS } from "../../src/sim/checker/check.ts";
import { type HistoryEvent, pairEvents } from "../../src/sim/checker/history.ts";
import type { Case } from "./timing.ts";

const OPERATIONS = 10_000;

/** Histories of so many clients, each with one operation at a time. */
export function checkerCases(): Case[] {
  const limits = { ...DEFAULT_LIMITS, clock: { monotonic: () => performance.now() } };
  return [{ clients: 4, keys: 10 }, { clients: 16, keys: 10 }, { clients: 16, keys: 1 }].map(({ clients, keys }) => {
    const operations = pairEvents(historyOf(clients, keys));
    const run = (): void => {
      const { verdict } = checkHistory(operations, KV, limits);
      if (verdict !== "linearizable") throw new Error(`the history is ${verdict}`);
    };
    return { name: `${clients} clients on ${keys} keys, an operation`, operations: OPERATIONS, run };
  });
}

/**
 * All clients begin an operation, then all of them end, again and again: as much at once as there can be. Every operation
 * takes effect when it begins.
 */
function historyOf(clients: number, keys: number): HistoryEvent[] {
  const events: HistoryEvent[] = [];
  const object = new Map<string, number>();
  for (let begun = 0; begun < OPERATIONS;) {
    const ends: HistoryEvent[] = [];
    for (let process = 0; process < clients && begun < OPERATIONS; process++) {
      const number = begun++;
      const key = `key ${(number * 7 + (number >> 4)) % keys}`;
      const isPut = number % 3 === 0;
      const common = { process, f: isPut ? "put" : "get", key };
      events.push({ ...common, type: "invoke", value: isPut ? number : null, time: events.length });
      if (isPut) object.set(key, number);
      ends.push({ ...common, type: "ok", value: object.get(key) ?? null, time: 0 });
    }
    for (const end of ends) events.push({ ...end, time: events.length });
  }
  return events;
}
