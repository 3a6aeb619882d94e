import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { toBase64 } from "../../../src/codec/base64.ts";
import { textToBytes, toHex } from "../../../src/codec/bytes.ts";
import { searchFolder } from "./search.ts";
import { keepSecret } from "./secrets.ts";

// Not one that is kept: it is said here on purpose.
const SECRET = "open, sésame! ".repeat(2);

describe("the search for secrets in what was said", () => {
  let folder = "";
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "kvpaxos-search-"));
    writeFileSync(join(folder, "secrets.jsonl"), `${JSON.stringify(SECRET)}\n${JSON.stringify(SECRET)}\n`);
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const basic = (user: string): string => toBase64(textToBytes(`${user}:${SECRET}`));
  test.each([
    ["as it is", SECRET],
    ["in JSON", JSON.stringify({ password: `${SECRET}"` })],
    ["in an address", `http://user:${encodeURIComponent(SECRET)}@host/`],
    ["in hexadecimal", toHex(textToBytes(SECRET))],
    ["in base64", toBase64(textToBytes(SECRET))],
    ["in a header of a user of one letter", basic("u")],
    ["in a header of a user of two letters", basic("me")],
    ["in a header of a user of three letters", basic("app")],
    ["in base64 for addresses", basic("me").replaceAll("+", "-").replaceAll("/", "_")],
  ])("finds it %s", (_, form) => {
    writeFileSync(join(folder, "server.1.log"), "x".repeat(100_000) + `before ${form} after`);
    const { secrets, files, leaks } = searchFolder(folder);
    expect([secrets, files]).toEqual([1, 1]);
    expect(leaks.map(({ secret, file }) => [secret, file])).toContainEqual([SECRET, "server.1.log"]);
    expect(leaks[0]!.context).toMatch(/^x+before .* after$/);
  });

  test("finds a line of a private key by itself", () => {
    const line = "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg";
    const key = `-----BEGIN PRIVATE KEY-----\n${line}\n${line.toLowerCase()}\n-----END PRIVATE KEY-----\n`;
    writeFileSync(join(folder, "secrets.jsonl"), `${JSON.stringify(key)}\n`);
    writeFileSync(join(folder, "server.1.log"), `cannot use "${line}"`);
    expect(searchFolder(folder).leaks).toHaveLength(1);
  });

  test("finds none in what is not one", () => {
    writeFileSync(join(folder, "server.1.log"), `${SECRET.slice(1)} ${toBase64(textToBytes(SECRET.slice(1)))}`);
    expect(searchFolder(folder)).toMatchObject({ secrets: 1, files: 1, leaks: [] });
  });
});

describe("a secret of a test", () => {
  test("is long enough not to be found by chance", () => {
    expect(() => keepSecret("secret")).toThrow('"secret" is shorter than 8 characters');
  });

  test("is one that the search knows: no test has a password or secret of its own", () => {
    const folder = new URL("../..", import.meta.url).pathname;
    const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((path) => path.endsWith(".ts"));
    const own =
      /\b(password|token|[cC]lusterSecret|KV(SERVER|CLIENT)_(PASSWORD|CLUSTER_SECRET)): "\w[^"]+"|"--password", "\w[^"]+"/g;
    const found = files.flatMap((path) => {
      return [...readFileSync(join(folder, path), "utf8").matchAll(own)].map(([text]) => `${path}: ${text}`);
    });
    expect(files.length).toBeGreaterThan(200);
    expect(found).toEqual([]);
  });
});
