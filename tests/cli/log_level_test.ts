import { afterEach, describe, expect, it } from "vitest";
import type { LogLevel } from "../../src/server/log_levels.ts";
import { type RunningServer, startServer } from "../../src/server/server.ts";
import { kvclient } from "./fakes.ts";
import { secret } from "../support/secrets/secrets.ts";

const PASSWORD = secret("log level");

let server: RunningServer | null = null;
afterEach(async () => {
  await server?.close();
  server = null;
});

/** Starts a server whose levels are a map; returns the flags that name it. */
async function start(password: string | null = null): Promise<string[]> {
  const levels = new Map<string, LogLevel>([["kvpaxos", "info"]]);
  const logLevels = {
    levels: () => Object.fromEntries(levels),
    setLevel: (category: string, level: LogLevel | null) => {
      if (level === null) levels.delete(category);
      else levels.set(category, level);
    },
  };
  server = await startServer({ port: 0, httpPort: null, dataDir: null, logLevels, password });
  return ["--port", String(server.addresses.tcp.port), "--http-port", String(server.addresses.http!.port)];
}

describe("kvclient log-level", () => {
  it("shows the levels, sets one, and takes it away", async () => {
    const flags = await start();
    const at = `127.0.0.1:${server!.addresses.http!.port}`;
    expect(await kvclient(["log-level", ...flags])).toMatchObject({ code: 0, output: `${at}  kvpaxos info\n` });
    expect(await kvclient(["log-level", "DEBUG", "--category", "kvpaxos.server", ...flags])).toMatchObject({
      code: 0,
      output: `${at}  kvpaxos info, kvpaxos.server debug\n`,
    });
    const { output } = await kvclient(["log-level", "inherit", "--category", "kvpaxos.server", "-o", "json", ...flags]);
    expect(JSON.parse(output)).toEqual([{ server: at, levels: { kvpaxos: "info" } }]);
  });

  it("refuses what is no level before anything is sent", async () => {
    expect(await kvclient(["log-level", "loud"])).toMatchObject({
      code: 2,
      error: expect.stringContaining("trace, debug"),
    });
    expect((await kvclient(["log-level", "--category", "kvpaxos"])).code).toBe(2);
  });

  it("sends the password, and says which server did not answer", async () => {
    const flags = await start(PASSWORD);
    expect((await kvclient(["log-level", ...flags])).code).toBe(1);
    expect((await kvclient(["log-level", "--password", PASSWORD, ...flags])).code).toBe(0);
    await server!.close();
    const { code, output } = await kvclient(["log-level", ...flags]);
    expect([code, output]).toEqual([5, expect.stringContaining("no answer over HTTP")]);
  });
});
