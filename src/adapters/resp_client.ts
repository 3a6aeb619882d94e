/**
 * What the connections that speak RESP share: the bytes of our own commands, and what error lines mean.
 *
 * @module
 */
import type { ByteWriter } from "../codec/byte_writer.ts";
import { type Key, keyToBytes, textToBytes } from "../codec/bytes.ts";
import { errorOfCode } from "../client/errors.ts";
import type { KvError, KvErrorCode } from "../core/errors.ts";

const CRLF: Uint8Array = textToBytes("\r\n");
const KV: Uint8Array = textToBytes("*2\r\n$2\r\nKV\r\n");

/** Appends `KV <command>`. */
export function writeKv(out: ByteWriter, command: Uint8Array): void {
  out.raw(KV);
  writeBulk(out, command);
}

/** Appends a command with its arguments: text, a key, or bytes. */
export function writeCommand(out: ByteWriter, args: readonly (string | Key | Uint8Array)[]): void {
  writeLength(out, 42, args.length);
  for (const argument of args) writeBulk(out, typeof argument === "string" ? keyToBytes(argument as Key) : argument);
}

function writeBulk(out: ByteWriter, bytes: Uint8Array): void {
  writeLength(out, 36, bytes.length);
  out.raw(bytes);
  out.raw(CRLF);
}

/** Appends `type`, the decimal digits of `length`, and the end of the line. */
function writeLength(out: ByteWriter, type: number, length: number): void {
  out.u8(type);
  let unit = 1;
  while (unit * 10 <= length) unit *= 10;
  for (; unit >= 1; unit /= 10) out.u8(48 + Math.floor(length / unit) % 10);
  out.raw(CRLF);
}

const CODES: ReadonlyMap<string, KvErrorCode> = new Map<string, KvErrorCode>([
  ["TRYAGAIN", "UNAVAILABLE"],
  ["LOADING", "UNAVAILABLE"],
  ["MISCONF", "STORAGE_FAILED"],
  ["UNKNOWN", "OUTCOME_UNKNOWN"],
  ["COMPACTED", "COMPACTED"],
  ["WATCHOVERFLOW", "WATCH_OVERFLOW"],
  ["SESSIONUNKNOWN", "SESSION_UNKNOWN"],
  ["SESSIONSTALE", "SESSION_STALE"],
  ["SESSIONCONFLICT", "SESSION_CONFLICT"],
  ["SESSIONFULL", "SESSION_FULL"],
  ["TOOLARGE", "MESSAGE_TOO_LARGE"],
  ["NOAUTH", "UNAUTHENTICATED"],
  ["WRONGPASS", "UNAUTHENTICATED"],
  ["NOPERM", "PERMISSION_DENIED"],
]);

/** The error that a RESP error line stands for. */
export function errorOfLine(line: string): KvError {
  const space = line.indexOf(" ");
  const prefix = space < 0 ? line : line.slice(0, space);
  const code = CODES.get(prefix);
  if (code !== undefined) return errorOfCode(code, line.slice(prefix.length + 1));
  if (line.startsWith("ERR max number of clients")) return errorOfCode("UNAVAILABLE", line);
  return errorOfCode("PROTOCOL_ERROR", `the server refused what this client sent: ${line.slice(0, 300)}`);
}
