/**
 * Writes the tables of Multi-Paxos' mutants into docs/simulation.md: those that are caught, and those that are not. Run it
 * with `node tests/mutants/write_paxos_table.ts`.
 *
 * @module
 */
import { readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import { detectPaxos } from "./paxos_harness.ts";
import { OPEN_MUTANTS, PAXOS_MUTANTS, type PaxosMutant } from "./paxos_mutants.ts";
import { CRASHES, DUELS, ROLES, STORM } from "./profiles.ts";

const PAGE = new URL("../../docs/simulation.md", import.meta.url);
const BEGIN = "<!-- paxos mutants -->\n";
const END = "<!-- end of paxos mutants -->";
const SAMPLES = 5;
const LIMIT = 60;
const PROFILES = new Map<unknown, string>([
  [CRASHES, "crashes"],
  [DUELS, "duels"],
  [ROLES, "roles"],
  [STORM, "heavy"],
]);

function runOf({ run, scenario }: PaxosMutant): string {
  if (scenario !== undefined) return `scenario: ${scenario}`;
  const faults = PROFILES.get(run.faults) ?? String(run.faults);
  return `${run.replicas} replicas, ${run.ops} operations, ${faults}${
    run.workloads ? `, ${run.workloads.join()}` : ""
  }`;
}

const lines = [
  `| mutant | pitfall | run | median seeds | worst of ${SAMPLES} | caught by |`,
  "| --- | --- | --- | ---: | ---: | --- |",
];
for (const mutant of PAXOS_MUTANTS) {
  const seeds: number[] = [];
  const checks = new Set<string>();
  for (let sample = 1; sample <= SAMPLES; sample++) {
    const found = await detectPaxos(mutant, sample * 1000, LIMIT);
    seeds.push(found?.seeds ?? Infinity);
    if (found !== null) checks.add(found.check);
  }
  seeds.sort((a, b) => a - b);
  const shown = (count: number): string => count === Infinity ? `more than ${LIMIT}` : String(count);
  const figures = [shown(seeds[Math.floor(SAMPLES / 2)]!), shown(seeds[SAMPLES - 1]!)];
  const row = [mutant.name, mutant.pitfalls, runOf(mutant), ...figures, [...checks].toSorted().join(", ")];
  lines.push(`| ${row.join(" | ")} |`);
  process.stdout.write(`${lines.at(-1)}\n`);
}
lines.push("", "Nothing catches these yet, or it is not sure that it was they that were caught:", "");
lines.push("| mutant | pitfall | what is known |", "| --- | --- | --- |");
for (const { name, pitfalls, open } of OPEN_MUTANTS) lines.push(`| ${name} | ${pitfalls} | ${open} |`);
const page = readFileSync(PAGE, "utf8");
const [before, rest] = page.split(BEGIN);
const after = rest?.split(END)[1];
if (before === undefined || after === undefined) throw new Error(`${PAGE.pathname} has no place for the table`);
writeFileSync(PAGE, `${before}${BEGIN}${lines.join("\n")}\n${END}${after}`);
