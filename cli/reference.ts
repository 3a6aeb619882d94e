/**
 * The reference page of the command line, `docs/command_line.md`, made from the programs' tables. A test keeps
 * the page equal to what this renders.
 *
 * @module
 */
import { type Command, environmentName, type Flag, flagsOf, type Program } from "./flags.ts";
import { usage } from "./help.ts";

const CONFIG_NOTE = "A flag's value comes from the arguments, else the environment, else the config file, else its " +
  "default. In names, `_` and `-` are the same. Durations are written `250ms`, `10s`, `5m`, `2h`, `1d`; sizes " +
  "`4096`, `64k`, `1m`. What follows `--` is never a flag.";

const FILE_NOTE = "A config file (`--config`, or `KVSERVER_CONFIG`) is an object of JSON or a table of TOML with the " +
  "names of flags, without dashes before them, as keys. A list is an array, or text with commas. A file whose name ends " +
  "in `.json` is JSON, in `.toml` TOML; any other is JSON when it begins with a brace. What is wrong in it is told with " +
  "its line, and nothing is started (exit code 2).\n\n" +
  '```toml\nport = 32000\npeers = ["kv-0:32000", "kv-1:32000", "kv-2:32000"]\nadvertise = "kv-1:32000"\n' +
  'log-format = "json"\n```';

/** The page, in Markdown. */
export function renderReference(programs: readonly Program[]): string {
  const parts = [
    "# The command line",
    "<!-- Made from cli/*/table.ts; tests/cli/reference_test.ts says how to make it again. -->",
    CONFIG_NOTE,
    FILE_NOTE,
  ];
  for (const program of programs) parts.push(...renderProgram(program));
  return parts.join("\n\n") + "\n";
}

function renderProgram(program: Program): string[] {
  const shown = program.commands.filter((command) => command.notYet === null);
  const plain = shown.find((command) => command.name === "")!;
  const others = shown.filter((command) => command.name !== "");
  const parts = [`## ${program.name}`, program.summary, ...plain.description];
  parts.push(table(program, flagsOf(program, plain)), examples(plain));
  parts.push(
    `| ${program.name} | |\n|---|---|\n${
      others.map((command) => `| \`${cell(title(command))}\` | ${cell(command.summary)} |`).join("\n")
    }`,
  );
  const general = new Set(flagsOf(program, plain));
  for (const command of others) {
    const own = command.flags.filter((flag) => !general.has(flag));
    if (own.length === 0 && command.examples.length === 0) continue;
    parts.push(`### ${program.name} ${title(command)}`, ...command.description);
    if (own.length > 0) parts.push(table(program, own));
    if (command.examples.length > 0) parts.push(examples(command));
  }
  parts.push(`Exit codes: ${program.exitCodes.map(([code, meaning]) => `\`${code}\` ${meaning}`).join("; ")}.`);
  const refused = program.commands.filter((command) => command.notYet !== null).map(({ name }) => `\`${name}\``);
  if (refused.length > 0) parts.push(`Known, but not there yet: ${refused.join(", ")}.`);
  return parts;
}

function title(command: Command): string {
  return `${command.name} ${command.operands}`.trim();
}

function table(program: Program, flags: readonly Flag<unknown>[]): string {
  const rows = flags.map((flag) => {
    const environment = flag.argumentOnly ? "" : `\`${environmentName(program, flag)}\``;
    return `| \`${cell(usage(flag))}\` | ${cell(flag.shownDefault ?? "")} | ${cell(flag.summary)} | ${environment} |`;
  });
  return ["| flag | default | | environment |", "|---|---|---|---|", ...rows].join("\n");
}

function examples(command: Command): string {
  const lines = command.examples.map(([line, what]) => what === "" ? line : `# ${what}\n${line}`);
  return `\`\`\`sh\n${lines.join("\n")}\n\`\`\``;
}

/** Text inside a table's cell. */
function cell(text: string): string {
  return text.replaceAll("|", "\\|");
}
