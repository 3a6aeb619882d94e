/**
 * Asks servers whether they take requests: `/readyz` over HTTP, which needs no password, and `KVSTATUS` over TCP and
 * UDP. Only those that were named are asked, each by itself: an orchestrator wants to know about one process.
 *
 * @module
 */
import { formatServer } from "./profile.ts";
import type { ServerAddress } from "../../src/client/connection.ts";
import { KvError } from "../../src/core/errors.ts";
import { reasonOf } from "./http_page.ts";
import { askOne } from "./server_status.ts";
import { pageOf } from "./status_table.ts";
import type { ServerHealth, Target } from "./store.ts";
import { fetchPage } from "./tls.ts";

/** Whether each server that was named is ready. Rejects only when aborted. */
export function askHealth(target: Target, signal?: AbortSignal): Promise<ServerHealth[]> {
  return Promise.all(target.servers.map((server) => healthOf(server, target, signal)));
}

async function healthOf(server: ServerAddress, target: Target, signal?: AbortSignal): Promise<ServerHealth> {
  const deadline = AbortSignal.timeout(target.deadline_ms);
  const until = signal === undefined ? deadline : AbortSignal.any([signal, deadline]);
  const name = formatServer(server);
  try {
    const isHttp = target.protocol === "http" || target.protocol === "rpc";
    return {
      server: name,
      unready: isHttp ? await askOverHttp(target, name, until) : await askForPage(server, target, until),
    };
  } catch (cause) {
    if (signal?.aborted === true) throw new KvError("ABORTED", "health: it was aborted", { cause });
    return { server: name, unready: deadline.aborted ? `no answer within ${target.deadline_ms} ms` : reasonOf(cause) };
  }
}

async function askOverHttp(target: Target, server: string, until: AbortSignal): Promise<string | null> {
  const response = await fetchPage(target, server, "/readyz", { signal: until });
  const body: unknown = await response.json().catch(() => null);
  const page = typeof body === "object" && body !== null ? body as { readonly status?: unknown; detail?: unknown } : {};
  if (response.ok && page.status === "ready") return null;
  return typeof page.detail === "string" ? page.detail : "what answers there is not the HTTP port of a kvserver";
}

async function askForPage(server: ServerAddress, target: Target, until: AbortSignal): Promise<string | null> {
  const status = await askOne(server, target, until);
  const replication = pageOf({ status })?.replication;
  if (replication === undefined) return "what answers there is no kvserver";
  const { state, reason, cluster, twoPhase } = replication;
  if (state !== "serving") return `the server is ${state}${reason === null ? "" : `: ${reason}`}`;
  return cluster?.unready ?? twoPhase?.unready ?? null;
}
