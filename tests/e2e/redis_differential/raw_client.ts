/**
 * A RESP client that hands out replies as the bytes that came, cut into whole replies and nothing else.
 *
 * @module
 */
import { connect, type Socket } from "node:net";

/** Where the reply that begins at `at` ends, or -1 when it is not all there. Bytes are characters of `text`. */
function replyEnd(text: string, at: number): number {
  const lineEnd = text.indexOf("\r\n", at);
  if (lineEnd < 0) return -1;
  const next = lineEnd + 2;
  const size = Number(text.slice(at + 1, lineEnd));
  let parts = 0;
  switch (text[at]) {
    case "+":
    case "-":
    case ":":
    case "_":
    case ",":
    case "#":
    case "(":
      return next;
    case "$":
    case "=":
    case "!":
      if (size < 0) return next;
      return text.length < next + size + 2 ? -1 : next + size + 2;
    case "*":
    case "~":
    case ">":
      parts = Math.max(0, size);
      break;
    case "%":
      parts = size * 2;
      break;
    default:
      throw new Error(`not a reply: ${JSON.stringify(text.slice(at, at + 40))}`);
  }
  let end = next;
  for (let i = 0; i < parts && end >= 0; i++) end = replyEnd(text, end);
  return end;
}

/** The elements of an array reply, each as its bytes; null when the reply is no array. */
export function elementsOf(reply: string): string[] | null {
  if (!"*~".includes(reply[0]!)) return null;
  const elements: string[] = [];
  let at = reply.indexOf("\r\n") + 2;
  while (at < reply.length) {
    const end = replyEnd(reply, at);
    elements.push(reply.slice(at, end));
    at = end;
  }
  return elements;
}

/** One connection. Arguments and replies are byte strings: a character per byte. */
export class RawClient {
  readonly #socket: Socket;
  #received = "";
  #waiting: {
    count: number;
    replies: string[];
    resolve: (replies: string[]) => void;
    reject: (error: Error) => void;
  }[] = [];

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (bytes: Uint8Array) => {
      this.#received += Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");
      this.#deliver();
    });
    socket.on("error", (error) => this.#fail(error));
    socket.on("close", () => this.#fail(new Error("the server closed the connection")));
  }

  static connect(port: number): Promise<RawClient> {
    return new Promise((resolve, reject) => {
      const socket = connect(port, "127.0.0.1");
      socket.once("error", reject);
      socket.once("connect", () => {
        socket.removeListener("error", reject);
        resolve(new RawClient(socket));
      });
    });
  }

  /** Sends the commands in one piece and waits for as many replies. */
  send(commands: readonly (readonly string[])[]): Promise<string[]> {
    let request = "";
    for (const command of commands) {
      request += `*${command.length}\r\n`;
      for (const argument of command) request += `$${argument.length}\r\n${argument}\r\n`;
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ count: commands.length, replies: [], resolve, reject });
      this.#socket.write(Buffer.from(request, "latin1"));
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #deliver(): void {
    let at = 0;
    for (;;) {
      const first = this.#waiting[0];
      if (first === undefined) break;
      if (first.replies.length === first.count) {
        this.#waiting.shift();
        first.resolve(first.replies);
        continue;
      }
      const end = at < this.#received.length ? replyEnd(this.#received, at) : -1;
      if (end < 0) break;
      first.replies.push(this.#received.slice(at, end));
      at = end;
    }
    this.#received = this.#received.slice(at);
  }

  #fail(error: Error): void {
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }
}
