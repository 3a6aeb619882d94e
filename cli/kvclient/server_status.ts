/**
 * Asks a server what it is: `KVSTATUS` over TCP and UDP, `/v1/status` over HTTP. The servers are asked in turn until
 * one answers, within one deadline.
 *
 * @module
 */
import { createSocket } from "node:dgram";
import { isIPv6 } from "node:net";
import { RespErrorReply, type RespReply, RespReplyParser } from "../../src/adapters/resp_reply_parser.ts";
import { errorOfLine, writeCommand } from "../../src/adapters/resp_client.ts";
import { socketError } from "../../src/adapters/socket_errors.ts";
import type { ServerAddress } from "../../src/client/connection.ts";
import { ByteWriter } from "../../src/codec/byte_writer.ts";
import { bytesToText, concatBytes, equalBytes, keyFromText } from "../../src/codec/bytes.ts";
import { KvError } from "../../src/core/errors.ts";
import { notOurs, reasonOf, requestPage } from "./http_page.ts";
import { formatServer } from "./profile.ts";
import type { ServerStatus, Target } from "./store.ts";
import { callerOf } from "./tls.ts";

/** What the first server that answers says of itself. Rejects with a `KvError`. */
export async function askStatus(target: Target, signal?: AbortSignal): Promise<ServerStatus> {
  const deadline = AbortSignal.timeout(target.deadline_ms);
  const until = signal === undefined ? deadline : AbortSignal.any([signal, deadline]);
  let last: unknown = null;
  for (const server of target.servers) {
    try {
      return await askOne(server, target, until);
    } catch (error) {
      if (signal?.aborted === true) throw new KvError("ABORTED", "status: it was aborted", { cause: error });
      last = error;
    }
  }
  if (last instanceof KvError) throw last;
  const why = deadline.aborted ? `no answer within ${target.deadline_ms} ms` : reasonOf(last);
  throw new KvError("UNAVAILABLE", `${target.servers.map(formatServer).join(", ")}: ${why}`, { cause: last });
}

/** What one server says of itself, until the signal aborts. */
export async function askOne(
  server: ServerAddress,
  target: Target,
  until: AbortSignal,
): Promise<ServerStatus> {
  switch (target.protocol) {
    case "tcp":
      return statusOfReply(await askOverTcp(server, target, until));
    case "udp":
      return statusOfReply(await askOverUdp(server, until));
    default:
      return await askOverHttp(server, target, until);
  }
}

async function askOverHttp(server: ServerAddress, target: Target, until: AbortSignal): Promise<ServerStatus> {
  const name = formatServer(server);
  const response = await requestPage(name, "/v1/status", target, { signal: until });
  const body: unknown = await response.json().catch(() => null);
  if (!isStatus(body)) throw notOurs(name);
  return body;
}

function isStatus(body: unknown): body is ServerStatus {
  return typeof body === "object" && body !== null && "version" in body && typeof body.version === "string";
}

function askOverTcp(server: ServerAddress, target: Target, until: AbortSignal): Promise<RespReply> {
  const { user, password } = target;
  const caller = callerOf(target);
  return new Promise((resolve, reject) => {
    const socket = caller.call(server);
    const parser = new RespReplyParser();
    let authenticating = password !== null;
    const end = (settle: () => void): void => {
      until.removeEventListener("abort", onAbort);
      socket.destroy();
      settle();
    };
    const onAbort = (): void => end(() => reject(until.reason));
    until.addEventListener("abort", onAbort);
    socket.on("error", (error) => end(() => reject(caller.errorOf(server, error))));
    socket.on("close", () => end(() => reject(caller.endedEarly(server))));
    socket.on(caller.ready, () => {
      const out = new ByteWriter(256);
      if (password !== null) {
        writeCommand(out, ["AUTH", ...(user === null ? [] : [keyFromText(user)]), keyFromText(password)]);
      }
      writeCommand(out, ["KVSTATUS"]);
      socket.write(out.view());
    });
    socket.on("data", (bytes: Uint8Array) => {
      try {
        parser.push(bytes);
        for (let reply = parser.next(); reply !== undefined; reply = parser.next()) {
          if (authenticating && !(reply instanceof RespErrorReply)) authenticating = false;
          else return end(() => settleReply(reply, resolve, reject));
        }
      } catch (error) {
        end(() => reject(error));
      }
    });
  });
}

const RESEND_MS = 200;

function askOverUdp(server: ServerAddress, until: AbortSignal): Promise<RespReply> {
  return new Promise((resolve, reject) => {
    const socket = createSocket(isIPv6(server.host) ? "udp6" : "udp4");
    const id = crypto.getRandomValues(new Uint8Array(8));
    const out = new ByteWriter(64);
    writeCommand(out, ["KVSTATUS"]);
    const datagram = concatBytes([id, out.view()]);
    const send = (): void =>
      socket.send(datagram, server.port, server.host, (error) => {
        if (error !== null && error !== undefined) end(() => reject(socketError(server, error)));
      });
    const timer = setInterval(send, RESEND_MS);
    let ended = false;
    const end = (settle: () => void): void => {
      if (ended) return;
      ended = true;
      clearInterval(timer);
      until.removeEventListener("abort", onAbort);
      socket.close();
      settle();
    };
    const onAbort = (): void => end(() => reject(until.reason));
    until.addEventListener("abort", onAbort);
    socket.on("error", (error) => end(() => reject(socketError(server, error))));
    socket.on("message", (message: Uint8Array) => {
      if (message.length < id.length || !equalBytes(message.subarray(0, id.length), id)) return;
      try {
        const parser = new RespReplyParser();
        parser.push(message.slice(id.length));
        const reply = parser.next();
        if (reply !== undefined) end(() => settleReply(reply, resolve, reject));
      } catch (error) {
        end(() => reject(error));
      }
    });
    send();
  });
}

function settleReply(reply: RespReply, resolve: (reply: RespReply) => void, reject: (error: Error) => void): void {
  if (reply instanceof RespErrorReply) reject(errorOfLine(reply.line));
  // The parser's memory is its own.
  else resolve(reply instanceof Uint8Array ? reply.slice() : reply);
}

/** The page in a reply. */
function statusOfReply(reply: RespReply): ServerStatus {
  const text = reply instanceof Uint8Array ? bytesToText(reply) : "";
  const page: unknown = text.startsWith("{") ? JSON.parse(text) : null;
  if (!isStatus(page)) throw new KvError("PROTOCOL_ERROR", "the server is no kvserver");
  return page;
}
