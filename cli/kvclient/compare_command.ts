/**
 * `compare`: two-phase commit beside Paxos in the simulator, under the same operations and the same failure.
 *
 * @module
 */
import { compareProtocols, type Comparison } from "../../src/sim/run/compare.ts";
import { type FailureName, FAILURES } from "../../src/sim/run/compare_plan.ts";
import { EXIT, UsageError } from "../exit_code.ts";
import { defaultedFlag, type Flag, oneOf } from "../flags.ts";
import { concludeFrom, describeWorld, tableOf } from "./compare_words.ts";
import { writeJson, writeLine } from "./context.ts";
import type { OfflineContext } from "./offline.ts";
import { SIMULATE_FLAGS } from "./simulate_flags.ts";

/** The flags of `compare`, besides those that it shares with `simulate`. */
export const COMPARE_FLAGS: {
  readonly failure: Flag<FailureName>;
} = {
  failure: defaultedFlag({
    name: "failure",
    placeholder: "FAILURE",
    group: "World",
    summary: "what fails in the middle",
    parse: oneOf(FAILURES),
    choices: FAILURES,
    fallback: "coordinator",
  }),
};

/** `compare`, by `run`. */
export async function compare(
  { terminal, line, json, style, signal }: OfflineContext,
  run: typeof compareProtocols = compareProtocols,
): Promise<number> {
  const replicas = line.get(SIMULATE_FLAGS.replicas);
  const ops = line.get(SIMULATE_FLAGS.ops);
  let comparison: Comparison;
  try {
    comparison = await run({
      seed: line.get(SIMULATE_FLAGS.seed) ?? 1,
      failure: line.get(COMPARE_FLAGS.failure),
      ...(replicas === undefined ? {} : { replicas }),
      ...(ops === undefined ? {} : { ops }),
      breathe: async () => {
        // Lets a signal come through.
        await terminal.sleep(0);
        signal.throwIfAborted();
      },
    });
  } catch (error) {
    // Nobody waits for what was interrupted; the code is that of the signal.
    if (signal.aborted) return EXIT.failed;
    if (error instanceof RangeError) throw new UsageError(error.message);
    throw error;
  }
  const conclusion = concludeFrom(comparison);
  if (json) await writeJson(terminal, { ...comparison, conclusion });
  else {
    for (const text of describeWorld(comparison)) await writeLine(terminal, text);
    await writeLine(terminal, "");
    const rows = tableOf(comparison);
    const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => row[column]!.length)));
    for (const [index, [name, ...cells]] of rows.entries()) {
      const shown = cells.map((cell, column) => cell.padStart(widths[column + 1]!));
      const text = [name.padEnd(widths[0]!), ...shown].join("  ");
      await writeLine(terminal, index === 0 ? style.dim(text) : text);
    }
    await writeLine(terminal, "");
    for (const sentence of conclusion) await writeLine(terminal, sentence);
  }
  const wrong = ([["2PC", comparison.twoPhase], ["Paxos", comparison.paxos]] as const).flatMap(([name, side]) =>
    side.violations.map(({ check, message }) => `${name}: ${check}: ${message}`)
  );
  if (!json) { for (const text of wrong) await writeLine(terminal, style.red(text)); }
  return wrong.length === 0 ? EXIT.done : EXIT.failed;
}
