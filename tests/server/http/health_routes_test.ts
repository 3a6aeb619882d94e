import { describe, expect, test } from "vitest";
import { KvError } from "../../../src/core/errors.ts";
import type { ClusterStatus, ReplicationStatus, TwoPhaseStatus } from "../../../src/core/replication.ts";
import { type Condition, conditionsOf } from "../../../src/server/http/health_routes.ts";
import { createFixture } from "./http_fixture.ts";

const ALONE: ReplicationStatus = {
  protocol: "none",
  state: "serving",
  reason: null,
  applied: 0,
  pending: 0,
  appliedPosition: 0,
  snapshots: 0,
  snapshotFailure: null,
  cluster: null,
};
const UP = { isUp: true, crashes: 0, restarts: 0 };
const PAXOS: ClusterStatus = {
  id: 0,
  replicas: 3,
  role: "follower",
  ballot: "1.2",
  leader: 1,
  chosenSlot: 5,
  appliedSlot: 5,
  lag: 0,
  unready: null,
  mayVote: true,
  roles: { acceptor: UP, proposer: UP, learner: UP },
  snapshotsInstalled: 0,
};
const TWO_PHASE: TwoPhaseStatus = {
  id: 0,
  replicas: 3,
  unready: null,
  mayVote: true,
  missing: [],
  coordinating: 0,
  inDoubt: [],
  waiting: [],
};

/** The names of those that do not hold. */
function failing(conditions: readonly Condition[]): string[] {
  return conditions.filter(({ problem }) => problem !== null).map(({ name }) => name);
}

describe("the conditions of readiness", () => {
  test("all hold for a server that serves, whatever its protocol", () => {
    expect(failing(conditionsOf(ALONE))).toEqual([]);
    expect(failing(conditionsOf({ ...ALONE, protocol: "paxos", cluster: PAXOS }))).toEqual([]);
    expect(failing(conditionsOf({ ...ALONE, protocol: "2pc", twoPhase: TWO_PHASE }))).toEqual([]);
  });

  test("name what fails, beside writes, which then fail too", () => {
    const paxos = (change: Partial<ClusterStatus>): string[] =>
      failing(conditionsOf({ ...ALONE, cluster: { ...PAXOS, unready: "why", ...change } }));
    expect(paxos({ leader: null })).toEqual(["leader", "writes"]);
    expect(paxos({ mayVote: false })).toEqual(["vote", "writes"]);
    expect(paxos({ roles: { ...PAXOS.roles, learner: { ...UP, isUp: false } } })).toEqual(["learner", "writes"]);
    const twoPhase = { ...TWO_PHASE, unready: "why", missing: [0, 2] };
    expect(failing(conditionsOf({ ...ALONE, twoPhase }))).toEqual(["replicas", "writes"]);
    expect(conditionsOf({ ...ALONE, twoPhase })).toContainEqual({
      name: "replicas",
      problem: "not heard of lately: 1, 3",
    });
    for (const [state, name] of [["starting", "started"], ["failed", "storage"], ["closed", "open"]] as const) {
      expect(failing(conditionsOf({ ...ALONE, state, reason: "why" }))).toEqual([name, "writes"]);
    }
  });
});

describe("the verbose pages", () => {
  test("/readyz?verbose has a line for each condition and says the same as /readyz", async () => {
    const { request, replication } = createFixture();
    const good = await request("GET", "/readyz?verbose");
    expect([good.status, good.headers.get("content-type")]).toEqual([200, "text/plain; charset=utf-8"]);
    expect(await good.text()).toBe(
      "[+]process ok\n[+]started ok\n[+]storage ok\n[+]open ok\n[+]writes ok\nreadyz check passed\n",
    );
    replication.failure = new KvError("STORAGE_FAILED", "no space\nleft on device");
    for (const target of ["/readyz?verbose", "/readyz?verbose=true&x", "/readyz"]) {
      expect((await request("GET", target)).status, target).toBe(503);
    }
    const bad = await (await request("GET", "/readyz?verbose")).text();
    expect(bad).toContain("\n[-]storage failed: ");
    expect(bad.endsWith("\nreadyz check failed\n")).toBe(true);
    for (const line of bad.trimEnd().split("\n")) {
      expect(line).toMatch(/^(\[\+\]\w+ ok|\[-\]\w+ failed: .+|readyz check failed)$/);
    }
  });

  test("/healthz?verbose passes while the process answers, whatever else fails", async () => {
    const { request, replication } = createFixture();
    replication.failure = new KvError("STORAGE_FAILED", "no space left on device");
    const response = await request("GET", "/healthz?verbose");
    expect([response.status, await response.text()]).toEqual([200, "[+]process ok\nhealthz check passed\n"]);
  });
});
