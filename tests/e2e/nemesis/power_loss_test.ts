/** Many replicas die at once, as when the power fails, and are started again. */
import { describe, expect, onTestFinished, test } from "vitest";
import { TestedReplicas } from "./tested_replicas.ts";
import { Writers } from "./writers.ts";

const CLIENTS = 16;
const VALUE_BYTES = 256;

describe("when the power fails", () => {
  test.each(
    [
      { replication: "paxos", dying: 3 },
      { replication: "paxos", dying: 5 },
      { replication: "2pc", dying: 5 },
    ] as const,
  )("under $replication for $dying of five replicas, nothing is lost", async ({ replication, dying }) => {
    const replicas = await TestedReplicas.start({ replicas: 5, replication, runtime: "executable" });
    onTestFinished(() => replicas.close());
    const writers = new Writers(replicas.ports, VALUE_BYTES);
    onTestFinished(() => writers.stop());
    await writers.more(200, CLIENTS);
    writers.start(CLIENTS);
    await new Promise((wait) => setTimeout(wait, 300));
    const victims = replicas.ids.slice(0, dying);
    await Promise.all(victims.map((id) => replicas.signal(id, "SIGKILL")));
    const before = writers.acknowledged;
    const restarted_ms = performance.now();
    for (const id of victims) replicas.spawn(id);
    while (writers.acknowledged === before) await new Promise((wait) => setTimeout(wait, 5));
    console.log(
      `${replication}, ${dying} of 5: writes again after ${(performance.now() - restarted_ms).toFixed(0)} ms`,
    );
    await writers.stop();
    await replicas.ready();
    expect(writers.acknowledged).toBeGreaterThan(200);
    expect(await writers.lost()).toEqual([]);
  }, 120_000);
});
