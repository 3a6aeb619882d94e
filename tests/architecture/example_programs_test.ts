/** The programs of docs/examples compile against the package and print on every runtime what they say. */
import { spawnSync } from "node:child_process";
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bin, outputOn, root, RUNTIMES } from "./packed.ts";

const examples = readdirSync(join(root, "docs/examples")).filter((name) => name.endsWith(".ts"));

/** What the comment on top of a program says that it prints. */
function printedBy(code: string): string {
  const said = /^ \* Prints:\n((?: \* .*\n)+) \*\/$/m.exec(code)?.[1] ?? "";
  return said.replaceAll(/^ \* /gm, "");
}

describe("the example programs", () => {
  let folder = "";
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "kvpaxos-programs-"));
    mkdirSync(join(folder, "node_modules", "@x"), { recursive: true });
    symlinkSync(root, join(folder, "node_modules", "@x", "kvpaxos"));
    for (const name of ["hono", "@hono", "@types"]) {
      symlinkSync(join(root, "node_modules", name), join(folder, "node_modules", name));
    }
    for (const name of examples) copyFileSync(join(root, "docs/examples", name), join(folder, name));
    writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test("are a counter service, a config store, an election and a state machine, and each says what it prints", () => {
    expect(examples.toSorted()).toEqual([
      "config_store.ts",
      "counter_service.ts",
      "leader_election.ts",
      "own_state_machine.ts",
    ]);
    for (const name of examples) expect(printedBy(readFileSync(join(folder, name), "utf8")), name).not.toBe("");
  });

  test("compile against the types of the package", { timeout: 120_000 }, () => {
    const options = ["--noEmit", "--strict", "--noUncheckedIndexedAccess", "--skipLibCheck", "--target", "ES2023"];
    const args = [...options, "--lib", "ES2023,ESNext.Disposable,DOM", "--module", "NodeNext", "--types", "node"];
    const { stdout } = spawnSync(bin("tsc"), [...args, ...examples], { cwd: folder, encoding: "utf8" });
    expect(stdout).toBe("");
  });

  describe.each(RUNTIMES)("on %s", (_, command, args) => {
    test.each(examples)("%s prints what it says", { timeout: 90_000 }, (name) => {
      expect(outputOn(folder, command, args, name)).toBe(printedBy(readFileSync(join(folder, name), "utf8")));
    });
  });
});
