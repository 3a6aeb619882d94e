/** The lint rule that keeps the core deterministic is itself code: here it meets code that breaks it. */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const root = resolve(import.meta.dirname, "../..");
const deno = join(root, "node_modules/.bin/deno");
let folder = "";

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "kvpaxos-purity-"));
  for (const room of ["core", "log"]) mkdirSync(join(folder, "src", room), { recursive: true });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What the rule says of `code` in a file of `room`. */
function complaints(room: string, code: string): string[] {
  const file = join(folder, "src", room, "probe.ts");
  writeFileSync(file, code + "\n");
  const { stdout, stderr } = spawnSync(deno, ["lint", "--json", "--config", join(root, "deno.json"), file], {
    encoding: "utf8",
  });
  const report = JSON.parse(stdout || stderr) as { diagnostics: { code: string; message: string }[] };
  return report.diagnostics.filter((d) => d.code === "purity/deterministic-core").map((d) =>
    d.message.split(" is ")[0]!
  );
}

describe("the lint rule of the portable rooms", () => {
  test.each([
    ["export const a: number = Date.now();", "Date.now"],
    ["export const a: Date = new Date();", "new Date()"],
    ["export const a: number = Math.random();", "Math.random"],
    ["setTimeout(() => {}, 1);", "setTimeout()"],
    ["queueMicrotask(() => {});", "queueMicrotask()"],
    ["export const a: number = performance.now();", "performance.now"],
    ["export const a: string = process.version;", "process"],
    ['import "node:fs";', "node:fs"],
    ["export async function f(): Promise<void> { await null; }", "await"],
  ])("refuses %s", (code, complaint) => {
    expect(complaints("core", code)).toEqual([complaint]);
  });

  test("lets pure code and dates made from numbers pass", () => {
    expect(complaints("core", "export const a: Date = new Date(0);")).toEqual([]);
  });

  test("allows await, and nothing else, outside the core", () => {
    expect(complaints("log", "export async function f(): Promise<void> { await null; }")).toEqual([]);
    expect(complaints("log", "export const a: number = Date.now();")).toEqual(["Date.now"]);
  });
});
