import { describe, expect, test } from "vitest";
import type { LogLevel, LogLevels } from "../../../src/server/log_levels.ts";
import { body, createFixture, type Fixture, problem } from "./http_fixture.ts";
import { secret } from "../../support/secrets/secrets.ts";

function recorded(): LogLevels {
  const levels = new Map<string, LogLevel>([["kvpaxos", "info"]]);
  return {
    levels: () => Object.fromEntries(levels),
    setLevel: (category, level) => {
      if (category === "elsewhere") throw new RangeError("there is no category elsewhere");
      if (level === null) levels.delete(category);
      else levels.set(category, level);
    },
  };
}

function put({ request }: Fixture, json: unknown): Promise<Response> {
  return request("PUT", "/v1/admin/log-level", {
    body: body(JSON.stringify(json)),
    headers: { "Content-Type": "application/json" },
  });
}

describe("/v1/admin/log-level", () => {
  test("shows the levels, sets one and takes it away", async () => {
    const fixture = createFixture({ logLevels: recorded() });
    const shown = await fixture.request("GET", "/v1/admin/log-level");
    expect(await shown.json()).toEqual({ levels: { kvpaxos: "info" } });
    const set = await put(fixture, { category: "kvpaxos.server", level: "debug" });
    expect(await set.json()).toEqual({ levels: { kvpaxos: "info", "kvpaxos.server": "debug" } });
    const taken = await put(fixture, { category: "kvpaxos.server", level: null });
    expect(await taken.json()).toEqual({ levels: { kvpaxos: "info" } });
  });

  test("refuses what is no level and no category", async () => {
    const fixture = createFixture({ logLevels: recorded() });
    for (
      const json of [{}, { category: "kvpaxos" }, { category: "kvpaxos", level: "loud" }, {
        category: 1,
        level: "info",
      }]
    ) {
      expect(await problem(await put(fixture, json))).toMatchObject({ status: 400, code: "INVALID_ARGUMENT" });
    }
    expect(await problem(await put(fixture, { category: "elsewhere", level: "info" }))).toMatchObject({
      status: 400,
      detail: "there is no category elsewhere",
    });
  });

  test("is not there when the program around the server logs as it likes", async () => {
    const fixture = createFixture();
    expect(await problem(await fixture.request("GET", "/v1/admin/log-level"))).toMatchObject({ status: 404 });
    expect(await problem(await put(fixture, { category: "kvpaxos", level: "info" }))).toMatchObject({ status: 404 });
  });

  test("wants the password", async () => {
    const fixture = createFixture({ logLevels: recorded(), password: secret("log levels") });
    expect((await put(fixture, { category: "kvpaxos", level: "debug" })).status).toBe(401);
  });
});
