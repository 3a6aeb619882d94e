/**
 * `kvserver cluster`: several replicas on this machine, each a process of its own, shown as one program.
 *
 * Invariant: no replica outlives the program, and none that was ready stays down while it runs.
 *
 * @module
 */
import { getLogger, type Logger } from "@logtape/logtape";
import { VERSION } from "../../src/version.ts";
import type { CommandLine } from "../command_line.ts";
import { EXIT, Failure, UsageError } from "../exit_code.ts";
import type { Terminal } from "../terminal.ts";
import { checkExposure, clusterSecretOf, SECRET_VARIABLE } from "./access_files.ts";
import { LOG_CATEGORY, startLogging, stopLogging } from "./logging.ts";
import type { ChildProcess, OnLine, Processes, ProcessExit } from "./processes.ts";
import { doorNames, failuresOf, formatAddress, HTTP_PORT_OFFSET, passwordOf, restoreOf } from "./settings.ts";
import { stopOnSignals } from "./signals.ts";
import { FLAGS, REPLICAS } from "./table.ts";
import { tlsOf } from "./tls_files.ts";

/** A replica that was ready and died is started again after this long, and doubled each time up to the most. */
const FIRST_WAIT_MS = 200;
const MOST_WAIT_MS = 5000;
/** One that lived this long was not started in vain. */
const LONG_LIFE_MS = 10_000;
/** How long a replica may take to stop. */
const STOP_MS = 20_000;

const READY = / is ready: |"event":"ready"/;

/** What all replicas are started with. */
interface Plan {
  readonly host: string;
  readonly ports: readonly number[];
  readonly hasHttp: boolean;
  readonly hasTls: boolean;
  readonly hasUdp: boolean;
  /** The arguments of the replica at a port. A saved state is restored when it starts first, not when it starts again. */
  readonly args: (port: number, isFirst: boolean) => string[];
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Runs the command. Returns the exit code. */
export async function runCluster(line: CommandLine, terminal: Terminal, processes: Processes): Promise<number> {
  const plan = planOf(line, terminal);
  await checkPorts(plan, processes);
  await startLogging(line, terminal);
  const supervisor = new Supervisor(plan, terminal, processes, line.get(FLAGS.logFormat));
  const signals = stopOnSignals(
    terminal,
    (signal) => supervisor.say("{signal}: stopping all replicas", { signal }),
    () => {
      supervisor.kill();
    },
  );
  const releaseHangUp = terminal.onSignal("SIGHUP", () => supervisor.reload());
  try {
    return await supervisor.run(signals.requested);
  } finally {
    releaseHangUp();
    signals.release();
    await stopLogging();
  }
}

function planOf(line: CommandLine, terminal: Terminal): Plan {
  const host = line.get(FLAGS.host);
  const first = line.get(FLAGS.port);
  const ports = Array.from({ length: line.get(REPLICAS) }, (_, index) => first + index);
  const httpPort = line.get(FLAGS.httpPort) ?? first + HTTP_PORT_OFFSET;
  if (httpPort !== 0 && httpPort !== first + HTTP_PORT_OFFSET) {
    throw new UsageError(
      `--http-port ${httpPort}: the replicas of a cluster have HTTP at port + ${HTTP_PORT_OFFSET}; leave it out, or give 0`,
    );
  }
  const hasHttp = httpPort !== 0;
  const last = ports.at(-1)! + (hasHttp ? HTTP_PORT_OFFSET : 0);
  if (last > 65_535) throw new UsageError(`--port ${first} puts the last replica on port ${last}, past 65535`);
  if (line.get(FLAGS.replication) === "none") {
    throw new UsageError("cluster runs replicas; --replication none has none");
  }
  const dataDir = line.get(FLAGS.dataDir);
  const memory = line.get(FLAGS.memory);
  if (memory && dataDir !== undefined) {
    throw new UsageError(`--memory keeps nothing on disk, but --data-dir is ${dataDir}; give one of the two`);
  }
  if (line.get(FLAGS.leaseReads) && line.get(FLAGS.replication) === "2pc") {
    throw new UsageError("--lease-reads is for Paxos; leave it out with --replication 2pc");
  }
  if (!hasHttp && line.get(FLAGS.transport) === "http") {
    throw new UsageError("--transport http needs HTTP; leave out --http-port 0");
  }
  const restore = restoreOf(line);
  const shared = sharedArgs(line, ports.map((port) => formatAddress(host, port)).join(","));
  const password = passwordOf(
    line.get(FLAGS.password),
    line.get(FLAGS.passwordFile),
    (path) => terminal.readFile(path),
  );
  const secret = clusterSecretOf(line.get(FLAGS.clusterSecretFile), terminal.env, (path) => terminal.readFile(path));
  const tls = tlsOf(line, host, (path) => terminal.readFile(path));
  checkExposure({
    host,
    hasLogins: password !== null || line.get(FLAGS.users) !== undefined || tls?.clientAuth === true,
    isReplica: true,
    hasSecret: secret !== null || tls !== null,
    isInsecure: line.get(FLAGS.insecure),
  });
  const inherited = Object.entries(terminal.env).filter(([name]) => !name.startsWith("KVSERVER_"));
  return {
    host,
    ports,
    hasHttp,
    hasTls: tls !== null,
    hasUdp: tls === null || line.get(FLAGS.insecure),
    args: (port, isFirst) => [
      `--port=${port}`,
      ...(hasHttp ? [] : ["--http-port=0"]),
      ...(memory ? ["--memory"] : [`--data-dir=${dataDir ?? "."}/kvserver-${port}`]),
      ...(restore !== null && isFirst ? [`--restore=${restore}`] : []),
      ...shared,
    ],
    // Arguments can be seen by others, the environment cannot.
    env: {
      ...Object.fromEntries(inherited),
      ...(password === null ? {} : { KVSERVER_PASSWORD: password }),
      ...(secret === null ? {} : { [SECRET_VARIABLE]: secret }),
    },
  };
}

/** The arguments that are the same for all. */
function sharedArgs(line: CommandLine, peers: string): string[] {
  const failures = failuresOf(line, () => Math.floor(Math.random() * 2 ** 32));
  const given: Record<string, string | number | undefined> = {
    host: line.get(FLAGS.host),
    peers,
    replication: line.get(FLAGS.replication),
    users: line.get(FLAGS.users),
    "tls-cert": line.get(FLAGS.tlsCert),
    "tls-key": line.get(FLAGS.tlsKey),
    "tls-ca": line.get(FLAGS.tlsCa),
    transport: line.get(FLAGS.transport),
    "max-key-bytes": line.get(FLAGS.maxKeyBytes),
    "max-value-bytes": line.get(FLAGS.maxValueBytes),
    "max-connections": line.get(FLAGS.maxConnections),
    "threads": line.get(FLAGS.threads),
    "snapshot-every": line.get(FLAGS.snapshotEvery),
    "log-level": line.get(FLAGS.logLevel),
    "log-format": line.get(FLAGS.logFormat),
    ...(line.get(FLAGS.insecure) ? { insecure: "true" } : {}),
    ...(line.get(FLAGS.tlsClientAuth) ? { "tls-client-auth": "true" } : {}),
    ...(line.get(FLAGS.leaseReads) ? { "lease-reads": "true" } : {}),
    ...(failures === null ? {} : {
      fail: failures.roles.join(","),
      "fail-every": rangeText(failures.every),
      "fail-for": rangeText(failures.lasting),
      "fail-seed": failures.seed,
    }),
  };
  return Object.entries(given).flatMap(([name, value]) => value === undefined ? [] : [`--${name}=${value}`]);
}

function rangeText({ least_ms, most_ms }: { readonly least_ms: number; readonly most_ms: number }): string {
  return `${least_ms}ms..${most_ms}ms`;
}

async function checkPorts({ host, ports, hasHttp }: Plan, processes: Processes): Promise<void> {
  const needed = [...ports, ...(hasHttp ? ports.map((port) => port + HTTP_PORT_OFFSET) : [])];
  const free = await Promise.all(needed.map((port) => processes.isFree(host, port)));
  const taken = needed.filter((_, index) => !free[index]).map((port) => formatAddress(host, port));
  if (taken.length === 0) return;
  throw new Failure(
    `cannot start: ${taken.join(", ")} cannot be listened on; stop what is there, or choose another --port`,
  );
}

/** Keeps the replicas running until it is told to stop. */
class Supervisor {
  readonly #plan: Plan;
  readonly #terminal: Terminal;
  readonly #processes: Processes;
  readonly #isJson: boolean;
  readonly #logger: Logger = getLogger([LOG_CATEGORY, "cluster"]);
  readonly #running = new Map<number, ChildProcess>();
  readonly #ready = new Set<number>();
  readonly #stop = new AbortController();
  /** Why it stops by itself, or null. */
  #failure: string | null = null;
  #onFailure: () => void = () => {};
  #isAnnounced = false;

  constructor(plan: Plan, terminal: Terminal, processes: Processes, format: "text" | "json") {
    this.#plan = plan;
    this.#terminal = terminal;
    this.#processes = processes;
    this.#isJson = format === "json";
  }

  /** Logs a line of the program itself. */
  say(text: string, properties: Record<string, unknown>): void {
    this.#logger.info(text, properties);
  }

  /** Starts all replicas and keeps them running until `requested`. Returns the exit code. */
  async run(requested: Promise<void>): Promise<number> {
    const failed = new Promise<void>((resolve) => this.#onFailure = resolve);
    const lives = this.#plan.ports.map((port, index) => this.#live(index, port));
    await Promise.race([requested, failed]);
    this.#stop.abort();
    for (const process of this.#running.values()) process.stop();
    const done = new AbortController();
    void this.#terminal.sleep(STOP_MS, done.signal).then(() => {
      if (!done.signal.aborted) this.kill();
    });
    const exits = await Promise.all(lives);
    done.abort();
    if (this.#failure !== null) throw new Failure(this.#failure);
    const bad = exits.flatMap((exit, index) => exit === null || exit.code === 0 ? [] : [[index, exit] as const]);
    for (const [index, exit] of bad) {
      this.#logger.error("replica {replica} did not stop in good order: {how}", {
        replica: index + 1,
        how: howText(exit),
      });
    }
    return bad.length === 0 ? EXIT.done : EXIT.failed;
  }

  /** Ends all replicas at once. */
  kill(): void {
    for (const process of this.#running.values()) process.kill();
  }

  /** Has all replicas read their files again. */
  reload(): void {
    for (const process of this.#running.values()) process.reload();
  }

  /** One replica, from its first start to its end. Returns how it ended; null when it was down at the time. */
  async #live(index: number, port: number): Promise<ProcessExit | null> {
    let wait_ms = FIRST_WAIT_MS;
    for (let isFirst = true;; isFirst = false) {
      const since_ms = this.#terminal.monotonic();
      const child = this.#processes.spawn(this.#plan.args(port, isFirst), this.#plan.env, this.#lineTaker(index));
      this.#running.set(index, child);
      const exit = await child.exited;
      this.#running.delete(index);
      if (this.#stop.signal.aborted) return exit;
      const how = howText(exit);
      if (!this.#ready.has(index)) {
        this.#failure ??= `replica ${
          index + 1
        } (port ${port}) ended before it was ready: ${how}; see what it said above`;
        this.#onFailure();
        return exit;
      }
      if (this.#terminal.monotonic() - since_ms >= LONG_LIFE_MS) wait_ms = FIRST_WAIT_MS;
      this.#logger.warning("replica {replica} ended: {how}; starting it again in {wait} ms", {
        replica: index + 1,
        how,
        wait: wait_ms,
      });
      await this.#terminal.sleep(wait_ms, this.#stop.signal);
      if (this.#stop.signal.aborted) return null;
      wait_ms = Math.min(2 * wait_ms, MOST_WAIT_MS);
    }
  }

  #lineTaker(index: number): OnLine {
    const prefix = `replica ${index + 1} | `;
    return (stream, line) => {
      const isObject = this.#isJson && line.startsWith('{"');
      const text = isObject ? `{"replica":${index + 1},${line.slice(1)}\n` : `${prefix}${line}\n`;
      if (stream === "stderr") this.#terminal.writeError(text);
      else void this.#terminal.write(text);
      if (stream === "stdout" && READY.test(line)) this.#onReady(index);
    };
  }

  #onReady(index: number): void {
    this.#ready.add(index);
    if (this.#isAnnounced || this.#ready.size < this.#plan.ports.length) return;
    this.#isAnnounced = true;
    const { host, ports, hasHttp, hasTls, hasUdp } = this.#plan;
    const [first, last] = [ports[0]!, ports.at(-1)!];
    const text = this.#isJson
      ? JSON.stringify({ event: "cluster-ready", version: VERSION, host, ports, http: hasHttp, tls: hasTls })
      : `kvserver ${VERSION}: all ${ports.length} replicas are ready: ${doorNames(hasTls, hasUdp)} on ${
        formatAddress(host, first)
      } to ` +
        `${last}, ${
          hasHttp
            ? `${hasTls ? "HTTPS" : "HTTP"} on ${first + HTTP_PORT_OFFSET} to ${last + HTTP_PORT_OFFSET}`
            : "HTTP off"
        }`;
    void this.#terminal.write(text + "\n");
  }
}

function howText({ code, signal }: ProcessExit): string {
  if (signal !== null) return `killed by ${signal}`;
  return code === null ? "it could not be started" : `exit code ${code}`;
}
