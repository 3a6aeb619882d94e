import { describe, test } from "vitest";
import { runScript } from "../../../src/sim/world/script.ts";
import { stagedHost } from "./host.ts";
import { TWO_PHASE_SCENARIOS } from "./two_phase/scenarios.ts";

describe("Two-phase commit", () => {
  test.each(TWO_PHASE_SCENARIOS)("$name", async ({ script, ...world }) => {
    await runScript(script, { ...world, host: stagedHost("2pc") });
  });
});
