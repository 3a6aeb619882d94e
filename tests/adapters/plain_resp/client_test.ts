/** What a plain RESP client makes of servers that answer, refuse, say nothing, or go away in the middle. */
import { createServer, type Server, type Socket } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { PlainRespClient, type PlainRespOptions } from "../../../src/adapters/plain_resp/client.ts";
import { bytesToText, keyFromText, textToBytes } from "../../../src/codec/bytes.ts";
import { type Compare, NO_EXPIRY, type Operation } from "../../../src/core/kv/command.ts";
import { secret } from "../../support/secrets/secrets.ts";

const KEY = keyFromText("k");
const GET: Operation = { type: "get", key: KEY };
const PUT: Operation = {
  type: "put",
  key: KEY,
  value: textToBytes("v"),
  expiry: NO_EXPIRY,
  condition: "always",
  returnPrevious: false,
};
const IS_OLD: Compare = { key: KEY, target: "value", operator: "=", operand: textToBytes("old") };
const SWAP: Operation = { type: "txn", compare: [IS_OLD], then: [PUT], else: [] };
const OLD = "$3\r\nold\r\n";

/** A server that answers each command by its name: text goes out, null closes, undefined says nothing. */
async function serve(answer: (name: string) => string | null | undefined): Promise<{ port: number; heard: string[] }> {
  const heard: string[] = [];
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => socket.destroy());
    socket.on("data", (chunk) => {
      // Each command of these tests is one array, and comes whole.
      for (const command of bytesToText(chunk).split("*").slice(1)) {
        const name = command.split("\r\n")[2]!;
        heard.push(name);
        const reply = answer(name);
        if (reply === null) socket.destroy();
        else if (reply !== undefined) socket.write(reply);
      }
    });
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const address = server.address();
  return { port: typeof address === "object" && address !== null ? address.port : 0, heard };
}

function clientOf(ports: readonly number[], options: Partial<PlainRespOptions> = {}): PlainRespClient {
  const servers = ports.map((port) => ({ host: "127.0.0.1", port }));
  const client = new PlainRespClient({
    servers,
    user: null,
    password: null,
    deadline_ms: 5000,
    readOnly: false,
    ...options,
  });
  onTestFinished(() => client.close());
  return client;
}

describe("a plain RESP client", () => {
  it("reads and writes with what every Redis knows", async () => {
    const replies: Readonly<Record<string, string>> = {
      GET: OLD,
      SET: "+OK\r\n",
      DEL: ":1\r\n",
      INCRBY: ":7\r\n",
      APPEND: ":4\r\n",
    };
    const { port } = await serve((name) => replies[name]);
    const client = clientOf([port]);
    expect(await client.execute(GET)).toMatchObject({ type: "get", entry: { value: textToBytes("old") } });
    expect(await client.execute(PUT)).toMatchObject({ type: "put", written: true });
    expect(await client.execute({ type: "delete", key: KEY, returnPrevious: false })).toMatchObject({ deleted: 1 });
    expect(await client.execute({ type: "increment", key: KEY, delta: 1n })).toMatchObject({ value: 7n });
    expect(await client.execute({ type: "append", key: KEY, value: textToBytes("x") })).toMatchObject({ value: 4n });
  });

  it.each([["closes the connection", null], ["says nothing", undefined]])(
    "does not know what became of a write when the server %s after it was sent",
    async (_what, reply) => {
      const { port, heard } = await serve(() => reply);
      await expect(clientOf([port], { deadline_ms: 300 }).execute(PUT)).rejects.toMatchObject({
        code: "OUTCOME_UNKNOWN",
      });
      // Nothing is tried twice.
      expect(heard).toEqual(["SET"]);
    },
  );

  it("knows that nothing was done when no server could be reached, or one refused", async () => {
    await expect(clientOf([1]).execute(PUT)).rejects.toMatchObject({ code: "UNAVAILABLE" });
    const { port } = await serve(() => "-ERR no such thing\r\n");
    await expect(clientOf([port]).execute(PUT)).rejects.toMatchObject({ code: "PROTOCOL_ERROR" });
    const unsure = await serve(() => "-UNKNOWN it may still take effect\r\n");
    await expect(clientOf([unsure.port]).execute(PUT)).rejects.toMatchObject({ code: "OUTCOME_UNKNOWN" });
  });

  it("goes on to the next server after one that is away or takes no writes", async () => {
    const replica = await serve(() => "-READONLY You can't write against a read only replica.\r\n");
    const master = await serve(() => "+OK\r\n");
    const client = clientOf([1, replica.port, master.port]);
    await expect(client.execute(PUT)).rejects.toMatchObject({ code: "UNAVAILABLE" });
    expect(await client.execute(PUT)).toMatchObject({ written: true });
  });

  it("swaps only what it has seen, and tells what was refused from what nobody knows", async () => {
    let exec: string | null = "*1\r\n+OK\r\n";
    let value = OLD;
    const { port, heard } = await serve((name) => {
      if (name === "GET") return value;
      if (name === "EXEC") return exec;
      return name === "SET" ? "+QUEUED\r\n" : "+OK\r\n";
    });
    const client = clientOf([port]);
    expect(await client.execute(SWAP)).toMatchObject({ succeeded: true });
    expect(heard).toEqual(["WATCH", "GET", "MULTI", "SET", "EXEC"]);
    exec = "*-1\r\n";
    await expect(client.execute(SWAP)).rejects.toMatchObject({ code: "UNAVAILABLE" });
    exec = "-EXECABORT discarded\r\n";
    await expect(client.execute(SWAP)).rejects.toMatchObject({ code: "PROTOCOL_ERROR" });
    value = "$3\r\nnew\r\n";
    expect(await client.execute(SWAP)).toMatchObject({ succeeded: false });
    expect(heard.at(-1)).toBe("UNWATCH");
    [value, exec] = [OLD, null];
    await expect(client.execute(SWAP)).rejects.toMatchObject({ code: "OUTCOME_UNKNOWN" });
  });

  it("has written nothing when the connection breaks before EXEC was sent", async () => {
    const { port } = await serve((name) => name === "GET" ? null : "+OK\r\n");
    await expect(clientOf([port]).execute(SWAP)).rejects.toMatchObject({ code: "UNAVAILABLE" });
  });

  it("asks for stale reads before anything else where it is told to, and gives up where that is refused", async () => {
    const { port, heard } = await serve((name) => name === "GET" ? "$-1\r\n" : "+OK\r\n");
    expect(await clientOf([port], { readOnly: true, password: secret("plain RESP") }).execute(GET)).toMatchObject({
      entry: null,
    });
    expect(heard).toEqual(["AUTH", "READONLY", "GET"]);
    const other = await serve(() => "-ERR This instance has cluster support disabled\r\n");
    await expect(clientOf([other.port], { readOnly: true }).execute(GET)).rejects.toThrow("cluster support");
  });
});
