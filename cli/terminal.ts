/**
 * Everything the programs ask of the process they run in, so that each command can be run by a test with a
 * terminal, an environment and files of its own.
 *
 * @module
 */

/** The signals the programs listen to. */
export type Signal = "SIGINT" | "SIGTERM" | "SIGHUP";

/** A prompt that lines are typed at. */
export interface Prompt {
  /** The next line, or null at the end of the input. A later call needs the earlier one's answer first. */
  next(): Promise<string | null>;
  close(): void;
}

/** How a prompt looks and helps. */
export interface PromptOptions {
  readonly text: string;
  /** Earlier lines, the newest first. */
  readonly history: readonly string[];
  /** The words that may be completed where the line stands. */
  readonly complete: (line: string) => string[];
  /** Called for Ctrl-C while no line is being edited. */
  readonly onInterrupt: () => void;
}

/** A command that this program has started. */
export interface RunningCommand {
  /** Its exit code, or 128 and the number of the signal that ended it. Rejects when it cannot be started. */
  readonly ended: Promise<number>;
  /** Sends it a signal. Does nothing when it has ended. */
  signal(signal: Signal): void;
}

/** The process, as a program sees it. */
export interface Terminal {
  /** The arguments, without the runtime and the program. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdinIsTTY: boolean;
  readonly stdoutIsTTY: boolean;
  readonly stderrIsTTY: boolean;
  /** Milliseconds since an arbitrary start, with a fraction. */
  monotonic(): number;
  /** Milliseconds since the Unix epoch. */
  now(): number;
  /** Resolves after so long, or at once when the signal aborts. */
  sleep(duration_ms: number, signal?: AbortSignal): Promise<void>;
  /** Resolves when the event loop has gone round once. */
  turn(): Promise<void>;
  /** A few random letters and digits, for names that must not be in use. */
  randomName(): string;
  /** Writes to standard output; resolves when there is room for more. */
  write(output: string | Uint8Array): Promise<void>;
  /** Writes to standard error. */
  writeError(output: string): void;
  /** All of standard input. */
  readInput(): Promise<Uint8Array>;
  /** The lines of standard input. */
  inputLines(): AsyncIterable<string>;
  prompt(options: PromptOptions): Prompt;
  /** The bytes of a file. Throws when it cannot be read. */
  readFile(path: string): Uint8Array;
  /** Replaces a file as a whole, readable by its owner only; makes the directories on the way. */
  replaceFile(path: string, text: string): void;
  /** Adds to the end of a file that is there. */
  appendFile(path: string, text: string): void;
  /** Starts a command, on this program's standard streams and with some more environment. */
  run(command: readonly string[], env: Readonly<Record<string, string>>): RunningCommand;
  /** Calls `handler` at each such signal instead of ending the process; the result undoes that. */
  onSignal(signal: Signal, handler: () => void): () => void;
  /**
   * Calls `handler` with each key that is pressed, as its characters, instead of waiting for whole lines; Ctrl-C is `\x03`
   * then, and no signal. The result undoes that. Only where standard input is a terminal.
   */
  onKey(handler: (key: string) => void): () => void;
  /** Ends the process at once. */
  exit(code: number): void;
}

/** Whether output to standard output (or error) may have colours. */
export function hasColor(terminal: Terminal, wanted: boolean, stream: "stdout" | "stderr" = "stdout"): boolean {
  if (!wanted || (terminal.env["NO_COLOR"] ?? "") !== "" || terminal.env["TERM"] === "dumb") return false;
  return stream === "stdout" ? terminal.stdoutIsTTY : terminal.stderrIsTTY;
}

/** Colours, which do nothing where there are none. */
export interface Style {
  readonly bold: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly red: (text: string) => string;
  readonly green: (text: string) => string;
}

/** The colours of a terminal that has them, or none. */
export function styleOf(color: boolean): Style {
  const paint = (on: number, off: number) => (text: string): string => color ? `\x1b[${on}m${text}\x1b[${off}m` : text;
  return { bold: paint(1, 22), dim: paint(2, 22), red: paint(31, 39), green: paint(32, 39) };
}
