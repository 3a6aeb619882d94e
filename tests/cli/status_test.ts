import { describe, expect, it } from "vitest";
import { KvError } from "../../src/core/errors.ts";
import type { ClusterStatus } from "../../src/core/replication.ts";
import type { ServerReport } from "../../cli/kvclient/store.ts";
import { FakeStore, kvclient } from "./fakes.ts";

const ROLE = { isUp: true, crashes: 0, restarts: 0 };

function replica(id: number, own: Partial<ClusterStatus> = {}): ServerReport {
  const cluster = {
    id,
    replicas: 3,
    role: id === 0 ? "leader" : "follower",
    ballot: "4.1",
    leader: 0,
    chosenSlot: 90,
    appliedSlot: 88,
    lag: 2,
    unready: null,
    mayVote: true,
    roles: { acceptor: { ...ROLE, crashes: 3 }, proposer: ROLE, learner: ROLE },
    snapshotsInstalled: 0,
    ...own,
  };
  const peers = [0, 1, 2].map((peer) => ({ id: peer, address: `127.0.0.1:3200${peer}`, link: null }));
  const status = {
    version: "0.1.0",
    replication: { protocol: "paxos", cluster },
    cluster: { transport: "tcp", peers },
    log: { bytes: 5 * 1024 * 1024 },
    stats: { connectionsOpen: 7 },
  };
  return { server: `127.0.0.1:3200${id}`, status, error: null };
}

const away: ServerReport = {
  server: "127.0.0.1:32002",
  status: null,
  error: new KvError("UNAVAILABLE", "127.0.0.1:32002: ECONNREFUSED"),
};

function storeOf(...answers: readonly ServerReport[]): FakeStore {
  const store = new FakeStore();
  store.answers = answers;
  return store;
}

describe("status of a cluster", () => {
  it("is a line for each replica, with the reason below one that cannot serve", async () => {
    const store = storeOf(
      replica(0),
      replica(1, { unready: "no leader: a majority cannot be reached", leader: null }),
      away,
    );
    const { code, output } = await kvclient(["status"], { store });
    expect(code).toBe(0);
    expect(output).toBe(
      `REPLICA          ROLE         BALLOT  LEADER           CHOSEN  APPLIED  LAG  LOG      CONNECTIONS  CRASHES
127.0.0.1:32000  leader       4.1     127.0.0.1:32000  90      88       2    5.0 MiB  7            acceptor 3
127.0.0.1:32001  follower     4.1     none             90      88       2    5.0 MiB  7            acceptor 3
  no leader: a majority cannot be reached
127.0.0.1:32002  unreachable
  127.0.0.1:32002: ECONNREFUSED
`,
    );
  });

  it("tells who does not hear a replica, and why", async () => {
    const report = replica(0);
    const peers = [{ id: 1, address: "127.0.0.1:32001", link: { refusal: "another list" } }];
    const store = storeOf({ ...report, status: { ...report.status!, cluster: { transport: "tcp", peers } } });
    expect((await kvclient(["status"], { store })).output).toContain(
      "\n  127.0.0.1:32001 does not hear it: another list\n",
    );
  });

  it("is an array for programs, with those that do not answer", async () => {
    const { code, output } = await kvclient(["status", "-o", "json"], { store: storeOf(replica(0), replica(1), away) });
    expect(code).toBe(0);
    expect(JSON.parse(output)).toMatchObject([
      {
        server: "127.0.0.1:32000",
        reachable: true,
        id: 0,
        role: "leader",
        ballot: "4.1",
        leader: 0,
        leaderAddress: "127.0.0.1:32000",
        chosenSlot: 90,
        appliedSlot: 88,
        lag: 2,
        logBytes: 5 * 1024 * 1024,
        connections: 7,
        roleFailures: { acceptor: 3, proposer: 0, learner: 0 },
        version: "0.1.0",
      },
      { id: 1, role: "follower" },
      { server: "127.0.0.1:32002", reachable: false, error: "127.0.0.1:32002: ECONNREFUSED" },
    ]);
  });

  it("ends with 5 when nobody answers, and says why", async () => {
    expect(await kvclient(["status"], { store: storeOf(away) })).toMatchObject({
      code: 5,
      output: "",
      error: "kvclient: 127.0.0.1:32002: ECONNREFUSED\n",
    });
    const json = await kvclient(["status", "-o", "json"], { store: storeOf(away) });
    expect(json.code).toBe(5);
    expect(JSON.parse(json.output)).toMatchObject([{ reachable: false }]);
  });

  it("asks for the password when there is one", async () => {
    const locked = { ...away, error: new KvError("UNAUTHENTICATED", "the server asks for a password") };
    const { code, error } = await kvclient(["status"], { store: storeOf(locked) });
    expect([code, error.includes("--password-file")]).toEqual([1, true]);
  });
});
