/**
 * `--peers`: the list of the replicas, which is the same on all of them, and which of them this one is.
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
  const peers = list.split(",").map((each) => parsePeer(each.trim()));
  const seen = new Set<string>();
  for (const { host, port } of peers) {
    const address = addressText({ host, port });
    if (seen.has(address)) throw new UsageError(`has ${address} twice; each replica has an address of its own`);
    seen.add(address);
  }
  if (peers.length > MAX_PEERS) throw new UsageError(`has ${peers.length} replicas; the most are ${MAX_PEERS}`);
  return peers;
}

function parsePeer(text: string): ServerAddress {
  const match = /^(?:\[([^\]\s]+)\]|([^:[\]\s]+)):(\d{1,5})$/.exec(text);
  const port = match === null ? NaN : Number(match[3]);
  if (match === null || !(port >= 1 && port <= 65_535)) {
    throw new UsageError(
      `has "${text}", which is not HOST:PORT; write 127.0.0.1:32000,127.0.0.1:32001,127.0.0.1:32002`,
    );
  }
  return { host: (match[1] ?? match[2]!).toLowerCase(), port };
}

/**
 * Which of the peers listens on `host` and `port`, counted from 0.
 *
 * @throws {UsageError} when none does
 */
export function placeAmong(peers: readonly ServerAddress[], host: string, port: number): number {
  const place = peers.findIndex((peer) => peer.host === host.toLowerCase() && peer.port === port);
  if (place >= 0) return place;
  const list = peers.map(addressText).join(", ");
  throw new UsageError(
    `this server is ${addressText({ host, port })} (--host and --port), and --peers has only ${list}; ` +
      "give the same list to every replica, with each replica's own --host and --port in it",
  );
}
