/**
 * How long the small pieces take of which an operation is made: codec, state machine, log and checker. Runs on Node and
 * on Bun as it is, so that the two can be compared.
 *
 * usage: node bench/micro/main.ts [codec] [state-machine] [log] [checker] [--samples 7] [--sample-ms 30] [--json]
 *        bun bench/micro/main.ts …
 *
 * @module
 */
import { loadavg } from "node:os";
import { parseArgs } from "node:util";
import { markdownTable, shown } from "../support/table.ts";
import { checkerCases } from "./checker.ts";
import { codecCases } from "./codec.ts";
import { openLogBench } from "./log.ts";
import { stateMachineCases } from "./state_machine.ts";
import { type Case, type Timed, timed } from "./timing.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    samples: { type: "string", default: "7" },
    "sample-ms": { type: "string", default: "30" },
    json: { type: "boolean", default: false },
  },
});
const effort = { samples: Number(values.samples), sample_ms: Number(values["sample-ms"]) };

async function timeAll(cases: readonly Case[]): Promise<Timed[]> {
  const all: Timed[] = [];
  for (const each of cases) all.push(await timed(each, effort));
  return all;
}

const SUITES: Readonly<Record<string, () => Promise<Timed[]>>> = {
  codec: () => timeAll(codecCases()),
  "state-machine": () => timeAll(stateMachineCases()),
  log: async () => {
    const log = openLogBench();
    try {
      return await timeAll(log.cases);
    } finally {
      await log.close();
    }
  },
  checker: () => timeAll(checkerCases()),
};

const runtime = process.versions["bun"] === undefined
  ? `Node ${process.versions.node}`
  : `Bun ${process.versions["bun"]}`;
const chosen = positionals.length > 0 ? positionals : Object.keys(SUITES);
for (const name of chosen) {
  const suite = SUITES[name];
  if (suite === undefined) throw new Error(`there is no "${name}": choose of ${Object.keys(SUITES).join(", ")}`);
  const results = await suite();
  if (values.json) {
    for (const result of results) console.log(JSON.stringify({ runtime, suite: name, ...result }));
    continue;
  }
  const settings = `median of ${effort.samples} samples of ${effort.sample_ms} ms or more`;
  console.log(`\n${name}, ${runtime}, ${settings}, load of the machine ${loadavg()[0]!.toFixed(1)}`);
  console.log(markdownTable(
    [name, "CPU ns/op", "ops/CPU s", "ns/op", "fastest ns"],
    results.map((each) => [
      each.name,
      shown(each.processor_ns),
      shown(Math.round(1e9 / each.processor_ns)),
      shown(each.each_ns),
      shown(each.fastest_ns),
    ]),
  ));
}
