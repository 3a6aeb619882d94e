import { describe, expect, it } from "vitest";
import type { Role } from "../../../src/core/replication.ts";
import { RoleFailures } from "../../../src/server/cluster/role_failures.ts";
import { ManualClock } from "../../support/manual_clock.ts";

interface Happening {
  readonly role: Role;
  readonly what: "crash" | "restart";
  readonly at: number;
}

function drill(seed: number, roles: readonly Role[], duration_ms: number): Happening[] {
  const clock = new ManualClock();
  const happenings: Happening[] = [];
  const note = (what: Happening["what"]) => (role: Role): void =>
    void happenings.push({ role, what, at: clock.monotonic() });
  const failures = new RoleFailures(
    { crashRole: note("crash"), restartRole: note("restart") },
    { roles, every: { least_ms: 1000, most_ms: 4000 }, lasting: { least_ms: 500, most_ms: 2000 }, seed },
    clock,
  );
  for (let passed = 0; passed < duration_ms; passed += 10) clock.advance(10);
  failures.close();
  const count = happenings.length;
  clock.advance(10_000);
  expect(happenings.length).toBe(count);
  return happenings;
}

describe("role failures", () => {
  it("let each role crash and come back, again and again, at times within the ranges", () => {
    const happenings = drill(1, ["acceptor", "learner"], 60_000);
    for (const role of ["acceptor", "learner"] as const) {
      const own = happenings.filter((each) => each.role === role);
      expect(own.length).toBeGreaterThan(10);
      own.forEach(({ what }, index) => expect(what).toBe(index % 2 === 0 ? "crash" : "restart"));
      own.slice(1).forEach(({ what, at }, index) => {
        const since = at - own[index]!.at;
        expect(since).toBeGreaterThanOrEqual((what === "restart" ? 500 : 1000) - 20);
        expect(since).toBeLessThanOrEqual((what === "restart" ? 2000 : 4000) + 20);
      });
    }
    expect(happenings.some(({ role }) => role === "proposer")).toBe(false);
  });

  it("come at the same times from the same seed, and at others from another", () => {
    const roles = ["acceptor", "proposer", "learner"] as const;
    expect(drill(7, roles, 20_000)).toEqual(drill(7, roles, 20_000));
    expect(drill(7, roles, 20_000)).not.toEqual(drill(8, roles, 20_000));
    const first = drill(7, roles, 5000).filter(({ what }) => what === "crash").map(({ at }) => at);
    expect(new Set(first).size).toBe(first.length);
  });
});
