/**
 * A terminal and a client that live in memory, so that a test can run the programs and look at all they did.
 *
 * @module
 */
import type { WatchRequest } from "../../src/client/connection.ts";
import { bytesToText, concatBytes, textToBytes } from "../../src/codec/bytes.ts";
import { KvError } from "../../src/core/errors.ts";
import type { Operation } from "../../src/core/kv/command.ts";
import { KVStore } from "../../src/core/kv/kv_store.ts";
import type { Result, WatchEvent } from "../../src/core/kv/result.ts";
import { runClient } from "../../cli/kvclient/run.ts";
import type {
  Connect,
  HeldLock,
  LockRequest,
  ServerHealth,
  ServerReport,
  ServerStatus,
  Store,
  Target,
} from "../../cli/kvclient/store.ts";
import type { Prompt, PromptOptions, RunningCommand, Signal, Terminal } from "../../cli/terminal.ts";
import { keepSaid } from "../support/secrets/secrets.ts";

/** What a fake terminal is given. */
export interface FakeTerminalOptions {
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string | Uint8Array;
  /** Whether the three streams are terminals. */
  readonly tty?: boolean;
  /** Lines typed at the prompt. */
  readonly typed?: readonly string[];
  readonly files?: Readonly<Record<string, string>>;
}

/** A command that ends when the test says so. */
export class FakeCommand implements RunningCommand {
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly signals: Signal[] = [];
  readonly ended: Promise<number>;
  end!: (code: number) => void;
  fail!: (error: Error) => void;
  onSignal: (signal: Signal) => void = () => {};

  constructor(command: readonly string[], env: Readonly<Record<string, string>>) {
    this.command = command;
    this.env = env;
    this.ended = new Promise((resolve, reject) => {
      this.end = resolve;
      this.fail = reject;
    });
  }

  signal(signal: Signal): void {
    this.signals.push(signal);
    this.onSignal(signal);
  }
}

/** A terminal in memory. */
export class FakeTerminal implements Terminal {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdinIsTTY: boolean;
  readonly stdoutIsTTY: boolean;
  readonly stderrIsTTY: boolean;
  readonly files: Map<string, string>;
  readonly exits: number[] = [];
  error = "";
  promptOptions: PromptOptions | null = null;
  #input: Uint8Array;
  #typed: string[];
  #output: Uint8Array[] = [];
  #handlers = new Map<Signal, Set<() => void>>();
  #time_ms = 0;
  readonly #keys = new Set<(key: string) => void>();

  constructor(options: FakeTerminalOptions = {}) {
    this.args = options.args ?? [];
    this.env = { HOME: "/home/user", ...options.env };
    this.stdinIsTTY = this.stdoutIsTTY = this.stderrIsTTY = options.tty ?? false;
    this.#input = typeof options.input === "string" ? textToBytes(options.input) : options.input ?? new Uint8Array(0);
    this.#typed = [...options.typed ?? []];
    this.files = new Map(Object.entries(options.files ?? {}));
  }

  get bytes(): Uint8Array {
    return concatBytes(this.#output);
  }

  get output(): string {
    return bytesToText(this.bytes);
  }

  /** Sends a signal; false when nobody listens. */
  signal(signal: Signal): boolean {
    const handlers = [...this.#handlers.get(signal) ?? []];
    for (const handler of handlers) handler();
    return handlers.length > 0;
  }

  monotonic(): number {
    return this.#time_ms += 0.25;
  }

  now(): number {
    return 1_700_000_000_000 + this.#time_ms;
  }

  sleep(): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, 1));
  }

  turn(): Promise<void> {
    return new Promise((resolve) => setImmediate(resolve));
  }

  randomName(): string {
    return "abc123";
  }

  write(output: string | Uint8Array): Promise<void> {
    keepSaid("terminal", output);
    this.#output.push(typeof output === "string" ? textToBytes(output) : output.slice());
    return Promise.resolve();
  }

  writeError(output: string): void {
    keepSaid("terminal", output);
    this.error += output;
  }

  readInput(): Promise<Uint8Array> {
    return Promise.resolve(this.#input);
  }

  async *inputLines(): AsyncIterable<string> {
    const lines = bytesToText(this.#input).split("\n");
    if (lines.at(-1) === "") lines.pop();
    yield* lines;
  }

  prompt(options: PromptOptions): Prompt {
    this.promptOptions = options;
    return { next: () => Promise.resolve(this.#typed.shift() ?? null), close: () => {} };
  }

  readFile(path: string): Uint8Array {
    const text = this.files.get(path);
    if (text === undefined) throw Object.assign(new Error(`ENOENT: no such file, open '${path}'`), { code: "ENOENT" });
    return textToBytes(text);
  }

  replaceFile(path: string, text: string): void {
    keepSaid("files", text);
    this.files.set(path, text);
  }

  appendFile(path: string, text: string): void {
    keepSaid("files", text);
    this.files.set(path, (this.files.get(path) ?? "") + text);
  }

  onSignal(signal: Signal, handler: () => void): () => void {
    const handlers = this.#handlers.get(signal) ?? new Set();
    this.#handlers.set(signal, handlers.add(handler));
    return () => handlers.delete(handler);
  }

  /** The commands that were started, for the test to end. */
  readonly commands: FakeCommand[] = [];

  run(command: readonly string[], env: Readonly<Record<string, string>>): RunningCommand {
    const fake = new FakeCommand(command, env);
    this.commands.push(fake);
    this.onCommand(fake);
    return fake;
  }

  /** What commands do. */
  onCommand: (command: FakeCommand) => void = (command) => command.end(0);

  /** Presses a key. */
  press(key: string): void {
    for (const handler of this.#keys) handler(key);
  }

  onKey(handler: (key: string) => void): () => void {
    this.#keys.add(handler);
    return () => this.#keys.delete(handler);
  }

  exit(code: number): void {
    this.exits.push(code);
  }
}

/** A client whose server is a store in this process. */
export class FakeStore implements Store {
  readonly kv: KVStore = new KVStore();
  readonly targets: Target[] = [];
  closed = 0;
  /** What is said of the servers, when it is not this store's own status. */
  answers: readonly ServerReport[] | null = null;
  healths: readonly ServerHealth[] = [{ server: "127.0.0.1:32000", unready: null }];
  /** Changes what is answered, so that a test can have a server that is wrong. */
  distort: (result: Result, operation: Operation) => Result = (result) => result;

  readonly connect: Connect = (target) => {
    this.targets.push(target);
    return this;
  };

  execute(operation: Operation, signal?: AbortSignal): Promise<Result> {
    if (signal?.aborted === true) return Promise.reject(new KvError("ABORTED", "aborted"));
    const result = this.distort(this.kv.execute(operation, 1_700_000_000_000), operation);
    if (result.type === "error") return Promise.reject(new KvError(result.code, result.message));
    return Promise.resolve(result);
  }

  async *watch(request: WatchRequest, signal: AbortSignal): AsyncIterable<WatchEvent> {
    const waiting: WatchEvent[] = [];
    let wake = (): void => {};
    this.kv.watch(request, {
      onEvents: (events) => {
        waiting.push(...events);
        wake();
      },
      onEnd: () => {},
    });
    while (!signal.aborted) {
      const event = waiting.shift();
      if (event !== undefined) {
        yield event;
        continue;
      }
      await new Promise<void>((resolve) => {
        wake = resolve;
        signal.addEventListener("abort", () => resolve());
      });
    }
  }

  /** The locks that were asked for: their names, and what for. */
  readonly locks: { readonly name: string; readonly value: string | null; readonly request: LockRequest }[] = [];
  /** What is given to those who ask for a lock. */
  held: HeldLock | KvError = new KvError("LOCK_HELD", "held by others");

  lock(name: string, request: LockRequest, value: string | null = null): Promise<HeldLock> {
    this.locks.push({ name, value, request });
    return this.held instanceof KvError ? Promise.reject(this.held) : Promise.resolve(this.held);
  }

  elect(name: string, value: string, request: LockRequest): Promise<HeldLock> {
    return this.lock(name, request, value);
  }

  status(): Promise<ServerStatus> {
    return Promise.resolve({ version: "0.1.0", store: { keys: this.kv.size }, log: null });
  }

  async reports(): Promise<readonly ServerReport[]> {
    return this.answers ?? [{ server: "127.0.0.1:32000", status: await this.status(), error: null }];
  }

  health(): Promise<readonly ServerHealth[]> {
    return Promise.resolve(this.healths);
  }

  close(): Promise<void> {
    this.closed++;
    return Promise.resolve();
  }
}

/** A run of `kvclient`. */
export async function kvclient(
  args: readonly string[],
  options: Omit<FakeTerminalOptions, "args"> & {
    readonly store?: FakeStore;
    /** Called with the terminal before the run. */
    readonly prepare?: (terminal: FakeTerminal) => void;
  } = {},
): Promise<
  { readonly code: number; readonly terminal: FakeTerminal; readonly output: string; readonly error: string }
> {
  const terminal = new FakeTerminal({ ...options, args });
  options.prepare?.(terminal);
  const code = await runClient(terminal, (options.store ?? new FakeStore()).connect);
  return { code, terminal, output: terminal.output, error: terminal.error };
}
