/**
 * More processes of this very program, whatever it runs on: the compiled executable, or the script under Node, Bun or
 * Deno.
 *
 * @module
 */
import { spawn } from "node:child_process";
import { createServer } from "node:net";
import process from "node:process";

/** How a process ended. */
export interface ProcessExit {
  readonly code: number | null;
  readonly signal: string | null;
}

/** A process that runs. */
export interface ChildProcess {
  /** Resolves when it has ended and all that it wrote was read. */
  readonly exited: Promise<ProcessExit>;
  /** Asks it to stop in good order. */
  stop(): void;
  /** Has it read its files again: users and certificates. */
  reload(): void;
  /** Ends it at once. */
  kill(): void;
}

/** Takes the lines that a process writes, without their ends. */
export type OnLine = (stream: "stdout" | "stderr", line: string) => void;

/** What a program that runs others needs. */
export interface Processes {
  /** Starts this program again. It stops when this process does, however that ends. */
  spawn(args: readonly string[], env: Readonly<Record<string, string | undefined>>, onLine: OnLine): ChildProcess;
  /** Whether a TCP port can be listened on. */
  isFree(host: string, port: number): Promise<boolean>;
}

/** Set for a program that is to stop when its standard input ends: when whoever started it is gone. */
export const STOP_WITH_STDIN = "KVPAXOS_STOP_WITH_STDIN";

/** The real ones. */
export const systemProcesses: Processes = {
  spawn(args, env, onLine) {
    const [command, ...first] = ownCommand();
    const child = spawn(command, [...first, ...args], {
      // In a group of its own: Ctrl-C at a terminal reaches the one that decides when the others stop, and only it.
      detached: true,
      stdio: ["pipe", "pipe", "pipe"],
      env: { ...env, [STOP_WITH_STDIN]: "1" },
    });
    // It may be gone before its input is.
    child.stdin.on("error", () => {});
    child.stdout.on("data", linesOf((line) => onLine("stdout", line)));
    child.stderr.on("data", linesOf((line) => onLine("stderr", line)));
    const exited = new Promise<ProcessExit>((resolve) => {
      child.once("error", (error) => {
        onLine("stderr", `cannot be started: ${error.message}`);
        resolve({ code: null, signal: null });
      });
      child.once("close", (code, signal) => resolve({ code, signal }));
    });
    return {
      exited,
      // By its input and not by a signal: Deno tells of a process that was sent one that it died of it.
      stop: () => void child.stdin.end(),
      reload: () => void child.kill("SIGHUP"),
      kill: () => void child.kill("SIGKILL"),
    };
  },

  isFree(host, port) {
    return new Promise((resolve) => {
      const probe = createServer();
      probe.once("error", () => resolve(false));
      probe.listen({ host, port }, () => probe.close(() => resolve(true)));
    });
  },
};

/** The words that run this program. */
function ownCommand(): [command: string, ...first: string[]] {
  const script = process.argv[1] ?? "";
  const { Deno: deno } = globalThis as { Deno?: { readonly build: { readonly standalone?: boolean } } };
  if (deno !== undefined) {
    return deno.build.standalone === true ? [process.execPath] : [process.execPath, "run", "-A", script];
  }
  // Bun gives the script of a compiled executable a name in a file system of its own.
  if (/^(\/\$bunfs\/|[A-Z]:[/\\]~BUN)/.test(script)) return [process.execPath];
  return [process.execPath, ...process.execArgv, script];
}

/** Cuts what comes in pieces into lines. */
function linesOf(take: (line: string) => void): (chunk: Uint8Array) => void {
  const decoder = new TextDecoder();
  let rest = "";
  return (chunk) => {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop()!;
    for (const line of lines) take(line);
  };
}
