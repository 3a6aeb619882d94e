/**
 * What reading a history comes to.
 *
 * @module
 */
import type { HistoryEvent } from "./history.ts";

/** The events of a text. */
export interface Reading {
  readonly events: readonly HistoryEvent[];
  /** For each event the number of its line, from 1. */
  readonly lines: readonly number[];
}

/** A text that is not of the format it should be of. */
export class FormatError extends Error {
  override readonly name = "FormatError";
  /** The line at fault, from 1. */
  readonly line: number;

  constructor(line: number, message: string) {
    super(message);
    this.line = line;
  }
}

/** Reads a text line by line; blank lines, and those for which there is null, are left out. */
export function readLines(text: string, read: (line: string, number: number) => HistoryEvent | null): Reading {
  const events: HistoryEvent[] = [];
  const lines: number[] = [];
  text.split("\n").forEach((line, i) => {
    if (line.trim() === "") return;
    const event = read(line.trim(), i + 1);
    if (event === null) return;
    events.push(event);
    lines.push(i + 1);
  });
  if (events.length === 0) throw new FormatError(1, "there is no operation in it");
  return { events, lines };
}

/** A line of a text as a message may show it. */
export function quoted(line: string): string {
  return JSON.stringify(line.length > 80 ? `${line.slice(0, 79)}…` : line);
}
