/**
 * What an operation costs built replicas, by their own figures before and after some thousands of them: frames and
 * socket writes between replicas, writes of replies, records and syncs. The exact counts are those of tests/counts;
 * here the machine decides what comes together in a turn, so the bounds are wide: far from what there is, and as far
 * from what there would be without batches.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { StatusPage } from "../../src/server/status_page.ts";
import { freePorts } from "../support/free_ports.ts";
import { command, SocketClient } from "../support/resp_client.ts";
import { Cluster } from "./support/cluster.ts";

const REPLICAS = 5;
const VALUE = "v".repeat(256);
/** A leader gives a sign of life so often. */
const HEARTBEAT_MS = 100;

/** What one replica did. */
interface Effort {
  readonly appends: number;
  readonly syncs: number;
  /** To all others together. */
  readonly frames: number;
  readonly writes: number;
  readonly replyWrites: number;
}

interface Cost {
  readonly each: readonly Effort[];
  /** Who led all the time, and who did not. */
  readonly leader: number;
  readonly followers: readonly number[];
  /** How many signs of life there may have been meanwhile. */
  readonly beats: number;
}

function effortOf({ log, cluster, stats }: StatusPage): Effort {
  const links = (cluster?.peers ?? []).flatMap(({ link }) => link === null ? [] : [link]);
  const sum = (of: (link: typeof links[number]) => number): number => links.reduce((all, link) => all + of(link), 0);
  return {
    appends: log!.appends,
    syncs: log!.syncs,
    frames: sum(({ sentFrames }) => sentFrames),
    writes: sum(({ writes }) => writes),
    replyWrites: stats.replyWrites,
  };
}

/** On a machine that stands still for long another replica comes to lead: what that costs is not what is counted here. */
const ATTEMPTS = 5;

async function costOf(
  cluster: Cluster,
  run: (leader: number, follower: number) => Promise<void>,
): Promise<Cost> {
  const figures = (): Promise<StatusPage[]> => Promise.all(cluster.ids.map((id) => cluster.status(id)));
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const leader = await cluster.leader();
    await cluster.caughtUp();
    const since_ms = performance.now();
    const before = await figures();
    await run(leader, (leader + 1) % REPLICAS);
    await cluster.caughtUp();
    const after = await figures();
    const beats = Math.ceil((performance.now() - since_ms) / HEARTBEAT_MS) + 2;
    const ballots = [...before, ...after].map(({ replication }) => replication.cluster!.ballot);
    if (new Set(ballots).size > 1) continue;
    const each = after.map((page, id) => {
      const [now, then] = [effortOf(page), effortOf(before[id]!)];
      const names = Object.keys(now) as (keyof Effort)[];
      return Object.fromEntries(names.map((name) => [name, now[name] - then[name]])) as unknown as Effort; // of its keys
    });
    return { each, leader, followers: cluster.ids.filter((id) => id !== leader), beats };
  }
  throw new Error(`another replica came to lead in each of ${ATTEMPTS} attempts`);
}

/** Sends all at once over one connection, and waits for all replies. */
async function pipeline(port: number, commands: readonly string[]): Promise<void> {
  const client = await SocketClient.connect(port);
  try {
    client.raw(commands.join(""));
    for (const sent of commands) expect(await client.next(), sent).not.toMatch(/^-/);
  } finally {
    client.close();
  }
}

/** So many connections, each with one command after the other. */
async function crowd(ports: readonly number[], clients: number, rounds: number, ...args: string[]): Promise<void> {
  const all = await Promise.all(
    Array.from({ length: clients }, (_, i) => SocketClient.connect(ports[i % ports.length]!)),
  );
  const bytes = command(...args);
  try {
    await Promise.all(all.map(async (client) => {
      for (let round = 0; round < rounds; round++) expect(await ask(client, bytes)).not.toMatch(/^-/);
    }));
  } finally {
    for (const client of all) client.close();
  }
}

/** Sends a command, and resolves as soon as something comes back. */
function ask(client: SocketClient, bytes: string): Promise<string> {
  client.received = "";
  return new Promise((resolve, reject) => {
    const onClose = (): void => reject(new Error("the connection was closed"));
    client.socket.once("close", onClose);
    client.socket.once("data", () => {
      client.socket.off("close", onClose);
      resolve(client.received);
    });
    client.raw(bytes);
  });
}

/** The most that a replica may do for one operation. */
type Bounds = Partial<Effort>;

/** Checks what the replicas did for so many operations; those that are not named are followers. */
function expectAtMost(cost: Cost, operations: number, bounds: Bounds, ids: readonly number[]): void {
  // Each sign of life is a frame to each of the others, or an answer.
  const allowed: Effort = {
    appends: 10,
    syncs: 10,
    frames: 2 * REPLICAS * cost.beats,
    writes: 2 * REPLICAS * cost.beats,
    replyWrites: 10,
  };
  const tooMuch: string[] = [];
  for (const id of ids) {
    for (const name of ["appends", "syncs", "frames", "writes", "replyWrites"] as const) {
      const most = (bounds[name] ?? Number.POSITIVE_INFINITY) * operations + allowed[name];
      const found = cost.each[id]![name];
      if (found > most) tooMuch.push(`replica ${id}: ${found} ${name} for ${operations} operations, at most ${most}`);
    }
  }
  expect(tooMuch).toEqual([]);
}

describe("five replicas", () => {
  let cluster: Cluster;

  beforeAll(async () => {
    cluster = new Cluster(await freePorts(REPLICAS), {});
    await cluster.startAll();
  });
  afterAll(() => cluster.close());

  const port = (id: number): number => cluster.ports[id]!;
  const PIPELINED = 2000;
  const sets = Array.from({ length: PIPELINED }, (_, i) => command("SET", `key ${i}`, VALUE));
  const gets = sets.map((_, i) => command("GET", `key ${i}`));
  const places = ["the leader", "a follower"] as const;

  test.each(places)("share frames, writes and syncs among commands that come together at %s", async (place) => {
    const cost = await costOf(
      cluster,
      (leader, other) => pipeline(port(place === "the leader" ? leader : other), sets),
    );
    expectAtMost(cost, PIPELINED, { appends: 0.02, syncs: 0.02, replyWrites: 0.02 }, cluster.ids);
    // A slot is two frames to each of four: the accept, and that it is chosen.
    expectAtMost(cost, PIPELINED, { frames: 0.16, writes: 0.16 }, [cost.leader]);
    expectAtMost(cost, PIPELINED, { frames: 0.04, writes: 0.04 }, cost.followers);
  });

  test.each(places)(
    "confirm reads that come together at %s in one round, and write nothing for them",
    async (place) => {
      const cost = await costOf(
        cluster,
        (leader, other) => pipeline(port(place === "the leader" ? leader : other), gets),
      );
      expectAtMost(cost, PIPELINED, { appends: 0, syncs: 0, frames: 0.1, writes: 0.1, replyWrites: 0.02 }, cluster.ids);
    },
  );

  test.each(places)(
    "spend two frames each way, a record and a sync on a command that comes alone to %s",
    async (place) => {
      const alone = 200;
      const cost = await costOf(
        cluster,
        (leader, other) => crowd([port(place === "the leader" ? leader : other)], 1, alone, "SET", "alone", VALUE),
      );
      expectAtMost(cost, alone, { appends: 1, syncs: 1, replyWrites: 1 }, cluster.ids);
      expectAtMost(cost, alone, { frames: 2 * (REPLICAS - 1), writes: 2 * (REPLICAS - 1) }, [cost.leader]);
      // The acceptance, and the command where it came in.
      expectAtMost(cost, alone, { frames: 2, writes: 2 }, cost.followers);
    },
  );

  const [clients, rounds] = [65, 50];

  test.each(["the leader", "all replicas"])(
    "need few frames and syncs for commands of many clients of %s",
    async (place) => {
      const cost = await costOf(
        cluster,
        (leader) =>
          crowd(place === "the leader" ? [port(leader)] : cluster.ports, clients, rounds, "SET", "crowd", VALUE),
      );
      expectAtMost(cost, clients * rounds, { appends: 0.3, syncs: 0.3, replyWrites: 1 }, cluster.ids);
      expectAtMost(cost, clients * rounds, { frames: 2, writes: 2 }, [cost.leader]);
      expectAtMost(cost, clients * rounds, { frames: 0.6, writes: 0.6 }, cost.followers);
    },
  );

  test("need few frames for reads of many clients", async () => {
    const cost = await costOf(cluster, () => crowd(cluster.ports, clients, rounds, "GET", "crowd"));
    expectAtMost(cost, clients * rounds, { appends: 0, syncs: 0, replyWrites: 1 }, cluster.ids);
    expectAtMost(cost, clients * rounds, { frames: 1.5, writes: 1.5 }, [cost.leader]);
    expectAtMost(cost, clients * rounds, { frames: 0.5, writes: 0.5 }, cost.followers);
  });
});
