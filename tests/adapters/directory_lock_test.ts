import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { isHeldByLiveProcess, isLockFile, ownLockFile } from "../../src/adapters/directory_lock.ts";
import { openNodeDisk } from "../../src/adapters/node_disk.ts";

const HOLDER = fileURLToPath(new URL("support/lock_holder.ts", import.meta.url));

let directory: string;
let children: ChildProcess[];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "lock-"));
  children = [];
});

afterEach(async () => {
  for (const child of children) await end(child);
  rmSync(directory, { recursive: true });
});

/** Starts a process that tries to take the directory, and waits until it says how that went. */
function start(): Promise<{ child: ChildProcess; line: string }> {
  const args = "Deno" in globalThis ? ["run", "-A", HOLDER, directory] : [HOLDER, directory];
  const child = spawn(process.execPath, args, { stdio: ["pipe", "pipe", "inherit"] });
  children.push(child);
  return new Promise((resolve, reject) => {
    let text = "";
    child.on("error", reject);
    child.on("exit", () => reject(new Error(`the process ended after ${JSON.stringify(text)}`)));
    child.stdout!.on("data", (chunk: Uint8Array) => {
      text += new TextDecoder().decode(chunk);
      if (text.endsWith("\n")) resolve({ child, line: text.trim() });
    });
  });
}

function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    child.on("exit", () => resolve());
    child.kill("SIGKILL");
  });
}

function lockFiles(): string[] {
  return readdirSync(directory).filter(isLockFile);
}

describe("a directory's lock", () => {
  test("keeps a second process off and names the first", async () => {
    const { child } = await start();
    const { line } = await start();
    expect(line).toMatch(/^locked: /);
    expect(line).toContain(`process ${child.pid}`);
    expect(() => openNodeDisk(directory).lock()).toThrow(`process ${child.pid}`);
    expect(lockFiles()).toHaveLength(1);
  });

  test("keeps the same process off as well", () => {
    const first = openNodeDisk(directory);
    first.lock();
    expect(() => openNodeDisk(directory).lock()).toThrow(`pid ${process.pid}`);
    first.close();
    expect(lockFiles()).toEqual([]);
    const second = openNodeDisk(directory);
    second.lock();
    second.close();
  });

  test("is free again once its holder was killed", async () => {
    const { child } = await start();
    await end(child);
    expect(lockFiles()).toHaveLength(1);
    const { line } = await start();
    expect(line).toBe("held");
    expect(lockFiles()).toHaveLength(1);
  });

  test("is held by at most one of many that start at once over a dead one's remains", async () => {
    const { child } = await start();
    await end(child);
    const lines = (await Promise.all(Array.from({ length: 6 }, start))).map((one) => one.line);
    expect(lines.filter((line) => line === "held").length).toBeLessThanOrEqual(1);
    expect(lines.filter((line) => line === "held" || line.startsWith("locked: "))).toHaveLength(6);
  });

  test("is not mistaken for held when the pid has a new owner, or the machine was started again", () => {
    const [, pid, start, boot] = ownLockFile().split("-");
    expect(isHeldByLiveProcess(`lock-${pid}-${start}-${boot}`)).toBe(true);
    expect(isHeldByLiveProcess(`lock-${pid}-${start}-0123456789ab`)).toBe(false);
    // Where there is no /proc, the pid alone must do.
    if (start !== "0") expect(isHeldByLiveProcess(`lock-${pid}-${Number(start) - 1}-${boot}`)).toBe(false);
    expect(isHeldByLiveProcess(`lock-4194999-${start}-${boot}`)).toBe(false);
    writeFileSync(join(directory, `lock-4194999-${start}-${boot}`), "");
    const disk = openNodeDisk(directory);
    disk.lock();
    expect(lockFiles()).toEqual([ownLockFile()]);
    disk.close();
  });
});
