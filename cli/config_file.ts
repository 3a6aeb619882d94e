/**
 * Config files: an object of JSON or a table of TOML whose keys are the names of flags. What a setting means is the
 * command line's business; this reads the file and knows on which line each setting stands, so that whoever has to
 * mend it is sent there.
 *
 * @module
 */
import { parse as parseJson } from "@humanwhocodes/momoa";
import { parse as parseToml, TomlError } from "smol-toml";
import { UsageError } from "./exit_code.ts";

/** The longest config file, in characters. Every flag, spelled out, fits many times. */
export const MAX_CONFIG_LENGTH = 65_536;

/** One setting of a config file. */
export interface ConfigSetting {
  /** As it is written: `http-port`. */
  readonly key: string;
  /** Whatever the file has there. */
  readonly value: unknown;
  /** The line of the key, counted from 1. */
  readonly line: number;
}

/** How messages name a line of a config file. */
export function configPlace(path: string, line: number): string {
  return `config file ${path}, line ${line}`;
}

/**
 * The settings of a config file, in the order in which they stand there. A name that ends in `.json` says JSON, in
 * `.toml` TOML; any other is JSON when the text begins with a brace.
 *
 * @throws {UsageError} with the file and the line of what cannot be understood
 */
export function readConfigFile(path: string, text: string): readonly ConfigSetting[] {
  if (text.length > MAX_CONFIG_LENGTH) {
    throw new UsageError(
      `config file ${path} has ${text.length} characters, and the most are ${MAX_CONFIG_LENGTH}; is it another file?`,
    );
  }
  // What some editors put before the text.
  const plain = text.replace(/^\uFEFF/, "");
  return isJson(path, plain) ? readJson(path, plain) : readToml(path, plain);
}

function isJson(path: string, text: string): boolean {
  const suffix = /\.(json|toml)$/i.exec(path)?.[1]?.toLowerCase();
  return suffix === undefined ? text.trimStart().startsWith("{") : suffix === "json";
}

interface Located extends Error {
  readonly line?: number;
}

function readJson(path: string, text: string): ConfigSetting[] {
  let body: ReturnType<typeof parseJson>["body"];
  try {
    body = parseJson(text).body;
  } catch (error) {
    // Nesting that is too deep ends the parser, wherever in its own code that is.
    const { message, line = 1 } = error instanceof RangeError ? { message: error.message } : error as Located;
    const what = message.replace(/\s*\(\d+:\d+\)$/, "");
    throw new UsageError(`${configPlace(path, line)}: it is not JSON: ${what}`);
  }
  if (body.type !== "Object") {
    throw new UsageError(`${configPlace(path, body.loc.start.line)}: not a JSON object; write {"port": 32000}`);
  }
  return body.members.map(({ name, value, loc }) => ({
    key: name.type === "String" ? name.value : name.name,
    value: JSON.parse(text.slice(value.loc.start.offset, value.loc.end.offset)) as unknown,
    line: loc.start.line,
  }));
}

function readToml(path: string, text: string): ConfigSetting[] {
  let table: Readonly<Record<string, unknown>>;
  try {
    table = parseToml(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const what = error.message.split("\n")[0]!.replace(/^Invalid TOML document: /, "");
    throw new UsageError(`${configPlace(path, error.line)}: it is not TOML: ${what}`);
  }
  const lines = tomlLines(text);
  return Object.entries(table).map(([key, value]) => ({ key, value, line: lines.get(key) ?? 1 }));
}

/**
 * On which line each key of the table begins, which the parser does not tell: a statement begins after the longest
 * beginning of the text that is whole without it.
 */
function tomlLines(text: string): Map<string, number> {
  const lines = new Map<string, number>();
  const rows = text.split("\n");
  let whole = 0;
  for (let count = 1; count <= rows.length; count++) {
    // The row is parsed alone, after what began before it and is not whole yet.
    const table = tomlOrNull(rows.slice(whole, count).join("\n"));
    if (table === null) continue;
    for (const key of Object.keys(table)) if (!lines.has(key)) lines.set(key, whole + 1);
    // What follows the header of a table belongs to it, not to the top.
    if (/^\s*\[/.test(rows[whole]!)) break;
    whole = count;
  }
  return lines;
}

function tomlOrNull(text: string): Readonly<Record<string, unknown>> | null {
  try {
    return parseToml(text);
  } catch (error) {
    if (error instanceof TomlError) return null;
    throw error;
  }
}
