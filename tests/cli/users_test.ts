import { describe, expect, it } from "vitest";
import { textToBytes, toHex } from "../../src/codec/bytes.ts";
import { hashToken, isHashed } from "../../src/server/access/secrets.ts";
import { parseUsers } from "../../src/server/access/user_table.ts";
import { runClient } from "../../cli/kvclient/run.ts";
import { FakeTerminal } from "./fakes.ts";
import { secret } from "../support/secrets/secrets.ts";

const PASSWORD = secret("hashed");

async function users(
  args: readonly string[],
  input = "",
): Promise<{ readonly code: number; readonly output: string; readonly error: string }> {
  const terminal = new FakeTerminal({ args: ["users", ...args], input });
  const code = await runClient(terminal, () => {
    throw new Error("users talks to no server");
  });
  return { code, output: terminal.output, error: terminal.error };
}

describe("kvclient users", () => {
  it("hash makes a line with the hash of the password from standard input", async () => {
    const args = ["hash", "--name", "app", "--role", "read-write", "--prefixes", "app/,tmp/"];
    const { code, output, error } = await users(args, `${PASSWORD}\nmore\n`);
    expect([code, error]).toEqual([0, ""]);
    expect(output).not.toContain(PASSWORD);
    const user = parseUsers(output).get("app")!;
    expect(user.access).toEqual({ user: "app", role: "read-write", prefixes: ["app/", "tmp/"] });
    expect(await isHashed(textToBytes(PASSWORD), user.password!)).toBe(true);
    expect(await isHashed(textToBytes(`${PASSWORD}\n`), user.password!)).toBe(false);
  });

  it("token draws a token, shows it once on standard error, and prints its hash", async () => {
    const { code, output, error } = await users(["token", "--name", "metrics"]);
    expect(code).toBe(0);
    const token = / ([\w-]{43})\n$/.exec(error)![1]!;
    expect(output).not.toContain(token);
    const user = parseUsers(output).get("metrics")!;
    expect(user.access.role).toBe("read-only");
    expect(toHex(user.tokens[0]!)).toBe(toHex(hashToken(textToBytes(token))));
    expect((await users(["token", "--name", "metrics"])).error).not.toBe(error);
  });

  it("says what is missing", async () => {
    expect(await users(["hash"], "x")).toMatchObject({ code: 2, error: expect.stringContaining("--name") });
    expect(await users(["hash", "--name", "a"], "\n")).toMatchObject({
      code: 2,
      error: expect.stringContaining("1 to"),
    });
    expect(await users(["hash", "--name", "a b"], "x")).toMatchObject({ code: 2 });
    expect(await users(["salt", "--name", "a"])).toMatchObject({ code: 2, error: expect.stringContaining("hash") });
  });
});
