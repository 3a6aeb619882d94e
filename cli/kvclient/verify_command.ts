/**
 * `verify`: checks recorded histories for linearizability.
 *
 * @module
 */
import { bytesToTextStrict } from "../../src/codec/bytes.ts";
import { checkHistory, DEFAULT_LIMITS } from "../../src/sim/checker/check.ts";
import { describeOperation, describeViolation } from "../../src/sim/checker/describe.ts";
import { FormatError, type Reading } from "../../src/sim/checker/format_error.ts";
import { detectFormat, type Format, FORMATS, readHistory } from "../../src/sim/checker/formats.ts";
import { HistoryError, type Operation, pairEvents } from "../../src/sim/checker/history.ts";
import { MODEL_NAMES, modelFor, type ModelName } from "../../src/sim/checker/models.ts";
import { drawViolation } from "../../src/sim/checker/picture.ts";
import type { Verdict } from "../../src/sim/checker/verdict.ts";
import { EXIT, Failure, UsageError } from "../exit_code.ts";
import { defaultedFlag, type Flag, oneOf, text, valueFlag } from "../flags.ts";
import { writeJson, writeLine } from "./context.ts";
import { CONNECTION } from "./flags.ts";
import type { OfflineContext } from "./offline.ts";

const CHECK = "Check";
const FORMAT_CHOICES: readonly ("auto" | Format)[] = ["auto", ...FORMATS];

/** The flags of `verify`. */
export const VERIFY_FLAGS: {
  readonly model: Flag<ModelName | undefined>;
  readonly format: Flag<"auto" | Format>;
  readonly html: Flag<string | undefined>;
} = {
  model: valueFlag({
    name: "model",
    placeholder: "MODEL",
    group: CHECK,
    summary: "what the history is a history of",
    parse: oneOf(MODEL_NAMES),
    choices: MODEL_NAMES,
    shownDefault: "what its operations tell",
  }),
  format: defaultedFlag({
    name: "format",
    placeholder: "FORMAT",
    group: CHECK,
    summary: "how the files are written",
    parse: oneOf(FORMAT_CHOICES),
    choices: FORMAT_CHOICES,
    fallback: "auto",
  }),
  html: valueFlag({
    name: "html",
    placeholder: "OUT",
    group: CHECK,
    summary: "draw the first violation found, as a page",
    parse: text,
    completes: "file",
  }),
};

interface Checked {
  readonly reading: Reading;
  readonly format: Format;
  readonly model: string;
  readonly operations: readonly Operation[];
  readonly verdict: Verdict;
}

/** `verify FILE…` */
export async function verify(context: OfflineContext): Promise<number> {
  const { terminal, line, json, signal } = context;
  const files = line.operands;
  if (files.filter((file) => file === "-").length > 1) {
    throw new UsageError("standard input (-) can be read only once");
  }
  const html = line.get(VERIFY_FLAGS.html);
  let drawn = false;
  let code: number = EXIT.done;
  for (const file of files) {
    if (signal.aborted) break;
    let checked: Checked;
    try {
      checked = checkText(await read(file, context), context);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      code = EXIT.failed;
      if (json) await writeJson(terminal, { file, verdict: "unreadable", error: error.message });
      else terminal.writeError(`kvclient: ${file}${error.message}\n`);
      continue;
    }
    if (checked.verdict.verdict !== "linearizable") code = EXIT.failed;
    // Before anything is printed, as who reads that may close the pipe after the first lines.
    if (html !== undefined && !drawn && checked.verdict.verdict === "not linearizable") {
      drawn = true;
      save(context, html, drawViolation(file, checked.verdict.violation, lineNames(checked)));
    }
    if (json) await writeJson(terminal, { file, ...toJson(checked) });
    else for (const text of toLines(file, checked, context)) await writeLine(terminal, text);
  }
  return code;
}

async function read(file: string, { terminal }: OfflineContext): Promise<string> {
  let bytes: Uint8Array;
  try {
    bytes = file === "-" ? await terminal.readInput() : terminal.readFile(file);
  } catch (error) {
    throw new Failure(`: ${error instanceof Error ? error.message : String(error)}`);
  }
  const text = bytesToTextStrict(bytes);
  if (text === null) {
    throw new Failure(": this is no text in UTF-8, as histories are; iconv -t UTF-8 converts other text");
  }
  return text;
}

/** Checks a history. A failure's message begins with the place in the file. */
function checkText(text: string, { line, terminal }: OfflineContext): Checked {
  let reading: Reading | null = null;
  try {
    const asked = line.get(VERIFY_FLAGS.format);
    const format = asked === "auto" ? detectFormat(text) : asked;
    reading = readHistory(text, format);
    const operations = pairEvents(reading.events);
    const model = modelFor(line.get(VERIFY_FLAGS.model) ?? null, format, operations);
    // A time for operations on a server that the environment sets is not meant for a check.
    const given = line.source(CONNECTION.timeout) === "argument";
    const timeout_ms = given ? line.get(CONNECTION.timeout) : DEFAULT_LIMITS.timeout_ms;
    const verdict = checkHistory(operations, model, { ...DEFAULT_LIMITS, timeout_ms, clock: terminal });
    return { reading, format, model: model.name, operations, verdict };
  } catch (error) {
    if (error instanceof FormatError) throw new Failure(`:${error.line}: ${error.message}`);
    if (error instanceof HistoryError && reading !== null) {
      throw new Failure(`:${reading.lines[error.event] ?? 0}: ${error.message}`);
    }
    throw error;
  }
}

function lineNames({ reading }: Checked): (event: number) => string {
  return (event) => `line ${reading.lines[event]!}`;
}

function toLines(file: string, checked: Checked, { style }: OfflineContext): string[] {
  const { verdict } = checked;
  switch (verdict.verdict) {
    case "linearizable":
      return [`${file}: ${style.green("linearizable")}`];
    case "undecided":
      return [
        `${file}: undecided (the ${verdict.limit} limit was reached${
          verdict.limit === "time" ? "; a larger --timeout may decide it" : ""
        })`,
      ];
    case "not linearizable":
      return [
        `${file}: ${style.red("not linearizable")}`,
        ...describeViolation(verdict.violation, lineNames(checked)).map((each) => `  ${each}`),
      ];
  }
}

function toJson(checked: Checked): object {
  const { format, model, operations, verdict } = checked;
  const common = {
    verdict: verdict.verdict,
    model,
    format,
    operations: operations.length,
    configurations: verdict.configurations,
  };
  if (verdict.verdict === "undecided") return { ...common, limit: verdict.limit };
  if (verdict.verdict === "linearizable") return common;
  const { keys, lastEvent, culprit, conflict, order, isShortest, isSmallest } = verdict.violation;
  const shown = (operation: Operation): object => ({
    process: operation.process,
    operation: describeOperation(operation),
    invokeLine: checked.reading.lines[operation.invoke],
    completeLine: operation.complete === null ? null : checked.reading.lines[operation.complete],
  });
  return {
    ...common,
    violation: {
      keys,
      lastLine: checked.reading.lines[lastEvent],
      culprit: shown(culprit),
      conflict: conflict.map(shown),
      order: order.map(({ operation, state }) => ({ ...shown(operation), state })),
      minimal: isShortest && isSmallest,
      isShortest,
      isSmallest,
    },
  };
}

function save({ terminal }: OfflineContext, path: string, page: string): void {
  try {
    terminal.replaceFile(path, page);
  } catch (error) {
    throw new Failure(`${path}: ${error instanceof Error ? error.message : String(error)}`);
  }
}
