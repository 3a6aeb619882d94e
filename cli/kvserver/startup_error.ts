/**
 * Why a server could not start, as one line that says what to do.
 *
 * @module
 */
import { DiskError } from "../../src/ports/disk.ts";
import { LogError } from "../../src/ports/log.ts";
import { formatAddress, type Settings } from "./settings.ts";

interface SystemError extends Error {
  readonly code?: string;
  readonly port?: number;
  readonly path?: string;
}

/** One line about `error`, which ended the start of a server with these settings. */
export function describeStartupError(error: unknown, settings: Settings): string {
  return `cannot start: ${describe(error, settings).replaceAll(/\s*\n\s*/g, " ")}`;
}

function describe(error: unknown, settings: Settings): string {
  if (!(error instanceof Error)) return String(error);
  // These say what to do, but not always where.
  if (error instanceof LogError) return `${error.message}${placeOf(error)} (data directory ${settings.dataDir})`;
  if (error instanceof DiskError) return `${error.message} (data directory ${settings.dataDir})`;
  const { code, path } = error as SystemError;
  const port = portOf(error, settings);
  const flag = port === settings.httpPort ? "--http-port" : "--port";
  const where = formatAddress(settings.host, port);
  switch (code) {
    case "EADDRINUSE":
      return `${where} is in use; stop what listens there, or choose another ${flag}`;
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return `${settings.host} is not an address of this machine; choose another --host`;
    case "EACCES":
    case "EPERM":
      if (path === undefined) return `listening on ${where} is not permitted; choose a ${flag} above 1023`;
      return `${path} is not accessible to this user; change its owner or choose another --data-dir`;
    default:
      break;
  }
  // What Bun says, without a code, of a name that it cannot find.
  if (error.message === `Failed to listen at ${settings.host}`) {
    return `${error.message}: it is not an address of this machine; choose another --host`;
  }
  return error.message;
}

/** The port that could not be listened on. Bun names it only in the message. */
function portOf(error: SystemError, { port, httpPort }: Settings): number {
  if (error.port !== undefined) return error.port;
  return httpPort !== 0 && new RegExp(`\\b${httpPort}\\b`).test(error.message) ? httpPort : port;
}

/** What the message does not already say of where the damage is. */
function placeOf({ message, file, offset }: LogError): string {
  const missing: string[] = [];
  if (file !== undefined && !message.includes(file)) missing.push(`file ${file}`);
  if (offset !== undefined && !message.includes(String(offset))) missing.push(`offset ${offset}`);
  return missing.length === 0 ? "" : `: ${missing.join(", ")}`;
}
