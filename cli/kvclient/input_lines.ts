/**
 * The lines of a file or of standard input as bytes, with their numbers, without having all of it in memory.
 *
 * @module
 */
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import process from "node:process";
import { concatBytes } from "../../src/codec/bytes.ts";
import { Failure } from "../exit_code.ts";

/** A line. */
export interface InputLine {
  /** Counted from 1. */
  readonly number: number;
  /** Without its end; its own memory. */
  readonly bytes: Uint8Array;
  /** How many bytes of the input end with it. */
  readonly offset: number;
}

/** No line is longer: the largest entry as base64 is shorter. */
export const MAX_LINE_BYTES: number = 128 * 1024 * 1024;

const NEWLINE = 10;

/** The size of a file in bytes; null for standard input. */
export async function inputSize(path: string): Promise<number | null> {
  if (path === "-") return null;
  try {
    return (await stat(path)).size;
  } catch (cause) {
    throw cannotRead(path, cause);
  }
}

/**
 * The lines of the file at `path`, `-` for standard input. The last one need not have an end.
 *
 * @throws {Failure} when it cannot be read
 */
export async function* inputLines(path: string): AsyncGenerator<InputLine> {
  const stream: AsyncIterable<Uint8Array> = path === "-" ? process.stdin : createReadStream(path);
  let rest: Uint8Array[] = [];
  let rest_bytes = 0;
  let number = 0;
  let offset = 0;
  const takeLine = (end: Uint8Array): InputLine => {
    const bytes = concatBytes([...rest, end]);
    rest = [];
    rest_bytes = 0;
    return { number: ++number, bytes, offset };
  };
  try {
    for await (const chunk of stream) {
      let start = 0;
      for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
        offset += end + 1 - start;
        yield takeLine(chunk.subarray(start, end));
        start = end + 1;
      }
      rest.push(chunk.slice(start));
      rest_bytes += chunk.length - start;
      offset += chunk.length - start;
      if (rest_bytes > MAX_LINE_BYTES) {
        throw new Failure(`${path}, line ${number + 1}: it is longer than ${MAX_LINE_BYTES} bytes`);
      }
    }
  } catch (cause) {
    if (cause instanceof Failure) throw cause;
    throw cannotRead(path, cause);
  }
  if (rest_bytes > 0) yield takeLine(new Uint8Array(0));
}

function cannotRead(path: string, cause: unknown): Failure {
  return new Failure(`cannot read ${path}: ${cause instanceof Error ? cause.message : String(cause)}`, undefined, {
    cause,
  });
}
