/**
 * The server's log: the only place that configures it. Messages go to standard error, as lines for people or
 * as JSON lines for collectors.
 *
 * @module
 */
import { configure, dispose, getTextFormatter, type LogRecord, type TextFormatter } from "@logtape/logtape";
import type { CommandLine } from "../command_line.ts";
import { hasColor, styleOf, type Terminal } from "../terminal.ts";
import { FLAGS } from "./table.ts";

/** The category under which all of kvpaxos logs. */
export const LOG_CATEGORY = "kvpaxos";

/** Sends what is logged from now on to standard error. Call {@link stopLogging} at the end. */
export async function startLogging(line: CommandLine, terminal: Terminal): Promise<void> {
  const format = formatterOf(line.get(FLAGS.logFormat), hasColor(terminal, true, "stderr"));
  const level = line.get(FLAGS.logLevel);
  await configure({
    reset: true,
    sinks: { stderr: (record) => terminal.writeError(format(record)) },
    loggers: [
      { category: [LOG_CATEGORY], lowestLevel: level, sinks: ["stderr"] },
      { category: ["logtape", "meta"], lowestLevel: "warning", sinks: ["stderr"] },
    ],
  });
}

/** Lets go of the log. */
export async function stopLogging(): Promise<void> {
  await dispose();
}

function formatterOf(format: "text" | "json", color: boolean): TextFormatter {
  if (format === "json") return formatJson;
  const style = styleOf(color);
  return getTextFormatter({
    timestamp: "rfc3339",
    level: "FULL",
    value: "bare",
    format: ({ timestamp, level, message, record }) => {
      const severe = record.level === "error" || record.level === "fatal" || record.level === "warning";
      const name = level.padEnd(7);
      return `${style.dim(timestamp ?? "")} ${severe ? style.red(name) : name} ${message}`;
    },
  });
}

const renderMessage: TextFormatter = getTextFormatter({ value: "bare", format: ({ message }) => message });

/** One object a line, with the names that log collectors know. */
function formatJson(record: LogRecord): string {
  const line = {
    "@timestamp": new Date(record.timestamp).toISOString(),
    level: record.level.toUpperCase(),
    message: renderMessage(record).trimEnd(),
    logger: record.category.join("."),
    properties: record.properties,
  };
  return JSON.stringify(line, (_, value: unknown) => {
    if (typeof value === "bigint") return value.toString();
    return value instanceof Error ? { name: value.name, message: value.message, stack: value.stack } : value;
  }) + "\n";
}
