import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type CommandLine, parseCommandLine, type Surroundings } from "../../cli/command_line.ts";
import { UsageError } from "../../cli/exit_code.ts";
import {
  allFlags,
  duration,
  environmentName,
  type Flag,
  flagsOf,
  integer,
  type Program,
  size,
  truth,
} from "../../cli/flags.ts";
import { CONNECTION, FLAGS as CLIENT_FLAGS, PRINTING } from "../../cli/kvclient/flags.ts";
import { KVCLIENT } from "../../cli/kvclient/table.ts";
import { FLAGS, KVSERVER } from "../../cli/kvserver/table.ts";
import { editDistance, nearest } from "../../cli/suggest.ts";

function parse(program: Program, args: readonly string[], around: Partial<Surroundings> = {}): CommandLine {
  return parseCommandLine(program, args, {
    env: {},
    readFile: (path) => {
      throw new Error(`no such file ${path}`);
    },
    ...around,
  });
}

function problem(program: Program, args: readonly string[], around: Partial<Surroundings> = {}): string {
  try {
    parse(program, args, around);
  } catch (error) {
    if (error instanceof UsageError) return error.message;
    throw error;
  }
  return "";
}

describe("a command line", () => {
  it("takes a value from the arguments, else the environment, else the config file, else the default", () => {
    const env = { KVSERVER_PORT: "2", KVSERVER_HOST: "h2", KVSERVER_CONFIG: "c" };
    const readFile = (): string => '{"port": 3, "host": "h3", "log-level": "error", "max_key_bytes": 9}';
    const line = parse(KVSERVER, ["--port", "1"], { env, readFile });
    expect([line.get(FLAGS.port), line.source(FLAGS.port)]).toEqual([1, "argument"]);
    expect([line.get(FLAGS.host), line.source(FLAGS.host)]).toEqual(["h2", "environment"]);
    expect([line.get(FLAGS.logLevel), line.source(FLAGS.logLevel)]).toEqual(["error", "config"]);
    expect(line.get(FLAGS.maxKeyBytes)).toBe(9);
    expect([line.get(FLAGS.logFormat), line.source(FLAGS.logFormat)]).toEqual(["text", "default"]);
  });

  it("reads each flag in every spelling", () => {
    for (const args of [["--http-port", "7"], ["--http_port=7"], ["--http-port=7"], ["--http_port", "7"]]) {
      expect(parse(KVSERVER, args).get(FLAGS.httpPort)).toBe(7);
    }
    for (const args of [["-o", "json"], ["--output=json"], ["-o=json"], ["get", "k", "-o", "JSON"]]) {
      expect(parse(KVCLIENT, args[0] === "get" ? args : ["get", "k", ...args]).get(PRINTING.output)).toBe("json");
    }
    expect(parse(KVCLIENT, ["--server_ip", "::1"]).get(CONNECTION.serverIp)).toBe("::1");
    expect(parse(KVCLIENT, ["--protocol", "Tcp"]).get(CONNECTION.protocol)).toBe("tcp");
    expect(parse(KVCLIENT, ["get", "k", "--no-color"]).get(PRINTING.color)).toBe(false);
  });

  it("takes any text for a value or an operand, however it looks", () => {
    fc.assert(fc.property(fc.string({ minLength: 1 }), fc.array(fc.string()), (value, operands) => {
      const line = parse(KVCLIENT, ["delete", "k", `--password=${value}`, "--", ...operands]);
      expect(line.get(CONNECTION.password)).toBe(value);
      expect(line.operands).toEqual(["k", ...operands]);
    }));
    expect(parse(KVCLIENT, ["range", "--start", "-5"]).get(CLIENT_FLAGS.start)).toBe("-5");
    expect(parse(KVCLIENT, ["put", "--if-absent", "true", "false"]).operands).toEqual(["true", "false"]);
    expect(parse(KVCLIENT, ["put", "0x10", "007"]).operands).toEqual(["0x10", "007"]);
    expect(parse(KVCLIENT, ["--port", "5", "get", "k"]).operands).toEqual(["k"]);
  });

  it("refuses what it does not know and suggests what was meant", () => {
    expect(problem(KVSERVER, ["--prot", "1"])).toContain("did you mean --port?");
    expect(problem(KVSERVER, ["--http-prt=1"])).toContain("did you mean --http-port?");
    expect(problem(KVCLIENT, ["gett", "k"])).toContain("did you mean get?");
    expect(problem(KVCLIENT, ["DELET", "k"])).toContain("did you mean delete?");
    expect(problem(KVSERVER, ["--zzzzzz"])).toContain("unknown flag --zzzzzz");
    expect(problem(KVCLIENT, ["put", "k", "-5"])).toContain("goes after --");
    expect(problem(KVCLIENT, ["get", "k", "--ttl", "5"])).toContain("belongs to 'put'");
    expect(problem(KVSERVER, [], { env: { KVSERVER_CONFIG: "c" }, readFile: () => '{"prot":1}' })).toContain(
      'did you mean "port"?',
    );
  });

  it("says what is wrong with a value, where it came from, and what would do", () => {
    expect(problem(KVSERVER, ["--port", "99999"])).toBe(
      '--port "99999" is not a port; a port is a whole number from 1 to 65535',
    );
    expect(problem(KVSERVER, [], { env: { KVSERVER_PORT: "x" } })).toContain('KVSERVER_PORT "x" is not a port');
    expect(problem(KVSERVER, [], { env: { KVSERVER_PORT: "tcp://10.0.0.1:32000" } })).toContain("enableServiceLinks");
    expect(problem(KVSERVER, ["--config", "c"])).toContain("no such file c");
    expect(problem(KVSERVER, ["--log-level", "loud"])).toContain("is none of trace, debug, info");
    expect(problem(KVSERVER, ["--threads", "0"])).toContain("--threads");
    expect(problem(KVSERVER, [], { env: { KVSERVER_THREADS: "many" } })).toContain("KVSERVER_THREADS");
    expect(problem(KVSERVER, ["--port"])).toBe("--port needs a value: --port PORT");
    expect(problem(KVSERVER, ["--port", "--memory"])).toContain("--port needs a value");
    expect(problem(KVSERVER, ["--host="])).toContain("is empty");
    expect(problem(KVSERVER, ["--host", ""])).toContain("is empty");
    expect(problem(KVSERVER, ["--memory=maybe"])).toContain("takes no value");
    expect(problem(KVCLIENT, ["get"])).toContain("usage: kvclient get KEY");
    expect(problem(KVCLIENT, ["put", "a", "b", "c"])).toContain('takes no argument "c"');
  });

  it("refuses by name what is not there yet", () => {
    expect(problem(KVSERVER, ["--replication", "3pc"])).toContain("none, 2pc, paxos");
    expect(problem(KVSERVER, ["--replication", "none"])).toBe("");
    expect(problem(KVSERVER, ["cluster", "--peers", "127.0.0.1:1"])).toContain("belongs to");
    expect(problem(KVCLIENT, ["cluster", "x"])).toContain("not there yet in this version");
  });
});

describe("the tables", () => {
  for (const program of [KVSERVER, KVCLIENT]) {
    it(`give each flag of ${program.name} one meaning, one kind and one environment name`, () => {
      const flags = allFlags(program);
      const byName = new Map<string, Flag<unknown>>();
      const names = new Set<string>();
      for (const flag of flags) {
        expect(flag.name).toMatch(/^[a-z]+(-[a-z]+)*$/);
        expect(flag.name.startsWith("no-")).toBe(false);
        expect(byName.get(flag.name)).toBe(undefined);
        byName.set(flag.name, flag);
        names.add(environmentName(program, flag));
      }
      expect(names.size).toBe(flags.length);
    });

    it(`accept the defaults that the help of ${program.name} shows`, () => {
      for (const command of program.commands) {
        for (const flag of flagsOf(program, command)) {
          if (flag.kind === "value" && flag.fallback !== undefined) {
            expect(flag.parse(flag.shownDefault!), flag.name).toBe(flag.fallback);
          }
          for (const choice of flag.choices) flag.parse(choice);
        }
      }
    });
  }
});

describe("values", () => {
  it("read durations, sizes, numbers and truths, and nothing else", () => {
    expect(["250ms", "10s", "1.5s", "5m", "2h", "1d", "3"].map(duration)).toEqual([
      250,
      10_000,
      1500,
      300_000,
      7_200_000,
      86_400_000,
      3000,
    ]);
    for (const bad of ["", "0", "-1s", "1w", "s", "1e3", "0.1ms"]) expect(() => duration(bad), bad).toThrow(UsageError);
    expect(["4096", "64k", "1m", "1MiB", "2kb"].map(size(1, 1e9))).toEqual([4096, 65_536, 1_048_576, 1_048_576, 2048]);
    for (const bad of ["", "-1", "1.5k", "k", "2g"]) expect(() => size(1, 1e9)(bad), bad).toThrow(UsageError);
    expect(["on", "1", "TRUE", "yes"].map(truth)).toEqual([true, true, true, true]);
    expect(() => truth("maybe")).toThrow(UsageError);
    for (const bad of ["", "1.5", "x", "0", "11", "1e1"]) expect(() => integer(1, 10)(bad), bad).toThrow(UsageError);
  });
});

describe("suggestions", () => {
  it("count insertions, deletions, substitutions and swaps", () => {
    expect(editDistance("port", "prot")).toBe(1);
    expect(editDistance("kitten", "sitting")).toBe(3);
    fc.assert(fc.property(fc.string(), fc.string(), (a, b) => {
      expect(editDistance(a, b)).toBe(editDistance(b, a));
      expect(editDistance(a, b) === 0).toBe(a === b);
      expect(editDistance(a, b)).toBeLessThanOrEqual(Math.max(a.length, b.length));
    }));
  });

  it("are near what was typed, or not made", () => {
    expect(nearest("passwrod", ["port", "password"])).toBe("password");
    expect(nearest("data", ["port", "data-dir"])).toBe("data-dir");
    expect(nearest("xyzzy", ["port", "host"])).toBe(null);
  });
});
