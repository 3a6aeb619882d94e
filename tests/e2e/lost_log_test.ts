/**
 * A built replica that comes back without its data has forgotten what it promised: it has no vote until its data is
 * back, and whoever asks is told so.
 */
import { spawnSync } from "node:child_process";
import { existsSync, renameSync } from "node:fs";
import { expect, test } from "vitest";
import { SocketClient } from "../support/resp_client.ts";
import { type Cluster, startCluster } from "./support/cluster.ts";
import { settle } from "./support/replicas.ts";
import { KVCLIENT } from "./support/server_process.ts";

/** Waits until the replica has been told that it is not the one that the others remember. */
async function refused(cluster: Cluster, id: number): Promise<void> {
  await cluster.until(`replica ${id} is refused`, async () => {
    const { mayVote, unready } = await cluster.place(id);
    return !mayVote && /does not vote; bring its data directory back/.test(unready ?? "");
  });
}

test(
  "a replica without its data makes up no majority, also when the others were restarted, until its data is back",
  async () => {
    const cluster = await startCluster();
    await cluster.client().put("k", "v");
    await cluster.caughtUp();
    const lost = (await cluster.leader() + 1) % cluster.ids.length;
    const others = cluster.ids.filter((id) => id !== lost);
    await cluster.kill(lost);
    const aside = `${cluster.dataDir(lost)}-aside`;
    renameSync(cluster.dataDir(lost), aside);
    await cluster.spawn(lost);
    await refused(cluster, lost);

    // The others go on, and remember it when they are started again.
    await cluster.client(others).put("k", "w");
    await Promise.all(others.map((id) => cluster.kill(id)));
    await Promise.all(others.map((id) => cluster.spawn(id)));
    await Promise.all(others.map((id) => cluster.process(id).ready()));
    await refused(cluster, lost);
    expect((await cluster.client(others).get("k"))?.value).toBe("w");
    const readyz = await fetch(`${cluster.process(lost).url}/readyz`);
    expect([readyz.status, await readyz.text()]).toEqual([
      503,
      expect.stringContaining("bring its data directory back"),
    ]);
    expect(cluster.process(lost).output).toMatch(
      /remembers another log of this replica.*Bring its data directory back/,
    );
    const status = spawnSync(KVCLIENT, ["status", "--server", `127.0.0.1:${cluster.ports[others[0]!]}`], {
      encoding: "utf8",
      timeout: 20_000,
      env: { ...process.env, XDG_CONFIG_HOME: cluster.dataDir(lost), NO_COLOR: "1" },
    });
    expect(status.stdout + status.stderr).toMatch(/does not vote/);

    // Two of the four that remember are gone: the two left and the forgetful one are three processes, but two votes.
    for (const id of others.slice(0, 2)) await cluster.kill(id);
    const left = others.slice(2);
    for (const id of [...left, lost]) {
      await cluster.until(`replica ${id} knows`, async () => (await cluster.place(id)).unready !== null);
      const client = await SocketClient.connect(cluster.ports[id]!);
      expect(await client.call("SET", "k", "x")).toMatch(/^-TRYAGAIN .*nothing was changed/);
      expect(await client.call("GET", "k")).toMatch(/^-TRYAGAIN/);
      client.close();
    }

    // With its data it is a majority again.
    await cluster.kill(lost);
    expect(existsSync(aside)).toBe(true);
    renameSync(cluster.dataDir(lost), `${aside}-empty`);
    renameSync(aside, cluster.dataDir(lost));
    await cluster.start(lost);
    await cluster.client([lost]).put("k", "y");
    await settle(cluster, lost);
    expect((await cluster.place(lost)).mayVote).toBe(true);
    for (const id of left) expect((await cluster.client([id]).get("k"))?.value).toBe("y");
  },
  90_000,
);
