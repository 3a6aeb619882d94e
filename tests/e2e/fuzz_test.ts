/**
 * Malformed inputs on every door, from a seed, while well-formed clients go on beside them.
 * `KVPAXOS_FUZZ=10000` sends as many per door as the acceptance list asks for; the default keeps CI short.
 */
import { createSocket } from "node:dgram";
import { readFileSync } from "node:fs";
import { connect as connectSocket } from "node:net";
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ServerProcess, Servers } from "./support/server_process.ts";

const servers = new Servers();
let server: ServerProcess;
let seed = Number(process.env["KVPAXOS_SEED"] ?? 20_240_601);
const INPUTS = Number(process.env["KVPAXOS_FUZZ"] ?? 1000);

beforeAll(async () => {
  server = await servers.start();
});
afterAll(() => servers.close());

/** A number in [0, 1) from the seed (mulberry32). */
function random(): number {
  seed = (seed + 0x6d2b79f5) | 0;
  let t = Math.imul(seed ^ (seed >>> 15), seed | 1);
  t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
}
const below = (bound: number): number => Math.floor(random() * bound);
const pick = <Item>(items: readonly Item[]): Item => items[below(items.length)]!;
const noise = (length: number): Buffer => Buffer.from(Array.from({ length }, () => below(256)));

const WELL_FORMED_RESP = [
  "*3\r\n$3\r\nSET\r\n$4\r\nfuzz\r\n$5\r\nvalue\r\n",
  "*2\r\n$3\r\nGET\r\n$4\r\nfuzz\r\n",
  "*1\r\n$5\r\nMULTI\r\n*2\r\n$4\r\nINCR\r\n$1\r\nf\r\n*1\r\n$4\r\nEXEC\r\n",
  "*2\r\n$2\r\nKV\r\n$8\r\n\x01\x04fuzz\x00\x00\r\n",
  "*5\r\n$7\r\nKVWATCH\r\n$1\r\n1\r\n$0\r\n\r\n$0\r\n\r\n$1\r\n0\r\n",
  "*7\r\n$4\r\nONCE\r\n$1\r\ns\r\n$1\r\n1\r\n$1\r\n1\r\n$1\r\n1\r\n$4\r\nINCR\r\n$1\r\nf\r\n",
  "*3\r\n$4\r\nSCAN\r\n$1\r\n0\r\n$5\r\nCOUNT\r\n",
  "SET fuzz 'in\"line'\r\n",
  "HELLO 3\r\n",
];
const WELL_FORMED_HTTP = [
  "PUT /v1/kv/fuzz HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nvalue",
  "GET /v1/kv/fuzz HTTP/1.1\r\nHost: x\r\n\r\n",
  "GET /v1/kv?prefix=f&limit=3 HTTP/1.1\r\nHost: x\r\n\r\n",
  'POST /v1/txn HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 35\r\n\r\n{"then":[{"type":"get","key":"a"}]}',
  'POST /v1/rpc HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 24\r\n\r\n{"type":"get","key":"a"}',
];

/** A malformed input: a well-formed one cut, flipped, spliced, repeated or replaced by noise. */
function malformed(samples: readonly string[]): Buffer {
  const bytes = Buffer.from(pick(samples), "latin1");
  switch (below(7)) {
    case 0:
      return bytes.subarray(0, below(bytes.length));
    case 1:
      for (let flips = 1 + below(4); flips > 0; flips--) bytes[below(bytes.length)] = below(256);
      return bytes;
    case 2: {
      const at = below(bytes.length);
      return Buffer.concat([bytes.subarray(0, at), noise(1 + below(40)), bytes.subarray(at)]);
    }
    case 3:
      return Buffer.concat([bytes, bytes.subarray(below(bytes.length)), Buffer.from(pick(samples), "latin1")]);
    case 4:
      return Buffer.from(
        bytes.toString("latin1").replaceAll(
          /\d+/g,
          (digits) =>
            random() < 0.5 ? digits : pick(["-1", "0", "99999999999999999999", "1048577", "-99", "x", "", "536870912"]),
        ),
        "latin1",
      );
    case 5:
      return noise(1 + below(400));
    default:
      return Buffer.alloc(1 + below(100_000), pick(["*", "$", "\r\n", "a", "\0", "*1\r\n", "$1\r\n", " ", '"']));
  }
}

/** Sends one input on a connection of its own and waits, for a moment at most, for what comes back. */
function sendOver(port: number, input: Buffer): Promise<void> {
  return new Promise((done, failed) => {
    const socket = connectSocket({ host: "127.0.0.1", port });
    const timer = setTimeout(() => socket.destroy(), 25);
    socket.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "ECONNREFUSED") failed(error);
    });
    socket.once("close", () => {
      clearTimeout(timer);
      done();
    });
    socket.resume();
    socket.once("connect", () => {
      if (random() < 0.3 && input.length > 2) {
        const half = below(input.length);
        socket.write(input.subarray(0, half));
        setImmediate(() => socket.writable && socket.write(input.subarray(half)));
      } else {
        socket.write(input);
      }
    });
  });
}

function residentMiB(): number {
  const pages = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${server.child.pid}/status`, "utf8"))?.[1];
  return Number(pages) / 1024;
}

/** Runs `attack` while a well-formed client counts up: every reply must be right. */
async function besideAClient(attack: () => Promise<void>): Promise<void> {
  const redis = new Redis({ host: "127.0.0.1", port: server.port });
  const key = `beside:${below(1e9)}`;
  await redis.ping();
  let going = true;
  const counting = (async () => {
    let count = 0;
    while (going) {
      count++;
      expect(await redis.incr(key)).toBe(count);
      expect(await redis.get(key)).toBe(String(count));
    }
    return count;
  })();
  try {
    await attack();
  } finally {
    going = false;
  }
  const count = await counting;
  expect(count).toBeGreaterThan(0);
  expect(await redis.incrby(key, 0)).toBe(count);
  await redis.quit();
  expect(server.child.exitCode, server.output).toBeNull();
  expect(residentMiB()).toBeLessThan(700);
}

async function inParallel(width: number, count: number, action: () => Promise<void>): Promise<void> {
  let left = count;
  await Promise.all(Array.from({ length: width }, async () => {
    while (left-- > 0) await action();
  }));
}

describe(`${INPUTS} malformed inputs harm neither the server nor the client beside them`, () => {
  test("on TCP", async () => {
    await besideAClient(() => inParallel(50, INPUTS, () => sendOver(server.port, malformed(WELL_FORMED_RESP))));
  }, 300_000);

  test("on HTTP", async () => {
    await besideAClient(() => inParallel(50, INPUTS, () => sendOver(server.port + 1000, malformed(WELL_FORMED_HTTP))));
    expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
  }, 300_000);

  test("on UDP", async () => {
    const socket = createSocket("udp4");
    socket.on("error", () => {
      // An oversized datagram fails on this side: as good as lost.
    });
    await besideAClient(() =>
      inParallel(20, INPUTS, async () => {
        const command = malformed(WELL_FORMED_RESP).subarray(0, 60_000);
        const datagram = random() < 0.1 ? command.subarray(0, below(9)) : Buffer.concat([noise(8), command]);
        await new Promise<void>((sent) => socket.send(datagram, server.port, "127.0.0.1", () => sent()));
        // About 20,000 datagrams a second: malformed input is the point here, not a flood.
        await new Promise((wait) => setTimeout(wait, 1));
      })
    );
    socket.close();
  }, 300_000);
});

describe("slow and silent clients", () => {
  test("cost little and hold nobody up: half requests, no reads, no requests", async () => {
    const sockets = Array.from({ length: 100 }, (_, i) => {
      const socket = connectSocket({ host: "127.0.0.1", port: i % 2 === 0 ? server.port : server.port + 1000 });
      socket.on("error", () => {
        // The server may well close such a connection.
      });
      return socket;
    });
    await Promise.all(sockets.map((socket) => new Promise((done) => socket.once("connect", done))));
    sockets.forEach((socket, i) => {
      if (i % 4 === 0) socket.write("*3\r\n$3\r\nSET\r\n$1048576\r\nhalf of a");
      if (i % 4 === 1) socket.write("PUT /v1/kv/slow HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nhalf");
    });
    const writer = new Redis({ host: "127.0.0.1", port: server.port });
    await writer.set("large", Buffer.alloc(1024 * 1024, "x"));
    // Ask for 200 MiB of replies and read none of them.
    for (const socket of sockets.filter((_, i) => i % 4 === 2).slice(0, 10)) {
      socket.pause();
      socket.write("*2\r\n$3\r\nGET\r\n$5\r\nlarge\r\n".repeat(20));
    }
    for (let i = 1; i <= 500; i++) expect(await writer.incr("beside:slow")).toBe(i);
    expect(residentMiB()).toBeLessThan(900);
    await writer.quit();
    for (const socket of sockets) socket.destroy();
  }, 60_000);
});
