/**
 * The commands in the documents' blocks of shell are commands that work: all are understood by the real tables of flags,
 * and those of kvclient that read and write are run, in order, against a server. What is not run is listed with the reason.
 */
import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseCommandLine } from "../../cli/command_line.ts";
import { KVCLIENT } from "../../cli/kvclient/table.ts";
import { KVSERVER } from "../../cli/kvserver/table.ts";
import { type RunningServer, startServer } from "../../src/server/server.ts";
import { freePorts } from "../support/free_ports.ts";
import { root } from "./packed.ts";

/** Programs of others, and why they are not run here. */
const OF_OTHERS: Readonly<Record<string, string>> = {
  "redis-cli": "tests/e2e/redis_clients_test.ts runs it",
  "redis-benchmark": "tests/e2e/redis_clients_test.ts runs it",
  "curl": "tests/server/http sends the same requests",
  "npm": ".ci/run runs the scripts",
  "node": "measures",
  "kill": "tests/e2e kills replicas",
  "echo": "only feeds kvclient",
  "openssl": "draws a secret",
  "printf": "only writes a file",
  "gzip": "of the system",
  "gunzip": "of the system",
  "docker": "not ours; tests/deploy checks what it is given",
  "kubectl": "not ours; tests/deploy checks what it is given",
  "until": "of the shell",
  "etcd": "not ours",
  "benchmark": "etcd's own",
  "for": "of the shell",
  "do": "of the shell",
  "done": "of the shell",
};

/** Commands of kvclient that are only parsed here. */
const NOT_RUN: Readonly<Record<string, string>> = {
  "": "opens a prompt",
  watch: "does not end",
  top: "does not end; tests/cli/top_test.ts runs it",
  lock: "runs programs of the user's; tests/e2e/locks_test.ts runs it",
  elect: "runs programs of the user's; tests/e2e/locks_test.ts runs it",
  "log-level": "is for the process of a server; tests/cli/log_level_test.ts runs it",
  bench: "measures",
  check: "takes as long as it is told; tests/e2e/check_test.ts runs it",
  simulate: "tests/cli/simulate_test.ts and .ci/run run it",
  compare: "tests/cli/compare_test.ts runs it",
  verify: "reads histories of the user's; tests/cli/verify_test.ts runs it",
  completions: "tests/cli/help_test.ts runs it",
};

interface Shell {
  readonly at: string;
  readonly words: readonly string[];
  /** Whether something else feeds it or takes its output. */
  readonly isPiped: boolean;
}

/** The words of a line, without its comment; what is behind `|`, `>`, `<`, `&` and `;` stands for itself. */
function wordsOf(line: string): string[] {
  const words: string[] = [];
  for (
    const [all, quoted, double, operator] of line.matchAll(/'([^']*)'|"([^"]*)"|([|><;&]+)|(?:^|\s)#.*$|[^\s|><;&'"]+/g)
  ) {
    if (all.trimStart().startsWith("#")) break;
    words.push(quoted ?? double ?? operator ?? all);
  }
  return words;
}

/** The commands in a document, each with where it stands. */
function commandsOf(path: string): Shell[] {
  const text = readFileSync(join(root, path), "utf8");
  const commands: Shell[] = [];
  for (const [, kind, block] of text.matchAll(/^```(sh|console)\n(.*?)^```$/gms)) {
    for (const line of block!.replaceAll(/\\\n\s*/g, "").split("\n")) {
      if (kind === "console" && !line.startsWith("$ ")) continue;
      const words = wordsOf(kind === "console" ? line.slice(2) : line);
      const isPiped = words.some((word) => /^[|><]+$/.test(word));
      let rest = words;
      while (rest.length > 0) {
        const end = rest.findIndex((word) => /^[|><;&]+$/.test(word));
        const own = end === -1 ? rest : rest.slice(0, end);
        // Behind > and < there is a file.
        const skipped = end === -1 ? rest.length : end + (/^[><]+$/.test(rest[end]!) ? 2 : 1);
        if (own.length > 0) commands.push({ at: `${path}: ${line.trim()}`, words: own, isPiped });
        rest = rest.slice(skipped);
      }
    }
  }
  return commands.map((command) => {
    const [name, ...rest] = command.words;
    return { ...command, words: [name!.replace(/^\.\/dist\//, ""), ...rest] };
  });
}

const documents = readdirSync(join(root, "docs")).filter((name) => name.endsWith(".md")).map((name) => `docs/${name}`);
const commands = ["README.md", "CONTRIBUTING.md", ...documents].flatMap(commandsOf);
const ours = commands.filter(({ words }) => words[0] === "kvserver" || words[0] === "kvclient");

function parsed({ words: [name, ...args] }: Shell): string {
  const around = { env: {}, readFile: (path: string): string => path.endsWith(".toml") ? "" : fail(`read ${path}`) };
  return parseCommandLine(name === "kvserver" ? KVSERVER : KVCLIENT, args, around).command.name;
}

function fail(why: string): never {
  throw new Error(why);
}

describe("the commands in the documents", () => {
  test("are found", () => {
    expect(ours.length).toBeGreaterThan(40);
    expect(wordsOf(`echo 'GET a' | kvclient "x y" # b`)).toEqual(["echo", "GET a", "|", "kvclient", "x y"]);
  });

  test("are of our programs, or of those of others that are known", () => {
    expect(commands.filter((shell) => !ours.includes(shell) && OF_OTHERS[shell.words[0]!] === undefined)).toEqual([]);
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
});

describe("the commands of kvclient in the documents", () => {
  const runnable = ours.filter((shell) =>
    shell.words[0] === "kvclient" && !shell.isPiped && NOT_RUN[parsedOrNone(shell)] === undefined
  );
  let folder = "";
  let server: RunningServer;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "kvpaxos-commands-"));
    writeFileSync(join(folder, "cat.jpg"), Uint8Array.of(0xff, 0xd8, 0xff));
    // Where kvclient looks for HTTP.
    const [port] = await freePorts(1);
    server = await startServer({ port: port!, httpPort: port! + 1000, dataDir: null });
  });
  afterAll(async () => {
    await server.close();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Runs a command in the sandbox; the server it is sent to is that of the test, whatever it names. */
  function run({ words }: Shell): Promise<{ readonly status: number; readonly text: string }> {
    const args = words.slice(1).map((word, index, all) => {
      const before = index === 0 ? "" : all[index - 1]!;
      if (before === "--port") return String(server.addresses.tcp.port);
      return before === "--server" ? `127.0.0.1:${server.addresses.tcp.port}` : word;
    });
    const own = args.includes("--server") || args.includes("--port")
      ? []
      : ["--server", `127.0.0.1:${server.addresses.tcp.port}`];
    return new Promise((resolve) => {
      const env = { PATH: process.env["PATH"], XDG_CONFIG_HOME: folder, XDG_STATE_HOME: folder, HOME: folder };
      const options = { cwd: folder, env, timeout: 20_000 };
      const child = execFile(join(root, "dist/kvclient"), [...own, ...args], options, (error, stdout, stderr) => {
        resolve({
          status: error === null ? 0 : typeof error.code === "number" ? error.code : -1,
          text: stdout + stderr,
        });
      });
      child.stdin?.end();
    });
  }

  test("are run against a server, and end as they are documented to end", { timeout: 240_000 }, async () => {
    expect(runnable.length).toBeGreaterThan(15);
    const wrong: string[] = [];
    for (const shell of runnable) {
      const { status, text } = await run(shell);
      // 3: the key is absent; 6: the comparison failed.
      if (![0, 3, 6].includes(status)) wrong.push(`${shell.at}: ended with ${status}\n${text}`);
    }
    expect(wrong).toEqual([]);
  });
});

/** The command, or that of the prompt for what cannot be understood, which another test tells of. */
function parsedOrNone(shell: Shell): string {
  try {
    const { words: [, ...args] } = shell;
    const line = parseCommandLine(KVCLIENT, args, { env: {}, readFile: () => "" });
    return line.command.name;
  } catch {
    return "";
  }
}
