import { getLogger } from "@logtape/logtape";
import { afterEach, describe, expect, it } from "vitest";
import { parseCommandLine } from "../../cli/command_line.ts";
import { startLogging, stopLogging } from "../../cli/kvserver/logging.ts";
import { KVSERVER } from "../../cli/kvserver/table.ts";
import type { LogLevels } from "../../src/server/log_levels.ts";
import { FakeTerminal } from "./fakes.ts";

afterEach(() => stopLogging());

async function logging(...args: readonly string[]): Promise<{ terminal: FakeTerminal; levels: LogLevels }> {
  const terminal = new FakeTerminal();
  const line = parseCommandLine(KVSERVER, args, { env: {}, readFile: () => "" });
  return { terminal, levels: await startLogging(line, terminal) };
}

describe("the log levels of kvserver", () => {
  it("begin with --log-level, and change for everything or for one category while it runs", async () => {
    const { terminal, levels } = await logging("--log-level", "warning");
    const server = getLogger(["kvpaxos", "server"]);
    const program = getLogger(["kvpaxos", "kvserver"]);
    const said = (): string[] => {
      server.debug("a detail of the server");
      server.info("news of the server");
      program.info("news of the program");
      program.error("trouble");
      server.error("trouble of the server");
      const lines = terminal.error.trimEnd().split("\n").map((line) => line.replace(/^\S+ \S+ +/, ""));
      terminal.error = "";
      return lines;
    };
    expect(levels.levels()).toEqual({ kvpaxos: "warning" });
    expect(said()).toEqual(["trouble", "trouble of the server"]);
    levels.setLevel("kvpaxos.server", "debug");
    expect(levels.levels()).toEqual({ kvpaxos: "warning", "kvpaxos.server": "debug" });
    // Once each, although the category above would let the last one through, too.
    expect(said()).toEqual(["a detail of the server", "news of the server", "trouble", "trouble of the server"]);
    levels.setLevel("kvpaxos", "info");
    levels.setLevel("kvpaxos.server", "fatal");
    expect(said()).toEqual(["news of the program", "trouble"]);
    levels.setLevel("kvpaxos.server", null);
    expect(said()).toEqual(["news of the server", "news of the program", "trouble", "trouble of the server"]);
  });

  it("are of categories that there can be, and of so many of them", async () => {
    const { levels } = await logging();
    for (
      const category of ["", "server", "kvpaxos.", "kvpaxos..x", "kvpaxos.a b", "logtape", "kvpaxosx", "kvpaxos\n"]
    ) {
      expect(() => levels.setLevel(category, "debug"), category).toThrow(RangeError);
    }
    expect(() => levels.setLevel("kvpaxos", null)).toThrow("must have a level");
    expect(() => {
      for (let i = 0; i < 1000; i++) levels.setLevel(`kvpaxos.c${i}`, "debug");
    }).toThrow("64 categories");
  });

  it("hold for JSON lines too, each of which says level and category", async () => {
    const { terminal, levels } = await logging("--log-format", "json");
    levels.setLevel("kvpaxos.server", "trace");
    getLogger(["kvpaxos", "server"]).trace("for {who}", { who: "machines" });
    expect(JSON.parse(terminal.error)).toMatchObject({
      level: "TRACE",
      logger: "kvpaxos.server",
      message: "for machines",
      properties: { who: "machines" },
    });
  });
});
