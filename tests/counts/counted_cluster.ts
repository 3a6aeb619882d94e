/**
 * Simulated replicas whose every message, record, write and sync is counted: what an operation costs, in figures that
 * depend on no machine and on no clock.
 *
 * Invariant: counting changes nothing of what happens.
 *
 * @module
 */
import type { KvError } from "../../src/core/errors.ts";
import { encodeCommand } from "../../src/core/kv/command_codec.ts";
import { NO_EXPIRY } from "../../src/core/kv/command.ts";
import { KVStore } from "../../src/core/kv/kv_store.ts";
import { readMessage } from "../../src/core/paxos/message_codec.ts";
import { MESSAGE as PAXOS_MESSAGE } from "../../src/core/paxos/messages.ts";
import type { Replication } from "../../src/core/replication.ts";
import { readFrame } from "../../src/core/two_phase_commit/message_codec.ts";
import { MESSAGE as TWO_PHASE_MESSAGE } from "../../src/core/two_phase_commit/messages.ts";
import { keyFromText } from "../../src/codec/bytes.ts";
import { openDurableLog } from "../../src/log/durable_log.ts";
import type { Disk, DiskFile } from "../../src/ports/disk.ts";
import type { ReplicaId, Transport } from "../../src/ports/transport.ts";
import { PROTOCOL_TABLE } from "../../src/sim/run/protocols.ts";
import type { ProtocolName } from "../../src/sim/run/run_options.ts";
import type { Host, HostContext } from "../../src/sim/world/host.ts";
import { Simulation } from "../../src/sim/world/simulation.ts";

/** The usual sizes of a server, so that nothing is cut that a server would not cut. */
const SIZES = { snapshotEvery_bytes: 64_000_000, snapshotSlice_bytes: 64_000, cache_bytes: 32_000_000 };
const LOG = { segmentBytes: 64_000_000, reserveBytes: 8_000_000 };
const CATCH_UP_BYTES = 256 * 1024;
/** How long anything may take, in virtual milliseconds. */
const LIMIT_MS = 60_000;
/** After a sign of life of the leader its answers are in within this time, and the next sign is far. */
const CALM_MS = 10;
/** What an operation brings with it has come to its end within this time, before the next sign of life. */
const ECHO_MS = 40;

/** Begins something; it calls back once, when it has ended. */
export type Operation = (done: (error: KvError | null) => void) => void;

/** What replicas have done. */
export interface Counts {
  /** Messages by type, sender and addressee: `accept 0>1`. */
  readonly messages: ReadonlyMap<string, number>;
  /** Frames by sender and addressee: `0>1`. */
  readonly frames: ReadonlyMap<string, number>;
  /** The bytes of all frames. */
  readonly frame_bytes: number;
  /** By replica. */
  readonly appends: readonly number[];
  readonly syncs: readonly number[];
  /** Writes to files, and their bytes, by replica. */
  readonly writes: readonly number[];
  readonly written_bytes: readonly number[];
}

class Tally {
  readonly messages = new Map<string, number>();
  readonly frames = new Map<string, number>();
  frame_bytes = 0;
  readonly writes: number[];
  readonly written_bytes: number[];

  constructor(replicas: number) {
    this.writes = Array.from({ length: replicas }, () => 0);
    this.written_bytes = Array.from({ length: replicas }, () => 0);
  }
}

/** Replicas that count. They are counted from 0. */
export class CountedCluster {
  readonly simulation: Simulation;
  readonly #protocol: ProtocolName;
  #tally: Tally;
  #before: { readonly appends: readonly number[]; readonly syncs: readonly number[] };
  /** When the leader last gave a sign of life that wants an answer. */
  #beatAt_ms = -1;

  private constructor(protocol: ProtocolName, replicas: number) {
    this.#protocol = protocol;
    this.#tally = new Tally(replicas);
    const host = (context: HostContext): Host => {
      const { id, clock, random } = context;
      const disk = this.#countingDisk(id, context.disk);
      const log = openDurableLog({ disk, clock, random, options: LOG });
      const store = new KVStore();
      const transport = this.#countingTransport(id, context.transport);
      const parts = { ...context, ...SIZES, catchUp_bytes: CATCH_UP_BYTES, transport, log, stateMachine: store };
      return { ...PROTOCOL_TABLE[protocol].make(parts), store, log };
    };
    this.simulation = new Simulation({ seed: 1, replicas, faults: "none", host });
    this.#before = this.#logs();
  }

  /** Replicas that serve: each has taken a write and a read. */
  static async start(protocol: ProtocolName, replicas: number): Promise<CountedCluster> {
    const cluster = new CountedCluster(protocol, replicas);
    await cluster.until(() => cluster.#isServing, "all replicas serve");
    for (const { id } of cluster.simulation.nodes) {
      await cluster.finish([cluster.put(id, `warm up ${id}`), cluster.read(id)]);
    }
    await cluster.calm();
    return cluster;
  }

  get #isServing(): boolean {
    return this.simulation.nodes.every(({ service }) => {
      const status = service?.status();
      const unready = status?.cluster?.unready ?? status?.twoPhase?.unready ?? null;
      return status?.state === "serving" && unready === null;
    });
  }

  /** The replica that leads. */
  get leader(): ReplicaId {
    const leads = this.simulation.nodes.find(({ service }) => service?.status().cluster?.role === "leader");
    if (leads === undefined) throw new Error("nobody leads");
    return leads.id;
  }

  /** All replicas but one. */
  others(than: ReplicaId): ReplicaId[] {
    return this.simulation.nodes.map(({ id }) => id).filter((id) => id !== than);
  }

  /** Waits until something is so. */
  async until(isSo: () => boolean, what: string): Promise<void> {
    const { simulation } = this;
    if (await simulation.runUntil(isSo, simulation.clock.monotonic() + LIMIT_MS)) return;
    throw new Error(`waited for ${LIMIT_MS} virtual milliseconds until ${what}`);
  }

  /** Lets virtual time pass. */
  async pass(duration_ms: number): Promise<void> {
    await this.simulation.run(this.simulation.clock.monotonic() + duration_ms);
  }

  /** Waits for a moment after which no sign of life is due for a while, and begins to count from nothing. */
  async calm(): Promise<void> {
    if (this.#protocol === "paxos") {
      const since_ms = this.#beatAt_ms;
      await this.until(() => this.#beatAt_ms > since_ms, "the leader gives a sign of life");
    }
    await this.pass(CALM_MS);
    this.take();
  }

  /** Puts a key through a replica. */
  put(at: ReplicaId, key: string, value_bytes = 64): Operation {
    return (done) => this.#service(at).propose(putCommand(key, value_bytes), done);
  }

  /** Waits at a replica for leave to read. */
  read(at: ReplicaId): Operation {
    return (done) => this.#service(at).barrier(done);
  }

  #service(at: ReplicaId): Replication {
    const { service } = this.simulation.nodes[at]!;
    if (service === null) throw new Error(`replica ${at} is down`);
    return service;
  }

  /** Begins all in this turn, and waits for all to end well. */
  async finish(operations: readonly Operation[]): Promise<void> {
    const ended: (KvError | null)[] = [];
    this.simulation.time.touch();
    for (const begin of operations) begin((error) => void ended.push(error));
    await this.until(() => ended.length === operations.length, "all operations have ended");
    for (const error of ended) if (error !== null) throw error;
  }

  /** What operations cost that are begun in one turn, with all that they bring with them. */
  async costOf(operations: readonly Operation[]): Promise<Counts> {
    await this.calm();
    await this.finish(operations);
    await this.pass(ECHO_MS);
    return this.take();
  }

  /** What was counted since the last call. */
  take(): Counts {
    const { messages, frames, frame_bytes, writes, written_bytes } = this.#tally;
    const now = this.#logs();
    const before = this.#before;
    this.#tally = new Tally(this.simulation.nodes.length);
    this.#before = now;
    return {
      messages,
      frames,
      frame_bytes,
      writes,
      written_bytes,
      appends: now.appends.map((count, id) => count - before.appends[id]!),
      syncs: now.syncs.map((count, id) => count - before.syncs[id]!),
    };
  }

  #logs(): { appends: number[]; syncs: number[] } {
    const all = this.simulation.nodes.map(({ host }) => host?.log.status() ?? { appends: 0, syncs: 0 });
    return { appends: all.map(({ appends }) => appends), syncs: all.map(({ syncs }) => syncs) };
  }

  #countingTransport(id: ReplicaId, inner: Transport): Transport {
    return {
      listen: (listener) => inner.listen(listener),
      send: (to, body) => {
        this.#count(id, to, body);
        inner.send(to, body);
      },
      status: () => inner.status(),
      close: () => inner.close(),
    };
  }

  #count(from: ReplicaId, to: ReplicaId, body: Uint8Array): void {
    const tally = this.#tally;
    const way = `${from}>${to}`;
    tally.frame_bytes += body.length;
    increase(tally.frames, way);
    for (const name of this.#namesIn(body)) increase(tally.messages, `${name} ${way}`);
  }

  #namesIn(body: Uint8Array): string[] {
    if (this.#protocol === "2pc") return readFrame(body).messages.map(({ type }) => nameOf(TWO_PHASE_MESSAGE, type));
    const message = readMessage(body);
    if (message.type !== PAXOS_MESSAGE.heartbeat) return [nameOf(PAXOS_MESSAGE, message.type)];
    // A heartbeat without a round tells of what was chosen, and wants no answer.
    if (message.round === 0) return ["chosen"];
    this.#beatAt_ms = this.simulation.clock.monotonic();
    return ["heartbeat"];
  }

  #countingDisk(id: ReplicaId, inner: Disk): Disk {
    const counting = (file: DiskFile): DiskFile => ({
      name: file.name,
      size: () => file.size(),
      read: (offset, length) => file.read(offset, length),
      write: (offset, bytes) => {
        this.#tally.writes[id]!++;
        this.#tally.written_bytes[id]! += bytes.length;
        file.write(offset, bytes);
      },
      preallocate: (length) => file.preallocate(length),
      truncate: (length) => file.truncate(length),
      sync: (done) => file.sync(done),
      syncNow: () => file.syncNow(),
      close: () => file.close(),
    });
    return {
      path: inner.path,
      lock: () => inner.lock(),
      list: () => inner.list(),
      open: (name) => counting(inner.open(name)),
      create: (name) => counting(inner.create(name)),
      rename: (from, to) => inner.rename(from, to),
      remove: (name) => inner.remove(name),
      syncDirectory: () => inner.syncDirectory(),
      close: () => inner.close(),
    };
  }
}

/** The bytes of a put. */
export function putCommand(key: string, value_bytes: number): Uint8Array {
  return encodeCommand({
    type: "put",
    key: keyFromText(key),
    value: new Uint8Array(value_bytes),
    expiry: NO_EXPIRY,
    condition: "always",
    returnPrevious: false,
  });
}

/** Messages of one type on every way that has any, such as `{ "0>1": 1 }`. */
export function ways(counts: Counts, name: string): Record<string, number> {
  const found = [...counts.messages].filter(([each]) => each.startsWith(`${name} `));
  return Object.fromEntries(found.map(([each, count]) => [each.slice(name.length + 1), count]));
}

/** Messages by type. */
export function byName(counts: Counts): Record<string, number> {
  const sums = new Map<string, number>();
  for (const [each, count] of counts.messages) {
    const [name = ""] = each.split(" ");
    sums.set(name, (sums.get(name) ?? 0) + count);
  }
  return Object.fromEntries([...sums].toSorted(([a], [b]) => a < b ? -1 : 1));
}

function increase(map: Map<string, number>, key: string): void {
  map.set(key, (map.get(key) ?? 0) + 1);
}

function nameOf(names: Readonly<Record<string, number>>, type: number): string {
  return Object.entries(names).find(([, each]) => each === type)?.[0] ?? String(type);
}
