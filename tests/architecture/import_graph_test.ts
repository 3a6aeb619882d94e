/**
 * Imports point inward: cli → server → adapters → ports, and the portable rooms know no runtime. The table
 * below is design as data; a breach names the file, the import and the rule.
 */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import ts from "typescript";
import { describe, expect, test } from "vitest";

const root = resolve(import.meta.dirname, "../..");

/** For each room the rooms (or single files) it may import, besides itself. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  "src/codec": [],
  "src/ports": ["src/codec"],
  "src/core": ["src/ports", "src/codec"],
  "src/log": ["src/ports", "src/codec"],
  // The client shares the commands, results and errors with the core: plain data and its bytes, no behaviour.
  "src/client": [
    "src/ports",
    "src/codec",
    "src/core/errors.ts",
    "src/core/kv/command.ts",
    "src/core/kv/command_codec.ts",
    "src/core/kv/result.ts",
    "src/core/kv/result_codec.ts",
    "src/core/kv/json",
    "src/core/kv/limits.ts",
    "src/core/kv/stale_read.ts",
  ],
  "src/adapters": ["src/ports", "src/codec", "src/core", "src/client", "src/log"],
  "src/server": ["src/adapters", "src/ports", "src/codec", "src/core", "src/log", "src/version.ts", "src/core/kv"],
  "src/sim": ["src/ports", "src/codec", "src/core", "src/log", "src/client"],
  "cli": ["src"],
  "mod.ts": ["src"],
};

/** The packages a room may import; none where it is not listed. `node:` means every built-in module. */
const MAY_DEPEND_ON: Readonly<Record<string, readonly string[]>> = {
  "src/core/kv/ordered_index.ts": ["sorted-btree"],
  "src/adapters": ["node:", "hono", "@hono/node-server"],
  "src/server": ["node:", "hono", "hono-openapi", "valibot", "@valibot/to-json-schema", "@logtape/logtape"],
  "cli": ["node:", "@std/cli", "@logtape/logtape", "@humanwhocodes/momoa", "smol-toml"],
};

interface Import {
  readonly file: string;
  readonly specifier: string;
  readonly typeOnly: boolean;
}

function sourceFiles(folder: string): string[] {
  return readdirSync(join(root, folder)).flatMap((name) => {
    const path = join(folder, name);
    if (statSync(join(root, path)).isDirectory()) return sourceFiles(path);
    return name.endsWith(".ts") && !name.endsWith(".d.ts") ? [path] : [];
  });
}

function importsOf(file: string, text: string): Import[] {
  const imports: Import[] = [];
  const visit = (node: ts.Node): void => {
    if ((ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) && node.moduleSpecifier !== undefined) {
      const typeOnly = ts.isImportDeclaration(node) ? node.importClause?.isTypeOnly === true : node.isTypeOnly;
      imports.push({ file, specifier: (node.moduleSpecifier as ts.StringLiteral).text, typeOnly });
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      const [argument] = node.arguments;
      const specifier = argument !== undefined && ts.isStringLiteral(argument) ? argument.text : "<computed>";
      imports.push({ file, specifier, typeOnly: false });
    }
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(file, text, ts.ScriptTarget.Latest));
  return imports;
}

function within(path: string, rooms: readonly string[]): boolean {
  return rooms.some((room) => path === room || path.startsWith(room + "/"));
}

/** What is wrong with an import, or null. */
function breachOf({ file, specifier, typeOnly }: Import): string | null {
  if (specifier.startsWith(".")) {
    if (!specifier.endsWith(".ts")) return `${file}: "${specifier}" does not end in .ts`;
    const target = relative(root, resolve(root, dirname(file), specifier));
    const room = Object.keys(MAY_IMPORT).find((candidate) => within(file, [candidate]));
    if (room === undefined) return within(file, ["src/version.ts"]) ? null : `${file} stands in no known room`;
    if (within(target, [room, ...MAY_IMPORT[room]!])) return null;
    // The typed RPC stub is made from the server's type and nothing of its code.
    if (typeOnly && file === "src/adapters/rpc_connection.ts" && within(target, ["src/server/http"])) return null;
    return `${file} must not import ${target}`;
  }
  const allowed = Object.entries(MAY_DEPEND_ON).filter(([room]) => within(file, [room])).flatMap(([, names]) => names);
  const good = allowed.some((name) =>
    name === "node:" ? specifier.startsWith("node:") : specifier === name || specifier.startsWith(name + "/")
  );
  return good ? null : `${file} must not depend on "${specifier}"`;
}

describe("the import graph", () => {
  const files = ["mod.ts", ...sourceFiles("src"), ...sourceFiles("cli")];
  const imports = files.flatMap((file) => importsOf(file, readFileSync(join(root, file), "utf8")));

  test("is read whole", () => {
    expect(files.length).toBeGreaterThan(40);
    expect(imports.length).toBeGreaterThan(files.length);
  });

  test("points inward", () => {
    expect(imports.map(breachOf).filter((breach) => breach !== null)).toEqual([]);
  });

  test("would show a breach", () => {
    const breaches = [
      ...importsOf("src/core/x.ts", 'import { a } from "../server/service.ts";'),
      ...importsOf("src/log/x.ts", 'import { open } from "node:fs";'),
      ...importsOf("src/client/x.ts", 'const a = await import("../adapters/node_disk.ts");'),
      ...importsOf("src/ports/x.ts", 'export * from "./clock.js";'),
      ...importsOf("src/server/x.ts", 'import type { A } from "../../cli/flags.ts";'),
    ].map(breachOf);
    expect(breaches).toHaveLength(5);
    expect(breaches).not.toContain(null);
  });

  test("has no cycles between files but through types", () => {
    const edges = new Map<string, string[]>();
    for (const { file, specifier, typeOnly } of imports) {
      if (!specifier.startsWith(".") || typeOnly) continue;
      const target = relative(root, resolve(root, dirname(file), specifier));
      edges.set(file, [...(edges.get(file) ?? []), target]);
    }
    const done = new Set<string>();
    const cycles: string[] = [];
    const walk = (file: string, path: readonly string[]): void => {
      if (path.includes(file)) {
        cycles.push([...path.slice(path.indexOf(file)), file].join(" → "));
        return;
      }
      if (done.has(file)) return;
      for (const next of edges.get(file) ?? []) walk(next, [...path, file]);
      done.add(file);
    };
    for (const file of files) walk(file, []);
    expect(cycles).toEqual([]);
  });
});
