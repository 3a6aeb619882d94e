/** The package as others get it: browser-safe where it says so, importable where it says so, one version. */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { build } from "esbuild";
import { afterAll, describe, expect, test } from "vitest";
import { VERSION } from "../../src/version.ts";

const root = resolve(import.meta.dirname, "../..");
const folder = mkdtempSync(join(tmpdir(), "kvpaxos-package-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const json = (path: string): { version: string; exports: unknown } =>
  JSON.parse(readFileSync(join(root, path), "utf8"));

describe("the version", () => {
  test("is the same in package.json, deno.json and the code", () => {
    expect([json("package.json").version, json("deno.json").version]).toEqual([VERSION, VERSION]);
  });
});

describe("the portable rooms", () => {
  test.each([
    "src/core/standalone.ts",
    "src/core/kv/kv_store.ts",
    "src/log/durable_log.ts",
    "src/log/memory_log.ts",
    "src/client/kv_client.ts",
    "src/adapters/http_connection.ts",
  ])("%s bundles for a browser", async (entry) => {
    const bundle = await build({
      entryPoints: [join(root, entry)],
      bundle: true,
      platform: "browser",
      format: "esm",
      write: false,
      logLevel: "silent",
    });
    expect(bundle.errors).toEqual([]);
    expect(bundle.outputFiles[0]!.text).not.toMatch(/(from|import|require\()\s*"node:/);
  });
});

describe("the packed npm package", () => {
  const pack = spawnSync("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", folder], {
    cwd: root,
    encoding: "utf8",
  });
  const installed = join(folder, "node_modules", "@x", "kvpaxos");

  test("holds the built library and no sources, tests or executables", () => {
    expect(pack.status, pack.stderr).toBe(0);
    const report = JSON.parse(pack.stdout) as { filename: string; files: { path: string }[] }[];
    const [{ filename, files }] = Array.isArray(report)
      ? report as [typeof report[0]]
      : Object.values(report) as [typeof report[0]];
    const paths = files.map(({ path }) => path);
    expect(paths).toEqual(
      expect.arrayContaining(["dist/mod.js", "dist/mod.d.ts", "dist/cli/kvserver.js", "README.md"]),
    );
    expect(
      paths.filter((path) => !/^(dist\/.*\.(js|d\.ts)|package\.json|README\.md|LICENSE|CHANGELOG\.md)$/.test(path)),
    ).toEqual([]);
    mkdirSync(installed, { recursive: true });
    const tarball = join(folder, filename.replaceAll("/", "-").replace("@", ""));
    expect(spawnSync("tar", ["-xzf", tarball, "-C", installed, "--strip-components=1"]).status).toBe(0);
    for (const name of ["hono", "hono-openapi", "valibot", "sorted-btree", "@hono", "@logtape", "@valibot"]) {
      symlinkSync(join(root, "node_modules", name), join(folder, "node_modules", name));
    }
    writeFileSync(
      join(folder, "use.mjs"),
      `import { KVStore, MemoryLog, Standalone, systemClock, systemRandom, KvError } from "@x/kvpaxos";
       const store = new KVStore();
       const log = new MemoryLog({ clock: systemClock, random: systemRandom });
       const server = new Standalone({ log, clock: systemClock, stateMachine: store });
       await server.start();
       console.log(server.status().state, new KvError("UNAVAILABLE", "x").retryable);
       await server.close();`,
    );
  });

  test.each([
    ["Node", [join(root, "node_modules/.bin/node"), "use.mjs"]],
    ["Bun", [join(root, "node_modules/.bin/bun"), "use.mjs"]],
    ["Deno", [join(root, "node_modules/.bin/deno"), "run", "-A", "--node-modules-dir=manual", "use.mjs"]],
  ])("imports and works on %s", (_, [command, ...args]) => {
    const { stdout, stderr } = spawnSync(command!, args, { cwd: folder, encoding: "utf8", timeout: 30_000 });
    expect(stderr + stdout).toBe("serving true\n");
  });
});
