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

/** An import of one of Node's modules. */
const FOR_NODE = /(from|import|require\()\s*"node:/;

async function bundle(entry: string, platform: "browser" | "node"): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [entry],
    absWorkingDir: folder,
    bundle: true,
    platform,
    format: "esm",
    write: false,
    logLevel: "silent",
  });
  return outputFiles[0]!.text;
}

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
    "src/sim/sim.ts",
  ])("%s bundles for a browser", async (entry) => {
    expect(await bundle(join(root, entry), "browser")).not.toMatch(FOR_NODE);
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
      expect.arrayContaining([
        "dist/mod.js",
        "dist/mod.d.ts",
        "dist/sim.js",
        "dist/sim.d.ts",
        "dist/cli/kvserver.js",
        "README.md",
      ]),
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
    // What the simulator's clients meet are errors of the library's own class, though it is another entry point.
    writeFileSync(
      join(folder, "simulate.mjs"),
      `import { KvError } from "@x/kvpaxos";
       import { checkHistory, DEFAULT_CHECK_LIMITS, modelFor, runSeed } from "@x/kvpaxos/sim";
       let met = 0, ours = 0;
       const classify = (error, isWrite) => {
         met++;
         if (error instanceof KvError) ours++;
         return isWrite ? "info" : "fail";
       };
       const { traceHash, violations } = await runSeed({ seed: 1, ops: 200, seams: { classify } });
       const clock = { monotonic: () => performance.now() };
       const { verdict } = checkHistory([], modelFor("kv", "jsonl", []), { ...DEFAULT_CHECK_LIMITS, clock });
       console.log(traceHash, violations.length, met > 0 && met === ours, verdict);`,
    );
  });

  const runtimes: readonly (readonly [name: string, command: string, args: readonly string[]])[] = [
    ["Node", "node", []],
    ["Bun", "bun", []],
    ["Deno", "deno", ["run", "-A", "--node-modules-dir=manual"]],
  ];
  const outputOn = (command: string, args: readonly string[], script: string): string => {
    const options = { cwd: folder, encoding: "utf8", timeout: 30_000 } as const;
    const { stdout, stderr } = spawnSync(join(root, "node_modules/.bin", command), [...args, script], options);
    return stderr + stdout;
  };

  test.each(runtimes)("imports and works on %s", (_, command, args) => {
    expect(outputOn(command, args, "use.mjs")).toBe("serving true\n");
  });

  const hashes: string[] = [];
  test.each(runtimes)("simulates and checks on %s, with the trace hash of the others", (_, command, args) => {
    const output = outputOn(command, args, "simulate.mjs");
    expect(output).toMatch(/^[0-9a-f]{16} 0 true linearizable\n$/);
    hashes.push(output);
    expect(new Set(hashes).size).toBe(1);
  });

  test("has a simulator for browsers, and none in its servers", async () => {
    const simulator = await bundle("@x/kvpaxos/sim", "browser");
    const library = await bundle("@x/kvpaxos", "node");
    expect(simulator).not.toMatch(FOR_NODE);
    expect(simulator).toMatch(/\bVirtualTime\b/);
    expect(library).toMatch(/\bKVStore\b/);
    expect(library).not.toMatch(/\bVirtualTime\b/);
  });
});
