/** `simulate` in threads, as it is installed: the executable, and the npm package on each runtime. */
import { spawn } from "node:child_process";
import { join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { type Exit, KVCLIENT } from "./support/server_process.ts";

const root = resolve(import.meta.dirname, "../..");
const bin = (name: string): string => join(root, "node_modules", ".bin", name);
const PACKAGE = join(root, "dist", "cli", "kvclient.js");
const INSTALLED: readonly (readonly [name: string, command: string, args: readonly string[]])[] = [
  ["the executable", KVCLIENT, []],
  ["the package on Node", bin("node"), [PACKAGE]],
  ["the package on Bun", bin("bun"), [PACKAGE]],
  ["the package on Deno", bin("deno"), ["run", "-A", PACKAGE]],
];
const PATIENCE_MS = 60_000;

interface Ended extends Exit {
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command to its end; `interruptAt` makes it send SIGINT as soon as standard output has that in it. */
function run(command: string, args: readonly string[], interruptAt: string | null = null): Promise<Ended> {
  return new Promise((done, fail) => {
    const child = spawn(command, args, { cwd: root, stdio: ["ignore", "pipe", "pipe"], timeout: PATIENCE_MS });
    let stdout = "";
    let stderr = "";
    child.stdout.on("data", (chunk: Buffer) => {
      const seen = interruptAt !== null && stdout.includes(interruptAt);
      stdout += chunk.toString();
      if (interruptAt !== null && !seen && stdout.includes(interruptAt)) child.kill("SIGINT");
    });
    child.stderr.on("data", (chunk: Buffer) => stderr += chunk.toString());
    child.on("error", fail);
    child.on("close", (code, signal) => done({ code, signal, stdout, stderr }));
  });
}

function seedsIn(lines: string): number[] {
  return lines.trim().split("\n").map((line) => (JSON.parse(line) as { readonly seed: number }).seed);
}

describe.each(INSTALLED)("simulate --jobs in %s", (_, command, args) => {
  test("prints the same bytes whatever the number of threads", async () => {
    const outputs = new Set<string>();
    for (const jobs of ["1", "3"]) {
      const flags = ["simulate", "--seeds", "1..9", "--ops", "40", "-o", "json", "--jobs", jobs];
      const { code, stdout, stderr } = await run(command, [...args, ...flags]);
      expect(code, stderr).toBe(0);
      expect(seedsIn(stdout)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
      outputs.add(stdout);
    }
    expect(outputs.size).toBe(1);
  }, PATIENCE_MS);

  test("ends with 130 after Ctrl-C, with what was done so far", async () => {
    const flags = ["simulate", "--seeds", "1..1000000", "--ops", "20", "-o", "json", "--jobs", "2"];
    const { code, stdout, stderr } = await run(command, [...args, ...flags], '"seed":3,');
    expect(code, stderr).toBe(130);
    const seeds = seedsIn(stdout);
    expect(seeds.slice(0, 3)).toEqual([1, 2, 3]);
    expect(seeds).toEqual(seeds.toSorted((a, b) => a - b));
  }, PATIENCE_MS);

  test("refuses what the simulator does not do as wrong usage", async () => {
    const { code, stdout, stderr } = await run(command, [...args, "simulate", "--seeds", "1..4", "--replicas", "2"]);
    expect(code).toBe(2);
    expect(stdout).toBe("");
    expect(stderr).toMatch(/^kvclient: .*replica.*, not 2\n/);
  }, PATIENCE_MS);
});
