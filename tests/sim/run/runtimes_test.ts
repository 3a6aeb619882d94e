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

function outputOn(command: string, args: readonly string[], what: readonly string[]): Promise<string> {
  return new Promise((done, fail) => {
    const child = spawn(command, [...args, join(root, "cli/kvclient/main.ts"), ...what], {
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
      done(output);
    });
  });
}

async function hashesOn(command: string, args: readonly string[], what: readonly string[]): Promise<string[]> {
  const output = await outputOn(command, args, ["simulate", ...what, "-o", "json"]);
  return output.trim().split("\n").map((line) => (JSON.parse(line) as { traceHash: string }).traceHash);
}

describe("the same seeds", () => {
  test.each([
    ["of one server", 15, ["--seeds", "1..15", "--ops", "60"]],
    ["of five replicas", 4, ["--replication", "paxos", "--seeds", "1..4", "--ops", "60"]],
    ["of three replicas", 4, ["--replication", "paxos", "--replicas", "3", "--seeds", "1..4", "--ops", "60"]],
  ])("%s have the same trace hashes on Node, Bun and Deno", async (_, count, what) => {
    const [node, bun, deno] = await Promise.all(RUNTIMES.map(([command, args]) => hashesOn(command, args, what)));
    expect(node).toHaveLength(count);
    expect(new Set(node).size).toBe(count);
    expect(bun).toEqual(node);
    expect(deno).toEqual(node);
  }, PATIENCE_MS);
});

test("a comparison of protocols says the same on Node, Bun and Deno", async () => {
  const what = ["compare", "--seed", "7", "-o", "json"];
  const [node, bun, deno] = await Promise.all(RUNTIMES.map(([command, args]) => outputOn(command, args, what)));
  expect(node).toContain('"traceHash"');
  expect(bun).toBe(node);
  expect(deno).toBe(node);
}, PATIENCE_MS);
