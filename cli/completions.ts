/**
 * Shell completions, made from a program's table.
 *
 * @module
 */
import { type Command, type Flag, flagsOf, type Program } from "./flags.ts";

/** The shells there are scripts for. */
export const SHELLS = ["bash", "zsh", "fish"] as const;

/** The command whose argument is another command's name. */
const HELP = "help";

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

function spellings(flag: Flag<unknown>): string[] {
  return [
    `--${flag.name}`,
    ...(flag.negatable ? [`--no-${flag.name}`] : []),
    ...(flag.short === null ? [] : [`-${flag.short}`]),
  ];
}

/** What completes the value of a flag, or an argument, in bash: a call of one of the functions of the script. */
function bashAction(name: string, completes: Command["completes"] | "directory" | null, isList = false): string {
  if (completes === "file" || completes === "directory") return `_${name}_${completes}`;
  return `_${name}_${isList ? "list" : "words"} "${(completes ?? []).join(" ")}"`;
}

function bash(program: Program): string {
  const { name } = program;
  const names = shown(program).map((command) => command.name).filter((each) => each !== "");
  const valued = new Map<string, string>();
  for (const command of shown(program)) {
    for (const flag of flagsOf(program, command)) {
      if (flag.kind !== "value") continue;
      const completes = flag.choices.length > 0 ? flag.choices : flag.completes;
      valued.set(spellings(flag).join("|"), bashAction(name, completes, flag.isList));
    }
  }
  const values = [...valued].map(([pattern, action]) => `    ${pattern}) ${action}; return ;;`);
  const perCommand = shown(program).map((command) => {
    const words = flagsOf(program, command).flatMap(spellings).join(" ");
    const operands = command.name === "" || command.name === HELP
      ? `operands='${bashAction(name, names)}'`
      : command.completes === undefined
      ? ""
      : `operands='${bashAction(name, command.completes)}'`;
    return `    ${command.name === "" ? '""' : command.name}) flags="${words}"; ${operands} ;;`;
  });
  return `# bash completion for ${name}: eval "$(${name} completions bash)"
_${name}_words() { COMPREPLY=($(compgen -W "$1" -- "$word")); }
_${name}_list() {
  local done=""
  if [[ $word == *,* ]]; then done="\${word%,*},"; fi
  COMPREPLY=($(compgen -P "$done" -W "$1" -- "\${word##*,}"))
}
_${name}_file() { local IFS=$'\\n'; COMPREPLY=($(compgen -f -- "$word")); compopt -o filenames 2>/dev/null; }
_${name}_directory() { local IFS=$'\\n'; COMPREPLY=($(compgen -d -- "$word")); compopt -o filenames 2>/dev/null; }
_${name}() {
  local word="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}" command="" flags="" operands="" ended="" i
  COMPREPLY=()
  # --flag=value is three words.
  if [[ $word == "=" ]]; then word=""
  elif [[ $previous == "=" ]]; then previous="\${COMP_WORDS[COMP_CWORD-2]}"
  fi
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "\${COMP_WORDS[i]}" in
    --) ended=yes; break ;;
    ${[...valued.keys()].join("|")})
      if [[ \${COMP_WORDS[i+1]} == "=" ]]; then ((i += 2)); else ((i++)); fi ;;
    -*) ;;
    *) if [[ -z $command ]]; then case "\${COMP_WORDS[i]}" in ${
    names.join("|")
  }) command="\${COMP_WORDS[i]}" ;; esac; fi ;;
    esac
  done
  if [[ -z $ended ]]; then
    case "$previous" in
${values.join("\n")}
    esac
  fi
  case "$command" in
${perCommand.join("\n")}
  esac
  if [[ -z $ended && $word == -* ]]; then _${name}_words "$flags"
  elif [[ -n $operands ]]; then eval "$operands"
  fi
}
complete -F _${name} ${name}
`;
}

function zshText(text: string): string {
  return text.replaceAll(/[[\]:]/g, "\\$&").replaceAll("'", "'\\''");
}

function zshFlag(flag: Flag<unknown>): string[] {
  let value = "";
  if (flag.kind === "value") {
    const words = flag.choices.join(" ");
    const action = flag.choices.length > 0
      ? flag.isList ? `_values -s , ${flag.name} ${words}` : `(${words})`
      : { file: "_files", directory: "_files -/", none: " " }[flag.completes ?? "none"];
    value = `:${zshText(flag.placeholder)}:${action}`;
  }
  return spellings(flag).map((spelling) => {
    // A value may follow as a word of its own or after "=".
    const how = flag.kind === "value" && spelling.startsWith("--") ? "=" : "";
    return `'${spelling}${how}[${zshText(flag.summary)}]${spelling.startsWith("--no-") ? "" : value}'`;
  });
}

function zsh(program: Program): string {
  const commands = shown(program).filter((command) => command.name !== "");
  const plain = shown(program).find((command) => command.name === "")!;
  const cases = commands.map((command) => {
    const operands = command.name === HELP
      ? "'1:command:(" + commands.map((each) => each.name).join(" ") + ")'"
      : command.completes === "file"
      ? "'*:file:_files'"
      : `'*:argument:(${(command.completes ?? []).join(" ")})'`;
    const flags = flagsOf(program, command).flatMap(zshFlag);
    return `    ${command.name}) _arguments ${[...flags, operands].join(" \\\n      ")} ;;`;
  });
  return `#compdef ${program.name}
# zsh completion for ${program.name}: source <(${program.name} completions zsh)
_${program.name}() {
  local line state
  local -A opt_args
  _arguments -C ${flagsOf(program, plain).flatMap(zshFlag).join(" \\\n    ")} \\
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
if [[ $funcstack[1] == _${program.name} ]]; then _${program.name} "$@"; else compdef _${program.name} ${program.name}; fi
`;
}

function fish(program: Program): string {
  const { name } = program;
  const quoted = (text: string): string => `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
  const commands = shown(program).filter((command) => command.name !== "");
  const valued = shown(program).flatMap((command) => flagsOf(program, command))
    .filter((flag) => flag.kind === "value").flatMap(spellings);
  const when = (command: string): string => `'__${name}_is "${command}"'`;
  const lines = [
    `# fish completion for ${name}: ${name} completions fish | source`,
    `function __${name}_is -d 'Whether the command line is that of a command'`,
    "  set -l found",
    "  set -l is_value no",
    "  for token in (commandline -opc)[2..-1]",
    "    if test $is_value = yes",
    "      set is_value no",
    "      continue",
    "    end",
    "    switch $token",
    `      case ${[...new Set(valued)].join(" ")}`,
    "        set is_value yes",
    "      case '-*'",
    `      case ${commands.map((command) => command.name).join(" ")}`,
    "        set found $token",
    "        break",
    "    end",
    "  end",
    '  test "$found" = "$argv[1]"',
    "end",
    `complete -c ${name} -f`,
  ];
  for (const command of commands) {
    lines.push(`complete -c ${name} -n ${when("")} -a ${command.name} -d ${quoted(command.summary)}`);
  }
  for (const command of shown(program)) {
    const here = when(command.name);
    for (const flag of flagsOf(program, command)) {
      const parts = [`complete -c ${name} -n ${here} -l ${flag.name}`];
      if (flag.short !== null) parts.push(`-s ${flag.short}`);
      if (flag.kind === "value") parts.push("-x");
      if (flag.choices.length > 0) parts.push(`-a ${quoted(fishChoices(flag))}`);
      if (flag.completes === "file") parts.push("-a '(__fish_complete_path)'");
      if (flag.completes === "directory") parts.push("-a '(__fish_complete_directories)'");
      parts.push(`-d ${quoted(flag.summary)}`);
      lines.push(parts.join(" "));
      if (flag.negatable) lines.push(`complete -c ${name} -n ${here} -l no-${flag.name} -d ${quoted(flag.summary)}`);
    }
    const operands = command.name === HELP ? commands.map((each) => each.name) : command.completes;
    if (operands === "file") lines.push(`complete -c ${name} -n ${here} -F`);
    else if (operands !== undefined) lines.push(`complete -c ${name} -n ${here} -a ${quoted(operands.join(" "))}`);
  }
  return lines.join("\n") + "\n";
}

/** The values of a flag; for a list, what is written already goes before each. */
function fishChoices(flag: Flag<unknown>): string {
  const words = flag.choices.join(" ");
  return flag.isList ? `(__fish_append , ${words})` : words;
}
