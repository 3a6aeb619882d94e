/**
 * What a command line is made of: programs, commands and flags, as data. Parsing, help, environment names,
 * config keys, completions, suggestions and the reference page are all made from these tables, so that none of
 * them can disagree with another.
 *
 * @module
 */
import { UsageError } from "./exit_code.ts";

/** A flag of a command. `T` is the type of its value. */
export interface Flag<T> {
  /** Without dashes, words joined by one dash: `http-port`. */
  readonly name: string;
  /** A one-letter name. */
  readonly short: string | null;
  /** Whether it takes a value or is given or not. */
  readonly kind: "value" | "switch";
  /** How help names the value: `PORT`. */
  readonly placeholder: string;
  /** The values there are, when they can be listed. */
  readonly choices: readonly string[];
  /** The heading under which help lists it. */
  readonly group: string;
  readonly summary: string;
  /** How help shows the default, null for none. */
  readonly shownDefault: string | null;
  /** The value when it is not given. */
  readonly fallback: T;
  /** Whether `--no-NAME` switches it off. */
  readonly negatable: boolean;
  /** Whether it is only an argument, not read from the environment or a config file. */
  readonly argumentOnly: boolean;
  /** Whether its value is a list: words with commas between, or an array in a config file. */
  readonly isList: boolean;
  /** What shells complete as its value, beside choices. */
  readonly completes: "file" | "directory" | null;
  /** Reads a value. Throws {@link UsageError} with the rest of a sentence that begins with the value. */
  readonly parse: (text: string) => T;
}

/** Reads the text of a value; throws {@link UsageError} saying what the text must be. */
export type Parse<T> = (text: string) => T;

interface Described {
  readonly name: string;
  readonly short?: string;
  readonly group: string;
  readonly summary: string;
  readonly shownDefault?: string;
  readonly argumentOnly?: boolean;
}

/** A flag that takes a value, undefined when it is not given. */
export function valueFlag<T>(
  spec: Described & {
    readonly placeholder: string;
    readonly parse: Parse<T>;
    readonly choices?: readonly string[];
    readonly isList?: boolean;
    readonly completes?: "file" | "directory";
  },
): Flag<T | undefined> {
  return {
    short: null,
    kind: "value",
    choices: [],
    shownDefault: null,
    fallback: undefined,
    negatable: false,
    argumentOnly: false,
    isList: false,
    completes: null,
    ...spec,
  };
}

/** A flag that takes a value and has a default. */
export function defaultedFlag<T>(spec: Parameters<typeof valueFlag<T>>[0] & { readonly fallback: T }): Flag<T> {
  const { parse, fallback } = spec;
  return { ...valueFlag(spec), shownDefault: spec.shownDefault ?? String(fallback), parse, fallback };
}

/** A flag that is given or not. */
export function switchFlag(
  spec: Described & { readonly negatable?: boolean; readonly fallback?: boolean },
): Flag<boolean> {
  return {
    short: null,
    kind: "switch",
    placeholder: "",
    choices: [],
    shownDefault: null,
    fallback: false,
    negatable: false,
    argumentOnly: false,
    isList: false,
    completes: null,
    parse: truth,
    ...spec,
  };
}

/** A command of a program. */
export interface Command {
  /** Empty for what the program does without a command. */
  readonly name: string;
  readonly summary: string;
  /** The arguments, as usage shows them: `KEY [VALUE]`. */
  readonly operands: string;
  /** The fewest and the most arguments. */
  readonly operandCount: readonly [least: number, most: number];
  /** What shells complete as an argument: files, or some of a few words. @default nothing */
  readonly completes?: "file" | readonly string[];
  /** Paragraphs for its own help. */
  readonly description: readonly string[];
  readonly flags: readonly Flag<unknown>[];
  readonly examples: readonly (readonly [line: string, what: string])[];
  /** Why it is refused in this version, null when it is there. */
  readonly notYet: string | null;
}

/** A program. */
export interface Program {
  readonly name: string;
  readonly summary: string;
  /** Environment names are this and the flag's name: `KVSERVER_` + `HTTP_PORT`. */
  readonly environmentPrefix: string;
  /** The one with an empty name among them. */
  readonly commands: readonly Command[];
  /** Flags of every command. */
  readonly commonFlags: readonly Flag<unknown>[];
  /** The flag that names a config file, when there are such. */
  readonly configFlag: Flag<string | undefined> | null;
  /** The codes it ends with. */
  readonly exitCodes: readonly (readonly [code: number, meaning: string])[];
}

/** The flags a command takes. */
export function flagsOf(program: Program, command: Command): readonly Flag<unknown>[] {
  return [...command.flags, ...program.commonFlags];
}

/** Every flag of a program, each once. */
export function allFlags(program: Program): readonly Flag<unknown>[] {
  return [...new Set([...program.commands.flatMap((command) => command.flags), ...program.commonFlags])];
}

/** The name of a flag in the environment. */
export function environmentName(program: Program, flag: Flag<unknown>): string {
  return program.environmentPrefix + flag.name.toUpperCase().replaceAll("-", "_");
}

/** Any text but the empty one. */
export function text(value: string): string {
  if (value === "") throw new UsageError("is empty; leave the flag out instead");
  return value;
}

/** A whole number in a range, both ends included. */
export function integer(least: number, most: number): Parse<number> {
  return (value) => {
    const number = /^[+-]?\d{1,16}$/.test(value) ? Number(value) : NaN;
    if (!(number >= least && number <= most)) {
      throw new UsageError(`is not a whole number from ${least} to ${most}`);
    }
    return number;
  };
}

/** A number in a range, both ends included. */
export function decimal(least: number, most: number): Parse<number> {
  return (value) => {
    const number = /^\d*\.?\d+$/.test(value) ? Number(value) : NaN;
    if (!(number >= least && number <= most)) throw new UsageError(`is not a number from ${least} to ${most}`);
    return number;
  };
}

/** A TCP or UDP port; 0 where the caller allows it. */
export function port(least: 0 | 1): Parse<number> {
  return (value) => {
    const number = /^\d{1,5}$/.test(value) ? Number(value) : NaN;
    if (!(number >= least && number <= 65_535)) {
      throw new UsageError(`is not a port; a port is a whole number from ${least} to 65535`);
    }
    return number;
  };
}

/** One of a few words, in either case. */
export function oneOf<const T extends string>(choices: readonly T[]): Parse<T> {
  return (value) => {
    const found = choices.find((choice) => choice.toLowerCase() === value.toLowerCase());
    if (found === undefined) throw new UsageError(`is none of ${choices.join(", ")}`);
    return found;
  };
}

const UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** A duration in milliseconds, at least 1: `250ms`, `10s`, `5m`, `2h`, `1d`; a bare number is seconds. */
export function duration(value: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)?$/.exec(value);
  const milliseconds = match === null ? 0 : Math.round(Number(match[1]) * UNITS_MS[match[2] ?? "s"]!);
  if (milliseconds < 1 || milliseconds > 100 * 365 * UNITS_MS["d"]!) {
    throw new UsageError("is not a duration from 1ms to 100 years; write 250ms, 10s, 5m, 2h or 1d");
  }
  return milliseconds;
}

/** A duration, or none at all: `0s`. */
export function durationOrNone(value: string): number {
  return /^0(?:ms|s|m|h|d)?$/.test(value) ? 0 : duration(value);
}

/** Durations from a shorter to a longer one, in milliseconds: `1s..4s`; one alone is both. */
export function durationRange(value: string): { readonly least_ms: number; readonly most_ms: number } {
  const parts = value.split("..");
  try {
    const [least_ms, most_ms = least_ms] = parts.map(duration);
    if (parts.length <= 2 && least_ms! <= most_ms!) return { least_ms: least_ms!, most_ms: most_ms! };
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
  }
  throw new UsageError("is not a range of durations; write 1s..4s, the shorter one first, or one duration");
}

/** Some of a few words, each once, separated by commas. */
export function someOf<const T extends string>(choices: readonly T[]): Parse<readonly T[]> {
  return (value) => {
    const found = value.split(",").map((word) => oneOf(choices)(word.trim()));
    if (new Set(found).size < found.length) throw new UsageError("names one of them twice");
    return found;
  };
}

const UNITS_BYTES: Readonly<Record<string, number>> = { "": 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 };

/** A size in bytes in a range: `4096`, `64k`, `1m`, `2g` (powers of 1024; `KiB` and `kb` are the same). */
export function size(least: number, most: number): Parse<number> {
  return (value) => {
    const match = /^(\d{1,15})([kmg]?)(?:i?b)?$/i.exec(value);
    const bytes = match === null ? NaN : Number(match[1]) * UNITS_BYTES[match[2]!.toLowerCase()]!;
    if (!(bytes >= least && bytes <= most)) {
      throw new UsageError(`is not a size from ${least} to ${most} bytes; write 4096, 64k or 1m`);
    }
    return bytes;
  };
}

/** A switch's value, as the environment and config files spell it. */
export function truth(value: string): boolean {
  switch (value.toLowerCase()) {
    case "true":
    case "1":
    case "yes":
    case "on":
      return true;
    case "false":
    case "0":
    case "no":
    case "off":
      return false;
    default:
      throw new UsageError("is neither true nor false");
  }
}
