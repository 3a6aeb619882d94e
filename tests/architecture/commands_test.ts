/**
 * Every block in the documents is of a kind that something checks, and every command in them is one that works: all are
 * understood by the real tables of flags, and all are run (tests/e2e/documented_commands_test.ts), but for those listed here.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parse as parseYaml } from "yaml";
import { parseCommandLine } from "../../cli/command_line.ts";
import { KVCLIENT } from "../../cli/kvclient/table.ts";
import { KVSERVER } from "../../cli/kvserver/table.ts";
import { NOT_RUN, RUN } from "./documented_programs.ts";
import { type Block, blocksOf, commandsOf, DOCUMENTS, linesOf, type Shell, wordsOf } from "./documents.ts";
import { root } from "./packed.ts";

const blocks = DOCUMENTS.flatMap(blocksOf);
const commands = blocks.flatMap(linesOf).flatMap(commandsOf);
const ours = commands.filter(({ words }) => words[0] === "kvserver" || words[0] === "kvclient");

/** What is wrong with a block, as far as this file looks at its kind; null for nothing. Throws for what it cannot read. */
const CHECKS: Readonly<Record<string, (block: Block) => string | null>> = {
  sh: (block) => linesOf(block).length > 0 ? null : "no command",
  console: (block) => linesOf(block).length > 0 ? null : "no command",
  ts: ({ text }) => /"(@x\/kvpaxos.*|ioredis)"/.test(text) ? null : "examples_test.ts has only what uses the package",
  toml: ({ text }) => {
    const readFile = (path: string): string => path === "kv.toml" ? text : "0123456789abcdef\n";
    parseCommandLine(KVSERVER, ["--config", "kv.toml"], { env: {}, readFile });
    return null;
  },
  json: ({ text }) => {
    for (const line of text.trim().split("\n")) JSON.parse(line);
    return null;
  },
  yaml: ({ text }) => parseYaml(text) === null ? "empty" : null,
  // Scripts of the simulator, pictures and messages: nothing that somebody would type.
  text: ({ text }) => /^(\$ |(\.\/dist\/)?kvserver |npm |curl |redis-cli )/m.exec(text)?.[0] ?? null,
};

function parsed({ words: [name, ...args] }: Shell): string {
  const readFile = (path: string): string => path.endsWith(".toml") ? "" : fail(`read ${path}`);
  return parseCommandLine(name === "kvserver" ? KVSERVER : KVCLIENT, args, { env: {}, readFile }).command.name;
}

function fail(why: string): never {
  throw new Error(why);
}

describe("the blocks in the documents", () => {
  test("are all of a kind that is checked, and nothing is wrong with them", () => {
    expect(blocks.length).toBeGreaterThan(60);
    const wrong = blocks.flatMap((block) => {
      const check = CHECKS[block.language];
      if (check === undefined) return [`${block.at}: nothing checks blocks of the kind "${block.language}"`];
      try {
        const problem = check(block);
        return problem === null ? [] : [`${block.at}: ${problem}`];
      } catch (error) {
        return [`${block.at}: ${String(error)}`];
      }
    });
    expect(wrong).toEqual([]);
  });
});

describe("the commands in the documents", () => {
  test("are found", () => {
    expect(ours.length).toBeGreaterThan(80);
    expect(wordsOf(`echo 'GET a' | kvclient "x y" # b`)).toEqual(["echo", "GET a", "|", "kvclient", "x y"]);
    const line = { at: "a:1", document: "a", text: "until ./dist/kvclient health > x; do sleep 1; done # c" };
    expect(commandsOf(line).map(({ words }) => words)).toEqual([["kvclient", "health"], ["sleep", "1"], ["done"]]);
  });

  test("are of programs that are run, or that are listed with the reason why not", () => {
    expect(commands.filter(({ words }) => !RUN.has(words[0]!) && NOT_RUN[words[0]!] === undefined)).toEqual([]);
    const used = new Set(commands.map(({ words }) => words[0]!));
    expect(Object.keys(NOT_RUN).filter((name) => !used.has(name)), "listed, and in no document").toEqual([]);
  });

  test("are understood", () => {
    const wrong = ours.flatMap((shell) => {
      try {
        parsed(shell);
        return [];
      } catch (error) {
        return [`${shell.at}: ${String(error)}`];
      }
    });
    expect(wrong).toEqual([]);
  });

  test("name scripts and files of ours that exist", () => {
    const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { scripts: object };
    const wrong = commands.flatMap(({ at, words: [name, ...args] }) => {
      const script = name === "npm" ? (args[0] === "run" ? args[1]! : args[0]!) : null;
      if (script !== null && !(script in scripts) && script !== "ci") return [`${at}: no script ${script}`];
      return ["docker", "kubectl", "node"].includes(name!)
        ? args.filter((arg) => /^(deploy|bench|tests)\//.test(arg) && !existsSync(join(root, arg))).map((arg) =>
          `${at}: no file ${arg}`
        )
        : [];
    });
    expect(wrong).toEqual([]);
  });
});
