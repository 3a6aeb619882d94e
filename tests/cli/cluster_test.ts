import { describe, expect, it } from "vitest";
import type { ChildProcess, OnLine, Processes, ProcessExit } from "../../cli/kvserver/processes.ts";
import { runServer } from "../../cli/kvserver/run.ts";
import { FakeTerminal, type FakeTerminalOptions } from "./fakes.ts";
import { secret } from "../support/secrets/secrets.ts";

const PASSWORD = secret("cluster command");

/** A replica that does what a test says. */
class FakeReplica implements ChildProcess {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly say: OnLine;
  readonly told: string[] = [];
  readonly exited: Promise<ProcessExit>;
  end: (exit: ProcessExit) => void = () => {};

  constructor(args: readonly string[], env: Readonly<Record<string, string | undefined>>, say: OnLine) {
    this.args = args;
    this.env = env;
    this.say = say;
    this.exited = new Promise((resolve) => this.end = resolve);
  }

  stop(): void {
    this.told.push("stop");
    this.end({ code: 0, signal: null });
  }

  kill(): void {
    this.told.push("kill");
    this.end({ code: null, signal: "SIGKILL" });
  }

  reload(): void {
    this.told.push("reload");
  }

  ready(): void {
    this.say("stdout", "kvserver 0.1.0 is ready: replica 1 of 3");
  }
}

interface Run {
  readonly terminal: FakeTerminal;
  readonly code: Promise<number>;
  /** Every replica that was started, in this order. */
  readonly started: FakeReplica[];
}

function run(args: readonly string[], options: FakeTerminalOptions = {}, taken: readonly number[] = []): Run {
  const terminal = new FakeTerminal({ ...options, args: ["cluster", "--replicas", "3", ...args] });
  const started: FakeReplica[] = [];
  const processes: Processes = {
    spawn: (own, env, onLine) => {
      const replica = new FakeReplica(own, env, onLine);
      started.push(replica);
      return replica;
    },
    isFree: (_host, port) => Promise.resolve(!taken.includes(port)),
  };
  const code = runServer(terminal, () => Promise.reject(new Error("a cluster serves by its replicas")), processes);
  return { terminal, code, started };
}

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 2000 && !condition(); i++) await new Promise((resolve) => setTimeout(resolve, 1));
  expect(condition()).toBe(true);
}

describe("kvserver cluster", () => {
  it("starts each replica with the same list, a directory of its own and the flags that were given", async () => {
    const { terminal, code, started } = run(
      [
        "--port",
        "4000",
        "--data-dir",
        "d",
        "--lease-reads",
        "--transport",
        "http",
        "--fail",
        "acceptor",
        "--fail-for",
        "1s",
        "--fail-seed=3",
      ],
      { env: { KVSERVER_LOG_LEVEL: "debug", KVSERVER_PASSWORD: PASSWORD, KVSERVER_PORT: "1", OTHER: "o" } },
    );
    await until(() => started.length === 3);
    const [first, , third] = started;
    expect(third!.args).toEqual(expect.arrayContaining([
      "--port=4002",
      "--peers=127.0.0.1:4000,127.0.0.1:4001,127.0.0.1:4002",
      "--data-dir=d/kvserver-4002",
      "--transport=http",
      "--lease-reads=true",
      "--log-level=debug",
      "--fail=acceptor",
      "--fail-for=1000ms..1000ms",
      "--fail-seed=3",
    ]));
    expect(first!.args.filter((arg) => !third!.args.includes(arg))).toEqual([
      "--port=4000",
      "--data-dir=d/kvserver-4000",
    ]);
    expect(third!.env).toMatchObject({ OTHER: "o", KVSERVER_PASSWORD: PASSWORD });
    expect(third!.env).not.toHaveProperty("KVSERVER_PORT");
    expect(third!.args.join(" ")).not.toContain(PASSWORD);
    terminal.signal("SIGTERM");
    expect(await code).toBe(0);
  });

  it("starts replicas under two-phase commit when that is asked for", async () => {
    const { terminal, code, started } = run(["--replication", "2pc"]);
    await until(() => started.length === 3);
    for (const replica of started) expect(replica.args).toContain("--replication=2pc");
    terminal.signal("SIGTERM");
    expect(await code).toBe(0);
  });

  it("shows whose line each is, and says when all are ready", async () => {
    const text = run([]);
    await until(() => text.started.length === 3);
    text.started[1]!.say("stderr", "something");
    for (const replica of text.started) replica.ready();
    expect(text.terminal.error).toContain("replica 2 | something\n");
    expect(text.terminal.output).toMatch(
      /all 3 replicas are ready: .* 127\.0\.0\.1:32000 to 32002, HTTP on 33000 to 33002/,
    );
    text.terminal.signal("SIGINT");
    expect(await text.code).toBe(0);
    const json = run(["--log-format", "json"]);
    await until(() => json.started.length === 3);
    json.started[2]!.say("stderr", '{"message":"m"}');
    expect(JSON.parse(json.terminal.error)).toEqual({ replica: 3, message: "m" });
    json.terminal.signal("SIGINT");
    expect(await json.code).toBe(0);
  });

  it("starts a replica again that dies after it was ready, and stops for one that never was", async () => {
    const { terminal, code, started } = run([]);
    await until(() => started.length === 3);
    for (const replica of started) replica.ready();
    started[1]!.end({ code: null, signal: "SIGKILL" });
    await until(() => started.length === 4);
    expect(started[3]!.args).toEqual(started[1]!.args);
    expect(terminal.error).toContain("replica 2 ended: killed by SIGKILL; starting it again");
    terminal.signal("SIGTERM");
    expect(await code).toBe(0);
    expect(started.map(({ told }) => told)).toEqual([["stop"], [], ["stop"], ["stop"]]);

    const broken = run([]);
    await until(() => broken.started.length === 3);
    broken.started[0]!.ready();
    broken.started[2]!.end({ code: 1, signal: null });
    expect(await broken.code).toBe(1);
    expect(broken.terminal.error).toMatch(/replica 3 \(port 32002\) ended before it was ready: exit code 1/);
    expect(broken.started[0]!.told).toEqual(["stop"]);
  });

  it("ends with 1 when a replica does not stop in good order, and ends all at once at the second signal", async () => {
    const bad = run([]);
    await until(() => bad.started.length === 3);
    bad.started[0]!.stop = () => bad.started[0]!.end({ code: 3, signal: null });
    bad.terminal.signal("SIGTERM");
    expect(await bad.code).toBe(1);
    expect(bad.terminal.error).toContain("replica 1 did not stop in good order: exit code 3");

    const slow = run([]);
    await until(() => slow.started.length === 3);
    for (const replica of slow.started) replica.stop = () => {};
    slow.terminal.signal("SIGINT");
    slow.terminal.signal("SIGINT");
    expect(slow.terminal.exits).toEqual([130]);
    expect(slow.started.every(({ told }) => told.includes("kill"))).toBe(true);
    await slow.code;
  });

  it("looks at the ports first", async () => {
    const { terminal, code, started } = run([], {}, [32_001, 33_002]);
    expect(await code).toBe(1);
    expect(terminal.error).toContain("127.0.0.1:32001, 127.0.0.1:33002 cannot be listened on");
    expect(started).toEqual([]);
    const without = run(["--http-port", "0"], {}, [33_002]);
    await until(() => without.started.length === 3);
    expect(without.started[0]!.args).toContain("--http-port=0");
    without.terminal.signal("SIGTERM");
    expect(await without.code).toBe(0);
  });

  for (
    const [args, says] of [
      [["--port", "64999"], "past 65535"],
      [["--replication", "none"], "cluster runs replicas"],
      [["--memory", "--data-dir", "d"], "give one of the two"],
      [["--http-port", "9"], "leave it out, or give 0"],
      [["--http-port", "0", "--transport", "http"], "needs HTTP"],
      [["--replication", "2pc", "--lease-reads"], "is for Paxos"],
      [["--fail-seed", "1"], "about --fail ROLES"],
      [["--replication", "2pc", "--fail", "acceptor"], "roles are those of Paxos"],
    ] as const
  ) {
    it(`refuses ${args.join(" ")}`, async () => {
      const { terminal, code } = run(args);
      expect(await code).toBe(2);
      expect(terminal.error).toContain(says);
    });
  }
});
