/**
 * Reads a command line by a program's table. A flag's value comes from the arguments, else the environment, else
 * the config file, else its default. What the table does not know is refused with the nearest thing it does.
 *
 * `parseArgs` does the reading; before it every argument is brought into the one spelling in which it cannot
 * be misread (`--name=value`), because left to itself it takes `--key -1` for a flag without a value and
 * `--switch true` for a switch with one.
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import { configPlace, readConfigFile } from "./config_file.ts";
import { UsageError } from "./exit_code.ts";
import { allFlags, type Command, environmentName, type Flag, flagsOf, type Program } from "./flags.ts";
import { nearest } from "./suggest.ts";

/** Where the value of a flag came from. */
export type Source = "argument" | "environment" | "config" | "default";

/** What parsing may ask of the outside. */
export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The text of a file. Throws when it cannot be read. */
  readonly readFile: (path: string) => string;
}

interface Given {
  readonly value: unknown;
  readonly source: Source;
}

/** A command line that was understood. */
export class CommandLine {
  readonly program: Program;
  readonly command: Command;
  /** The arguments that are no flags, without the command's name. */
  readonly operands: readonly string[];
  #given: ReadonlyMap<Flag<unknown>, Given>;

  constructor(
    program: Program,
    command: Command,
    operands: readonly string[],
    given: ReadonlyMap<Flag<unknown>, Given>,
  ) {
    this.program = program;
    this.command = command;
    this.operands = operands;
    this.#given = given;
  }

  /** The value of a flag. */
  get<T>(flag: Flag<T>): T {
    const given = this.#given.get(flag);
    // The map holds what this very flag's parse returned.
    return given === undefined ? flag.fallback : given.value as T;
  }

  /** Where the value of a flag came from. */
  source(flag: Flag<unknown>): Source {
    return this.#given.get(flag)?.source ?? "default";
  }
}

/**
 * Reads the arguments (without the program's own name).
 *
 * @throws {UsageError} when they cannot be understood
 */
export function parseCommandLine(program: Program, args: readonly string[], around: Surroundings): CommandLine {
  const words = gather(program, args);
  const [command, operands] = chooseCommand(program, words.operands);
  const flags = flagsOf(program, command);
  const given = new Map<Flag<unknown>, Given>();

  for (const [name, value] of words.flags) {
    const flag = flags.find((flag) => flag.name === name);
    if (flag === undefined) throw new UsageError(elsewhere(program, command, name));
    set(given, flag, value, "argument", `--${name}`);
  }
  if (given.get(flags.find((flag) => flag.name === "help")!)?.value === true) {
    return new CommandLine(program, command, operands, given);
  }
  for (const flag of flags) {
    if (given.has(flag) || flag.argumentOnly) continue;
    const name = environmentName(program, flag);
    const value = around.env[name];
    if (value !== undefined && value !== "") set(given, flag, value, "environment", name);
  }
  const config = program.configFlag === null ? undefined : given.get(program.configFlag)?.value;
  if (typeof config === "string") readConfig(program, flags, config, around, given);
  if (command.notYet !== null) throw new UsageError(`${command.name}: ${command.notYet}`);
  checkOperands(program, command, operands);
  return new CommandLine(program, command, operands, given);
}

/** Finds the flags and the operands in the arguments, of whatever command. */
function gather(program: Program, args: readonly string[]): { flags: [string, string][]; operands: string[] } {
  const flags = allFlags(program);
  const values = flags.filter((flag) => flag.kind === "value").map((flag) => flag.name);
  const switches = flags.filter((flag) => flag.kind === "switch").map((flag) => flag.name);
  const strangers: string[] = [];
  const parsed = parseArgs(spell(program, flags, args), {
    string: [...values, "_"],
    boolean: switches,
    negatable: flags.filter((flag) => flag.negatable).map((flag) => flag.name),
    // Null tells a switch that was not given from one that was set to false.
    default: Object.fromEntries(switches.map((name) => [name, null])),
    unknown: (argument: string, name?: string) => {
      if (name === undefined) return true;
      strangers.push(argument);
      return false;
    },
    "--": true,
  });
  if (strangers.length > 0) throw new UsageError(unknownFlag(program, strangers[0]!));
  const read: Readonly<Record<string, unknown>> = parsed;
  const given: [string, string][] = [];
  for (const { name } of flags) {
    const value = read[name];
    if (typeof value === "string" || typeof value === "boolean") given.push([name, `${value}`]);
  }
  return { flags: given, operands: [...parsed._, ...parsed["--"] ?? []].map(String) };
}

/** Brings the arguments before `--` into the spelling that `parseArgs` cannot misread. */
function spell(program: Program, flags: readonly Flag<unknown>[], args: readonly string[]): string[] {
  const spelled: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const argument = args[i]!;
    if (argument === "--") return [...spelled, ...args.slice(i)];
    const match = /^(?:--([^=]+)|-([A-Za-z]))(?:=(.*))?$/s.exec(argument);
    const name = match?.[1]?.replaceAll("_", "-");
    const flag = match === null ? undefined : flags.find((flag) => flag.name === name || flag.short === match[2]);
    if (flag === undefined) {
      const negated = flags.find((flag) => flag.negatable && `no-${flag.name}` === name);
      if (argument.startsWith("-") && argument.length > 1 && negated === undefined) {
        throw new UsageError(unknownFlag(program, argument));
      }
      spelled.push(negated === undefined ? argument : `--no-${negated.name}`);
      continue;
    }
    let value = match?.[3];
    if (flag.kind === "switch") value ??= "true";
    else if (value === undefined) {
      const next = args[i + 1];
      if (next === undefined || next === "--" || isFlag(flags, next)) {
        throw new UsageError(`--${flag.name} needs a value: --${flag.name} ${flag.placeholder}`);
      }
      value = next;
      i++;
    }
    if (flag.kind === "switch" && value !== "true" && value !== "false") {
      throw new UsageError(`--${flag.name}=${value}: --${flag.name} takes no value`);
    }
    spelled.push(`--${flag.name}=${value}`);
  }
  return spelled;
}

function isFlag(flags: readonly Flag<unknown>[], argument: string): boolean {
  const name = /^--([^=]+)/.exec(argument)?.[1]?.replaceAll("_", "-");
  return flags.some((flag) => flag.name === name);
}

function chooseCommand(program: Program, operands: readonly string[]): [Command, readonly string[]] {
  const plain = program.commands.find((command) => command.name === "")!;
  const [first, ...rest] = operands;
  if (first === undefined) return [plain, []];
  const command = program.commands.find((command) => command.name !== "" && command.name === first.toLowerCase());
  if (command !== undefined) return [command, rest];
  const names = program.commands.filter((command) => command.name !== "" && command.notYet === null)
    .map((command) => command.name);
  const near = nearest(first, names);
  throw new UsageError(
    `unknown command ${quote(first)}; ` +
      (near === null ? `the commands are ${names.join(", ")}` : `did you mean ${near}?`),
  );
}

function checkOperands(program: Program, command: Command, operands: readonly string[]): void {
  const [least, most] = command.operandCount;
  if (operands.length >= least && operands.length <= most) return;
  const usage = `usage: ${[program.name, command.name, command.operands].filter((part) => part !== "").join(" ")}`;
  const problem = operands.length < least
    ? `${command.name} needs ${operands.length === 0 ? "" : "more than "}${
      operands.length === 0 ? command.operands : operands.map(quote).join(" ")
    }`
    : `${command.name} takes no argument ${quote(operands[most]!)}; words with spaces between need quotes`;
  throw new UsageError(`${problem.trim()}\n${usage}`);
}

function set(
  given: Map<Flag<unknown>, Given>,
  flag: Flag<unknown>,
  value: string,
  source: Source,
  where: string,
): void {
  try {
    given.set(flag, { value: flag.parse(value), source });
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    const hint = source === "environment" && /^(tcp|udp):\/\//.test(value)
      ? ` (Kubernetes sets ${where} for a Service of that name; set enableServiceLinks: false in the pod)`
      : "";
    throw new UsageError(`${where} ${quote(value)} ${error.message}${hint}`);
  }
}

function readConfig(
  program: Program,
  flags: readonly Flag<unknown>[],
  path: string,
  around: Surroundings,
  given: Map<Flag<unknown>, Given>,
): void {
  let text: string;
  try {
    text = around.readFile(path);
  } catch (error) {
    throw new UsageError(`config file ${path}: ${error instanceof Error ? error.message : String(error)}`);
  }
  const usable = flags.filter((flag) => !flag.argumentOnly && flag !== program.configFlag);
  const lines = new Map<Flag<unknown>, number>();
  for (const { key, value, line } of readConfigFile(path, text)) {
    const where = `${configPlace(path, line)}: ${quote(key)}`;
    const flag = usable.find((flag) => flag.name === key.replaceAll("_", "-"));
    if (flag === undefined) throw new UsageError(`${where} ${unknownSetting(program, usable, key)}`);
    const earlier = lines.get(flag);
    if (earlier !== undefined) throw new UsageError(`${where} is on line ${earlier} already; keep one of the two`);
    lines.set(flag, line);
    const text = settingText(flag, value);
    if (text === null) {
      throw new UsageError(`${where} is not a string, number or boolean${flag.isList ? ", or a list of these" : ""}`);
    }
    // One that an argument overrides must be right as well: without the argument it counts.
    set(given.has(flag) ? new Map() : given, flag, text, "config", where);
  }
}

/** The value of a setting as an argument would have it, or null. */
function settingText(flag: Flag<unknown>, value: unknown): string | null {
  if (flag.isList && Array.isArray(value)) {
    const texts = value.map(scalarText);
    return texts.some((text) => text === null) ? null : texts.join(",");
  }
  return scalarText(value);
}

function scalarText(value: unknown): string | null {
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean" ? String(value) : null;
}

function unknownSetting(program: Program, usable: readonly Flag<unknown>[], key: string): string {
  const name = key.replaceAll("_", "-");
  if (allFlags(program).some((flag) => flag.name === name)) {
    return `cannot be set in a config file for this command; leave it out`;
  }
  const near = nearest(name, usable.map((flag) => flag.name));
  return near === null
    ? `is no setting; the settings are the flags of '${program.name} --help', without dashes before them`
    : `is no setting; did you mean "${near}"?`;
}

function unknownFlag(program: Program, argument: string): string {
  if (!argument.startsWith("--")) {
    return `unknown flag ${argument}; an argument that begins with a dash goes after --`;
  }
  const name = argument.slice(2).split("=")[0]!.replaceAll("_", "-");
  const known = allFlags(program).map((flag) => flag.name);
  const near = nearest(name, known);
  return `unknown flag --${name}; ` +
    (near === null ? `'${program.name} --help' lists the flags` : `did you mean --${near}?`);
}

function elsewhere(program: Program, command: Command, name: string): string {
  const owners = program.commands.filter((each) => each.flags.some((flag) => flag.name === name))
    .map((each) => each.name === "" ? `'${program.name}' without a command` : `'${each.name}'`);
  const here = command.name === "" ? `${program.name} without a command` : command.name;
  return `--${name} is not a flag of ${here}; it belongs to ${owners.join(", ")}`;
}

function quote(text: string): string {
  return JSON.stringify(text);
}
