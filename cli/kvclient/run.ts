/**
 * `kvclient`: finds the command, gives it a client, and turns errors into a line and an exit code.
 *
 * @module
 */
import { setMaxListeners } from "node:events";
import { KvError } from "../../src/core/errors.ts";
import type { CommandLine } from "../command_line.ts";
import { runProgram } from "../program.ts";
import { hasColor, type Style, styleOf, type Terminal } from "../terminal.ts";
import { get, put, remove } from "./basic_commands.ts";
import { bench } from "./bench.ts";
import { check } from "./check_command.ts";
import { compare } from "./compare_command.ts";
import { type Context, describeError, errorToJson, exitCodeOf, type RunCommand } from "./context.ts";
import { demo } from "./demo.ts";
import { exportEntries } from "./export_command.ts";
import { importEntries } from "./import_command.ts";
import { health } from "./health_command.ts";
import { elect, lock } from "./lock_commands.ts";
import { logLevel } from "./log_level_command.ts";
import { range, watch } from "./range_commands.ts";
import { shell } from "./shell.ts";
import { snapshot } from "./snapshot_command.ts";
import { status } from "./status_command.ts";
import type { Connect } from "./store.ts";
import { PRINTING } from "./flags.ts";
import type { RunOffline } from "./offline.ts";
import { simulate } from "./simulate_command.ts";
import { KVCLIENT } from "./table.ts";
import { resolveTarget } from "./target.ts";
import { top } from "./top_command.ts";
import { txn } from "./txn_command.ts";
import { users } from "./users_command.ts";
import { verify } from "./verify_command.ts";

const COMMANDS: Readonly<Record<string, RunCommand>> = {
  "": shell,
  put,
  get,
  delete: remove,
  range,
  txn,
  watch,
  status,
  health,
  demo,
  bench,
  check,
  snapshot,
  export: exportEntries,
  import: importEntries,
  lock,
  elect,
  top,
  "log-level": logLevel,
};

/** Commands that end when the command that they run does, with its exit code, whatever signals came. */
const ENDS_WITH_ANOTHER: readonly RunCommand[] = [lock, elect];

/** Commands that talk to no server. */
const OFFLINE: Readonly<Record<string, RunOffline>> = {
  simulate,
  compare,
  verify,
  users,
};

const INTERRUPTED = 130;
/** How long a command may take to end after a signal, such as one that waits for standard input. */
const GRACE_MS = 500;
const TERMINATED = 143;

/** Runs the program. Returns the exit code. */
export function runClient(terminal: Terminal, connect: Connect): Promise<number> {
  return runProgram(KVCLIENT, terminal, (line) => runCommand(line, terminal, connect));
}

async function runOffline(command: RunOffline, line: CommandLine, terminal: Terminal): Promise<number> {
  const { json, style } = printingOf(line, terminal);
  const interrupt = interruptible(terminal);
  try {
    const code = await Promise.race([
      command({ terminal, line, json, style, signal: interrupt.signal }),
      interrupt.overdue,
    ]);
    return interrupt.code ?? code;
  } finally {
    interrupt.release();
  }
}

function printingOf(line: CommandLine, terminal: Terminal): { readonly json: boolean; readonly style: Style } {
  const json = line.get(PRINTING.output) === "json";
  return { json, style: styleOf(!json && hasColor(terminal, line.get(PRINTING.color))) };
}

async function runCommand(line: CommandLine, terminal: Terminal, connect: Connect): Promise<number> {
  const offline = OFFLINE[line.command.name];
  if (offline !== undefined) return runOffline(offline, line, terminal);
  const command = COMMANDS[line.command.name]!;
  const resolved = resolveTarget(line, terminal);
  const { json, style } = printingOf(line, terminal);
  const interrupt = interruptible(terminal);
  const context: Context = { terminal, line, resolved, connect, json, style, signal: interrupt.signal };
  const store = connect(resolved.target);
  try {
    if (ENDS_WITH_ANOTHER.includes(command)) return await command(context, store);
    const code = await Promise.race([command(context, store), interrupt.overdue]);
    // What goes on until it is interrupted has then done what it was asked to.
    return interrupt.code !== null && command !== watch && command !== top ? interrupt.code : code;
  } catch (error) {
    if (!(error instanceof KvError)) throw error;
    if (interrupt.code !== null) return interrupt.code;
    if (json) terminal.writeError(JSON.stringify({ error: errorToJson(error) }) + "\n");
    else terminal.writeError(`kvclient: ${describeError(error, context)}\n`);
    return exitCodeOf(error);
  } finally {
    interrupt.release();
    await store.close();
  }
}

/** The first signal gives up what is under way, the second ends the process. */
function interruptible(
  terminal: Terminal,
): { readonly signal: AbortSignal; readonly code: number | null; readonly overdue: Promise<number>; release(): void } {
  const controller = new AbortController();
  // Each operation under way listens to it, and bench has thousands: Node 20 would warn of a leak.
  setMaxListeners(0, controller.signal);
  let code: number | null = null;
  const onSignal = (signalCode: number) => (): void => {
    if (code !== null) terminal.exit(signalCode);
    code = signalCode;
    controller.abort();
  };
  const overdue = new Promise<number>((resolve) => {
    controller.signal.addEventListener("abort", () => {
      void terminal.sleep(GRACE_MS).then(() => resolve(code!));
    });
  });
  const releases = [
    terminal.onSignal("SIGINT", onSignal(INTERRUPTED)),
    terminal.onSignal("SIGTERM", onSignal(TERMINATED)),
  ];
  return {
    signal: controller.signal,
    overdue,
    get code(): number | null {
      return code;
    },
    release: () => {
      for (const release of releases) release();
    },
  };
}
