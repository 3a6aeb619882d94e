/** A bounded round of each kind of replication under the nemesis; `npm run soak` is the long form. */
import { describe, expect, onTestFinished, test } from "vitest";
import { type TestedOptions, TestedReplicas } from "./tested_replicas.ts";
import { runRound } from "./round.ts";

const FLAGS = ["--snapshot-every", "1mb"];
const ROLES = ["--fail", "acceptor,proposer,learner", "--fail-every", "3s..8s", "--fail-for", "500ms..2s"];

const CASES: readonly (TestedOptions & { readonly seconds: number; readonly workload: string })[] = [
  { replication: "paxos", replicas: 5, runtime: "executable", flags: FLAGS, seconds: 10, workload: "register" },
  {
    replication: "paxos",
    replicas: 3,
    runtime: "executable",
    flags: [...FLAGS, ...ROLES],
    seconds: 6,
    workload: "append",
  },
  { replication: "2pc", replicas: 3, runtime: "executable", flags: FLAGS, seconds: 6, workload: "bank" },
  { replication: "none", replicas: 1, runtime: "executable", flags: FLAGS, seconds: 5, workload: "counter" },
];

describe("under the nemesis", () => {
  test.each(CASES)(
    "$replication with $replicas replicas answers right, and all replicas agree in the end",
    async ({ seconds, workload, ...options }) => {
      const replicas = await TestedReplicas.start(options);
      onTestFinished(() => replicas.close());
      const result = await runRound(replicas, { seconds, workload, protocol: "tcp", seed: 7 });
      const { verdict, ok, refused, unknown, deeds, complaint, difference } = result;
      console.log(`${ok} ok, ${refused} refused, ${unknown} unknown; ${deeds.map(({ text }) => text).join("; ")}`);
      expect([verdict === "undecided" ? null : complaint, difference]).toEqual([null, null]);
      expect(ok).toBeGreaterThan(0);
      expect(deeds.length).toBeGreaterThan(0);
    },
    150_000,
  );
});
