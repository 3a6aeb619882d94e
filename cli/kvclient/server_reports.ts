/**
 * Asks every replica of a cluster what it is: those that were named, and those that they tell of.
 *
 * @module
 */
import { reasonOf } from "./http_page.ts";
import { formatServer, parseServer } from "./profile.ts";
import type { ServerAddress } from "../../src/client/connection.ts";
import { KvError } from "../../src/core/errors.ts";
import { askOne } from "./server_status.ts";
import { pageOf } from "./status_table.ts";
import type { ServerReport, Target } from "./store.ts";

/** A replica that does not answer is given up sooner than an operation: the others' figures are waiting. */
const PATIENCE_MS = 2000;

/** A replica's place among the others, by its own word. */
interface Place {
  readonly id: number;
  /** Where all of them are: `127.0.0.1:32000`. */
  readonly addresses: readonly string[];
}

/**
 * One report for each server: for each replica of the cluster that was found, in their order, and for each server that
 * was named and belongs to none. Rejects only when aborted.
 */
export async function askAll(target: Target, signal?: AbortSignal): Promise<ServerReport[]> {
  const named = await Promise.all(target.servers.map((server) => report(server, target, signal)));
  const teller = named.find((each) => placeOf(each) !== null);
  const place = teller === undefined ? null : placeOf(teller);
  if (teller === undefined || place === null) return named;
  const addresses = place.addresses.map(parseServer);
  // HTTP has a port of its own, as far from the main one as that of the replica that answered.
  const offset = parseServer(teller.server).port - addresses[place.id]!.port;
  const replicas = await Promise.all(addresses.map((address, id) => {
    const at = { host: address.host, port: address.port + offset };
    const known = named.find((each) => placeOf(each)?.id === id || each.server === formatServer(at));
    return known === undefined ? report(at, target, signal) : Promise.resolve(known);
  }));
  const strangers = named.filter((each) => !replicas.includes(each) && placeOf(each) === null);
  return [...replicas, ...strangers];
}

async function report(server: ServerAddress, target: Target, signal?: AbortSignal): Promise<ServerReport> {
  const patience_ms = Math.min(target.deadline_ms, PATIENCE_MS);
  const deadline = AbortSignal.timeout(patience_ms);
  const until = signal === undefined ? deadline : AbortSignal.any([signal, deadline]);
  const name = formatServer(server);
  try {
    return { server: name, status: await askOne(server, target, until), error: null };
  } catch (cause) {
    if (signal?.aborted === true) throw new KvError("ABORTED", "status: it was aborted", { cause });
    const error = deadline.aborted || !(cause instanceof KvError)
      ? new KvError(
        "UNAVAILABLE",
        `${name}: ${deadline.aborted ? `no answer within ${patience_ms} ms` : reasonOf(cause)}`,
        {
          cause,
        },
      )
      : cause;
    return { server: name, status: null, error };
  }
}

function placeOf(report: ServerReport): Place | null {
  const page = pageOf(report);
  const id = page?.replication?.cluster?.id ?? page?.replication?.twoPhase?.id;
  const peers = page?.cluster?.peers;
  return id === undefined || peers === undefined ? null : { id, addresses: peers.map(({ address }) => address) };
}
