import { describe, expect, it } from "vitest";
import { parseCommandLine } from "../../cli/command_line.ts";
import { Failure } from "../../cli/exit_code.ts";
import { runClient } from "../../cli/kvclient/run.ts";
import { simulate as runSimulate } from "../../cli/kvclient/simulate_command.ts";
import type { SimulationThread } from "../../cli/kvclient/simulate_thread.ts";
import { KVCLIENT } from "../../cli/kvclient/table.ts";
import { styleOf } from "../../cli/terminal.ts";
import type { RunReport } from "../../src/sim/sim.ts";
import { FakeTerminal, type FakeTerminalOptions } from "./fakes.ts";

/** The rows that say how fast it was. */
const MEASURED = /^(runs a minute|times real time) .*\n/gm;

function noServer(): never {
  throw new Error("this command talks to no server");
}

async function simulateWith(
  options: FakeTerminalOptions,
  ...args: string[]
): Promise<{ readonly code: number; readonly terminal: FakeTerminal }> {
  const terminal = new FakeTerminal({ ...options, args: ["simulate", ...args] });
  return { code: await runClient(terminal, noServer), terminal };
}

function simulate(...args: string[]): ReturnType<typeof simulateWith> {
  return simulateWith({}, ...args);
}

/** Runs the command over threads that find certain seeds wrong, or die of one. */
async function judged(
  { violating, dying }: { readonly violating: readonly number[]; readonly dying?: number },
  ...args: string[]
): Promise<{ readonly code: number | null; readonly error: unknown; readonly terminal: FakeTerminal }> {
  const terminal = new FakeTerminal({ args: ["simulate", ...args] });
  const reportOf = (seed: number): RunReport => ({
    seed,
    replication: "none",
    replicas: 1,
    ops: 1,
    simulatedMs: 1000,
    traceHash: "0",
    violations: violating.includes(seed) ? [{ check: "counter", message: `wrong in ${seed}` }] : [],
    faults: {},
    trace: [],
  });
  const thread: SimulationThread = {
    run: ({ seed }) =>
      seed === dying
        ? Promise.reject(new Failure(`seed ${seed}: the worker thread that ran it died`))
        : Promise.resolve({ report: reportOf(seed), busy_ms: 1 }),
    shrink: (options, report) =>
      Promise.resolve({
        options: { ...options, ops: 1, workloads: ["counter"], faults: "none" },
        report,
        runs: 7,
      }),
    end: () => Promise.resolve(),
  };
  const line = parseCommandLine(KVCLIENT, terminal.args, { env: {}, readFile: noServer });
  const context = { terminal, line, json: false, style: styleOf(false), signal: new AbortController().signal };
  try {
    return { code: await runSimulate(context, () => thread), error: null, terminal };
  } catch (error) {
    return { code: null, error, terminal };
  }
}

describe("kvclient simulate", () => {
  it("runs seeds and sums up", async () => {
    const { code, terminal } = await simulate("--seeds", "1..3", "--ops", "30");
    expect(code).toBe(0);
    expect(terminal.output).toMatch(/^runs +3$/m);
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

  it("finds the same whatever the number of jobs, and says it in the same order", async () => {
    const outputs = new Map<string, Set<string>>();
    for (const format of ["text", "json"]) {
      for (const jobs of ["1", "2", "5"]) {
        const { code, terminal } = await simulate("--seeds", "1..7", "--ops", "40", "--jobs", jobs, "-o", format);
        expect(code).toBe(0);
        outputs.set(format, (outputs.get(format) ?? new Set()).add(terminal.output.replace(MEASURED, "")));
      }
    }
    expect(outputs.get("text")!.size).toBe(1);
    expect(outputs.get("json")!.size).toBe(1);
    const seeds = [...outputs.get("json")!].join().trim().split("\n").map((line) =>
      (JSON.parse(line) as RunReport).seed
    );
    expect(seeds).toEqual([1, 2, 3, 4, 5, 6, 7]);
  });

  it("sums up faults by kind, and says how fast it was at the end", async () => {
    const { terminal } = await simulate("--seeds", "1..4", "--ops", "60", "--jobs", "2");
    expect(terminal.output).toMatch(
      /^runs +4\nsimulated hours +\d+\.\d\d\n(fault \w+ +\d+\n)+violations +0\nruns a minute +\d+, \d+ for each core\ntimes real time +\d+, \d+ for each core\n$/,
    );
  });

  it("shows a bar on a terminal and takes it away", async () => {
    const { terminal } = await simulateWith({ tty: true }, "--seeds", "1..3", "--ops", "10");
    expect(terminal.error).toContain("\r\x1b[K");
    expect((await simulateWith({ tty: true }, "--seeds", "1..3", "--ops", "10", "--no-progress")).terminal.error).toBe(
      "",
    );
    expect((await simulate("--seeds", "1..3", "--ops", "10")).terminal.error).toBe("");
  });

  it("ends at once when it is interrupted, with what it has found so far", async () => {
    const terminal = new FakeTerminal({ args: ["simulate", "--seeds", "1..100000", "--ops", "20", "--jobs", "2"] });
    const running = runClient(terminal, noServer);
    const busy = runClient(new FakeTerminal({ args: ["simulate", "--ops", "20"] }), noServer);
    expect(await busy).toBe(0);
    expect(terminal.signal("SIGINT")).toBe(true);
    expect(await running).toBe(130);
    expect(terminal.output).toMatch(/^runs +\d+$/m);
    expect(terminal.output).toMatch(/^violations +0$/m);
  });

  it("ends at once in the middle of a long run", async () => {
    const terminal = new FakeTerminal({ args: ["simulate", "--ops", "10000000"] });
    const running = runClient(terminal, noServer);
    await new Promise((resolve) => setTimeout(resolve, 200));
    terminal.signal("SIGINT");
    expect(await running).toBe(130);
    expect(terminal.output).toMatch(/^runs +0$/m);
  });

  describe("with runs that fail", () => {
    it("tells of them in the order of their seeds and makes the first small", async () => {
      const { code, terminal } = await judged({ violating: [3, 5] }, "--seeds", "1..6", "--jobs", "3");
      expect(code).toBe(1);
      const lines = terminal.output.split("\n");
      expect(lines.slice(0, 2)).toEqual(["seed 3: counter: wrong in 3", "seed 5: counter: wrong in 5"]);
      expect(terminal.output).toMatch(/^violations +2 in 2 runs$/m);
      expect(lines.slice(-3)).toEqual([
        "shrunk in 7 runs: counter: wrong in 3",
        "kvclient simulate --replication none --seed 3 --shrunk 'ops=1 workload=counter faults=none'",
        "",
      ]);
    });

    it("says what clocks and leases they had in the line that replays them", async () => {
      const flags = ["--replication", "paxos", "--lease-reads", "--clock-drift", "50"];
      const { terminal } = await judged({ violating: [3] }, "--seeds", "3..3", ...flags);
      expect(terminal.output).toContain(`kvclient simulate ${flags.join(" ")} --seed 3 --shrunk 'ops=1 `);
    });

    it("does not make them small with --no-shrink", async () => {
      const { code, terminal } = await judged({ violating: [3] }, "--seeds", "1..6", "--no-shrink");
      expect(code).toBe(1);
      expect(terminal.output).not.toContain("shrunk");
    });

    it("names the seed whose thread died, after what was found until then", async () => {
      const { error, terminal } = await judged({ violating: [2], dying: 4 }, "--seeds", "1..6", "--jobs", "1");
      expect(error).toMatchObject({ name: "Failure", code: 1, message: "seed 4: the worker thread that ran it died" });
      expect(terminal.output).toMatch(/^seed 2: counter: wrong in 2\nruns +3$/m);
      expect(terminal.output).not.toContain("shrunk");
    });
  });

  it.each([
    [["--workload", "chess"], 'there is no workload "chess"'],
    [["--faults", "earthquake"], 'there is no fault "earthquake"'],
    [["--seeds", "5..1"], "is not a range of seeds"],
    [["--seed", "1", "--seeds", "1..2"], "give either the one or the other"],
    [["--jobs", "0"], "from 1 to 1024"],
    [["--replicas", "0"], "from 1 to 99"],
    [["--replication", "none", "--replicas", "3"], "3"],
    [["--replication", "hope"], "is none of none"],
  ])("refuses %j", async (args, reason) => {
    const { code, terminal } = await simulate(...args);
    expect(code).toBe(2);
    expect(terminal.error).toContain(reason);
  });
});
