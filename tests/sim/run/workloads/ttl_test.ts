import { describe, expect, test } from "vitest";
import type { KVClient } from "../../../../src/client/kv_client.ts";
import { classifyError } from "../../../../src/sim/run/outcome.ts";
import { Truth } from "../../../../src/sim/run/truth.ts";
import { Violations } from "../../../../src/sim/run/violation.ts";
import type { Actor, Arena } from "../../../../src/sim/run/workload.ts";
import { TtlWorkload } from "../../../../src/sim/run/workloads/ttl.ts";
import { ManualClock } from "../../../support/manual_clock.ts";

/** A truth in which keys expire when the test says so. */
class ToldTruth extends Truth {
  areExpired = false;

  override hasExpired(): boolean {
    return this.areExpired;
  }
}

/** A workload whose one key was put, and was seen to be gone as soon as its time had come. */
async function withKeyGone(): Promise<{
  readonly clock: ManualClock;
  readonly truth: ToldTruth;
  readonly violations: Violations;
  readonly workload: TtlWorkload;
  readonly actor: Actor;
}> {
  const clock = new ManualClock();
  const violations = new Violations();
  const truth = new ToldTruth(violations, 0);
  truth.time = clock.now();
  const arena: Arena = {
    clock,
    serverNow: () => clock.now(),
    truth,
    violations,
    classify: classifyError,
    isCalm: true,
    onEvent: () => {},
  };
  const client: Pick<KVClient<string>, "put" | "get"> = {
    put: () => Promise.resolve({ written: true, revision: 1, previous: null }),
    get: () => Promise.resolve(null),
  };
  const actor: Actor = { id: 1, client: client as KVClient<string>, dice: { next: () => 0.5 } };
  const workload = new TtlWorkload(arena);
  await workload.step(actor);
  truth.time = clock.now() + 3000;
  await workload.step(actor);
  return { clock, truth, violations, workload, actor };
}

async function pass(clock: ManualClock, milliseconds: number): Promise<void> {
  for (let passed = 0; passed < milliseconds; passed += 250) {
    clock.advance(250);
    for (let turn = 0; turn < 20; turn++) await Promise.resolve();
  }
}

describe("the ttl workload", () => {
  test("gives the event of a key that a read found gone time to come", async () => {
    const { clock, truth, violations, workload, actor } = await withKeyGone();
    const finished = workload.finish(actor);
    await pass(clock, 2000);
    truth.areExpired = true;
    await pass(clock, 5000);
    await finished;
    expect(violations.all).toEqual([]);
  });

  test("finds that the event of a key that is gone never comes", async () => {
    const { clock, violations, workload, actor } = await withKeyGone();
    const finished = workload.finish(actor);
    await pass(clock, 7000);
    await finished;
    expect(violations.all).toEqual([{ check: "ttl", message: "ttl/1 went without an event in the log" }]);
  });
});
