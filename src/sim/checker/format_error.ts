/**
 * What reading a history comes to.
 *
 * @module
 */
import type { HistoryEvent } from "./history.ts";

/** The events of a text. */
export interface Reading {
  /** In the order of the text. */
  readonly events: readonly HistoryEvent[];
  /** For each event the number of its line, from 1. */
  readonly lines: readonly number[];
}

/** A text that is not of the format it should be of. */
export class FormatError extends Error {
  /** Tells it from other errors. */
  override readonly name = "FormatError";
  /** The line at fault, from 1. */
  readonly line: number;

  /** An error in a line, counted from 1. */
  constructor(line: number, message: string) {
    super(message);
    this.line = line;
  }
}

/** Reads a text line by line; blank lines, and those for which there is null, are left out. */
export function readLines(text: string, read: (line: string, number: number) => HistoryEvent | null): Reading {
  const events: HistoryEvent[] = [];
  const lines: number[] = [];
  const all = text.split("\n");
  all.forEach((line, i) => {
    if (line.trim() === "") return;
    const event = readLine(line.trim(), i + 1, i === all.length - 1, read);
    if (event === null) return;
    events.push(event);
    lines.push(i + 1);
  });
  if (events.length === 0) throw new FormatError(1, "there is no operation in it");
  return { events, lines };
}

/** A last line without a line break may be half a line: whoever wrote the text was stopped. */
function readLine(
  line: string,
  number: number,
  isTorn: boolean,
  read: (line: string, number: number) => HistoryEvent | null,
): HistoryEvent | null {
  try {
    return read(line, number);
  } catch (error) {
    if (!isTorn || !(error instanceof FormatError)) throw error;
    throw new FormatError(
      error.line,
      `${error.message}; the text seems to be cut off here: without this last line it can be checked ` +
        "(what has not ended then has an unknown outcome)",
    );
  }
}

/** A line of a text as a message may show it. */
export function quoted(line: string): string {
  return JSON.stringify(line.length > 80 ? `${line.slice(0, 79)}…` : line);
}
