/**
 * The manual page of a program, made from its table: roff for the `man` macros, which every `man` there is can show.
 *
 * @module
 */
import { VERSION } from "../src/version.ts";
import { type Command, environmentName, type Flag, flagsOf, type Program } from "./flags.ts";
import { groups, usage } from "./help.ts";

/** The page, for section 1. Ends in a line break. */
export function renderManual(program: Program): string {
  const shown = program.commands.filter((command) => command.notYet === null);
  const plain = shown.find((command) => command.name === "")!;
  const others = shown.filter((command) => command.name !== "");
  const [name, ...about] = program.summary.split(": ");
  const lines = [
    `.\\" Made by '${program.name} man'.`,
    `.TH ${program.name.toUpperCase()} 1 "" "${program.name} ${VERSION}" "User Commands"`,
    ".SH NAME",
    text(`${name!} - ${about.join(": ").split(". ")[0]!.replace(/\.$/, "")}`),
    ".SH SYNOPSIS",
    `.B ${program.name}`,
    text("[flags]"),
    ".br",
    `.B ${program.name}`,
    text("COMMAND [flags] …"),
    ".SH DESCRIPTION",
    ...paragraphs([`${sentence(about.join(": "))}.`, ...plain.description]),
    ".SH COMMANDS",
    ...others.flatMap((command) =>
      item(`${command.name} ${command.operands}`.trim(), [`${sentence(command.summary)}.`])
    ),
    ".SH FLAGS",
    ...flagItems(program, plain, []),
    ...others.flatMap((command) => commandPart(program, plain, command)),
    ...environment(program, plain),
    ...files(program),
    ".SH EXIT STATUS",
    ...program.exitCodes.flatMap(([code, meaning]) => item(String(code), [`${sentence(meaning)}.`])),
    ".SH EXAMPLES",
    ...examples(plain),
  ];
  return lines.join("\n") + "\n";
}

/** A command with its own flags; those of the program without a command are told above. */
function commandPart(program: Program, plain: Command, command: Command): string[] {
  const flags = flagItems(program, command, flagsOf(program, plain));
  return [
    `.SH ${quoted(`${program.name} ${command.name}`.toUpperCase())}`,
    `.B ${program.name} ${text(command.name)}`,
    text(["[flags]", command.operands].filter((part) => part !== "").join(" ")),
    ".PP",
    ...paragraphs([`${sentence(command.summary)}.`, ...command.description]),
    ...flags,
    ...(command.examples.length === 0 ? [] : [".SS Examples", ...examples(command)]),
  ];
}

function flagItems(program: Program, command: Command, told: readonly Flag<unknown>[]): string[] {
  const flags = flagsOf(program, command).filter((flag) => !told.includes(flag));
  return [...groups(flags)].flatMap(([group, members]) => [
    `.SS ${quoted(group)}`,
    ...members.flatMap((flag) => {
      const fallback = flag.shownDefault === null ? "" : ` Default: ${flag.shownDefault}.`;
      return item(usage(flag), [`${sentence(flag.summary)}.${fallback}`]);
    }),
  ]);
}

function environment(program: Program, plain: Command): string[] {
  const example = flagsOf(program, plain).find((flag) => !flag.argumentOnly && flag.kind === "value")!;
  return [
    ".SH ENVIRONMENT",
    ...paragraphs([
      `Every flag but --help and --version can also be set in the environment: --${example.name} as ${
        environmentName(program, example)
      }. An argument goes before the environment, and that before ${
        program.configFlag === null ? "the default" : "the config file and the default"
      }. An empty variable is as none.`,
    ]),
  ];
}

function files(program: Program): string[] {
  const { configFlag } = program;
  if (configFlag === null) return [];
  return [
    ".SH FILES",
    ...paragraphs([
      `--${configFlag.name} names a config file: an object of JSON or a table of TOML with the names of flags, without ` +
      "dashes before them, as keys; _ and - are the same. A list is an array, or text with commas. A file whose name " +
      "ends in .json is JSON, in .toml TOML; any other is JSON when it begins with a brace. What is wrong in it is " +
      "told with its line, and nothing is started.",
    ]),
  ];
}

function examples(command: Command): string[] {
  return command.examples.flatMap(([line, what], index) => [
    ...(index === 0 ? [] : [".PP"]),
    ...(what === "" ? [] : [text(`${sentence(what)}:`)]),
    ".RS 4",
    ".nf",
    text(line),
    ".fi",
    ".RE",
  ]);
}

/** A term and what it means. */
function item(term: string, meaning: readonly string[]): string[] {
  return [".TP", `\\fB${text(term)}\\fR`, ...meaning.map(text)];
}

function paragraphs(texts: readonly string[]): string[] {
  return texts.flatMap((each, index) => [...(index === 0 ? [] : [".PP"]), text(each)]);
}

function sentence(words: string): string {
  const trimmed = words.replace(/\.$/, "");
  return trimmed.charAt(0).toUpperCase() + trimmed.slice(1);
}

function quoted(words: string): string {
  return `"${text(words).replaceAll('"', '""')}"`;
}

/** Text that roff shows as it is. */
function text(words: string): string {
  const escaped = words
    .replaceAll("\\", "\\e")
    .replaceAll("-", "\\-")
    .replaceAll("'", "\\(aq")
    .replaceAll("`", "\\(ga")
    .replaceAll("^", "\\(ha")
    .replaceAll("~", "\\(ti")
    .replaceAll("…", "...")
    .replaceAll(
      /[^ -~]/gu,
      (letter) => `\\[u${letter.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0")}]`,
    );
  return escaped.startsWith(".") ? `\\&${escaped}` : escaped;
}
