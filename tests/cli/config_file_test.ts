import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type CommandLine, parseCommandLine } from "../../cli/command_line.ts";
import { MAX_CONFIG_LENGTH, readConfigFile } from "../../cli/config_file.ts";
import { UsageError } from "../../cli/exit_code.ts";
import { type Flag, flagsOf } from "../../cli/flags.ts";
import { FLAGS, KVSERVER } from "../../cli/kvserver/table.ts";

function parse(path: string, text: string, args: readonly string[] = []): CommandLine {
  return parseCommandLine(KVSERVER, [...args, "--config", path], { env: {}, readFile: () => text });
}

function problem(path: string, text: string, args: readonly string[] = []): string {
  try {
    parse(path, text, args);
  } catch (error) {
    if (error instanceof UsageError) return error.message;
    throw error;
  }
  return "";
}

const SAMPLES: Readonly<Record<string, string>> = {
  host: "10.0.0.1",
  port: "1",
  "http-port": "2",
  peers: "a:1,b:2",
  advertise: "a:1",
  fail: "acceptor,learner",
  "fail-every": "1s..2s",
  "fail-for": "3s",
};

/** A value that a flag takes, as text. */
function sampleOf(flag: Flag<unknown>): string {
  if (flag.kind === "switch") return "true";
  return SAMPLES[flag.name] ?? flag.choices[0] ?? (/^\d/.test(flag.shownDefault ?? "") ? flag.shownDefault! : "7");
}

describe("a config file", () => {
  const usable = flagsOf(KVSERVER, KVSERVER.commands[0]!).filter((flag) => !flag.argumentOnly && flag !== FLAGS.config);

  it("can set every flag of kvserver, in JSON as in TOML, as the argument would", () => {
    const texts = usable.map((flag): [string, string] => [flag.name, sampleOf(flag)]);
    const plain = parseCommandLine(KVSERVER, texts.map(([name, value]) => `--${name}=${value}`), {
      env: {},
      readFile: () => "",
    });
    const toml = texts.map(([name, value]) => `${name} = ${JSON.stringify(value)}\n`).join("");
    for (const line of [parse("kv.json", JSON.stringify(Object.fromEntries(texts))), parse("kv.toml", toml)]) {
      for (const flag of usable) {
        expect(line.get(flag), flag.name).toEqual(plain.get(flag));
        expect(line.source(flag)).toBe("config");
      }
    }
  });

  it("has numbers, booleans and lists as its language writes them", () => {
    const json = '{"port": 1, "memory": true, "peers": ["a:1", "b:2"], "fail": ["learner"], "max_key_bytes": 64}';
    const toml =
      'port = 1\nmemory = true\npeers = [\n  "a:1", # first\n  "b:2",\n]\nfail = ["learner"]\nmax_key_bytes = 64';
    for (const line of [parse("kv.json", json), parse("kv.toml", toml)]) {
      expect([line.get(FLAGS.port), line.get(FLAGS.memory), line.get(FLAGS.maxKeyBytes)]).toEqual([1, true, 64]);
      expect(line.get(FLAGS.peers)).toEqual([{ host: "a", port: 1 }, { host: "b", port: 2 }]);
      expect(line.get(FLAGS.fail)).toEqual(["learner"]);
    }
  });

  it("is JSON or TOML by its name, else by how it begins", () => {
    expect(parse("c", ' \n{"port": 5}').get(FLAGS.port)).toBe(5);
    expect(parse("c", "port = 5").get(FLAGS.port)).toBe(5);
    expect(parse("c", "").get(FLAGS.port)).toBe(32_000);
    expect(parse("kv.JSON", "\uFEFF{}").get(FLAGS.port)).toBe(32_000);
    expect(problem("kv.toml", "{}")).toContain("config file kv.toml, line 1: it is not TOML");
    expect(problem("kv.json", "port = 5")).toContain("config file kv.json, line 1: it is not JSON");
  });

  const wrong: readonly (readonly [path: string, text: string, says: string])[] = [
    ["c.json", '{\n  "port": 1,\n  "host" "h"\n}', "c.json, line 3: it is not JSON: Unexpected token"],
    ["c.json", '{"port": 1,\n}', "c.json, line 2: it is not JSON"],
    ["c.json", "\n[]", "c.json, line 2: not a JSON object"],
    ["c.json", '{\n\n"prot": 1}', 'c.json, line 3: "prot" is no setting; did you mean "port"?'],
    ["c.json", '{\n"httpPort": 1}', 'line 2: "httpPort" is no setting; did you mean "http-port"?'],
    ["c.json", '{"qqqqqq": 1}', "the settings are the flags of 'kvserver --help'"],
    ["c.json", '{\n"port": "x"}', 'c.json, line 2: "port" "x" is not a port'],
    ["c.json", '{"port": [1]}', '"port" is not a string, number or boolean'],
    ["c.json", '{"peers": ["a:1", null]}', '"peers" is not a string, number or boolean, or a list of these'],
    ["c.json", '{"port": 1,\n"port": 2}', 'line 2: "port" is on line 1 already; keep one of the two'],
    ["c.json", '{"http_port": 1,\n"http-port": 2}', 'line 2: "http-port" is on line 1 already'],
    ["c.json", '{"help": true}', '"help" cannot be set in a config file for this command'],
    ["c.json", '{"config": "d"}', '"config" cannot be set in a config file for this command'],
    ["c.json", "[".repeat(60_000), "config file c.json, line 1"],
    ["c.toml", "port = 1\nhost = \n", "c.toml, line 2: it is not TOML: "],
    ["c.toml", "port = 1\nport = 2\n", "c.toml, line 2: it is not TOML: trying to redefine"],
    ["c.toml", "# one\n\nport = 1\n# two\nprot = 1\n", 'c.toml, line 5: "prot" is no setting; did you mean "port"?'],
    ["c.toml", 'peers = [\n"a:1",\n"b:2",\n]\n\n"port" = "x"\n', 'c.toml, line 6: "port" "x" is not a port'],
    ["c.toml", 'password = """\nport = 7\n"""\nport = 70000\n', 'line 4: "port" "70000" is not a port'],
    ["c.toml", "\n[port]\nx = 1\n", 'c.toml, line 2: "port" is not a string, number or boolean'],
    ["c.toml", "memory = true\n[network]\nport = 1\n", 'c.toml, line 2: "network" is no setting'],
    ["c.toml", "port = 1979-05-27\n", '"port" is not a string, number or boolean'],
    ["c.toml", `host = "${"h".repeat(MAX_CONFIG_LENGTH)}"`, `and the most are ${MAX_CONFIG_LENGTH}`],
  ];
  for (const [path, text, says] of wrong) {
    it(`is refused with the file and the line: ${JSON.stringify(text.slice(0, 60))}`, () => {
      expect(problem(path, text)).toContain(says);
    });
  }

  it("must be right where an argument overrides it, too", () => {
    expect(parse("c.json", '{"port": 7}', ["--port", "1"]).get(FLAGS.port)).toBe(1);
    expect(problem("c.json", '{"port": "x"}', ["--port", "1"])).toContain('line 1: "port" "x" is not a port');
    expect(problem("c.json", '{"peers": "a:1"}', ["cluster"])).toContain('"peers" cannot be set in a config file');
  });

  it("never fails in another way, whatever its text", () => {
    const text = fc.oneof(fc.string(), fc.stringMatching(/^[[\]{}"=:,.#\n a-z0-9-]{0,80}$/));
    fc.assert(fc.property(text, fc.constantFrom("c", "c.json", "c.toml"), (text, path) => {
      try {
        for (const { line } of readConfigFile(path, text)) expect(line).toBeGreaterThan(0);
      } catch (error) {
        expect(error).toBeInstanceOf(UsageError);
        expect((error as UsageError).message).toMatch(/^config file c(\.json|\.toml)?, line \d+: /);
      }
    }));
  });

  it("has the line of every key of any TOML", () => {
    const entry = fc.constantFrom("= 1", '= "x"', "= [\n 1,\n 2,\n]", '= """\nk0 = 1\n"""', "= 1 # k0 = 2");
    const filler = fc.constantFrom("", "\n", "# k1 = 1\n", "\n\n");
    fc.assert(fc.property(fc.array(fc.tuple(filler, entry), { maxLength: 8 }), (entries) => {
      let text = "";
      const lines: [string, number][] = [];
      for (const [index, [before, value]] of entries.entries()) {
        text += before;
        lines.push([`k${index}`, text.split("\n").length]);
        text += `k${index} ${value}\n`;
      }
      expect(readConfigFile("c.toml", text).map(({ key, line }) => [key, line])).toEqual(lines);
    }));
  });
});
