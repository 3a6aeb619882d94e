import { spawn } from "node:child_process";
import { join, resolve } from "node:path";
import { describe, expect, test } from "vitest";

const root = resolve(import.meta.dirname, "../../..");
const bin = (name: string): string => join(root, "node_modules", ".bin", name);
const RUNTIMES: readonly (readonly [command: string, args: readonly string[]])[] = [
  [bin("node"), []],
  [bin("bun"), []],
  [bin("deno"), ["run", "-A"]],
];
const PATIENCE_MS = 120_000;

function hashesOn(command: string, args: readonly string[], what: readonly string[]): Promise<string[]> {
  return new Promise((done, fail) => {
    const simulate = [join(root, "cli/kvclient/main.ts"), "simulate", ...what, "-o", "json"];
    const child = spawn(command, [...args, ...simulate], {
      cwd: root,
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    let errors = "";
    child.stdout.on("data", (chunk: Buffer) => output += chunk.toString());
    child.stderr.on("data", (chunk: Buffer) => errors += chunk.toString());
    child.on("error", fail);
    child.on("close", (code) => {
      if (code !== 0) return fail(new Error(`${command} ended with ${code}: ${errors}${output}`));
      done(output.trim().split("\n").map((line) => (JSON.parse(line) as { traceHash: string }).traceHash));
    });
  });
}

describe("the same seeds", () => {
  test.each([
    ["of one server", 50, ["--seeds", "1..50", "--ops", "60"]],
    ["of five replicas", 12, ["--replication", "paxos", "--seeds", "1..12", "--ops", "60"]],
    ["of three replicas", 12, ["--replication", "paxos", "--replicas", "3", "--seeds", "1..12", "--ops", "60"]],
  ])("%s have the same trace hashes on Node, Bun and Deno", async (_, count, what) => {
    const [node, bun, deno] = await Promise.all(RUNTIMES.map(([command, args]) => hashesOn(command, args, what)));
    expect(node).toHaveLength(count);
    expect(new Set(node).size).toBe(count);
    expect(bun).toEqual(node);
    expect(deno).toEqual(node);
  }, PATIENCE_MS);
});
