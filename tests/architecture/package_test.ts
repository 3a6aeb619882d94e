/** The package as others get it: browser-safe where it says so, importable and typed where it says so. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { checkPackage, createPackageFromTarballData } from "@arethetypeswrong/core";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  bin,
  install,
  installGlobally,
  manifest,
  outputOn,
  pack,
  type Packed,
  root,
  RUNTIMES,
  specifiers,
} from "./packed.ts";

/** What the programs have written of themselves, for man and the shells. */
const PAGES = ["kvserver", "kvclient"].flatMap((name) => [
  `dist/man/${name}.1`,
  `dist/completions/bash/${name}`,
  `dist/completions/zsh/_${name}`,
  `dist/completions/fish/${name}.fish`,
]);

const folder = mkdtempSync(join(tmpdir(), "kvpaxos-package-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** An import of one of Node's modules. */
const FOR_NODE = /(from|import|require\()\s*"node:/;

/** What is loaded when `entry` is imported; not what it imports later, when that is needed. */
async function bundle(
  entry: string,
  platform: "browser" | "node",
  packages: "bundle" | "external" = "bundle",
): Promise<string> {
  const { outputFiles, metafile: { outputs } } = await build({
    entryPoints: { main: entry },
    absWorkingDir: folder,
    bundle: true,
    splitting: true,
    outdir: "bundle",
    platform,
    packages,
    format: "esm",
    write: false,
    metafile: true,
    logLevel: "silent",
  });
  const loaded = new Set(["bundle/main.js"]);
  for (const path of loaded) {
    for (const { kind, external, path: next } of outputs[path]!.imports) {
      if (kind === "import-statement" && external !== true) loaded.add(next);
    }
  }
  return outputFiles.filter(({ path }) => loaded.has(relative(folder, path))).map(({ text }) => text).join("");
}

/** Whether a class is defined in code that went through the bundlers. */
function hasClass(text: string, name: string): boolean {
  return new RegExp(`\\bclass _?${name}\\b|\\b_?${name}\\d* = class\\b`).test(text);
}

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

describe("an import of the library", () => {
  /** What takes longer to load than all of a client: only those who need it wait for it. */
  const SLOW =
    /\b(?:from|import)\s*"(?:node:)?(?:net|dgram|tls|https?|http2|crypto|zlib|stream|hono.*|valibot|@logtape.*)"/;

  test.each(["mod.ts", "src/adapters/client.ts"])("of %s loads no sockets, no HTTP and no server", async (entry) => {
    expect(await bundle(join(root, entry), "node", "external")).not.toMatch(SLOW);
  });

  test("would be seen to load them", async () => {
    expect(await bundle(join(root, "src/server/tcp_server.ts"), "node", "external")).toMatch(SLOW);
  });
});

describe("a client for browsers", () => {
  test("is at most 25 KB, gzipped", async () => {
    const contents = `export { KVClient } from "./src/client/kv_client.ts";
      export { httpConnector } from "./src/adapters/http_connection.ts";
      export { stringCodec } from "./src/client/codecs.ts";`;
    const { outputFiles } = await build({
      stdin: { contents, resolveDir: root, loader: "ts" },
      bundle: true,
      format: "esm",
      platform: "browser",
      minify: true,
      write: false,
      logLevel: "silent",
    });
    expect(gzipSync(outputFiles[0]!.contents, { level: 9 }).length).toBeLessThan(25_000);
  });
});

describe("the manifests", () => {
  test("of npm and JSR show the same modules, which have no side effects", () => {
    const npm = Object.keys(manifest("package.json").exports).filter((subpath) => subpath !== "./package.json");
    expect(npm).toEqual(Object.keys(manifest("deno.json").exports));
    expect(npm).toEqual([".", "./client", "./sim", "./transport/tcp", "./transport/http"]);
    expect(manifest("package.json").sideEffects).toBe(false);
  });
});

describe("the packed npm package", () => {
  let packed: Packed;
  beforeAll(() => {
    packed = pack(folder);
    install(packed, folder);
    writeFileSync(
      join(folder, "use.mjs"),
      `import { KVStore, MemoryLog, Standalone, startServer, systemClock, systemRandom, KvError } from "@x/kvpaxos";
       import { connect, KvError as ClientError, stringCodec } from "@x/kvpaxos/client";
       import { createTcpTransport } from "@x/kvpaxos/transport/tcp";
       import { createHttpTransport, PEER_PATH } from "@x/kvpaxos/transport/http";
       const store = new KVStore();
       const log = new MemoryLog({ clock: systemClock, random: systemRandom });
       const alone = new Standalone({ log, clock: systemClock, stateMachine: store });
       await alone.start();
       console.log(alone.status().state, new KvError("UNAVAILABLE", "x").retryable, KvError === ClientError);
       await alone.close();
       const server = await startServer({ port: 0, httpPort: null, dataDir: null });
       for (const protocol of ["tcp", "rpc"]) {
         const { port } = server.addresses[protocol === "tcp" ? "tcp" : "http"];
         const client = connect({ servers: [{ host: "127.0.0.1", port }], protocol, codec: stringCodec });
         await client.put("city", protocol);
         console.log((await client.get("city")).value);
         await client.close();
       }
       await server.close();
       const options = { id: 0, peers: [{ host: "127.0.0.1", port: 1 }], cluster: "c" };
       for (const create of [createTcpTransport, createHttpTransport]) create(options).close();
       const http = createHttpTransport(options);
       const call = (path) => http.fetch(new Request("http://x" + path, { method: "POST" })).then(({ status }) => status);
       console.log(await call(PEER_PATH), await call("/"));
       http.close();`,
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
    // Types are looked at through every subpath, and one that is wrong must be seen.
    writeFileSync(
      join(folder, "types.ts"),
      specifiers.map((specifier, index) => `import * as m${index} from "${specifier}";\n`).join("") +
        `import type { KVClient } from "@x/kvpaxos/client";
         import { type RunReport, runSeed } from "@x/kvpaxos/sim";
         import type { TcpTransport } from "@x/kvpaxos/transport/tcp";
         import type { HttpTransport } from "@x/kvpaxos/transport/http";
         export const all: readonly object[] = [${specifiers.map((_, index) => `m${index}`).join(", ")}];
         export const client: KVClient<string> = m0.connect({ codec: m0.stringCodec });
         export const report: Promise<RunReport> = runSeed({ seed: 1 });
         export const transports: readonly m0.Transport[] = [] as (TcpTransport | HttpTransport)[];
         // @ts-expect-error a seed is a number
         void runSeed({ seed: "1" });\n`,
    );
  });

  test("holds the built library and no sources, tests or executables", () => {
    const { paths } = packed;
    const modules = specifiers.map((specifier) => specifier.slice("@x/kvpaxos/".length) || "mod");
    const expected = modules.flatMap((name) => [`dist/${name}.js`, `dist/${name}.d.ts`]);
    const files = ["dist/cli/kvserver.js", "dist/cli/kvclient.js", ...PAGES, "README.md", "LICENSE", "CHANGELOG.md"];
    expect(paths).toEqual(expect.arrayContaining([...expected, ...files]));
    const others = /^(dist\/(?!docs|release|test).*\.(js|d\.ts)|package\.json|README\.md|LICENSE|CHANGELOG\.md)$/;
    expect(paths.filter((path) => !others.test(path) && !PAGES.includes(path))).toEqual([]);
  });

  test("gives whoever installs it globally the commands and their manual pages", { timeout: 120_000 }, (context) => {
    const prefix = installGlobally(packed, join(folder, "global"));
    for (const name of ["kvserver", "kvclient"]) {
      const { stdout } = spawnSync(bin("node"), [join(prefix, "bin", name), "--version"], { encoding: "utf8" });
      expect(stdout).toContain(manifest("package.json").version);
      const page = readFileSync(join(prefix, "share/man/man1", `${name}.1`), "utf8");
      expect(page).toMatch(new RegExp(`^\\.TH ${name} 1`, "im"));
    }
    if (spawnSync("man", ["--version"]).status !== 0) context.skip("man is not installed");
    const env = { ...process.env, MANPATH: join(prefix, "share/man"), MANPAGER: "cat", MANWIDTH: "100" };
    const { stdout, stderr } = spawnSync("man", ["kvserver"], { encoding: "utf8", env });
    expect(stdout, stderr).toMatch(/NAME\s+kvserver .*--data-dir/s);
  });

  test("is as publint says that packages should be", async () => {
    const pkgDir = join(folder, "node_modules/@x/kvpaxos");
    const { messages, pkg } = await publint({ pkgDir, pack: false, strict: true });
    expect(messages.map((message) => formatMessage(message, pkg, { color: false }))).toEqual([]);
  });

  test("has types that are not wrong for whoever imports it as modules", async () => {
    const analysis = await checkPackage(createPackageFromTarballData(readFileSync(packed.tarball)));
    if (analysis.types === false) throw new Error("no types");
    expect(Object.keys(analysis.entrypoints)).toEqual(expect.arrayContaining(["./client", "./transport/tcp"]));
    // There is nothing for require(), nor for resolvers that do not know "exports".
    const problems = analysis.problems.filter((problem) =>
      !("resolutionKind" in problem) || problem.resolutionKind === "node16-esm" || problem.resolutionKind === "bundler"
    );
    expect(problems).toEqual([]);
  });

  test.each([["NodeNext", "NodeNext"], ["ESNext", "bundler"]])(
    "type-checks through every subpath (module %s, moduleResolution %s)",
    { timeout: 120_000 },
    (module, moduleResolution) => {
      // Without skipLibCheck: what the declarations themselves say is looked at, too.
      const args = ["--ignoreConfig", "--noEmit", "--strict", "--target", "ES2023", "--types", "node"];
      args.push("--lib", "ES2023,ESNext.Disposable,DOM", "--typeRoots", join(root, "node_modules/@types"));
      args.push("--module", module, "--moduleResolution", moduleResolution, "types.ts");
      const { stdout } = spawnSync(bin("tsc"), args, { cwd: folder, encoding: "utf8" });
      expect(stdout).toBe("");
    },
  );

  test("type-checks through every subpath on Deno", () => {
    const args = ["check", "--quiet", "--node-modules-dir=manual", "types.ts"];
    const { status, stderr } = spawnSync(bin("deno"), args, { cwd: folder, encoding: "utf8" });
    expect(status, stderr).toBe(0);
  });

  test.each(RUNTIMES)("imports and works on %s", (_, command, args) => {
    expect(outputOn(folder, command, args, "use.mjs")).toBe("serving true true\ntcp\nrpc\n400 404\n");
  });

  const hashes: string[] = [];
  test.each(RUNTIMES)("simulates and checks on %s, with the trace hash of the others", (_, command, args) => {
    const output = outputOn(folder, command, args, "simulate.mjs");
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

  test("loads no server with the library before one is started, and none at all with the client", async () => {
    const library = await bundle("@x/kvpaxos", "node");
    const client = await bundle("@x/kvpaxos/client", "node");
    const inner = ["KVStore", "Paxos", "TwoPhaseCommit", "SegmentedLog"];
    const asked = ["KVClient", ...inner, "Service", "ServerContext", "Hono", "LoggerImpl"];
    expect(asked.filter((name) => hasClass(library, name))).toEqual(["KVClient", ...inner]);
    expect(asked.filter((name) => hasClass(client, name))).toEqual(["KVClient"]);
  });
});
