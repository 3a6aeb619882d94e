import { describe, test } from "vitest";
import { runScript } from "../../../src/sim/world/script.ts";
import { stagedHost } from "./host.ts";
import { SCENARIOS } from "./scenarios.ts";

describe("Multi-Paxos", () => {
  test.each(SCENARIOS)("$name", async ({ replicas, script, leaseReads }) => {
    await runScript(script, { replicas, host: stagedHost("paxos", leaseReads) });
  });
});
