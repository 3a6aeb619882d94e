/**
 * Keeps two live processes off one directory, on every runtime, without help from a file system's locks (which
 * no module that Node, Bun and Deno share offers).
 *
 * Each process puts a file into the directory whose name says who it is, and then looks for others: whoever
 * finds another live one gives way. Both do both in this order, so of two that start at once at least one sees
 * the other, and never do both hold the directory. A file is an empty name, so it is never half-written, and it is
 * removed only by its owner or once its owner is dead; a name is never used twice, because it holds the pid, the
 * moment the process started and the boot of the machine. A holder that was killed is therefore recognized
 * even if its pid has a new owner. Where there is no /proc, the pid alone must do.
 *
 * @module
 */
import { join } from "node:path";
import { DiskError } from "../ports/disk.ts";
import { runtimeModule } from "./runtime_modules.ts";

const { closeSync, openSync, readdirSync, readFileSync, rmSync } = runtimeModule("node:fs");
const process = runtimeModule("node:process");

const NAME = /^lock-(\d+)-(\d+)-([0-9a-f]+)$/;

/** Two processes that start at once both give way: they try again this often, after a random pause. */
const ATTEMPTS = 5;
const LONGEST_PAUSE_MS = 40;

/** What this process holds: without /proc a file that a dead process with the same pid left has our name, too. */
const held = new Set<string>();

/** Whether `name` is a file of this module's. */
export function isLockFile(name: string): boolean {
  return NAME.test(name);
}

function readOrNull(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return null; // There is no such process, or no /proc on this system: both mean that nothing is known.
  }
}

/** The state and start time of a process from /proc, or null where that cannot be read. */
function processOf(pid: number | "self"): { state: string; start: string } | null {
  const stat = readOrNull(`/proc/${pid}/stat`);
  if (stat === null) return null;
  // The second field is the program's name in parentheses, which may itself hold spaces and parentheses.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [state, start] = [fields[0], fields[19]];
  return state === undefined || start === undefined ? null : { state, start };
}

function bootId(): string {
  return readOrNull("/proc/sys/kernel/random/boot_id")?.replaceAll(/[^0-9a-f]/g, "").slice(0, 12) || "0";
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as { code?: string }).code !== "ESRCH";
  }
}

/** Whether the process that made the lock file `name` still runs. */
export function isHeldByLiveProcess(name: string): boolean {
  const [, pid, start, boot] = NAME.exec(name) ?? [];
  if (pid === undefined || boot !== bootId() || !exists(Number(pid))) return false;
  const holder = processOf(Number(pid));
  // A zombie has been killed and only waits for its parent to take note.
  return holder === null || (holder.start === start && holder.state !== "Z" && holder.state !== "X");
}

/** The name of this process's lock file. */
export function ownLockFile(): string {
  return `lock-${process.pid}-${processOf("self")?.start ?? 0}-${bootId()}`;
}

function pause(): void {
  const cell = new Int32Array(new SharedArrayBuffer(4));
  Atomics.wait(cell, 0, 0, 1 + Math.random() * LONGEST_PAUSE_MS);
}

function locked(directory: string, pid: string): DiskError {
  const whom = Number(pid) === process.pid ? `this process (pid ${pid})` : `process ${pid}`;
  const remedy = "stop that one first, or use another directory";
  return new DiskError("locked", directory, `${directory} is in use by ${whom}: ${remedy}`);
}

/**
 * Takes `directory` for this process and returns what gives it back.
 *
 * @throws {DiskError} `locked` naming the holder; other errors as node:fs throws them
 */
export function lockDirectory(directory: string): () => void {
  const own = ownLockFile();
  const path = join(directory, own);
  for (let attempt = 1;; attempt++) {
    claim(directory, path);
    const other = liveOther(directory, own);
    if (other === null) break;
    rmSync(path, { force: true });
    if (attempt === ATTEMPTS) throw locked(directory, NAME.exec(other)![1]!);
    pause();
  }
  held.add(path);
  return () => {
    held.delete(path);
    rmSync(path, { force: true });
  };
}

/** Puts this process's file into the directory. One that is there already is held by this process. */
function claim(directory: string, path: string): void {
  try {
    closeSync(openSync(path, "wx"));
  } catch (error) {
    if ((error as { code?: string }).code !== "EEXIST") throw error;
    if (held.has(path) || processOf("self") !== null) throw locked(directory, String(process.pid));
  }
}

/** The lock file of another live process, or null; those of dead ones are removed. */
function liveOther(directory: string, own: string): string | null {
  for (const name of readdirSync(directory)) {
    if (name === own || !isLockFile(name)) continue;
    if (isHeldByLiveProcess(name)) return name;
    rmSync(join(directory, name), { force: true });
  }
  return null;
}
