/**
 * The texts in which histories are kept, and telling them apart.
 *
 * @module
 */
import { FormatError, type Reading } from "./format_error.ts";
import { readJepsenLog } from "./jepsen_log.ts";
import { readJsonLines } from "./json_lines.ts";
import { readPorcupineKv } from "./porcupine_kv.ts";

/** `jsonl` is our own. */
export type Format = "jsonl" | "jepsen-etcd" | "porcupine-kv";

/** The formats there are. */
export const FORMATS: readonly Format[] = ["jsonl", "jepsen-etcd", "porcupine-kv"];

const READERS: Readonly<Record<Format, (text: string) => Reading>> = {
  "jsonl": readJsonLines,
  "jepsen-etcd": readJepsenLog,
  "porcupine-kv": readPorcupineKv,
};

/**
 * Reads a history.
 *
 * @throws {FormatError} naming the line that cannot be understood
 */
export function readHistory(text: string, format: Format): Reading {
  return READERS[format](text.startsWith("\uFEFF") ? text.slice(1) : text);
}

/**
 * The format of a text, by its first line that is not blank.
 *
 * @throws {FormatError} when it is none that we know
 */
export function detectFormat(text: string): Format {
  const lines = text.replace(/^\uFEFF/, "").split(/\r?\n/);
  const at = lines.findIndex((line) => line.trim() !== "");
  if (at === -1) throw new FormatError(1, "there is no history: the text is empty");
  const line = lines[at]!.trim();
  if (/^\{\s*"/.test(line) || /^\{\s*\}/.test(line)) return "jsonl";
  if (/^[[(#]*\s*\{\s*:/.test(line)) return "porcupine-kv";
  if (lines.some((each) => /\bjepsen\.util\s+-\s/.test(each))) return "jepsen-etcd";
  throw new FormatError(
    at + 1,
    'this is no history of a known format: JSON lines begin with {"process", Jepsen\'s logs of etcd have ' +
      '"INFO  jepsen.util - PROCESS", and porcupine\'s begin with {:process',
  );
}
