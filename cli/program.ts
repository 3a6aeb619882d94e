/**
 * What both programs do around their commands: help, the version, completions, the manual page, and turning errors into a line
 * on standard error and an exit code.
 *
 * @module
 */
import { VERSION } from "../src/version.ts";
import { bytesToText } from "../src/codec/bytes.ts";
import { type CommandLine, parseCommandLine } from "./command_line.ts";
import { renderCompletions, SHELLS } from "./completions.ts";
import { EXIT, Failure, UsageError } from "./exit_code.ts";
import { type Command, type Flag, oneOf, type Program, switchFlag } from "./flags.ts";
import { renderHelp } from "./help.ts";
import { renderManual } from "./manual.ts";
import { nearest } from "./suggest.ts";
import type { Terminal } from "./terminal.ts";

/** Why a part of the design is refused for now. */
export const NOT_YET: string = `not there yet in this version (${VERSION})`;

/** Shows help. */
export const HELP: Flag<boolean> = switchFlag({
  name: "help",
  short: "h",
  group: "Help",
  summary: "show this help",
  argumentOnly: true,
});

/** Shows the version. */
export const SHOW_VERSION: Flag<boolean> = switchFlag({
  name: "version",
  short: "V",
  group: "Help",
  summary: "show the version",
  argumentOnly: true,
});

/** The command that writes completions. */
export const COMPLETIONS: Command = {
  name: "completions",
  summary: `write a completion script for ${SHELLS.join(", ")}`,
  operands: SHELLS.join("|"),
  operandCount: [1, 1],
  completes: SHELLS,
  description: [
    'The script goes to standard output. Load it where the shell starts, as in: eval "$(… completions bash)".',
  ],
  flags: [],
  examples: [],
  notYet: null,
};

/** The command that writes the manual page. */
export const MANUAL: Command = {
  name: "man",
  summary: "write the manual page",
  operands: "",
  operandCount: [0, 0],
  description: ["The page goes to standard output, for man to show: … man | man -l -."],
  flags: [],
  examples: [],
  notYet: null,
};

/** The command that tells about another. */
export const HELP_COMMAND: Command = {
  name: "help",
  summary: "tell about a command",
  operands: "[COMMAND]",
  operandCount: [0, 1],
  description: [],
  flags: [],
  examples: [],
  notYet: null,
};

/** A command that is known, but refused in this version. */
export function commandNotYet(name: string, what: string): Command {
  return {
    name,
    summary: what,
    operands: "",
    operandCount: [0, Infinity],
    description: [],
    flags: [],
    examples: [],
    notYet: `${NOT_YET}: ${what}`,
  };
}

/**
 * Reads the command line, answers what every program answers by itself, and has `run` do the rest.
 *
 * @returns the exit code
 */
export async function runProgram(
  program: Program,
  terminal: Terminal,
  run: (line: CommandLine) => Promise<number>,
): Promise<number> {
  try {
    const line = parseCommandLine(program, terminal.args, {
      env: terminal.env,
      readFile: (path) => bytesToText(terminal.readFile(path)),
    });
    if (line.get(HELP)) {
      await terminal.write(
        renderHelp(program, line.command.name === "help" ? named(program, line.operands) : line.command),
      );
      return EXIT.done;
    }
    if (line.get(SHOW_VERSION)) {
      await terminal.write(`${program.name} ${VERSION}\n`);
      return EXIT.done;
    }
    if (line.command === HELP_COMMAND) {
      await terminal.write(renderHelp(program, named(program, line.operands)));
      return EXIT.done;
    }
    if (line.command === MANUAL) {
      await terminal.write(renderManual(program));
      return EXIT.done;
    }
    if (line.command === COMPLETIONS) {
      await terminal.write(renderCompletions(program, shellOf(line.operands[0]!)));
      return EXIT.done;
    }
    return await run(line);
  } catch (error) {
    if (error instanceof UsageError) {
      terminal.writeError(`${program.name}: ${error.message}\nTry '${program.name} --help'.\n`);
      return EXIT.usage;
    }
    if (error instanceof Failure) {
      terminal.writeError(`${program.name}: ${error.message}\n`);
      return error.code;
    }
    throw error;
  }
}

function named(program: Program, operands: readonly string[]): Command {
  const name = operands[0] ?? "";
  const command = program.commands.find((command) => command.name === name.toLowerCase());
  if (command !== undefined) return command;
  const near = nearest(name, program.commands.map((command) => command.name).filter((each) => each !== ""));
  throw new UsageError(`unknown command "${name}"${near === null ? "" : `; did you mean ${near}?`}`);
}

function shellOf(name: string): typeof SHELLS[number] {
  try {
    return oneOf(SHELLS)(name);
  } catch (error) {
    if (error instanceof UsageError) throw new UsageError(`completions: "${name}" ${error.message}`);
    throw error;
  }
}
