/**
 * The server's log: the only place that configures it. Messages go to standard error, as lines for people or
 * as JSON lines for collectors.
 *
 * @module
 */
import {
  configure,
  configureSync,
  dispose,
  getTextFormatter,
  type LogRecord,
  type TextFormatter,
} from "@logtape/logtape";
import type { LogLevel, LogLevels } from "../../src/server/log_levels.ts";
import type { CommandLine } from "../command_line.ts";
import { hasColor, styleOf, type Terminal } from "../terminal.ts";
import { FLAGS } from "./table.ts";

/** The category under which all of kvpaxos logs. */
export const LOG_CATEGORY = "kvpaxos";

/** Sends what is logged from now on to standard error. Call {@link stopLogging} at the end. */
export async function startLogging(line: CommandLine, terminal: Terminal): Promise<LogLevels> {
  const format = formatterOf(line.get(FLAGS.logFormat), hasColor(terminal, true, "stderr"));
  const configOf = configMaker((record) => terminal.writeError(format(record)));
  const levels = new Map<string, LogLevel>([[LOG_CATEGORY, line.get(FLAGS.logLevel)]]);
  await configure(configOf(levels));
  return {
    levels: () => Object.fromEntries([...levels].toSorted(([a], [b]) => a < b ? -1 : 1)),
    setLevel: (category, level) => {
      checkCategory(category, level, levels);
      if (level === null) levels.delete(category);
      else levels.set(category, level);
      configureSync(configOf(levels));
    },
  };
}

/** The most categories with a level of their own. */
const MAX_LEVELS = 64;

function checkCategory(category: string, level: LogLevel | null, levels: ReadonlyMap<string, LogLevel>): void {
  const shown = category.slice(0, 64);
  if (!/^kvpaxos(?:\.[\w-]{1,32}){0,8}$/.test(category)) {
    throw new RangeError(`category "${shown}" is none: they are ${LOG_CATEGORY} and below, as ${LOG_CATEGORY}.server`);
  }
  if (category === LOG_CATEGORY && level === null) {
    throw new RangeError(`${LOG_CATEGORY} is the topmost category and must have a level`);
  }
  if (!levels.has(category) && levels.size >= MAX_LEVELS) {
    throw new RangeError(`${MAX_LEVELS} categories have a level of their own, which is the limit: take one away first`);
  }
}

type LogConfig = Parameters<typeof configureSync<"stderr", never>>[0];

function configMaker(stderr: (record: LogRecord) => void): (levels: ReadonlyMap<string, LogLevel>) => LogConfig {
  return (levels) => ({
    reset: true,
    sinks: { stderr },
    loggers: [
      // Not through the sinks of the category above, whose level would hold back what this one lets through.
      ...Array.from(levels, ([category, lowestLevel]): LogConfig["loggers"][number] => ({
        category: category.split("."),
        lowestLevel,
        sinks: ["stderr"],
        parentSinks: "override",
      })),
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
