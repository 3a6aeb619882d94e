/**
 * The real {@link Terminal}: this process, on Node, Bun and Deno.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import {
  appendFileSync,
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { constants } from "node:os";
import { dirname } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import type { Prompt, PromptOptions, RunningCommand, Signal, Terminal } from "./terminal.ts";

/** Runs a program in this process and ends the process with the code it returns, once its output is out. */
export async function runInProcess(program: (terminal: Terminal) => Promise<number>): Promise<void> {
  // A reader that has seen enough (`kvclient range | head`) is no failure of ours.
  const onOutputError = (error: Error & { readonly code?: string }): void => {
    process.exit(error.code === "EPIPE" ? 0 : 1);
  };
  process.stdout.on("error", onOutputError);
  process.stderr.on("error", onOutputError);
  // A client that waits to connect again holds only timers that keep no process alive: the program must.
  const alive = setInterval(() => {}, 2 ** 30);
  const code = await program(new SystemTerminal());
  clearInterval(alive);
  await flush(process.stdout);
  await flush(process.stderr);
  process.exit(code);
}

function flush(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => stream.write("", () => resolve()));
}

class SystemTerminal implements Terminal {
  readonly args: readonly string[] = process.argv.slice(2);
  readonly env: Readonly<Record<string, string | undefined>> = process.env;
  readonly stdinIsTTY: boolean = process.stdin.isTTY === true;
  readonly stdoutIsTTY: boolean = process.stdout.isTTY === true;
  readonly stderrIsTTY: boolean = process.stderr.isTTY === true;

  monotonic(): number {
    return performance.now();
  }

  now(): number {
    return Date.now();
  }

  sleep(duration_ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", end);
        resolve();
      };
      const timer = setTimeout(end, duration_ms);
      if (signal?.aborted === true) end();
      else signal?.addEventListener("abort", end, { once: true });
    });
  }

  turn(): Promise<void> {
    return new Promise((resolve) => setImmediate(resolve));
  }

  randomName(): string {
    return randomBytes(5).toString("hex");
  }

  write(output: string | Uint8Array): Promise<void> {
    if (process.stdout.write(output)) return Promise.resolve();
    return new Promise((resolve) => process.stdout.once("drain", resolve));
  }

  writeError(output: string): void {
    process.stderr.write(output);
  }

  async readInput(): Promise<Uint8Array> {
    const parts: Uint8Array[] = [];
    for await (const part of process.stdin) parts.push(part as Uint8Array);
    return new Uint8Array(Buffer.concat(parts));
  }

  async *inputLines(): AsyncIterable<string> {
    const decoder = new TextDecoder();
    let rest = "";
    for await (const part of process.stdin) {
      const lines = (rest + decoder.decode(part as Uint8Array, { stream: true })).split("\n");
      rest = lines.pop()!;
      for (const line of lines) yield line.replace(/\r$/, "");
    }
    if (rest !== "") yield rest;
  }

  prompt(options: PromptOptions): Prompt {
    return new SystemPrompt(options);
  }

  readFile(path: string): Uint8Array {
    return new Uint8Array(readFileSync(path));
  }

  replaceFile(path: string, text: string): void {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    const temporary = `${path}.${process.pid}.${this.randomName()}`;
    try {
      const file = openSync(temporary, "wx", 0o600);
      try {
        writeSync(file, text);
        fsyncSync(file);
      } finally {
        closeSync(file);
      }
      renameSync(temporary, path);
    } catch (error) {
      rmSync(temporary, { force: true });
      throw error;
    }
  }

  appendFile(path: string, text: string): void {
    appendFileSync(path, text);
  }

  run([program = "", ...args]: readonly string[], env: Readonly<Record<string, string>>): RunningCommand {
    const child = spawn(program, args, { stdio: "inherit", env: { ...process.env, ...env } });
    const ended = new Promise<number>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code, signal) => resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])));
    });
    return { ended, signal: (signal) => void child.kill(signal) };
  }

  onSignal(signal: Signal, handler: () => void): () => void {
    process.on(signal, handler);
    return () => process.removeListener(signal, handler);
  }

  onKey(handler: (key: string) => void): () => void {
    const { stdin } = process;
    const onData = (data: Uint8Array): void => {
      for (const key of new TextDecoder().decode(data)) handler(key);
    };
    stdin.setRawMode(true);
    stdin.on("data", onData).resume();
    return () => {
      stdin.off("data", onData).pause();
      stdin.setRawMode(false);
    };
  }

  exit(code: number): void {
    process.exit(code);
  }
}

class SystemPrompt implements Prompt {
  readonly #interface: ReturnType<typeof createInterface>;
  /** Lines that came before they were asked for, as when text is pasted. */
  readonly #lines: string[] = [];
  #waiting: ((line: string | null) => void) | null = null;
  #closed = false;

  constructor(options: PromptOptions) {
    const readline = createInterface({
      input: process.stdin,
      output: process.stdout,
      prompt: options.text,
      history: [...options.history],
      historySize: 1000,
      removeHistoryDuplicates: true,
      completer: (line: string): [string[], string] => [options.complete(line), line],
    });
    this.#interface = readline;
    readline.on("line", (line) => {
      if (this.#waiting === null) this.#lines.push(line);
      else this.#settle(line);
    });
    readline.on("close", () => {
      this.#closed = true;
      this.#settle(null);
    });
    readline.on("SIGINT", () => {
      if (this.#waiting === null) {
        options.onInterrupt();
        return;
      }
      // As a shell does: Ctrl-C gives up the line that is being edited.
      process.stdout.write("^C\n");
      readline.write(null, { ctrl: true, name: "e" });
      readline.write(null, { ctrl: true, name: "u" });
      readline.prompt();
    });
  }

  next(): Promise<string | null> {
    const line = this.#lines.shift();
    if (line !== undefined) return Promise.resolve(line);
    if (this.#closed) return Promise.resolve(null);
    this.#interface.prompt();
    return new Promise((resolve) => this.#waiting = resolve);
  }

  close(): void {
    this.#interface.close();
  }

  #settle(line: string | null): void {
    const waiting = this.#waiting;
    this.#waiting = null;
    waiting?.(line);
  }
}
