/**
 * Clients of the Redis protocol that write and remember when each write began and how long it took, so that a
 * measurement can be cut at what happened meanwhile, which no load generator's summary allows.
 *
 * @module
 */
import { connect, type Socket } from "node:net";

/** What one write came to. Times are milliseconds of `performance.now()`. */
export interface Write {
  readonly begun: number;
  readonly took_ms: number;
  /** Which server. */
  readonly port: number;
  /** What the server said when it did not take it. */
  readonly error: string | null;
}

/** Writers at work. */
export interface Writers {
  /** Every write that was answered so far. */
  readonly writes: readonly Write[];
  /** How many wait for an answer. */
  readonly waiting: () => number;
  /** Begins no more writes, waits for those under way, and hangs up. */
  stop(): Promise<void>;
}

/** What is written. */
export interface Written {
  readonly keys: number;
  readonly value_bytes: number;
}

/** How many commands of {@link fill} go in one piece. */
const PIECE = 16;

/** The name of a key, as redis-benchmark has it. */
function keyName(index: number): string {
  return `key:${String(index).padStart(12, "0")}`;
}

/** Values that no two neighbours have in common and no compression makes smaller. */
function newValue(bytes: number): Buffer {
  const value = Buffer.alloc(bytes);
  for (let i = 0; i < bytes; i++) value[i] = 32 + Math.floor(Math.random() * 90);
  return value;
}

function setCommand(key: string, value: Buffer): Buffer {
  const head = `*3\r\n$3\r\nSET\r\n$${key.length}\r\n${key}\r\n$${value.length}\r\n`;
  return Buffer.concat([Buffer.from(head), value, Buffer.from("\r\n")]);
}

/** Calls `onLine` with each line that the server sends: enough for the replies to SET. */
function onLines(socket: Socket, onLine: (line: string) => void): void {
  let rest = "";
  socket.on("data", (chunk: Buffer) => {
    const text = rest + chunk.toString("latin1");
    let start = 0;
    for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n", start)) {
      onLine(text.slice(start, end - 1));
      start = end + 1;
    }
    rest = text.slice(start);
  });
}

/** Writes every key once, over connections dealt over the servers. Returns how long it took, in milliseconds. */
export async function fill(ports: readonly number[], { keys, value_bytes }: Written, clients = 60): Promise<number> {
  const begun = performance.now();
  const values = Array.from({ length: 64 }, () => newValue(value_bytes));
  let next = 0;
  await Promise.all(Array.from({ length: clients }, (_, client) =>
    new Promise<void>((done, fail) => {
      const socket = connect(ports[client % ports.length]!, "127.0.0.1");
      let waiting = 0;
      const send = (): void => {
        const pieces: Buffer[] = [];
        for (; pieces.length < PIECE && next < keys; next++) {
          pieces.push(setCommand(keyName(next), values[next % values.length]!));
        }
        waiting = pieces.length;
        if (waiting === 0) {
          socket.destroy();
          done();
        } else socket.write(Buffer.concat(pieces));
      };
      socket.once("connect", send).once("error", fail);
      onLines(socket, (line) => {
        if (line.startsWith("-")) fail(new Error(`a key was not taken: ${line}`));
        if (--waiting === 0) send();
      });
    })));
  return performance.now() - begun;
}

/** Starts `clients` connections, dealt over the servers; each writes keys at random, the next when one is answered. */
export function startWriters(
  ports: readonly number[],
  clients: number,
  { keys, value_bytes }: Written,
  { keysOf = "key:" }: { readonly keysOf?: string } = {},
): Writers {
  const values = Array.from({ length: 16 }, () => newValue(value_bytes));
  const writes: Write[] = [];
  let isOver = false;
  let waiting = 0;
  const ends = Array.from({ length: clients }, (_, client) => {
    const port = ports[client % ports.length]!;
    return new Promise<void>((done) => {
      let begun: number | null = null;
      const answered = (error: string | null): void => {
        if (begun === null) return;
        writes.push({ begun, took_ms: performance.now() - begun, port, error });
        begun = null;
        waiting--;
      };
      const dial = (): void => {
        if (isOver) return done();
        const socket = connect(port, "127.0.0.1");
        const send = (): void => {
          if (isOver) {
            socket.destroy();
            return;
          }
          const key = keyName(Math.floor(Math.random() * keys)).replace("key:", keysOf);
          begun = performance.now();
          waiting++;
          socket.write(setCommand(key, values[Math.floor(Math.random() * values.length)]!));
        };
        socket.setNoDelay(true).once("connect", send).on("error", () => {});
        socket.once("close", () => {
          answered("the connection ended");
          if (isOver) done();
          else setTimeout(dial, 50);
        });
        onLines(socket, (line) => {
          answered(line.startsWith("-") ? line : null);
          send();
        });
      };
      dial();
    });
  });
  return {
    writes,
    waiting: () => waiting,
    stop: async () => {
      isOver = true;
      await Promise.all(ends);
    },
  };
}

/** The least that `share` of the values do not exceed; NaN without any. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
