import { describe, expect, it } from "vitest";
import { textToBytes } from "../../../src/codec/bytes.ts";
import type { KvError } from "../../../src/core/errors.ts";
import type { Access } from "../../../src/server/access/access.ts";
import { Logins } from "../../../src/server/access/logins.ts";
import {
  drawToken,
  formatPasswordHash,
  formatTokenHash,
  hashPassword,
  hashToken,
  parsePasswordHash,
} from "../../../src/server/access/secrets.ts";
import { parseUsers } from "../../../src/server/access/user_table.ts";
import { ManualClock } from "../../support/manual_clock.ts";
import { keepSecret, secret } from "../../support/secrets/secrets.ts";

const PASSWORD = secret("logins");
const ROOT = secret("logins root");
const PLAIN = secret("plain");

/** Cheap: the tests are not about the cost. */
const hashed = async (password: string): Promise<string> =>
  formatPasswordHash(await hashPassword(textToBytes(password), 16));

function enter(logins: Logins, user: string, password: string, from = "10.0.0.1"): Promise<Access | KvError> {
  return new Promise((resolve) => {
    logins.login(user, textToBytes(password), from, (error, access) => resolve(access ?? error!));
  });
}

async function usersText(): Promise<{ readonly text: string; readonly token: string }> {
  const token = keepSecret(drawToken());
  const lines = [
    "# a comment",
    "",
    JSON.stringify({ user: "app", role: "read-write", prefixes: ["app/"], password: await hashed(PASSWORD) }),
    JSON.stringify({
      user: "metrics",
      role: "read-only",
      tokens: [formatTokenHash(hashToken(textToBytes(token)))],
    }),
  ];
  return { text: lines.join("\n"), token };
}

describe("a file of users", () => {
  it("is read line by line", async () => {
    const users = parseUsers((await usersText()).text);
    expect([...users.keys()]).toEqual(["app", "metrics"]);
    expect(users.get("app")!.access).toEqual({ user: "app", role: "read-write", prefixes: ["app/"] });
    expect(users.get("metrics")!.access.prefixes).toBeNull();
  });

  it("names the line that is wrong and what would do, and never repeats it", async () => {
    const good = JSON.stringify({ user: "a", role: "read-only", password: await hashed("x") });
    const cases: [line: string, says: string][] = [
      ["{", "no JSON object"],
      ["[]", "no JSON object"],
      [`{"user":"b","role":"admin","password":"${PLAIN}"}`, "read-only or read-write"],
      [`{"user":"b","role":"read-only","password":"${PLAIN}"}`, "kvclient users hash"],
      [`{"user":"b","role":"read-only","tokens":["${PLAIN}"]}`, "kvclient users token"],
      ['{"user":"b","role":"read-only"}', "neither a password nor tokens"],
      [`{"user":"b c","role":"read-only","password":"${PLAIN}"}`, "no spaces"],
      [`{"user":"b","role":"read-only","prefixes":[],"password":"${PLAIN}"}`, "at least one"],
      [`{"user":"b","role":"read-only","pasword":"${PLAIN}"}`, 'unknown field "pasword"'],
      [good, "twice"],
      // 2^30 · 8 · 128 bytes of memory.
      [
        `{"user":"b","role":"read-only","password":"scrypt$16777216$8$1$${"A".repeat(22)}$${"A".repeat(43)}"}`,
        "no hash",
      ],
    ];
    for (const [line, says] of cases) {
      let message = "";
      try {
        parseUsers(`${good}\n${line}\n`);
      } catch (error) {
        message = (error as Error).message;
      }
      expect(message).toContain("line 2: ");
      expect(message).toContain(says);
      expect(message).not.toContain(PLAIN);
    }
  });

  it("holds hashes that differ for the same password", async () => {
    const [one, other] = [await hashed("same"), await hashed("same")];
    expect(one).not.toBe(other);
    expect(one).not.toContain("same");
    expect(parsePasswordHash(one)).toMatchObject({ cost: 16, blockSize: 8 });
  });
});

describe("logins", () => {
  it("let everybody in, as the default user, where there are neither users nor a password", async () => {
    const logins = new Logins({ clock: new ManualClock() });
    expect(logins.isOpen).toBe(true);
    expect(await enter(logins, "default", ROOT)).toMatchObject({ user: "default" });
    expect(await enter(logins, "app", "x")).toMatchObject({ code: "UNAUTHENTICATED" });
  });

  it("let in who knows the password or a token, and nobody else", async () => {
    const { text, token } = await usersText();
    const logins = new Logins({ clock: new ManualClock(), users: parseUsers(text) });
    expect(logins.anonymous).toBeNull();
    expect(await enter(logins, "app", PASSWORD)).toMatchObject({ user: "app", role: "read-write" });
    expect(await enter(logins, "metrics", token)).toMatchObject({ user: "metrics", role: "read-only" });
    for (
      const [user, password] of [["app", PASSWORD.slice(0, -1)], ["app", ""], ["nobody", PASSWORD], [
        "metrics",
        PASSWORD,
      ]]
    ) {
      expect(await enter(logins, user!, password!)).toMatchObject({ code: "UNAUTHENTICATED" });
    }
    expect(await enter(logins, "app", token)).toMatchObject({ code: "UNAUTHENTICATED" });
    expect(await enter(logins, "default", "")).toMatchObject({ code: "UNAUTHENTICATED" });
    expect(await enter(logins, "app", "x".repeat(2000))).toMatchObject({ code: "UNAUTHENTICATED" });
    expect(logins.bearer(textToBytes(token), "a")).toMatchObject({ user: "metrics" });
    expect(logins.bearer(textToBytes(PASSWORD), "a")).toMatchObject({ code: "UNAUTHENTICATED" });
  });

  it("compute a slow hash off the event loop, and know who was right once without it", async () => {
    const { text } = await usersText();
    const logins = new Logins({ clock: new ManualClock(), users: parseUsers(text) });
    let isDone = false;
    const first = enter(logins, "app", PASSWORD).then(() => isDone = true);
    await Promise.resolve();
    expect(isDone).toBe(false);
    await first;
    let now: Access | null = null;
    logins.login("app", textToBytes(PASSWORD), "10.0.0.1", (_error, access) => now = access);
    expect(now).toMatchObject({ user: "app" });
    now = null;
    logins.login("app", textToBytes("s3cre1"), "10.0.0.1", (_error, access) => now = access);
    expect(now).toBeNull();
  });

  it("hear no more passwords for a user from an address that gave ten wrong ones, until a minute is over", async () => {
    const { text, token } = await usersText();
    const clock = new ManualClock();
    const logins = new Logins({ clock, password: ROOT, users: parseUsers(text) });
    for (let i = 0; i < 10; i++) await enter(logins, "app", `guess ${i}`);
    expect((await enter(logins, "app", PASSWORD) as KvError).message).toMatch(/too many wrong passwords; wait \d+ s/);
    // Others are not kept out by that, nor the same user from elsewhere.
    expect(await enter(logins, "app", PASSWORD, "10.0.0.2")).toMatchObject({ user: "app" });
    expect(await enter(logins, "metrics", token)).toMatchObject({ user: "metrics" });
    for (let i = 0; i < 10; i++) logins.bearer(textToBytes(`guess ${i}`), "10.0.0.1");
    expect(logins.bearer(textToBytes(ROOT), "10.0.0.1")).toMatchObject({ code: "UNAUTHENTICATED" });
    expect(logins.bearer(textToBytes(token), "10.0.0.1")).toMatchObject({ user: "metrics" });
    clock.advance(60_001);
    expect(await enter(logins, "app", PASSWORD)).toMatchObject({ user: "app" });
    expect(logins.bearer(textToBytes(ROOT), "10.0.0.1")).toMatchObject({ user: "default" });
  });

  it("refuse to queue more than a hundred slow hashes", async () => {
    const { text } = await usersText();
    const logins = new Logins({ clock: new ManualClock(), users: parseUsers(text) });
    const outcomes = await Promise.all(
      Array.from({ length: 150 }, (_, i) => enter(logins, "app", secret("wrong"), `10.0.1.${i}`)),
    );
    const codes = outcomes.map((outcome) => (outcome as KvError).code);
    expect(codes.filter((code) => code === "UNAVAILABLE").length).toBe(49);
    expect(codes.filter((code) => code === "UNAUTHENTICATED").length).toBe(101);
  });

  it("forget what they knew when the users are others", async () => {
    const { text } = await usersText();
    const logins = new Logins({ clock: new ManualClock(), users: parseUsers(text) });
    const before = await enter(logins, "app", PASSWORD) as Access;
    logins.replaceUsers(parseUsers(`${text}\n`));
    expect(logins.isStill(before)).toBe(true);
    logins.replaceUsers(parseUsers(JSON.stringify({ user: "app", role: "read-only", password: await hashed("new") })));
    expect(logins.isStill(before)).toBe(false);
    expect(await enter(logins, "app", PASSWORD)).toMatchObject({ code: "UNAUTHENTICATED" });
    expect(await enter(logins, "app", "new")).toMatchObject({ role: "read-only" });
  });
});
