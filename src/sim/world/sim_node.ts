/**
 * A machine of the simulator: a disk that stays, and one server after the other on it.
 *
 * Invariant: after the end of a life nothing of it is called, and nothing it does has an effect any more. What it
 * leaves behind is what the disk's model keeps.
 *
 * @module
 */
import type { KvError } from "../../core/errors.ts";
import type { KVStore } from "../../core/kv/kv_store.ts";
import type { Replication } from "../../core/replication.ts";
import { LogError } from "../../ports/log.ts";
import type { ReplicaId } from "../../ports/transport.ts";
import type { FaultKind } from "./faults.ts";
import type { Host, HostFactory } from "./host.ts";
import type { Batch } from "./messages.ts";
import type { Network } from "./network.ts";
import { executeOn, ServerSession } from "./server_session.ts";
import { SimDisk } from "./sim_disk.ts";
import type { SimRandom } from "./sim_random.ts";
import { type FindTransport, SimTransport } from "./sim_transport.ts";
import { StreamEnd } from "./stream.ts";
import type { Trace } from "./trace.ts";
import { ProcessClock, type VirtualTime } from "./virtual_time.ts";

/** How a life ended: `refused` before it began, `failed` and `stopped` by the server's own will. */
export type EndOfLife = "crash" | "kill" | "failed" | "stopped" | "refused";

/** What a node is made of. */
export interface SimNodeOptions {
  readonly id: ReplicaId;
  readonly replicas: number;
  readonly time: VirtualTime;
  readonly trace: Trace;
  readonly network: Network;
  readonly random: SimRandom;
  /** How many milliseconds its monotonic clock counts in one. */
  readonly rate: number;
  readonly host: HostFactory;
  readonly count: (kind: FaultKind) => void;
  /** Finds the transport of another node. */
  readonly peers: FindTransport;
  /** Is told what each replica has learnt is chosen. */
  readonly onChosen: (replica: ReplicaId, slot: number, digest: number) => void;
}

/** Figures of a node. */
export interface SimNodeStatus {
  /** Whether a server runs. */
  readonly isUp: boolean;
  /** How many servers have been started. */
  readonly lives: number;
  /** Why the latest could not be started, or null. */
  readonly refusal: Error | null;
  /** How the latest life ended, or null while it lasts. */
  readonly end: EndOfLife | null;
  /** The roles that have crashed and not come back. */
  readonly downRoles: readonly string[];
}

/** How long a server that has failed goes on to answer, in microseconds. */
const LAST_WORDS_US = 1000;

/** One machine. */
export class SimNode {
  readonly id: ReplicaId;
  /** What outlives the server. */
  readonly disk: SimDisk;
  /** After how many messages and syncs from now on {@link onFuse} is called. */
  fuse: number = Number.POSITIVE_INFINITY;
  /** Called at a message or sync when the fuse has burnt down; it may end the server's life. */
  onFuse: () => void = () => {};
  /** Called when a life has ended. */
  onDown: (end: EndOfLife) => void = () => {};
  /** The probability that a sector that was not synced comes back as something else after a loss of power. */
  corruption = 0;
  #options: SimNodeOptions;
  #random: SimRandom;
  #clock: ProcessClock | null = null;
  #host: Host | null = null;
  #transport: SimTransport | null = null;
  #sessions = new Map<StreamEnd<Batch>, ServerSession>();
  #downRoles = new Set<string>();
  #hasJoined = false;
  #wallOffset_ms = 0;
  #lives = 0;
  #refusal: Error | null = null;
  #end: EndOfLife | null = null;

  /** A machine with an empty disk and no server yet. */
  constructor(options: SimNodeOptions) {
    this.id = options.id;
    this.#options = options;
    this.#random = options.random.fork("node");
    const { time, trace, count } = options;
    this.disk = new SimDisk(`disk-${options.id + 1}`, time, options.random.fork("disk"), {
      onSyncPoint: () => this.crashPoint(),
      onFault: (kind) => {
        count(kind);
        trace.append(kind, this.id + 1);
      },
      onSynced: (file, outcome) => trace.append("sync", this.id + 1, file, outcome),
    });
  }

  /** Whether a server runs. */
  get isUp(): boolean {
    return this.#host !== null;
  }

  /**
   * Whether the others have come to count on this server, in this life or an earlier one: under a protocol whose replicas
   * must get to know each other before they vote, it has begun to vote.
   */
  get hasJoined(): boolean {
    if (!this.#hasJoined && this.#host !== null) {
      this.#hasJoined = this.#host.replication.status().cluster?.mayVote ?? true;
    }
    return this.#hasJoined;
  }

  /** The server; null while none runs. */
  get host(): Host | null {
    return this.#host;
  }

  /** What takes commands; null while no server runs. */
  get service(): Replication | null {
    return this.#host?.replication ?? null;
  }

  /** The server's state; null while none runs. */
  get store(): KVStore | null {
    return this.#host?.store ?? null;
  }

  /** The clock of the present life; null while there is none. */
  get clock(): ProcessClock | null {
    return this.#clock;
  }

  /** The transport of the present life; null while there is none. */
  get transport(): SimTransport | null {
    return this.#transport;
  }

  /** The server's ends of its connections. */
  get connections(): readonly StreamEnd<Batch>[] {
    return [...this.#sessions.keys()];
  }

  /** Figures. */
  get status(): SimNodeStatus {
    const downRoles = [...this.#downRoles];
    return { isUp: this.isUp, lives: this.#lives, refusal: this.#refusal, end: this.#end, downRoles };
  }

  /** Starts a server, unless one runs. It is up when this returns, or has refused to start, or died on the way. */
  restart(): void {
    if (this.#clock !== null) return;
    const { time, trace, host: makeHost, network, replicas, random, rate, peers } = this.#options;
    const life = ++this.#lives;
    const clock = new ProcessClock(time, null, this.#wallOffset_ms, rate);
    this.#clock = clock;
    this.#end = null;
    this.#refusal = null;
    trace.append("start", this.id + 1, life);
    const transport = new SimTransport({
      id: this.id,
      network,
      clock,
      find: peers,
      onFrame: () => this.crashPoint(),
      describe: makeHost.describe,
    });
    try {
      const host = makeHost({
        id: this.id,
        replicas,
        disk: this.disk.mount(clock),
        clock,
        random: random.fork(`life ${life}`),
        transport,
      });
      this.#host = host;
      this.#transport = transport;
      host.replication.onFailure((error) => this.#onFailure(clock, error));
      host.observe?.({
        onChosen: (slot, digest) => this.#options.onChosen(this.id, slot, digest),
        onNote: (text) => trace.append("note", this.id + 1, text),
      });
      // Promises of servers are rare: they are settled before the next event like those of clients.
      time.touch();
      host.replication.start().catch((error: unknown) => this.#refuse(clock, error));
    } catch (error) {
      this.#refuse(clock, error);
    }
  }

  #refuse(clock: ProcessClock, error: unknown): void {
    if (this.#clock !== clock) return;
    if (!(error instanceof Error)) throw error;
    this.#refusal = error;
    this.#options.trace.append("refuse", this.id + 1, error instanceof LogError ? error.code : error.message);
    this.#endLife("refused", false);
  }

  #onFailure(clock: ProcessClock, error: KvError): void {
    this.#options.trace.append("fail", this.id + 1, error.code);
    clock.after(LAST_WORDS_US / 1000, () => {
      // Sometimes somebody pulls the plug before the next start, so that the cache is gone too.
      const isPowerLost = this.#random.chance(0.5);
      if (isPowerLost) this.#losePower();
      this.#endLife("failed", false);
    });
  }

  /** The machine loses power: the server is gone, and what was not synced is kept, lost or torn. */
  crash(): void {
    if (this.#clock === null) return;
    this.#clock.kill();
    this.#losePower();
    this.#endLife("crash", this.#random.chance(0.5));
  }

  /** The server is killed; what it wrote is there for the next one, and durable or not. */
  kill(): void {
    if (this.#clock !== null) this.#endLife("kill", false);
  }

  /** The server stops in good order, if it can. */
  stop(): void {
    const clock = this.#clock;
    if (clock === null || this.#host === null) return;
    const stopped = (): void => {
      if (this.#clock === clock) this.#endLife("stopped", false);
    };
    this.#options.time.touch();
    // A log that fails while it is closed has nobody to tell: the life is over either way.
    this.#host.replication.close().then(stopped, stopped);
  }

  /**
   * Ends one role of the server, which loses everything volatile; false when no server runs or the role is down already.
   *
   * @throws {RangeError} when the server has no such role
   */
  crashRole(role: string): boolean {
    return this.#turnRole(role, false);
  }

  /**
   * Starts a role again that has crashed; false when no server runs or the role is up.
   *
   * @throws {RangeError} when the server has no such role
   */
  restartRole(role: string): boolean {
    return this.#turnRole(role, true);
  }

  #turnRole(role: string, isUp: boolean): boolean {
    const clock = this.#clock;
    const host = this.#host;
    if (clock === null || host === null) return false;
    const { roles } = host;
    if (roles === undefined || !roles.names.includes(role)) {
      const known = roles === undefined ? "it has none" : `there are ${roles.names.join(", ")}`;
      throw new RangeError(`server ${this.id + 1} has no role "${role}": ${known}`);
    }
    if (this.#downRoles.has(role) !== isUp) return false;
    if (isUp) this.#downRoles.delete(role);
    else this.#downRoles.add(role);
    this.#options.trace.append(isUp ? "startRole" : "crashRole", this.id + 1, role);
    this.#options.time.touch();
    // Not a turn of the server: a role may die while the process stands still.
    if (isUp) roles.restart(role);
    else roles.crash(role);
    return true;
  }

  #losePower(): void {
    const { kept, lost, corrupted } = this.disk.losePower(this.corruption);
    this.#options.trace.append("power", this.id + 1, kept, lost, corrupted);
    for (let i = 0; i < corrupted; i++) this.#options.count("corruption");
  }

  #endLife(end: EndOfLife, isSilent: boolean): void {
    const clock = this.#clock;
    if (clock === null) return;
    clock.kill();
    this.#hasJoined = this.hasJoined;
    this.#wallOffset_ms = clock.wallOffset_ms;
    this.#clock = null;
    this.#host = null;
    this.#transport = null;
    this.#downRoles.clear();
    this.#end = end;
    this.disk.unmount();
    this.#options.trace.append("down", this.id + 1, end);
    const sessions = [...this.#sessions.keys()];
    this.#sessions.clear();
    for (const connection of sessions) connection.die(isSilent);
    this.onDown(end);
  }

  /** A message or a sync: here a machine may die. */
  crashPoint(): void {
    if (this.fuse === Number.POSITIVE_INFINITY || --this.fuse > 0) return;
    this.fuse = Number.POSITIVE_INFINITY;
    this.onFuse();
  }

  /** Takes a client's connection; false when nobody listens. */
  accept(client: StreamEnd<Batch>): boolean {
    const clock = this.#clock;
    const host = this.#host;
    if (clock === null || host === null) return false;
    const end: StreamEnd<Batch> = new StreamEnd(this.id, this.#options.network, {
      run: (turn) => clock.run(turn),
      onMessage: (batch) => {
        this.crashPoint();
        if (clock.isAlive) session.onMessage(batch);
      },
      onBroken: () => {
        this.#sessions.delete(end);
        session.close();
      },
    });
    StreamEnd.join(client, end);
    const session = new ServerSession(host, clock, end);
    this.#sessions.set(end, session);
    return true;
  }

  /** Runs a turn of the server for a datagram, if it lives. */
  serve(turn: (host: Host) => void): void {
    const clock = this.#clock;
    clock?.run(() => {
      this.crashPoint();
      if (clock.isAlive && this.#host !== null) turn(this.#host);
    });
  }

  /** Executes the bytes of a command as a client's request; `done` gets the bytes of the result, if the server lives. */
  execute(command: Uint8Array, done: (result: Uint8Array) => void): void {
    this.serve((host) => executeOn(host, command, false, done));
  }
}
