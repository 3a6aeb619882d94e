/**
 * The examples in documents and module docs are code that works: all compile against the built package, and all but those
 * that are listed are run, with a server at the address that they name, and print what their comments say.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Servers } from "../e2e/support/server_process.ts";
import { freePorts } from "../support/free_ports.ts";

const root = resolve(import.meta.dirname, "../..");
const bin = (name: string): string => join(root, "node_modules/.bin", name);

interface Example {
  readonly name: string;
  readonly code: string;
}

/** The blocks of TypeScript in a document or a doc comment that use the package, or a client of Redis in its place. */
function examplesOf(path: string): Example[] {
  const text = readFileSync(join(root, path), "utf8").replaceAll(/^ \* ?/gm, "");
  const blocks = [...text.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code]) => code!);
  return blocks.filter((code) => /"(@x\/kvpaxos.*|ioredis)"/.test(code))
    .map((code, index) => ({ name: `${path.replaceAll(/[/.]/g, "_")}_${index + 1}`, code }));
}

/** What an example says that it prints: the comments after its calls of `console.log`. */
function printedBy(code: string): string {
  return [...code.matchAll(/console\.log\(.*\); \/\/ (.*)$/gm)].map(([, printed]) => printed!.split(", ")[0]! + "\n")
    .join("");
}

/** What an example has that makes it one which is not run, and why. */
const NOT_RUN: readonly (readonly [has: string, why: string])[] = [
  ["declare class", "leaves out what is the reader's; docs/examples/own_state_machine.ts is whole, and run"],
  [
    "https://example.com",
    "asks a server of the reader's; docs/examples/leader_election.ts and tests/e2e/locks_test.ts are run",
  ],
  ["@opentelemetry", "goes on for ever; tests/server/metrics/tracing_test.ts runs the same"],
  [
    'readFileSync("ca.pem"',
    "asks servers of the reader's; tests/adapters/tls_test.ts and tests/e2e/tls_test.ts run the same",
  ],
];

const documents = ["README.md", ...readdirSync(join(root, "docs")).map((name) => `docs/${name}`)]
  .filter((name) => name.endsWith(".md"));
const examples = [
  ...documents,
  "mod.ts",
  "src/adapters/client.ts",
  "src/sim/sim.ts",
  "src/core/two_phase_commit/two_phase_commit.ts",
].flatMap(
  examplesOf,
);
const runnable = examples.filter(({ code }) => NOT_RUN.every(([has]) => !code.includes(has)));

describe("the examples", () => {
  let folder = "";
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "kvpaxos-examples-"));
    mkdirSync(join(folder, "node_modules", "@x"), { recursive: true });
    symlinkSync(root, join(folder, "node_modules", "@x", "kvpaxos"));
    for (const name of ["@opentelemetry", "@types", "ioredis"]) {
      symlinkSync(join(root, "node_modules", name), join(folder, "node_modules", name));
    }
    for (const { name, code } of examples) writeFileSync(join(folder, `${name}.ts`), code);
    writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
    // What uses the package needs no types of Node, so that only those examples get them that import from it.
    const ofNode = examples.filter(({ code }) => code.includes('"node:')).map(({ name }) => `${name}.ts`);
    const others = examples.map(({ name }) => `${name}.ts`).filter((name) => !ofNode.includes(name));
    for (const [name, types, files] of [["tsconfig.json", [], others], ["node.json", ["node"], ofNode]] as const) {
      writeFileSync(
        join(folder, name),
        JSON.stringify({
          compilerOptions: {
            target: "ES2023",
            lib: ["ES2023", "ESNext.Disposable", "DOM"],
            module: "NodeNext",
            strict: true,
            noEmit: true,
            skipLibCheck: true,
            types,
          },
          files,
        }),
      );
    }
  });
  const servers = new Servers();
  afterAll(async () => {
    await servers.close();
    rmSync(folder, { recursive: true, force: true });
  });

  test("are found", () => {
    expect(examples.length).toBeGreaterThan(5);
    expect(runnable.length).toBeGreaterThan(1);
  });

  test.each(["tsconfig.json", "node.json"])("compile against the types of the package, by %s", (project) => {
    const { stdout, stderr } = spawnSync(bin("tsc"), ["-p", join(folder, project)], { encoding: "utf8" });
    expect(stdout + stderr).toBe("");
  });

  test("are all run, but for those that say why not", () => {
    for (const [has] of NOT_RUN) expect(examples.some(({ code }) => code.includes(has)), has).toBe(true);
    expect(examples.length - runnable.length).toBe(5);
  });

  test.each(runnable)("in $name print what they say", { timeout: 60_000 }, async ({ name, code }) => {
    const own = join(folder, name);
    mkdirSync(own);
    symlinkSync(join(folder, "node_modules"), join(own, "node_modules"));
    writeFileSync(join(own, "package.json"), '{ "type": "module" }');
    // One server for each, alone, in place of those that the reader has started.
    const server = await servers.start({ port: (await freePorts(1))[0]! });
    const [free] = await freePorts(1);
    const isServer = code.includes("startServer({ port: 32000");
    const here = code.replaceAll(/\b320\d\d\b/g, String(isServer ? free : server.port))
      .replaceAll(/\b330\d\d\b/g, String(free! + 1000));
    writeFileSync(join(own, "example.ts"), here);
    const { status, stdout, stderr } = spawnSync(bin("node"), ["example.ts"], {
      cwd: own,
      encoding: "utf8",
      timeout: 30_000,
    });
    await server.stop();
    expect([status, stderr]).toEqual([0, ""]);
    if (printedBy(code) !== "") expect(stdout).toBe(printedBy(code));
  });
});
