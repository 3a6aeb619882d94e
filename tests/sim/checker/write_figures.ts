/**
 * Measures the checker on large histories, right and wrong, and writes the table of docs/simulation.md anew:
 * `node tests/sim/checker/write_figures.ts`.
 *
 * @module
 */
import { readFileSync, writeFileSync } from "node:fs";
import { COUNTER, KV, REGISTER } from "../../../src/sim/checker/cell_model.ts";
import { checkHistory, DEFAULT_LIMITS } from "../../../src/sim/checker/check.ts";
import { pairEvents } from "../../../src/sim/checker/history.ts";
import type { Model } from "../../../src/sim/checker/model.ts";
import { TRANSACTIONS } from "../../../src/sim/checker/transaction_model.ts";
import { FAULTS, faultyHistory } from "./faulty_store.ts";
import { type HistoryShape, type Kind, randomHistory } from "./random_history.ts";

const MODELS: Readonly<Record<Kind, Model>> = {
  register: REGISTER,
  kv: KV,
  counter: COUNTER,
  transactions: TRANSACTIONS,
};
const PAGE = new URL("../../../docs/simulation.md", import.meta.url);
const SEEDS = [1, 2, 3];
const SIZES = {
  "2,000 operations, 8 clients, 1 key, 5 % unknown": { operations: 2000, processes: 8, keys: 1, unknown: 0.05 },
  "10,000 operations, 16 clients, 8 keys, 1 % unknown": { operations: 10_000, processes: 16, keys: 8, unknown: 0.01 },
};

/** The longest of the checks in seconds, and how many verdicts were others than they should be. */
function measure(shapes: readonly HistoryShape[], isWrong: boolean): string {
  let longest = 0;
  let missed = 0;
  for (const shape of shapes) {
    const histories = isWrong ? FAULTS.map((fault) => faultyHistory(shape, fault)) : [randomHistory(shape)];
    for (const events of histories) {
      const start = process.cpuUsage().user;
      // Processor time is what is measured, so that of the wall is no limit on a busy machine.
      const limits = { ...DEFAULT_LIMITS, timeout_ms: null, clock: { monotonic: (): number => performance.now() } };
      const { verdict } = checkHistory(pairEvents(events), MODELS[shape.kind], limits);
      longest = Math.max(longest, process.cpuUsage().user - start);
      if (verdict !== (isWrong ? "not linearizable" : "linearizable")) missed++;
    }
  }
  return `${(longest / 1e6).toFixed(2)} s${missed === 0 ? "" : `, ${missed} undecided`}`;
}

const rows: string[] = [];
for (const [name, size] of Object.entries(SIZES)) {
  for (const kind of Object.keys(MODELS) as Kind[]) {
    // A register has no keys here, and transactions on common keys cannot be checked apart.
    if ((kind === "register" || kind === "transactions") && size.keys > 1) continue;
    for (const values of kind === "counter" ? [null] : [null, 5]) {
      const shapes = SEEDS.map((seed): HistoryShape => ({ kind, seed, values, ...size }));
      const cells = [
        name,
        kind,
        values === null ? "unique" : String(values),
        measure(shapes, false),
        measure(shapes, true),
      ];
      rows.push(`| ${cells.join(" | ")} |`);
      console.log(rows.at(-1));
    }
  }
}
const table = [
  "| history | model | values | right, at most | wrong, at most |",
  "| --- | --- | --- | ---: | ---: |",
  ...rows,
].join("\n");
const [begin, end] = ["<!-- checker figures -->", "<!-- end of checker figures -->"];
const text = readFileSync(PAGE, "utf8");
const [from, to] = [text.indexOf(begin), text.indexOf(end)];
if (from === -1 || to === -1) throw new Error(`docs/simulation.md lacks ${begin} and ${end}`);
writeFileSync(PAGE, `${text.slice(0, from)}${begin}\n${table}\n${text.slice(to)}`);
