/**
 * Help, made from a program's table: grouped, at most 100 columns wide, with defaults and examples.
 *
 * @module
 */
import { type Command, environmentName, type Flag, flagsOf, type Program } from "./flags.ts";

const WIDTH = 100;

/** The help of a program, or of one of its commands. Ends in a line break. */
export function renderHelp(program: Program, command: Command): string {
  const whole = command.name === "";
  const lines: string[] = [];
  const name = [program.name, command.name].filter((part) => part !== "").join(" ");
  lines.push(...wrap(whole ? program.summary : `${name}: ${command.summary}`, ""), "");
  lines.push("Usage:", `  ${[name, "[flags]", command.operands].filter((part) => part !== "").join(" ")}`);
  const others = program.commands.filter((each) => each.name !== "" && each.notYet === null);
  if (whole && others.length > 0) lines.push(`  ${program.name} COMMAND [flags] …`);
  lines.push("");
  for (const paragraph of command.description) lines.push(...wrap(paragraph, ""), "");
  if (whole && others.length > 0) {
    lines.push("Commands:");
    lines.push(...columns(others.map((each) => [`${each.name} ${each.operands}`.trim(), each.summary])), "");
  }
  for (const [group, flags] of groups(flagsOf(program, command))) {
    lines.push(`${group}:`, ...columns(flags.map((flag) => [usage(flag), describe(flag)])), "");
  }
  if (command.examples.length > 0) {
    lines.push("Examples:", ...columns(command.examples.map(([line, what]) => [line, what])), "");
  }
  const example = flagsOf(program, command).find((flag) => !flag.argumentOnly && flag.kind === "value");
  if (example !== undefined) {
    const config = program.configFlag === null || !whole ? "" : ` and in a config file as "${example.name}"`;
    lines.push(
      ...wrap(
        `Every flag can also be set in the environment, --${example.name} as ${
          environmentName(program, example)
        }${config}. Arguments go first.`,
        "",
      ),
    );
  }
  if (whole) {
    lines.push(
      ...wrap(`Exit codes: ${program.exitCodes.map(([code, meaning]) => `${code} ${meaning}`).join("; ")}.`, ""),
    );
  }
  if (whole && others.length > 0) lines.push(`'${program.name} help COMMAND' tells about a command.`);
  return lines.join("\n").trimEnd() + "\n";
}

/** The flags that are shown, by group, in the order of the table. */
export function groups(flags: readonly Flag<unknown>[]): Map<string, Flag<unknown>[]> {
  const grouped = new Map<string, Flag<unknown>[]>();
  for (const flag of flags) {
    const group = grouped.get(flag.group);
    if (group === undefined) grouped.set(flag.group, [flag]);
    else group.push(flag);
  }
  return grouped;
}

/** A flag as it is written: `-o, --output FORMAT`. */
export function usage(flag: Flag<unknown>): string {
  const name = flag.negatable ? `--[no-]${flag.name}` : `--${flag.name}`;
  const value = flag.choices.length > 0 && !flag.isList ? flag.choices.join("|") : flag.placeholder;
  return [flag.short === null ? "" : `-${flag.short}, `, name, value === "" ? "" : ` ${value}`].join("");
}

function describe(flag: Flag<unknown>): string {
  return flag.shownDefault === null ? flag.summary : `${flag.summary} [${flag.shownDefault}]`;
}

/** Two columns; a left side too long for its column has a line of its own. */
function columns(rows: readonly (readonly [left: string, right: string])[]): string[] {
  const longest = Math.max(...rows.map(([left]) => left.length));
  const left = Math.min(longest, 40);
  const lines: string[] = [];
  for (const [name, text] of rows) {
    const wrapped = wrap(text, " ".repeat(left + 4));
    if (name.length > left) lines.push(`  ${name}`, ...wrapped);
    else lines.push(`  ${name.padEnd(left)}  ${wrapped[0]!.trimStart()}`, ...wrapped.slice(1));
  }
  return lines.map((line) => line.trimEnd()).filter((line) => line !== "");
}

function wrap(text: string, indent: string): string[] {
  const lines: string[] = [];
  let line = indent;
  for (const word of text.split(" ")) {
    if (line.length > indent.length && line.length + 1 + word.length > WIDTH) {
      lines.push(line);
      line = indent;
    }
    line += line.length > indent.length ? ` ${word}` : word;
  }
  lines.push(line);
  return lines;
}
