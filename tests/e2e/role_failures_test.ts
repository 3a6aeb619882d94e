/**
 * Built replicas under load while the roles of every one of them crash at random times and come back: no violation,
 * and the store keeps serving. `KVPAXOS_FAIL_SECONDS=180` lasts as long as the acceptance list asks for; the default
 * keeps CI short.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { ROLES } from "../../src/core/replication.ts";
import { startCluster } from "./support/cluster.ts";
import { Load, summaryText } from "./support/load.ts";
import { stateOf } from "./support/replicas.ts";

const SECONDS = Number(process.env["KVPAXOS_FAIL_SECONDS"] ?? 10);
const DRILL: readonly string[] = [
  "--fail=acceptor,proposer,learner",
  "--fail-every=1s..4s",
  "--fail-for=500ms..2s",
];

test(
  `for ${SECONDS} s all roles of all five replicas crash and come back: the history is linearizable and nothing is lost`,
  async () => {
    let isDrill = true;
    const cluster = await startCluster({ flagsOf: (id) => isDrill ? [...DRILL, `--fail-seed=${id + 1}`] : [] });
    const load = new Load(cluster);
    await sleep(SECONDS * 1000);
    const statuses = await Promise.all(cluster.ids.map((id) => cluster.place(id)));
    const summary = await load.stop();
    const crashes = ROLES.map((role) => {
      const counts = statuses.map(({ roles }) => roles[role].crashes);
      expect(Math.min(...counts), `crashes of each ${role}`).toBeGreaterThan(0);
      return `${role} ${counts.join(" + ")}`;
    });
    for (const { roles } of statuses) {
      for (const role of ROLES) {
        const { crashes, restarts, isUp } = roles[role];
        expect(restarts).toBe(crashes - (isUp ? 0 : 1));
      }
    }
    for (const id of cluster.ids) {
      expect(cluster.process(id).output).toMatch(
        /the acceptor of this replica has crashed[^]*acceptor of this replica is back/,
      );
    }
    console.log(
      `role failures for ${SECONDS} s: ${summaryText(summary)}; the longest time without an acknowledged write was ` +
        `${summary.longestGap_ms.toFixed(0)} ms; crashes: ${crashes.join(", ")}`,
    );

    // All lose their power at once; without the drill they agree on what was acknowledged.
    await Promise.all(cluster.ids.map((id) => cluster.kill(id)));
    isDrill = false;
    await cluster.startAll();
    await load.verify(cluster.ids);
    await cluster.caughtUp();
    expect(new Set(await Promise.all(cluster.ids.map((id) => stateOf(cluster, id)))).size).toBe(1);
  },
  SECONDS * 1000 + 180_000,
);
