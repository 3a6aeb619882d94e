/**
 * What tests want to know of built replicas under two-phase commit.
 *
 * @module
 */
import { SocketClient } from "../../support/resp_client.ts";
import type { TwoPhasePage } from "../../../src/server/two_phase_page.ts";
import type { Cluster } from "./cluster.ts";

/** A replica's own figures. */
export async function participant(cluster: Cluster, id: number): Promise<TwoPhasePage> {
  return (await cluster.status(id)).replication.twoPhase!;
}

/** Waits until all replicas take writes and nothing is open on any of them. */
export async function settled(cluster: Cluster): Promise<void> {
  await cluster.until("all replicas take writes, and nothing is open", async () => {
    const pages = await Promise.all(cluster.ids.map((id) => participant(cluster, id)));
    return pages.every(({ unready, coordinating, inDoubtCount, waitingCount }) =>
      unready === null && coordinating + inDoubtCount + waitingCount === 0
    );
  });
}

/** An answer of a replica to a command over a connection of its own, and after how many milliseconds it came. */
export interface Answer {
  readonly reply: string;
  readonly took_ms: number;
}

/** What a replica answers to a command. */
export async function ask(port: number, ...command: string[]): Promise<Answer> {
  const client = await SocketClient.connect(port);
  try {
    const since_ms = performance.now();
    const reply = await client.call(...command);
    return { reply: reply.trim(), took_ms: performance.now() - since_ms };
  } finally {
    client.close();
  }
}
