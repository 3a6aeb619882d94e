import { describe, expect, it } from "vitest";
import { flagsOf } from "../../cli/flags.ts";
import { renderHelp } from "../../cli/help.ts";
import { KVCLIENT } from "../../cli/kvclient/table.ts";
import { KVSERVER } from "../../cli/kvserver/table.ts";
import { kvclient } from "./fakes.ts";

describe("help", () => {
  for (const program of [KVSERVER, KVCLIENT]) {
    it(`of ${program.name} fits 100 columns and tells of every flag that is there`, () => {
      for (const command of program.commands) {
        const help = renderHelp(program, command);
        for (const line of help.split("\n")) {
          // An example is to be copied, so it is not broken.
          const isExample = /^ {2}(kv|echo|redis)/.test(line);
          expect(line.length <= 100 || isExample, line).toBe(true);
          expect(line).toBe(line.trimEnd());
        }
        for (const flag of flagsOf(program, command)) {
          expect(new RegExp(`--(\\[no-\\])?${flag.name}\\b`).test(help), flag.name).toBe(true);
        }
      }
    });
  }

  it("reads as a page", () => {
    const command = KVCLIENT.commands.find((command) => command.name === "get")!;
    const page = renderHelp(KVCLIENT, { ...command, flags: command.flags.filter((flag) => flag.group !== "Server") });
    expect(page).toBe(`kvclient get: print a value

Usage:
  kvclient get [flags] KEY

Writes exactly the value's bytes, and a line break only on a terminal. Exit code 3 when the key is
absent.

Options:
  --revision  print the revision of the key's last write instead of its value
  --stale     take what the server that is asked knows, however old, also while no majority can be
              reached

Output:
  -o, --output text|json  text for people, or JSON for programs [text]
  --[no-]color            colours on a terminal; NO_COLOR in the environment also switches them off

Help:
  -h, --help     show this help
  -V, --version  show the version

Examples:
  kvclient get greeting
  kvclient get photo > cat.jpg   byte for byte
  kvclient get greeting -o json  with its version, revisions and expiry

Every flag can also be set in the environment, --output as KVCLIENT_OUTPUT. Arguments go first.
`);
  });

  it("is shown for help, --help and -h, and the version for --version", async () => {
    const put = renderHelp(KVCLIENT, KVCLIENT.commands.find((command) => command.name === "put")!);
    for (const args of [["help", "put"], ["put", "--help"], ["put", "-h"], ["--help", "put"]]) {
      expect(await kvclient(args)).toMatchObject({ code: 0, output: put, error: "" });
    }
    expect((await kvclient(["help"])).output).toContain("Commands:");
    expect((await kvclient(["--version"])).output).toMatch(/^kvclient \d+\.\d+\.\d+\n$/);
    expect(await kvclient(["help", "pt"])).toMatchObject({ code: 2, output: "" });
    expect((await kvclient(["--prot"])).error).toBe(
      "kvclient: unknown flag --prot; did you mean --port?\nTry 'kvclient --help'.\n",
    );
  });
});
