/**
 * Writes the tables of the mutants of a replication protocol into docs/simulation.md: those that are caught, and those
 * that are not. Run it with `node tests/mutants/write_patched_table.ts paxos` or `… 2pc`. With parts of names behind that
 * only those mutants are run, and the rows of the others stay.
 *
 * @module
 */
import { readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import { detectPatched, type PatchedMutant } from "./patched_harness.ts";
import { OPEN_MUTANTS, PAXOS_MUTANTS } from "./paxos_mutants.ts";
import { CRASHES, CUTS, DUELS, ROLES, STORM } from "./profiles.ts";
import { OPEN_TWO_PHASE_MUTANTS, TWO_PHASE_MUTANTS } from "./two_phase_mutants.ts";

const PAGE = new URL("../../docs/simulation.md", import.meta.url);
const SAMPLES = 5;
const LIMIT = 60;
const PROFILES = new Map<unknown, string>([
  [CRASHES, "crashes"],
  [CUTS, "cuts"],
  [DUELS, "duels"],
  [ROLES, "roles"],
  [STORM, "heavy"],
]);

function runOf({ run, scenario }: PatchedMutant): string {
  if (scenario !== undefined) return `scenario: ${scenario}`;
  const faults = PROFILES.get(run.faults) ?? String(run.faults);
  return `${run.replicas} replicas, ${run.ops} operations, ${faults}${
    run.workloads ? `, ${run.workloads.join()}` : ""
  }`;
}

const [protocol, ...parts] = process.argv.slice(2);
if (protocol !== "paxos" && protocol !== "2pc") {
  throw new RangeError(`"${protocol}" has no mutants: paxos and 2pc have`);
}
const [caught, open] = protocol === "paxos"
  ? [PAXOS_MUTANTS, OPEN_MUTANTS]
  : [TWO_PHASE_MUTANTS, OPEN_TWO_PHASE_MUTANTS];
const begin = `<!-- ${protocol} mutants -->\n`;
const end = `<!-- end of ${protocol} mutants -->`;
const page = readFileSync(PAGE, "utf8");
const [before, rest] = page.split(begin);
const [table, after] = rest?.split(end) ?? [];
if (before === undefined || table === undefined || after === undefined) {
  throw new Error(`${PAGE.pathname} has no place for the table`);
}
/** The rows as they are, by the names of the mutants. */
const known = new Map(table.split("\n").map((row) => [row.split("|")[1]?.trim(), row.replaceAll(/ +(?=\|)/g, " ")]));
const lines = [
  `| mutant | pitfall | run | median seeds | worst of ${SAMPLES} | caught by |`,
  "| --- | --- | --- | ---: | ---: | --- |",
];
for (const mutant of caught) {
  const row = known.get(mutant.name);
  if (parts.length > 0 && row !== undefined && !parts.some((part) => mutant.name.includes(part))) {
    lines.push(row);
    continue;
  }
  const seeds: number[] = [];
  const checks = new Set<string>();
  for (let sample = 1; sample <= SAMPLES; sample++) {
    const found = await detectPatched(protocol, mutant, sample * 1000, LIMIT);
    seeds.push(found?.seeds ?? Infinity);
    if (found !== null) checks.add(found.check);
  }
  seeds.sort((a, b) => a - b);
  const shown = (count: number): string => count === Infinity ? `more than ${LIMIT}` : String(count);
  const figures = [shown(seeds[Math.floor(SAMPLES / 2)]!), shown(seeds[SAMPLES - 1]!)];
  const cells = [mutant.name, mutant.pitfalls, runOf(mutant), ...figures, [...checks].toSorted().join(", ")];
  lines.push(`| ${cells.join(" | ")} |`);
  process.stdout.write(`${lines.at(-1)}\n`);
}
if (open.length > 0) {
  lines.push("", "Nothing catches these yet, or it is not sure that it was they that were caught:", "");
  lines.push("| mutant | pitfall | what is known |", "| --- | --- | --- |");
  for (const { name, pitfalls, open: why } of open) lines.push(`| ${name} | ${pitfalls} | ${why} |`);
}
writeFileSync(PAGE, `${before}${begin}\n${lines.join("\n")}\n\n${end}${after}`);
