import { describe, expect, it } from "vitest";
import { KvError } from "../../src/core/errors.ts";
import type { ClusterStatus } from "../../src/core/replication.ts";
import type { TwoPhasePage } from "../../src/server/two_phase_page.ts";
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

/** A replica under two-phase commit. */
function participant(id: number, own: Partial<TwoPhasePage> = {}): ServerReport {
  const twoPhase: TwoPhasePage = {
    id,
    replicas: 3,
    role: "participant",
    unready: null,
    mayVote: true,
    missing: [],
    coordinating: 4,
    inDoubtCount: 0,
    inDoubt: [],
    waitingCount: 0,
    waiting: [],
    ...own,
  };
  const report = replica(id);
  return { ...report, status: { ...report.status!, replication: { protocol: "2pc", cluster: null, twoPhase } } };
}

const blocked = participant(0, {
  unready: "replica 3 is missing: writes need all replicas",
  missing: [2],
  inDoubtCount: 3,
  inDoubt: [
    { transaction: "3.1.7", coordinator: 2, age_ms: 4210, keys: ["city", "visits"], moreKeys: 0 },
    { transaction: "3.1.8", coordinator: 2, age_ms: 4200, keys: null, moreKeys: 0 },
    { transaction: "1.1.2", coordinator: 0, age_ms: 3, keys: ["young"], moreKeys: 0 },
  ],
  waitingCount: 1,
  waiting: [
    { transaction: "2.1.1", coordinator: 1, age_ms: 900, keys: ["city"], moreKeys: 2, waitsFor: ["3.1.7"] },
  ],
});

describe("status of a cluster under two-phase commit", () => {
  it("says who takes writes, who is missing, what is in doubt for how long, and who waits for whom", async () => {
    const { code, output } = await kvclient(["status"], { store: storeOf(blocked, participant(1), away) });
    expect(code).toBe(0);
    expect(output).toBe(
      `REPLICA          ROLE         STATE    MISSING          COORDINATING  IN DOUBT  WAITING  LOG      CONNECTIONS
127.0.0.1:32000  participant  unready  127.0.0.1:32002  4             3         1        5.0 MiB  7
  replica 3 is missing: writes need all replicas
  in doubt for 4.2 s: transaction 3.1.7, which 127.0.0.1:32002 decides; keys "city", "visits"
  in doubt for 4.2 s: transaction 3.1.8, which 127.0.0.1:32002 decides; all keys
  waits for locks for 0.9 s: transaction 2.1.1; key "city" and 2 more; held by 3.1.7
127.0.0.1:32001  participant  serving  none             4             0         0        5.0 MiB  7
127.0.0.1:32002  unreachable
  127.0.0.1:32002: ECONNREFUSED
`,
    );
  });

  it("shows a few of many transactions, and says how many more there are", async () => {
    const inDoubt = Array.from({ length: 9 }, (_, at) => {
      return { transaction: `3.1.${at}`, coordinator: 2, age_ms: 500, keys: ["k"], moreKeys: 0 };
    });
    const { output } = await kvclient(["status"], { store: storeOf(participant(0, { inDoubtCount: 9, inDoubt })) });
    expect(output.match(/in doubt for 0\.5 s/g)).toHaveLength(5);
    expect(output).toContain("\n  and 4 more in doubt: kvclient status -o json\n");
  });

  it("is an array for programs, in which each replica is a participant", async () => {
    const { code, output } = await kvclient(["status", "-o", "json"], {
      store: storeOf(blocked, participant(1), away),
    });
    expect(code).toBe(0);
    expect(JSON.parse(output)).toMatchObject([
      {
        server: "127.0.0.1:32000",
        reachable: true,
        id: 0,
        role: "participant",
        ready: false,
        unready: "replica 3 is missing: writes need all replicas",
        mayVote: true,
        missing: [2],
        missingAddresses: ["127.0.0.1:32002"],
        coordinating: 4,
        inDoubtCount: 3,
        inDoubt: [{ transaction: "3.1.7", coordinator: 2, keys: ["city", "visits"] }, { keys: null }, {}],
        waitingCount: 1,
        waiting: [{ transaction: "2.1.1", waitsFor: ["3.1.7"] }],
        logBytes: 5 * 1024 * 1024,
        connections: 7,
        version: "0.1.0",
      },
      { id: 1, role: "participant", ready: true },
      { server: "127.0.0.1:32002", reachable: false },
    ]);
  });

  it("has a table for each protocol when servers of several clusters are named", async () => {
    const { output } = await kvclient(["status"], { store: storeOf(replica(0), participant(1)) });
    expect(output.split("\n\n").map((table) => table.split("\n")[0]!.split(/ {2,}/)[2])).toEqual(["BALLOT", "STATE"]);
  });
});
