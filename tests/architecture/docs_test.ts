/** What the documents list is what the code has. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { commandTable } from "../../src/server/resp/command_table.ts";

const root = resolve(import.meta.dirname, "../..");
const read = (path: string): string => readFileSync(join(root, path), "utf8");

describe("docs/errors.md", () => {
  const codes = [...read("src/core/errors.ts").split("export class")[0]!.matchAll(/^ {2}\| "([A-Z_]+)"/gm)].map((m) =>
    m[1]!
  );

  test("has one heading and one row for each code, and no others", () => {
    const text = read("docs/errors.md");
    expect(codes.length).toBeGreaterThan(15);
    expect([...text.matchAll(/^## ([A-Z_]+)$/gm)].map((m) => m[1]!).toSorted()).toEqual(codes.toSorted());
    expect([...text.matchAll(/^\| `([A-Z_]+)` \|/gm)].map((m) => m[1]!).toSorted()).toEqual(codes.toSorted());
  });
});

describe("docs/protocol.md", () => {
  test("names every RESP command", () => {
    const text = read("docs/protocol.md");
    const missing = commandTable.all.map(({ name }) => name.toUpperCase()).filter((name) =>
      !new RegExp(`\\b${name}\\b`).test(text)
    );
    expect(missing).toEqual([]);
  });
});

describe("README.md and docs", () => {
  test("name only files and npm scripts that exist", () => {
    const { scripts } = JSON.parse(read("package.json")) as { scripts: Readonly<Record<string, string>> };
    const documents = ["README.md", "CONTRIBUTING.md", ...readdirSync(join(root, "docs")).map((name) => `docs/${name}`)]
      .filter((name) => name.endsWith(".md"));
    const missing: string[] = [];
    for (const document of documents) {
      const text = read(document);
      for (const [path] of text.matchAll(/\b(?:docs|src|tests|bench|deploy|cli)\/[\w./-]*\w\.\w+/g)) {
        if (!existsSync(join(root, path))) missing.push(`${document}: ${path}`);
      }
      for (const [, name] of text.matchAll(/npm run ([\w:]+)/g)) {
        if (scripts[name!] === undefined) missing.push(`${document}: npm run ${name}`);
      }
    }
    expect(missing).toEqual([]);
  });

  test("have links only to what is there", () => {
    const documents = ["README.md", ...readdirSync(join(root, "docs")).map((name) => `docs/${name}`)]
      .filter((name) => name.endsWith(".md"));
    const links = documents.flatMap((document) =>
      [...read(document).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => ({ document, target: target! }))
    ).filter(({ target }) => !/^https?:/.test(target));
    const broken = links.filter(({ document, target }) => {
      const [path, anchor] = target.split("#") as [string, string?];
      const file = path === "" ? document : join(document, "..", path);
      return !existsSync(join(root, file)) || (anchor !== undefined && !anchorsOf(read(file)).includes(anchor));
    });
    expect(links.length).toBeGreaterThan(10);
    expect(broken).toEqual([]);
  });
});

/** The names by which the headings of a document are linked to. */
function anchorsOf(text: string): string[] {
  return [...text.matchAll(/^#{1,6} (.*)$/gm)].map(([, heading]) =>
    heading!.toLowerCase().replaceAll(/[^\p{L}\p{N}\s_-]/gu, "").trim().replaceAll(/\s+/g, "-")
  );
}
