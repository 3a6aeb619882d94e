/**
 * The commands in the documents are run, line by line as they stand there, in a folder with what they presuppose. Only
 * what belongs to the reader's machine is put in their place: addresses, directories outside of the folder, and how long
 * measurements last. Servers are started in the number that `--peers` says, until they are ready, and then stopped. The
 * certificates are those that the commands in docs/security.md make, and lines that speak TLS go to servers that show them.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { chmodSync, copyFileSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { NOT_RUN } from "../architecture/documented_programs.ts";
import { blocksOf, commandsOf, DOCUMENTS, type Line, linesOf, wordsOf } from "../architecture/documents.ts";
import { freePorts } from "../support/free_ports.ts";
import { keepSecret, secret } from "../support/secrets/secrets.ts";
import { KVCLIENT, KVSERVER, type ServerProcess, Servers } from "./support/server_process.ts";

const PATIENCE_MS = 20_000;
const HTTP_OFFSET = 1000;
/** Of kvclient: what goes on until it is stopped, and is stopped after two seconds. */
const ENDLESS: ReadonlySet<string> = new Set(["watch", "top", "bench", "check"]);
/** An answer like "there is no such key" (3) or "the comparison failed" (6) is one that is documented. */
const DOCUMENTED_EXITS: readonly number[] = [0, 3, 6];
/** What redis-cli prints, with a status of 0, when it is not let in. */
const REFUSED = /^(AUTH failed|NOAUTH|NOPERM|WRONGPASS)\b/m;
/** What a server says once it serves, as text and as JSON. */
const READY = / is ready|"event":"ready"/g;
/** How `timeout` ends when it had to stop a program. */
const STOPPED = 124;

const servers = new Servers();
let server: ServerProcess;
/** Speaks TLS. */
let tlsServer: ServerProcess;
/** Speaks TLS, and knows the user `app`. */
let tlsServerOfUsers: ServerProcess;
/** Where the certificates are. */
let certificates: string;
beforeAll(async () => {
  const [port, tlsPort, otherTlsPort] = await freePorts(3);
  server = await servers.start({ port: port! });
  certificates = servers.folder("certificates");
  if (!isInstalled("openssl")) return;
  for (const line of linesOfCertificates) expect(await problemOf(line, certificates)).toBe(null);
  for (const name of readdirSync(certificates).filter((each) => each.endsWith("key.pem"))) {
    keepSecret(readFileSync(join(certificates, name), "utf8"));
  }
  // How a certificate is called where it is the only one.
  copyFileSync(join(certificates, "kv-0.pem"), join(certificates, "server.pem"));
  copyFileSync(join(certificates, "kv-0-key.pem"), join(certificates, "server-key.pem"));
  const hash = ["users", "hash", "--name", "app", "--role", "read-write"];
  const { stdout } = spawnSync(KVCLIENT, hash, { encoding: "utf8", input: secret("documented password") });
  writeFileSync(join(certificates, "users.jsonl"), stdout);
  const tls = ["--tls-cert", join(certificates, "kv-0.pem"), "--tls-key", join(certificates, "kv-0-key.pem")];
  tlsServer = await startTls(tlsPort!, tls);
  tlsServerOfUsers = await startTls(otherTlsPort!, [...tls, "--users", join(certificates, "users.jsonl")]);
});
afterAll(() => servers.close());

async function startTls(port: number, flags: readonly string[]): Promise<ServerProcess> {
  const started = await servers.spawn({ port, flags });
  for (const deadline = performance.now() + PATIENCE_MS; !started.output.includes(" is ready");) {
    if (started.child.exitCode !== null || performance.now() > deadline) throw new Error(started.output);
    await new Promise((wait) => setTimeout(wait, 10));
  }
  return started;
}

const isInstalled = (name: string): boolean => spawnSync("sh", ["-c", `command -v ${name}`]).status === 0;
const programsOf = (line: Line): string[] => commandsOf(line).map(({ words }) => words[0]!);
const isServer = (line: Line): boolean => {
  const [name, second] = commandsOf(line)[0]!.words;
  return name === "kvserver" && second !== "man" && second !== "completions";
};

const lines = DOCUMENTS.flatMap(blocksOf).flatMap(linesOf)
  .filter((line) => programsOf(line).every((program) => NOT_RUN[program] === undefined));
const missing = [...new Set(lines.flatMap(programsOf))].filter((program) => {
  return !["kvserver", "kvclient", "done"].includes(program) && !isInstalled(program);
});

/** Those that make the authority, and a certificate of it. They are run once, before all others. */
const linesOfCertificates = blocksOf("docs/security.md").filter(({ text }) => text.includes("openssl ecparam"))
  .flatMap(linesOf);
/** Whether a line is of a program that is not installed, or needs what openssl makes where that is not. */
const isLeftOut = (line: Line): boolean => {
  return programsOf(line).some((program) => missing.includes(program)) ||
    (missing.includes("openssl") && line.text.includes(".pem"));
};

/** A folder with what a document presupposes. */
function sandbox(document: string): string {
  const folder = servers.folder("documented");
  for (const path of ["bin", "dist", "deploy", "runs"]) mkdirSync(join(folder, path));
  for (const path of ["bin", "dist"]) {
    symlinkSync(KVSERVER, join(folder, path, "kvserver"));
    symlinkSync(KVCLIENT, join(folder, path, "kvclient"));
  }
  for (const name of ["report.sh", "deploy.sh", "scheduler"]) {
    writeFileSync(join(folder, name), "#!/bin/sh\nexit 0\n");
    chmodSync(join(folder, name), 0o755);
  }
  const history = [
    { process: 1, type: "invoke", f: "put", key: "k", value: "v", time: 1 },
    { process: 1, type: "ok", f: "put", key: "k", value: "v", time: 2 },
  ].map((event) => JSON.stringify(event) + "\n").join("");
  const user = { user: "somebody", role: "read-only", tokens: [`sha256$${"A".repeat(43)}`] };
  // Its list of replicas is that of the reader; the test of the blocks reads the file as it stands.
  const config = (blocksOf(document).find(({ language }) => language === "toml")?.text ?? "")
    .replaceAll(/^(port|peers|advertise|cluster-secret-file) = .*\n/gm, "").replaceAll(/\/run\/secrets\//g, "");
  const files: Record<string, string | Uint8Array> = {
    "cat.jpg": Uint8Array.of(0xff, 0xd8, 0xff),
    "history.jsonl": history,
    "runs/a.log": history,
    "password": `${secret("documented password")}\n`,
    "password.txt": `${secret("documented password")}\n`,
    "secret": `${secret("documented secret")}\n`,
    "cluster-secret": `${secret("documented secret")}\n`,
    "kv.toml": config,
    "all.jsonl": '{"key":"user/1","value":"Ada"}\n',
    "users.jsonl": `${JSON.stringify(user)}\n`,
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  for (const name of readdirSync(certificates).filter((each) => each.endsWith(".pem"))) {
    copyFileSync(join(certificates, name), join(folder, name));
  }
  const save = ["--server", `127.0.0.1:${server.port}`, "snapshot", "save", join(folder, "backup.kvsnap")];
  expect(spawnSync(KVCLIENT, save, { encoding: "utf8" }).status).toBe(0);
  return folder;
}

/** A line as it is run here: with this server, for a moment, on the first of many seeds, with few operations. */
function adapted(text: string): string {
  const isTls = /--(tls|cacert)\b/.test(text);
  const { port } = !isTls ? server : text.includes("--user app") ? tlsServerOfUsers : tlsServer;
  return text
    .replaceAll(/(?<=DNS:)kv-\d\.example\b/g, "localhost")
    .replaceAll(/\bkv-\d\.example\b|(?<=IP:)10\.0\.0\.\d\b/g, "127.0.0.1")
    .replaceAll(/\b(?:127\.0\.0\.1|10\.0\.0\.\d):(?:320\d\d|6379|6380)\b/g, `127.0.0.1:${port}`)
    .replaceAll(/\b127\.0\.0\.1:330\d\d\b/g, `127.0.0.1:${port + HTTP_OFFSET}`)
    .replaceAll(/(?<=(?:--port|-p) )320\d\d\b/g, String(port))
    .replaceAll(/(?<=--seeds )(\d+)\.\.\d+/g, "$1..$1")
    .replaceAll(/(?<=--duration )\S+/g, "1s")
    .replaceAll(/(?<=kvclient compare)\b/g, " --ops 400")
    .replaceAll(/(?<=-n )100000\b/g, "1000");
}

/** Runs a line of shell, and says what is wrong with how it ended; null for nothing. */
async function problemOf(line: Line, folder: string): Promise<string | null> {
  const text = adapted(line.text);
  const isEndless = commandsOf(line).some(({ words: [name, command] }) => name === "kvclient" && ENDLESS.has(command!));
  const command = isEndless ? ["timeout", "--signal=INT", "2", "bash", "-c"] : ["bash", "-c"];
  const env: Record<string, string> = {
    PATH: `${join(folder, "bin")}:${process.env["PATH"]}`,
    HOME: folder,
    XDG_CONFIG_HOME: folder,
    XDG_STATE_HOME: folder,
  };
  if (!/--(server|server[-_]ip|port)\b/.test(text)) env["KVCLIENT_SERVER"] = `127.0.0.1:${server.port}`;
  const child = spawn(command[0]!, [...command.slice(1), `set -o pipefail; ${isEndless ? "exec " : ""}${text}`], {
    cwd: folder,
    env,
    stdio: ["ignore", "pipe", "pipe"],
    timeout: PATIENCE_MS,
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk: Uint8Array) => output += new TextDecoder().decode(chunk));
  }
  const status = await new Promise<number | null>((resolve) => child.once("close", resolve));
  const isRight = status !== null && [...DOCUMENTED_EXITS, ...isEndless ? [STOPPED] : []].includes(status);
  return isRight && !REFUSED.test(output) ? null : `${line.at}: ${text}\nended with ${status}\n${output.slice(-2000)}`;
}

/** The flags of `kvserver` in a line, once for each replica that it is written for, on ports that are free. */
async function replicasOf(line: Line, folder: string): Promise<{ readonly args: string[]; readonly ready: number }[]> {
  const [, ...words] = wordsOf(line.text);
  const flag = (name: string): string | undefined => words[words.indexOf(name) + 1];
  const without = (args: readonly string[], ...names: string[]): string[] =>
    args.filter((arg, index) => !names.includes(arg) && !names.includes(args[index - 1] ?? ""));
  const isCluster = words[0] === "cluster";
  if (isCluster) {
    const count = words.includes("--replicas") ? Number(flag("--replicas")) : 5;
    const [port] = await freePorts(count);
    return [{ args: [...without(words, "--port"), "--port", String(port)], ready: count }];
  }
  const peers = words.includes("--peers") ? flag("--peers")! : null;
  const count = peers === null ? 1 : peers.split(",").length;
  const ports = await freePorts(count);
  const rest = without(words, "--port", "--host", "--peers", "--advertise", "--data-dir");
  return ports.map((port) => {
    const args = [...rest, "--port", String(port)];
    if (!words.includes("--memory")) args.push("--data-dir", join(folder, `data-${port}`));
    if (peers !== null) args.push("--peers", ports.map((each) => `127.0.0.1:${each}`).join(","));
    return { args, ready: 1 };
  });
}

/** Starts the servers of a line, and says what is wrong when they are not all ready and then stop; null for nothing. */
async function problemOfServers(line: Line, folder: string): Promise<string | null> {
  const started: { readonly child: ChildProcess; output: string; readonly ready: number; code: number | null }[] = [];
  for (const { args, ready } of await replicasOf(line, folder)) {
    const child = spawn(KVSERVER, args, { cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
    const one = { child, output: "", ready, code: null as number | null };
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (chunk: Uint8Array) => one.output += new TextDecoder().decode(chunk));
    }
    child.once("close", (code) => one.code = code ?? -1);
    started.push(one);
  }
  const until = async (holds: () => boolean): Promise<boolean> => {
    for (const deadline = performance.now() + PATIENCE_MS; !holds();) {
      if (performance.now() > deadline) return false;
      await new Promise((wait) => setTimeout(wait, 10));
    }
    return true;
  };
  const isUp = await until(() => {
    const isReady = started.every(({ output, ready }) => (output.match(READY)?.length ?? 0) >= ready);
    return isReady || started.some(({ code }) => code !== null);
  });
  for (const { child } of started) child.kill("SIGTERM");
  const isDown = await until(() => started.every(({ code }) => code !== null));
  for (const { child } of started) child.kill("SIGKILL");
  if (isUp && isDown && started.every(({ code }) => code === 0)) return null;
  return `${line.at}: ${line.text}\n${started.map(({ output, code }) => `ended with ${code}\n${output}`).join("\n")}`;
}

describe("the commands in the documents", () => {
  test("are found, those of clients and those of servers", () => {
    expect(lines.filter(isServer).length).toBeGreaterThan(15);
    expect(lines.filter((line) => !isServer(line)).length).toBeGreaterThan(60);
  });

  const documents = [...new Set(lines.map(({ document }) => document))];
  test.each(documents)("in %s do what they say", { timeout: 240_000 }, async (document) => {
    const folder = sandbox(document);
    const wrong: string[] = [];
    for (const line of lines.filter((each) => each.document === document)) {
      if (isLeftOut(line) || linesOfCertificates.some(({ at, text }) => at === line.at && text === line.text)) continue;
      const problem = await (isServer(line) ? problemOfServers(line, folder) : problemOf(line, folder));
      if (problem !== null) wrong.push(problem);
    }
    expect(wrong).toEqual([]);
  });

  test("are of programs that are installed", (context) => {
    if (missing.length > 0) context.skip(`not installed: ${missing.join(", ")}; their commands were left out`);
  });
});
