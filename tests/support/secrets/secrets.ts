/**
 * The secrets of tests, and what was said while they were used. Every password, token, cluster secret and private key of
 * a test comes from {@link secret} or is told to {@link keepSecret}. What servers and clients log, print and answer goes
 * to {@link keepSaid}. When the suite is over, what was said is searched for the secrets (`search.ts`).
 *
 * @module
 */
import { appendFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";

/** The variable that names the folder in which all of a run of the suite is kept. */
export const FOLDER_VARIABLE = "KVPAXOS_TEST_SAID";
/** How the file of secrets is called; all others are what was said. */
export const SECRETS_FILE = "secrets.jsonl";
/** Shorter ones would be found where they are not. */
const SHORTEST = 8;

/** A secret that is found again wherever it comes up: `secret("a password")` is `sekret-a-password`. */
export function secret(name: string): string {
  return keepSecret(`sekret-${name.replaceAll(" ", "-")}`);
}

/** Has whatever was said in this run searched for `value`, and returns it. */
export function keepSecret(value: string): string {
  if (value.length < SHORTEST) throw new RangeError(`"${value}" is shorter than ${SHORTEST} characters`);
  append(SECRETS_FILE, `${JSON.stringify(value)}\n`);
  return value;
}

/** What is kept of one answer. Longer ones are data. */
const ANSWER_BYTES = 2048;

/** Keeps the beginning of an answer to a client. */
export function keepAnswer(who: string, answer: Uint8Array): void {
  keepSaid(who, answer.subarray(0, ANSWER_BYTES));
}

/** Keeps all of what `who` said: the text of a log, a page, or an error. */
export function keepSaid(who: string, text: string | Uint8Array): void {
  append(`${who.replaceAll(/[^\w.-]/g, "_").slice(-80)}.${process.pid}.log`, text);
}

function append(file: string, text: string | Uint8Array): void {
  const folder = process.env[FOLDER_VARIABLE];
  // Outside of a run of the suite there is nobody who searches.
  if (folder !== undefined) appendFileSync(join(folder, file), text);
}
