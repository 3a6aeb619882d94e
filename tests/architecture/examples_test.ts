/**
 * The examples in documents and module docs are code that works: all compile against the built package, and those that
 * need no server are run and print what their comments say.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const root = resolve(import.meta.dirname, "../..");
const bin = (name: string): string => join(root, "node_modules/.bin", name);

interface Example {
  readonly name: string;
  readonly code: string;
}

/** The blocks of TypeScript in a document or a doc comment that use the package. */
function examplesOf(path: string): Example[] {
  const text = readFileSync(join(root, path), "utf8").replaceAll(/^ \* ?/gm, "");
  const blocks = [...text.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code]) => code!);
  return blocks.filter((code) => code.includes('"@x/kvpaxos'))
    .map((code, index) => ({ name: `${path.replaceAll(/[/.]/g, "_")}_${index + 1}`, code }));
}

/** What an example says that it prints: the comments after its calls of `console.log`. */
function printedBy(code: string): string {
  return [...code.matchAll(/console\.log\(.*\); \/\/ (.*)$/gm)].map(([, printed]) => printed + "\n").join("");
}

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
const runnable = examples.filter(({ code }) => !/"@x\/kvpaxos(\/client)?"/.test(code));

describe("the examples", () => {
  let folder = "";
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "kvpaxos-examples-"));
    mkdirSync(join(folder, "node_modules", "@x"), { recursive: true });
    symlinkSync(root, join(folder, "node_modules", "@x", "kvpaxos"));
    symlinkSync(join(root, "node_modules/@opentelemetry"), join(folder, "node_modules/@opentelemetry"));
    for (const { name, code } of examples) writeFileSync(join(folder, `${name}.ts`), code);
    writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
    writeFileSync(
      join(folder, "tsconfig.json"),
      JSON.stringify({
        compilerOptions: {
          target: "ES2023",
          lib: ["ES2023", "ESNext.Disposable", "DOM"],
          module: "NodeNext",
          strict: true,
          noEmit: true,
          skipLibCheck: true,
          types: [],
        },
        include: ["*.ts"],
      }),
    );
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test("are found", () => {
    expect(examples.length).toBeGreaterThan(5);
    expect(runnable.length).toBeGreaterThan(1);
  });

  test("compile against the types of the package", () => {
    const { stdout, stderr } = spawnSync(bin("tsc"), ["-p", folder], { encoding: "utf8" });
    expect(stdout + stderr).toBe("");
  });

  test.each(runnable)("in $name print what they say", ({ name, code }) => {
    const { stdout, stderr } = spawnSync(bin("node"), [`${name}.ts`], {
      cwd: folder,
      encoding: "utf8",
      timeout: 30_000,
    });
    expect(stderr).toBe("");
    expect(stdout).toBe(printedBy(code));
    expect(stdout).not.toBe("");
  });
});
