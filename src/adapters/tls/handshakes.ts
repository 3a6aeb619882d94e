/**
 * The handshakes at a door that speaks TLS, and what becomes of those that come to nothing.
 *
 * Invariants: a handshake has an end, at the latest when its time is over; while it goes on it takes a place, so that
 * nobody has more connections for not finishing them; the operator hears once in a minute of one kind of trouble,
 * however many strangers knock.
 *
 * @module
 */
import type { Socket } from "node:net";
import type { Server, TLSSocket } from "node:tls";
import { callerCertificate } from "./caller_certificate.ts";
import type { ServerIdentity } from "./server_identity.ts";

/** A handshake must be over within this long. */
export const HANDSHAKE_MS = 10_000;
/** The operator does not hear of one kind of trouble again within this time. */
const REPEAT_MS = 60_000;
/** How many kinds are remembered for that. */
const MAX_REMEMBERED = 100;

/** What a door does about handshakes. */
export interface HandshakeGuard {
  readonly identity: ServerIdentity;
  /** What the door is called in the log. */
  readonly name: string;
  /** Takes a place for a handshake; returns what gives it back, or null when there is none. */
  readonly enter: () => (() => void) | null;
  /** A handshake has come to nothing. */
  readonly onFailed: () => void;
  /** Tells the operator. */
  readonly notice: (message: string) => void;
}

/** The handshakes that go on. */
export interface Handshakes {
  /** Ends them. */
  cut(): void;
}

/** Watches the handshakes of a door. Those who come through it after that have passed. */
export function guardHandshakes(server: Server, guard: HandshakeGuard): Handshakes {
  const going = new Map<string, { readonly socket: Socket; readonly leave: () => void }>();
  const tell = seldom(guard.notice);
  const refuse = (address: string | undefined, why: string): void => {
    guard.onFailed();
    tell(why, `${guard.name} refused a connection from ${address ?? "somewhere"}: ${why}`);
  };
  const isOver = (end: string): void => {
    const handshake = going.get(end);
    going.delete(end);
    handshake?.leave();
  };
  server.on("connection", (socket: Socket) => {
    const end = endOf(socket);
    const leave = end === null ? null : guard.enter();
    if (end === null || leave === null) {
      socket.on("error", () => {});
      socket.destroy();
      return;
    }
    const handshake = { socket, leave };
    going.set(end, handshake);
    socket.once("close", () => {
      // Another one may have come from there since.
      if (going.get(end) === handshake) isOver(end);
    });
  });
  // Ahead of whoever serves the connection.
  server.prependListener("secureConnection", (socket: TLSSocket) => {
    const end = endOf(socket);
    if (end !== null) isOver(end);
    if (!guard.identity.clientAuth) return;
    const { trouble } = callerCertificate(socket);
    if (trouble === null) return;
    refuse(socket.remoteAddress, trouble);
    socket.on("error", () => {});
    socket.destroy();
  });
  // Ahead of who would close the socket, after which nobody knows where it came from.
  server.prependListener(
    "tlsClientError",
    (error: Error & { readonly code?: string }, socket: TLSSocket | undefined) => {
      const why = troubleOf(error);
      if (why !== null) refuse(socket?.remoteAddress, why);
      socket?.on("error", () => {});
      socket?.destroy();
    },
  );
  return {
    cut: () => {
      for (const { socket } of going.values()) socket.destroy();
    },
  };
}

/** The two ends of a connection, which no other has at the time; null when it is gone. */
function endOf(socket: Socket): string | null {
  const { remoteAddress, remotePort, localAddress } = socket;
  return remoteAddress === undefined ? null : `${remoteAddress} ${remotePort} ${localAddress}`;
}

/** What went wrong, in words; null for somebody who has only looked whether the port is open. */
function troubleOf({ code = "", message }: Error & { readonly code?: string }): string | null {
  const text = `${code} ${message}`;
  if (/ECONNRESET|EPIPE|socket hang up|disconnected before/.test(text)) return null;
  if (/HTTP_REQUEST|WRONG.VERSION.NUMBER|InvalidContentType|packet.length.too.long|UNEXPECTED.MESSAGE/i.test(text)) {
    return "it does not speak TLS, and everybody must here";
  }
  if (/UNSUPPORTED.PROTOCOL|protocol.version|NO.SHARED.CIPHER/i.test(text)) return "it speaks no TLS 1.2 or newer";
  if (/HANDSHAKE.TIMEOUT/i.test(text)) return "it did not finish the handshake in time";
  if (/DID.NOT.RETURN.A.CERTIFICATE|CERTIFICATE.REQUIRED|NoCertificatesPresented/i.test(text)) {
    return "it showed no certificate";
  }
  if (/ALERT/i.test(text)) return `it does not take this server's certificate (${code || message})`;
  return code || message;
}

/** Passes on what has not been said for a while. */
function seldom(say: (text: string) => void): (topic: string, text: string) => void {
  const said = new Map<string, number>();
  return (topic, text) => {
    const now_ms = performance.now();
    const last_ms = said.get(topic);
    if (last_ms !== undefined && now_ms - last_ms < REPEAT_MS) return;
    if (said.size >= MAX_REMEMBERED) said.clear();
    said.set(topic, now_ms);
    say(text);
  };
}
