/**
 * `log-level`: shows how much servers log, and changes it while they run. Over HTTP, whatever the protocol for everything
 * else.
 *
 * @module
 */
import { authorizationOf } from "../../src/adapters/fetch_connection.ts";
import { KvError } from "../../src/core/errors.ts";
import { LOG_LEVELS, type LogLevel } from "../../src/server/log_levels.ts";
import { EXIT, UsageError } from "../exit_code.ts";
import { type Flag, text, valueFlag } from "../flags.ts";
import { type Context, errorToJson, exitCodeOf, writeJson, writeLine } from "./context.ts";
import { formatServer } from "./profile.ts";
import { addressFor } from "./target.ts";

/** The flags of the command. */
export const LOG_LEVEL_FLAGS: { readonly category: Flag<string | undefined> } = {
  category: valueFlag({
    name: "category",
    placeholder: "NAME",
    group: "Options",
    summary: "what the level is for: kvpaxos, or one below it as kvpaxos.server",
    parse: text,
    shownDefault: "kvpaxos, which is everything",
  }),
};

const INHERIT = "inherit";

/** What a server answers; one of the two is null. */
interface Answer {
  readonly server: string;
  readonly levels: Readonly<Record<string, string>> | null;
  readonly error: KvError | null;
}

/** `log-level` */
export async function logLevel(context: Context): Promise<number> {
  const { terminal, line, json, resolved, style } = context;
  const change = changeOf(line.operands[0], line.get(LOG_LEVEL_FLAGS.category));
  const answers = await Promise.all(resolved.profile.servers.map((server) => {
    return ask(formatServer(addressFor(server, { ...resolved.profile, protocol: "http" })), change, context);
  }));
  if (json) {
    await writeJson(
      terminal,
      answers.map(({ server, levels, error }) => {
        return error === null ? { server, levels } : { server, error: errorToJson(error) };
      }),
    );
  }
  for (const { server, levels, error } of json ? [] : answers) {
    if (error !== null) await writeLine(terminal, `${server}  ${style.red(error.message)}`);
    else {
      const shown = Object.entries(levels ?? {}).map(([category, level]) => `${category} ${level}`);
      await writeLine(terminal, `${server}  ${shown.join(", ")}`);
    }
  }
  const failed = answers.find(({ error }) => error !== null)?.error ?? null;
  return failed === null ? EXIT.done : exitCodeOf(failed);
}

interface Change {
  readonly category: string;
  readonly level: LogLevel | null;
}

function changeOf(word: string | undefined, category: string | undefined): Change | null {
  if (word === undefined) {
    if (category !== undefined) throw new UsageError("--category says what a level is for; give the level too");
    return null;
  }
  const level = LOG_LEVELS.find((each) => each === word.toLowerCase());
  if (level === undefined && word !== INHERIT) {
    throw new UsageError(`"${word}" is no level; they are ${LOG_LEVELS.join(", ")}, and ${INHERIT} takes a level away`);
  }
  return { category: category ?? "kvpaxos", level: level ?? null };
}

async function ask(server: string, change: Change | null, { resolved, signal }: Context): Promise<Answer> {
  const { user, password, deadline_ms } = resolved.target;
  const headers = new Headers(password === null ? {} : { "Authorization": authorizationOf(user, password) });
  if (change !== null) headers.set("Content-Type", "application/json");
  try {
    const response = await fetch(`http://${server}/v1/admin/log-level`, {
      method: change === null ? "GET" : "PUT",
      headers,
      body: change === null ? null : JSON.stringify(change),
      signal: AbortSignal.any([signal, AbortSignal.timeout(deadline_ms)]),
    });
    const body = await response.json() as { readonly levels?: Record<string, string>; readonly detail?: string };
    if (response.ok && body.levels !== undefined) return { server, levels: body.levels, error: null };
    const code = response.status === 401
      ? "UNAUTHENTICATED"
      : response.status === 403
      ? "PERMISSION_DENIED"
      : response.status < 500
      ? "INVALID_ARGUMENT"
      : "UNAVAILABLE";
    return { server, levels: null, error: new KvError(code, body.detail ?? `status ${response.status}`) };
  } catch (cause) {
    // What fetch throws says why only in its cause.
    const inner = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause;
    const why = inner instanceof Error ? inner.message : String(inner);
    return { server, levels: null, error: new KvError("UNAVAILABLE", `no answer over HTTP: ${why}`, { cause }) };
  }
}
