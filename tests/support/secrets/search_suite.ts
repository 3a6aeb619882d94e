/**
 * Makes the folder for what a run of the suite says, and searches it for secrets at the end: a secret in a log fails the
 * run, whichever test had it logged. vitest calls this once for each run.
 *
 * @module
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { searchFolder } from "./search.ts";
import { FOLDER_VARIABLE } from "./secrets.ts";

let folder = "";

/** Called before the first test. */
export function setup(): void {
  folder = mkdtempSync(join(tmpdir(), "kvpaxos-said-"));
  process.env[FOLDER_VARIABLE] = folder;
}

/** Called after the last. */
export function teardown(): void {
  const { secrets, files, bytes, leaks } = searchFolder(folder);
  rmSync(folder, { recursive: true, force: true });
  const searched = `${(bytes / 1e6).toFixed(1)} MB in ${files} files for ${secrets} secrets`;
  if (leaks.length === 0) {
    console.log(` What was said: searched ${searched}, and found none`);
    return;
  }
  const list = leaks.slice(0, 20).map(({ secret, file, context }) => `"${secret}" in ${file}:\n${context}\n`);
  throw new Error(`searched ${searched}, and found ${leaks.length} that were said:\n${list.join("\n")}`);
}
