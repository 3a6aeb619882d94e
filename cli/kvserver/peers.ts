/**
 * `--peers`: the list of the replicas, which is the same on all of them, and `--advertise`: which of them this one is.
 *
 * @module
 */
import type { ServerAddress } from "../../src/client/connection.ts";
import { UsageError } from "../exit_code.ts";
import { addressText } from "../../src/adapters/socket_errors.ts";

/** The most replicas of a cluster. */
export const MAX_PEERS = 31;

/** The addresses in a list. Throws {@link UsageError} with the rest of a sentence that begins with the list. */
export function parsePeers(list: string): readonly ServerAddress[] {
  const peers = list.split(",").map((each) => parseListed(each.trim()));
  const seen = new Set<string>();
  for (const { host, port } of peers) {
    const address = addressText({ host, port });
    if (seen.has(address)) throw new UsageError(`has ${address} twice; each replica has an address of its own`);
    seen.add(address);
  }
  if (peers.length > MAX_PEERS) throw new UsageError(`has ${peers.length} replicas; the most are ${MAX_PEERS}`);
  return peers;
}

function parseListed(text: string): ServerAddress {
  const peer = addressOf(text);
  if (peer !== null) return peer;
  throw new UsageError(
    `has "${text}", which is not HOST:PORT; write 127.0.0.1:32000,127.0.0.1:32001,127.0.0.1:32002`,
  );
}

/** One address. Throws {@link UsageError} with the rest of a sentence that begins with it. */
export function parsePeer(text: string): ServerAddress {
  const peer = addressOf(text.trim());
  if (peer !== null) return peer;
  throw new UsageError("is not HOST:PORT; write kv-0.kv:32000, as it is in --peers");
}

/** Names and addresses are compared as text, so they are brought into one spelling. */
function addressOf(text: string): ServerAddress | null {
  const match = /^(?:\[([^\]\s]+)\]|([^:[\]\s]+)):(\d{1,5})$/.exec(text);
  const port = match === null ? NaN : Number(match[3]);
  if (match === null || !(port >= 1 && port <= 65_535)) return null;
  return { host: (match[1] ?? match[2]!).toLowerCase(), port };
}

/** Addresses to listen on that no other machine can call. */
const WILDCARDS: ReadonlySet<string> = new Set(["0.0.0.0", "::", "::0", "0:0:0:0:0:0:0:0"]);

/**
 * Which of the peers this server is, counted from 0: the one that it is advertised as, else the one that it listens
 * as. Nothing is looked up: the name is what stays when the address behind it changes.
 *
 * @throws {UsageError} when it is none
 */
export function placeAmong(
  peers: readonly ServerAddress[],
  advertised: ServerAddress | undefined,
  listening: ServerAddress,
): number {
  const own = { host: (advertised ?? listening).host.toLowerCase(), port: (advertised ?? listening).port };
  const place = peers.findIndex((peer) => peer.host === own.host && peer.port === own.port);
  if (place >= 0) return place;
  const flags = advertised === undefined ? "--host and --port" : "--advertise";
  const list = peers.map(addressText).join(", ");
  const remedy = advertised !== undefined
    ? "give the name that --peers has for it, letter by letter: names are not looked up for this"
    : WILDCARDS.has(own.host)
    ? "say which of these it is with --advertise HOST:PORT"
    : "give the same list to every replica, with each replica's own --host and --port in it, or say which of these it " +
      "is with --advertise HOST:PORT";
  throw new UsageError(`this server is ${addressText(own)} (${flags}), and --peers has only ${list}; ${remedy}`);
}
