import { describe, expect, it } from "vitest";
import { runClient } from "../../cli/kvclient/run.ts";
import { FakeTerminal } from "./fakes.ts";

async function simulate(...args: string[]): Promise<{ readonly code: number; readonly terminal: FakeTerminal }> {
  const terminal = new FakeTerminal({ args: ["simulate", ...args] });
  const code = await runClient(terminal, () => {
    throw new Error("this command talks to no server");
  });
  return { code, terminal };
}

describe("kvclient simulate", () => {
  it("runs seeds and sums up", async () => {
    const { code, terminal } = await simulate("--seeds", "1..3", "--ops", "30");
    expect(code).toBe(0);
    expect(terminal.output).toMatch(/^runs +3 /m);
    expect(terminal.output).toMatch(/^simulated hours /m);
    expect(terminal.output).toMatch(/^violations +0$/m);
  });

  it("writes one line of JSON a run", async () => {
    const { code, terminal } = await simulate("--seeds", "4..5", "--ops", "30", "--faults", "light", "-o", "json");
    expect(code).toBe(0);
    const reports = terminal.output.trim().split("\n").map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(reports.map(({ seed }) => seed)).toEqual([4, 5]);
    for (const report of reports) {
      expect(Object.keys(report).toSorted()).toEqual(
        ["faults", "ops", "replicas", "replication", "seed", "simulatedMs", "traceHash", "violations"],
      );
    }
  });

  it("tells everything that happened with --trace", async () => {
    const { code, terminal } = await simulate("--ops", "5", "--workload", "counter", "--faults", "none", "--trace");
    expect(code).toBe(0);
    expect(terminal.output).toMatch(/client \d+ invoke increment counter\/\d/);
    expect(terminal.output).toMatch(/client \d+ ok increment counter\/\d/);
  });

  it("replays what was shrunk", async () => {
    const { code, terminal } = await simulate(
      "--seed",
      "9",
      "--shrunk",
      "ops=7 clients=1 faults=loss=0.5",
      "-o",
      "json",
    );
    expect(code).toBe(0);
    expect(JSON.parse(terminal.output)).toMatchObject({ seed: 9, ops: 7, violations: [] });
  });

  it.each([
    [["--workload", "chess"], 'there is no workload "chess"'],
    [["--faults", "earthquake"], 'there is no fault "earthquake"'],
    [["--seeds", "5..1"], "is not a range of seeds"],
    [["--seed", "1", "--seeds", "1..2"], "give either the one or the other"],
    [["--jobs", "4"], "is more than 1"],
    [["--replicas", "3"], "from 1 to 1"],
    [["--replication", "paxos"], "is none of none"],
  ])("refuses %j", async (args, reason) => {
    const { code, terminal } = await simulate(...args);
    expect(code).toBe(2);
    expect(terminal.error).toContain(reason);
  });
});
