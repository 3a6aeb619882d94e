/** One version everywhere it is written, checked by the same program that releases. */
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { VERSION } from "../../src/version.ts";
import { bin, manifest, root } from "./packed.ts";

const FILES = ["package.json", "package-lock.json", "deno.json", "src/version.ts", "CHANGELOG.md", ".ci/release.mjs"];
const folder = mkdtempSync(join(tmpdir(), "kvpaxos-versions-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Runs the release program in a tree, as far as it only compares versions. */
function versionsIn(tree: string): { readonly status: number | null; readonly text: string } {
  const { status, stdout, stderr } = spawnSync(bin("node"), [".ci/release.mjs", "versions"], {
    cwd: tree,
    encoding: "utf8",
  });
  return { status, text: stdout + stderr };
}

describe("the version", () => {
  test("is the same in package.json, its lock file, deno.json, the code and CHANGELOG.md", () => {
    expect(manifest("package.json").version).toBe(VERSION);
    expect(versionsIn(root)).toEqual({ status: 0, text: expect.stringContaining(VERSION) as string });
  });

  test.each(FILES.slice(0, -1))("is missed when %s has another one", (path) => {
    const tree = join(folder, path.replaceAll("/", "_"));
    for (const file of FILES) {
      mkdirSync(join(tree, file, ".."), { recursive: true });
      cpSync(join(root, file), join(tree, file));
    }
    const text = readFileSync(join(tree, path), "utf8");
    expect(text).toContain(VERSION);
    writeFileSync(join(tree, path), text.replace(VERSION, "9.9.9"));
    const { status, text: said } = versionsIn(tree);
    expect(status).toBe(1);
    expect(said).toContain(path);
  });
});
