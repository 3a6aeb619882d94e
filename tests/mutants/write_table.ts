/**
 * Writes the table of mutants into docs/simulation.md: how many seeds each takes, from many starting points. Run it with
 * `node tests/mutants/write_table.ts`.
 *
 * @module
 */
import { readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import { detect } from "./harness.ts";
import { MUTANTS } from "./mutants.ts";

const PAGE = new URL("../../docs/simulation.md", import.meta.url);
const BEGIN = "<!-- mutants -->\n";
const END = "<!-- end of mutants -->";
const SAMPLES = 15;
const LIMIT = 300;

const lines = [
  "| mutant | pitfall | median seeds | worst of " + SAMPLES + " | caught by |",
  "| --- | --- | ---: | ---: | --- |",
];
for (const mutant of MUTANTS) {
  const seeds: number[] = [];
  const checks = new Set<string>();
  for (let sample = 1; sample <= SAMPLES; sample++) {
    const found = await detect(mutant, sample * 1000, LIMIT);
    seeds.push(found?.seeds ?? Infinity);
    if (found !== null) checks.add(found.check);
  }
  seeds.sort((a, b) => a - b);
  const [median, worst] = [seeds[Math.floor(SAMPLES / 2)]!, seeds[SAMPLES - 1]!];
  const shown = (count: number): string => count === Infinity ? `more than ${LIMIT}` : String(count);
  const row = [mutant.name, mutant.pitfalls, shown(median), shown(worst), [...checks].toSorted().join(", ")];
  lines.push(`| ${row.join(" | ")} |`);
  process.stdout.write(`${lines.at(-1)}\n`);
}
const page = readFileSync(PAGE, "utf8");
const [before, rest] = page.split(BEGIN);
const after = rest?.split(END)[1];
if (before === undefined || after === undefined) throw new Error(`${PAGE.pathname} has no place for the table`);
writeFileSync(PAGE, `${before}${BEGIN}${lines.join("\n")}\n${END}${after}`);
