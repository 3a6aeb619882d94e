/**
 * What `kvclient` does without a command: checks the server, saves it, and takes commands from a prompt, or from
 * standard input where that is no terminal.
 *
 * @module
 */
import { bytesToText } from "../../src/codec/bytes.ts";
import { KvError } from "../../src/core/errors.ts";
import { resultToJson } from "../../src/core/kv/json/json_form.ts";
import { EXIT, UsageError } from "../exit_code.ts";
import type { Terminal } from "../terminal.ts";
import { status } from "./status_command.ts";
import { type Context, describeError, errorToJson, exitCodeOf, writeJson, writeLine } from "./context.ts";
import { showDuration, showResult } from "./display.ts";
import { formatServer, historyPath, writeProfile } from "./profile.ts";
import { parseStatement, PROMPT_HELP, type Statement, VERB_NAMES } from "./prompt_language.ts";
import type { Store } from "./store.ts";

const HISTORY_LENGTH = 1000;

/** `kvclient` without a command. */
export async function shell(context: Context, store: Store): Promise<number> {
  await checkServer(context, store);
  return context.terminal.stdinIsTTY ? await interact(context, store) : await readCommands(context, store);
}

/** Asks the server what it is, which shows that it can be reached, and saves it where it was named by arguments. */
async function checkServer({ terminal, resolved, json, style, signal }: Context, store: Store): Promise<void> {
  const since_ms = terminal.monotonic();
  const { version } = await store.status(signal);
  const latency_ms = terminal.monotonic() - since_ms;
  const { servers, protocol } = resolved.profile;
  const saved = resolved.named ? save(terminal, resolved.profile) : null;
  if (json) {
    const connected = { servers: servers.map(formatServer), protocol, version, latency_ms, saved };
    await writeJson(terminal, { connected });
    return;
  }
  const what = `Connected to ${servers.map(formatServer).join(", ")} by ${protocol.toUpperCase()}`;
  await writeLine(terminal, `${style.green(what)}: kvserver ${version}, ${showDuration(latency_ms)}`);
  if (saved !== null) await writeLine(terminal, style.dim(`Saved as the default in ${saved}`));
}

function save(terminal: Terminal, profile: Context["resolved"]["profile"]): string | null {
  try {
    return writeProfile(terminal, profile);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    terminal.writeError(`kvclient: the server is not saved as the default: ${why}\n`);
    return null;
  }
}

/** Commands from standard input: all are done; the code says whether any failed. */
async function readCommands(context: Context, store: Store): Promise<number> {
  let code: number = EXIT.done;
  for await (const line of context.terminal.inputLines()) {
    const outcome = await runLine(context, store, line, context.signal);
    if (outcome === "exit") break;
    if (code === EXIT.done) code = outcome;
    if (context.signal.aborted) break;
  }
  return code;
}

async function interact(context: Context, store: Store): Promise<number> {
  const { terminal, style } = context;
  await writeLine(terminal, style.dim("HELP lists the commands, EXIT leaves."));
  const history = readHistory(terminal);
  let command = new AbortController();
  const prompt = terminal.prompt({
    text: "kv> ",
    history,
    complete: (line) => VERB_NAMES.filter((name) => name.startsWith(line.toUpperCase())).map((name) => `${name} `),
    onInterrupt: () => command.abort(),
  });
  context.signal.addEventListener("abort", () => prompt.close());
  try {
    for (let line = await prompt.next(); line !== null; line = await prompt.next()) {
      if (line.trim() !== "" && history[0] !== line) history.unshift(line);
      command = new AbortController();
      if (await runLine(context, store, line, command.signal) === "exit") break;
    }
  } finally {
    prompt.close();
    writeHistory(terminal, history);
  }
  return EXIT.done;
}

/** Does what a line says. Returns the exit code it deserves by itself; an error ends the line, not the prompt. */
async function runLine(context: Context, store: Store, line: string, signal: AbortSignal): Promise<number | "exit"> {
  const { terminal, json, style } = context;
  const fail = (message: string, code: number, error: unknown): number => {
    if (json) terminal.writeError(JSON.stringify({ error }) + "\n");
    else terminal.writeError(`${style.red("error:")} ${message}\n`);
    return code;
  };
  try {
    const statement = parseStatement(line);
    return statement.type === "exit" ? "exit" : await run(statement, { ...context, signal }, store);
  } catch (error) {
    if (error instanceof UsageError) {
      return fail(error.message, EXIT.failed, { code: "INVALID_ARGUMENT", message: error.message, retryable: false });
    }
    if (error instanceof KvError) {
      return fail(describeError(error, context), exitCodeOf(error), errorToJson(error));
    }
    throw error;
  }
}

async function run(statement: Exclude<Statement, { type: "exit" }>, context: Context, store: Store): Promise<number> {
  const { terminal, json, signal } = context;
  switch (statement.type) {
    case "nothing":
      break;
    case "help":
      await writeLine(terminal, PROMPT_HELP);
      break;
    case "status":
      return await status(context, store);
    case "operation": {
      const result = await store.execute(statement.operation, signal);
      if (json) await writeJson(terminal, resultToJson(result));
      else await writeLine(terminal, showResult(result));
      if (!json && result.type === "range" && result.more) await writeLine(terminal, "… and more; add LIMIT n");
      break;
    }
  }
  return EXIT.done;
}

/** The lines of earlier prompts, the newest first. */
function readHistory(terminal: Terminal): string[] {
  const path = historyPath(terminal.env);
  if (path === null) return [];
  try {
    return bytesToText(terminal.readFile(path)).split("\n").filter((line) => line !== "").reverse();
  } catch {
    // No history yet, or none that can be read: a prompt without one is as good.
    return [];
  }
}

function writeHistory(terminal: Terminal, history: readonly string[]): void {
  const path = historyPath(terminal.env);
  if (path === null || history.length === 0) return;
  try {
    terminal.replaceFile(path, history.slice(0, HISTORY_LENGTH).reverse().join("\n") + "\n");
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    terminal.writeError(`kvclient: the history is not saved: ${why}\n`);
  }
}
