/**
 * The pages for orchestrators: whether the process lives, and whether it takes requests. With `?verbose` each is a line for
 * each condition and a last one for the whole, as Kubernetes's own servers have it, so that whoever looks sees what it
 * is that fails.
 *
 * @module
 */
import type { ReplicationStatus } from "../../core/replication.ts";
import { unreadyOf } from "../status_page.ts";
import type { Handler } from "./kv_routes.ts";
import { problemBody, problemResponse } from "./problem.ts";

/** Something that must hold. */
export interface Condition {
  readonly name: string;
  /** Why it does not hold, or null when it does. */
  readonly problem: string | null;
}

/** What must hold for a server to take writes; the last one sums up the others. */
export function conditionsOf(status: ReplicationStatus): Condition[] {
  const { state, reason, cluster, twoPhase } = status;
  const conditions: Condition[] = [
    { name: "started", problem: state === "starting" ? reason ?? "it recovers what is stored" : null },
    { name: "storage", problem: state === "failed" ? reason ?? "the disk has failed" : null },
    { name: "open", problem: state === "closed" ? "the server is stopping" : null },
  ];
  if (cluster !== null) {
    const { mayVote, leader, unready, roles } = cluster;
    conditions.push(
      { name: "vote", problem: mayVote ? null : unready ?? "it does not vote yet" },
      { name: "leader", problem: leader === null ? "no replica is known to lead" : null },
      { name: "learner", problem: roles.learner.isUp ? null : "it has crashed and is not back yet" },
    );
  }
  if (twoPhase !== undefined) {
    const { mayVote, missing, unready } = twoPhase;
    const names = missing.map((id) => id + 1).join(", ");
    conditions.push(
      { name: "vote", problem: mayVote ? null : unready ?? "it does not vote yet" },
      { name: "replicas", problem: missing.length === 0 ? null : `not heard of lately: ${names}` },
    );
  }
  return [...conditions, { name: "writes", problem: unreadyReason(status) }];
}

/** Why a server cannot take writes; null when it can. */
function unreadyReason(status: ReplicationStatus): string | null {
  const { state, reason } = status;
  if (state === "serving") return unreadyOf(status);
  return `the server is ${state}${reason === null ? "" : `: ${reason}`}`;
}

/** `GET /healthz` */
export function getHealth(): Handler {
  return (c) => isVerbose(c.req.raw.url) ? verbose("healthz", []) : c.json({ status: "ok" });
}

/** `GET /readyz` */
export function getReadiness(status: () => ReplicationStatus): Handler {
  return (c) => {
    const present = status();
    if (isVerbose(c.req.raw.url)) return verbose("readyz", conditionsOf(present));
    const problem = unreadyReason(present);
    return problem === null ? c.json({ status: "ready" }) : problemResponse(problemBody("UNAVAILABLE", problem));
  };
}

function isVerbose(url: string): boolean {
  const query = url.indexOf("?");
  return query >= 0 && new URLSearchParams(url.slice(query)).has("verbose");
}

function verbose(page: string, conditions: readonly Condition[]): Response {
  const lines = [{ name: "process", problem: null }, ...conditions].map(({ name, problem }) => {
    // One line each, whatever an operating system puts into its messages.
    return problem === null ? `[+]${name} ok` : `[-]${name} failed: ${problem.replaceAll(/\s+/g, " ")}`;
  });
  const isPassed = conditions.every(({ problem }) => problem === null);
  return new Response(`${lines.join("\n")}\n${page} check ${isPassed ? "passed" : "failed"}\n`, {
    status: isPassed ? 200 : 503,
    headers: { "Content-Type": "text/plain; charset=utf-8", "Cache-Control": "no-store" },
  });
}
