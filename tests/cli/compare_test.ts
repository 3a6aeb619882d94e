import { readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import { describe, expect, it } from "vitest";
import { parseCommandLine } from "../../cli/command_line.ts";
import { compare as runCompare } from "../../cli/kvclient/compare_command.ts";
import { runClient } from "../../cli/kvclient/run.ts";
import { KVCLIENT } from "../../cli/kvclient/table.ts";
import { styleOf } from "../../cli/terminal.ts";
import { concludeFrom, describeWorld, tableOf } from "../../cli/kvclient/compare_words.ts";
import type { ComparedProtocol, Comparison } from "../../src/sim/run/compare.ts";
import type { LoadFigures } from "../../src/sim/run/compare_figures.ts";
import { FakeTerminal } from "./fakes.ts";

const README = new URL("../../README.md", import.meta.url);
const SHOWN = /^```console\n\$ (?:\.\/dist\/)?kvclient compare --seed 7\n(.*?)^```$/ms;

async function compare(...args: string[]): Promise<{ readonly code: number; readonly terminal: FakeTerminal }> {
  const terminal = new FakeTerminal({ args: ["compare", ...args] });
  const code = await runClient(terminal, () => {
    throw new Error("this command talks to no server");
  });
  return { code, terminal };
}

describe("kvclient compare", () => {
  it("prints what README.md shows of seed 7 (run this test with UPDATE_DOCS=1 to write it again)", async () => {
    const { code, terminal } = await compare("--seed", "7");
    expect(terminal.error).toBe("");
    expect(code).toBe(0);
    const readme = readFileSync(README, "utf8");
    if (process.env["UPDATE_DOCS"] === "1") {
      const block = `\`\`\`console\n$ ./dist/kvclient compare --seed 7\n${terminal.output}\`\`\``;
      writeFileSync(README, readme.replace(SHOWN, () => block));
    }
    expect(SHOWN.exec(readFileSync(README, "utf8"))?.[1]).toBe(terminal.output);
  });

  it("writes one line of JSON with everything", async () => {
    const { code, terminal } = await compare("--seed", "3", "--ops", "300", "--failure", "none", "-o", "json");
    expect(code).toBe(0);
    expect(terminal.output.trim().split("\n")).toHaveLength(1);
    const told = JSON.parse(terminal.output) as Comparison & { readonly conclusion: readonly string[] };
    expect(told).toMatchObject({ seed: 3, replicas: 5, ops: 300, failure: null });
    expect(told.twoPhase.load.writes.begun).toBe(told.paxos.load.writes.begun);
    expect(told.conclusion).toHaveLength(2);
  });

  it("refuses what cannot be compared", async () => {
    const { code, terminal } = await compare("--replicas", "4");
    expect(code).toBe(2);
    expect(terminal.error).toContain("a comparison has 3 or 5 replicas, not 4");
    expect((await compare("--failure", "fire")).code).toBe(2);
  });

  it("ends when it is interrupted", async () => {
    const terminal = new FakeTerminal({ args: ["compare"] });
    const running = runClient(terminal, () => {
      throw new Error("this command talks to no server");
    });
    terminal.signal("SIGINT");
    expect(await running).toBe(130);
    expect(terminal.output).toBe("");
  });
});

const CALM: LoadFigures = {
  writes: { begun: 100, ok: 100, refused: 0, unknown: 0 },
  reads: { begun: 100, ok: 100, refused: 0, unknown: 0 },
  windowsAnswered: 1,
  windowsWritten: 1,
  longestStall_ms: 50,
  stalled_ms: 0,
  inDoubt: { transactions: 0, longest_ms: 0, keys: 0 },
  orphaned: { transactions: 0, longest_ms: 0, keys: 0 },
  median_ms: 2,
  p99_ms: 4,
};

function protocol(load: Partial<LoadFigures>): ComparedProtocol {
  return {
    load: { ...CALM, ...load },
    price: { writes: 10, latency_ms: 3, messages: 16, bytes: 300, syncs: 12 },
    isLinearizable: true,
    violations: [],
    traceHash: "0",
  };
}

function comparison(
  failure: Comparison["failure"],
  twoPhase: Partial<LoadFigures> = {},
  paxos: Partial<LoadFigures> = {},
): Comparison {
  return {
    seed: 1,
    replicas: 5,
    clients: 20,
    keys: 100,
    ops: 200,
    load_ms: 10_000,
    failure,
    twoPhase: protocol(twoPhase),
    paxos: protocol(paxos),
  };
}

const FAILED = { name: "coordinator", replicas: [2], from_ms: 4000, to_ms: 7000 } as const;

describe("what a comparison says", () => {
  it("follows the figures: who stood still and for how long", () => {
    const said = (twoPhase: Partial<LoadFigures>, paxos: Partial<LoadFigures>): string =>
      concludeFrom(comparison(FAILED, twoPhase, paxos))[0];
    const still = { longestStall_ms: 3000 };
    expect(said(still, {})).toMatch(/^Two-phase commit acknowledged no write for 3.00 s .*; Paxos went on, /);
    expect(said(still, { longestStall_ms: 600 })).toContain("Paxos acknowledged none for 600.00 ms (5.0 times less)");
    expect(said(still, { longestStall_ms: 2900 })).not.toContain("times less");
    expect(said({}, {})).toMatch(/^Both went on acknowledging writes while replica 3 was without power/);
    expect(said({}, still)).toMatch(/^Two-phase commit went on .*; Paxos acknowledged none for 3.00 s/);
  });

  it("names transactions whose coordinator was away only when there were some", () => {
    const orphaned = { transactions: 2, longest_ms: 3000, keys: 2 };
    const still = { longestStall_ms: 3000 };
    expect(concludeFrom(comparison(FAILED, { ...still, orphaned }))[0]).toContain(
      "2 transactions whose coordinator was away kept 2 of 100 keys locked",
    );
    expect(concludeFrom(comparison(FAILED, { ...still, orphaned: { ...orphaned, keys: null } }))[0]).toContain(
      "all 100 keys locked",
    );
    expect(concludeFrom(comparison(FAILED, still))[0]).not.toContain("locked");
  });

  it("never rounds a share up to everything", () => {
    const rows = tableOf(comparison(FAILED, { reads: { begun: 100_000, ok: 99_999, refused: 1, unknown: 0 } }));
    expect(rows.find(([name]) => name === "reads answered")).toEqual(
      ["reads answered", "99.9 % of 100000", "100.0 % of 100"],
    );
  });

  it("says so when a history is not linearizable", () => {
    const wrong = { ...comparison(FAILED), paxos: { ...protocol({}), isLinearizable: false } };
    expect(tableOf(wrong).at(-1)).toEqual(["linearizable", "yes", "NO"]);
  });

  it("ends with exit code 1 when something was wrong, and tells what", async () => {
    const terminal = new FakeTerminal({ args: ["compare"] });
    const line = parseCommandLine(KVCLIENT, terminal.args, {
      env: {},
      readFile: (path) => {
        throw new Error(`${path} is not to be read`);
      },
    });
    const context = { terminal, line, json: false, style: styleOf(false), signal: new AbortController().signal };
    const violations = [{ check: "linearizability", message: "key/1 went back" }];
    const wrong = { ...comparison(FAILED), paxos: { ...protocol({}), isLinearizable: false, violations } };
    expect(await runCompare(context, () => Promise.resolve(wrong))).toBe(1);
    expect(terminal.output).toContain("Paxos: linearizability: key/1 went back");
    expect(await runCompare(context, () => Promise.resolve(comparison(FAILED)))).toBe(0);
  });

  it("names what failed and when", () => {
    expect(describeWorld(comparison(FAILED))[1]).toBe("from 4.00 s to 7.00 s replica 3 was without power");
    const cut = { name: "partition", replicas: [4, 0], from_ms: 4000, to_ms: 7000 } as const;
    expect(describeWorld(comparison(cut))[1]).toContain("replicas 1 and 5 were cut off");
    expect(describeWorld(comparison(null))[1]).toBe("nothing failed");
  });
});
