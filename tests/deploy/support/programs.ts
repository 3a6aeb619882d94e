/**
 * What the files of deploy/ say to the programs, read by the programs' own tables.
 *
 * @module
 */
import { type CommandLine, parseCommandLine } from "../../../cli/command_line.ts";
import { allFlags, environmentName, type Program } from "../../../cli/flags.ts";
import { KVCLIENT } from "../../../cli/kvclient/table.ts";
import { type Settings, settingsOf } from "../../../cli/kvserver/settings.ts";
import { KVSERVER } from "../../../cli/kvserver/table.ts";
import { textToBytes } from "../../../src/codec/bytes.ts";

/** Environment variables. */
export type Environment = Readonly<Record<string, string>>;

const PROGRAMS: Readonly<Record<string, Program>> = { kvserver: KVSERVER, kvclient: KVCLIENT };

/** The variables that look like those of a program and are none. */
export function strangers(env: Environment): string[] {
  const known = new Set(
    Object.values(PROGRAMS).flatMap((program) =>
      allFlags(program).filter((flag) => !flag.argumentOnly)
        .map((flag) => environmentName(program, flag))
    ),
  );
  return Object.keys(env).filter((name) => /^KV(SERVER|CLIENT)_/.test(name) && !known.has(name));
}

/** A command line of `kvserver` or `kvclient`, as the program itself understands it. */
export function lineOf(
  program: "kvserver" | "kvclient",
  args: readonly string[],
  env: Environment = {},
  files: Readonly<Record<string, string>> = {},
): CommandLine {
  return parseCommandLine(PROGRAMS[program]!, args, { env, readFile: (path) => fileOf(files, path) });
}

/** What a server is started with. */
export function serverOf(env: Environment, files: Readonly<Record<string, string>>, args: readonly string[]): Settings {
  const surroundings = { env, readFile: (path: string) => textToBytes(fileOf(files, path)) };
  return settingsOf(lineOf("kvserver", args, env, files), surroundings, () => 1);
}

function fileOf(files: Readonly<Record<string, string>>, path: string): string {
  const text = files[path];
  if (text === undefined) throw new Error(`nothing is mounted at ${path}`);
  return text;
}
