/**
 * Shell completions, made from a program's table.
 *
 * @module
 */
import { type Command, type Flag, flagsOf, type Program } from "./flags.ts";

/** The shells there are scripts for. */
export const SHELLS = ["bash", "zsh", "fish"] as const;

/** A shell there is a script for. */
export type Shell = typeof SHELLS[number];

/** A script that teaches `shell` the program's commands and flags. */
export function renderCompletions(program: Program, shell: Shell): string {
  switch (shell) {
    case "bash":
      return bash(program);
    case "zsh":
      return zsh(program);
    case "fish":
      return fish(program);
  }
}

function shown(program: Program): Command[] {
  return program.commands.filter((command) => command.notYet === null);
}

function flagsShown(program: Program, command: Command): Flag<unknown>[] {
  return flagsOf(program, command).filter((flag) => flag.notYet === null);
}

function spellings(flag: Flag<unknown>): string[] {
  return [
    `--${flag.name}`,
    ...(flag.negatable ? [`--no-${flag.name}`] : []),
    ...(flag.short === null ? [] : [`-${flag.short}`]),
  ];
}

/** The words that complete a flag's value in bash: choices, or a function of compgen. */
function bashValue(flag: Flag<unknown>): string {
  if (flag.choices.length > 0) return `COMPREPLY=($(compgen -W "${flag.choices.join(" ")}" -- "$word"))`;
  if (flag.completes === "file") return `COMPREPLY=($(compgen -f -- "$word"))`;
  if (flag.completes === "directory") return `COMPREPLY=($(compgen -d -- "$word"))`;
  return "COMPREPLY=()";
}

function bash(program: Program): string {
  const names = shown(program).map((command) => command.name).filter((name) => name !== "");
  const valued = new Map<string, string>();
  for (const command of shown(program)) {
    for (const flag of flagsShown(program, command)) {
      if (flag.kind === "value") valued.set(spellings(flag).join("|"), bashValue(flag));
    }
  }
  const values = [...valued].map(([pattern, action]) => `    ${pattern}) ${action}; return ;;`);
  const perCommand = shown(program).map((command) => {
    const words = flagsShown(program, command).flatMap(spellings).join(" ");
    return `    ${command.name === "" ? '""' : command.name}) words="${words}" ;;`;
  });
  return `# bash completion for ${program.name}: eval "$(${program.name} completions bash)"
_${program.name}() {
  local word="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}" command="" words="" each
  case "$previous" in
${values.join("\n")}
  esac
  for each in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$each" in
    ${names.join("|")}) command="$each"; break ;;
    esac
  done
  case "$command" in
${perCommand.join("\n")}
  esac
  if [[ $command == completions ]]; then words="${SHELLS.join(" ")}"; fi
  if [[ $command == help ]]; then words="${names.join(" ")}"; fi
  if [[ -z $command && $word != -* ]]; then words="${names.join(" ")}"; fi
  COMPREPLY=($(compgen -W "$words" -- "$word"))
}
complete -F _${program.name} ${program.name}
`;
}

function zshText(text: string): string {
  return text.replaceAll(/[[\]:]/g, "\\$&").replaceAll("'", "'\\''");
}

function zshFlag(flag: Flag<unknown>): string[] {
  let value = "";
  if (flag.kind === "value") {
    const action = flag.choices.length > 0
      ? `(${flag.choices.join(" ")})`
      : { file: "_files", directory: "_files -/", none: " " }[flag.completes ?? "none"];
    value = `:${zshText(flag.placeholder)}:${action}`;
  }
  return spellings(flag).map((spelling) => `'${spelling}[${zshText(flag.summary)}]${value}'`);
}

function zsh(program: Program): string {
  const commands = shown(program).filter((command) => command.name !== "");
  const plain = shown(program).find((command) => command.name === "")!;
  const cases = commands.map((command) => {
    const operands = command.name === "completions"
      ? `'1:shell:(${SHELLS.join(" ")})'`
      : command.name === "help"
      ? "'1:command:(" + commands.map((each) => each.name).join(" ") + ")'"
      : "'*: :_files'";
    const flags = flagsShown(program, command).flatMap(zshFlag);
    return `    ${command.name}) _arguments ${[...flags, operands].join(" \\\n      ")} ;;`;
  });
  return `#compdef ${program.name}
# zsh completion for ${program.name}: source <(${program.name} completions zsh)
_${program.name}() {
  local line state
  _arguments -C ${flagsShown(program, plain).flatMap(zshFlag).join(" \\\n    ")} \\
    '1: :->command' '*:: :->rest'
  case $state in
  command)
    local -a commands=(
${commands.map((command) => `      '${command.name}:${zshText(command.summary)}'`).join("\n")}
    )
    _describe command commands ;;
  rest)
    case $line[1] in
${cases.join("\n")}
    esac ;;
  esac
}
compdef _${program.name} ${program.name}
`;
}

function fish(program: Program): string {
  const quoted = (text: string): string => `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
  const commands = shown(program).filter((command) => command.name !== "");
  const lines = [
    `# fish completion for ${program.name}: ${program.name} completions fish | source`,
    `complete -c ${program.name} -f`,
  ];
  for (const command of commands) {
    lines.push(
      `complete -c ${program.name} -n __fish_use_subcommand -a ${command.name} -d ${quoted(command.summary)}`,
    );
  }
  for (const command of shown(program)) {
    const when = command.name === "" ? "__fish_use_subcommand" : `"__fish_seen_subcommand_from ${command.name}"`;
    for (const flag of flagsShown(program, command)) {
      const parts = [`complete -c ${program.name} -n ${when} -l ${flag.name}`];
      if (flag.short !== null) parts.push(`-s ${flag.short}`);
      if (flag.kind === "value") parts.push("-x");
      if (flag.choices.length > 0) parts.push(`-a ${quoted(flag.choices.join(" "))}`);
      if (flag.completes === "file") parts.push("-a '(__fish_complete_path)'");
      if (flag.completes === "directory") parts.push("-a '(__fish_complete_directories)'");
      parts.push(`-d ${quoted(flag.summary)}`);
      lines.push(parts.join(" "));
      if (flag.negatable) lines.push(`complete -c ${program.name} -n ${when} -l no-${flag.name}`);
    }
  }
  lines.push(
    `complete -c ${program.name} -n "__fish_seen_subcommand_from completions" -a ${quoted(SHELLS.join(" "))}`,
    `complete -c ${program.name} -n "__fish_seen_subcommand_from help" -a ${
      quoted(commands.map((command) => command.name).join(" "))
    }`,
  );
  return lines.join("\n") + "\n";
}
