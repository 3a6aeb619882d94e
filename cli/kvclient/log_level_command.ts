/**
 * `log-level`: shows how much servers log, and changes it while they run. Over HTTP, whatever the protocol for everything
 * else.
 *
 * @module
 */
import { KvError } from "../../src/core/errors.ts";
import { LOG_LEVELS, type LogLevel } from "../../src/server/log_levels.ts";
import { EXIT, UsageError } from "../exit_code.ts";
import { type Flag, text, valueFlag } from "../flags.ts";
import { type Context, errorToJson, exitCodeOf, writeJson, writeLine } from "./context.ts";
import { notOurs, reasonOf, requestPage } from "./http_page.ts";
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
  const { target } = resolved;
  try {
    const response = await requestPage(server, "/v1/admin/log-level", target, {
      signal: AbortSignal.any([signal, AbortSignal.timeout(target.deadline_ms)]),
      ...(change === null
        ? {}
        : { method: "PUT", headers: { "Content-Type": "application/json" }, body: JSON.stringify(change) }),
    });
    const { levels } = await response.json() as { readonly levels?: Record<string, string> };
    if (levels === undefined) throw notOurs(server);
    return { server, levels, error: null };
  } catch (cause) {
    const error = cause instanceof KvError
      ? cause
      : new KvError("UNAVAILABLE", `no answer over HTTP: ${reasonOf(cause)}`, { cause });
    return { server, levels: null, error };
  }
}
