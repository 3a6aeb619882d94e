/**
 * Deliberate bugs, each a small change between two parts of a run. Every one is a bug that real systems had (the
 * numbers are those of the checklist of pitfalls); the simulator must find each of them.
 *
 * @module
 */
import { decodeCommand, encodeCommand } from "../../src/core/kv/command_codec.ts";
import type { KVStore } from "../../src/core/kv/kv_store.ts";
import { decodeResult, encodeResult } from "../../src/core/kv/result_codec.ts";
import type { Key } from "../../src/codec/bytes.ts";
import type { SnapshotSink, SnapshotSource, StateMachine } from "../../src/core/replication.ts";
import { type Disk, DiskError, type DiskFile } from "../../src/ports/disk.ts";
import { type Log, LogError, type LogListener, type SnapshotWriter } from "../../src/ports/log.ts";
import type { RunOptions, Seams } from "../../src/sim/sim.ts";
import { lateCopies } from "../support/late_copies.ts";

/** A deliberate bug. */
export interface Mutant {
  /** As the table names it. */
  readonly name: string;
  /** The numbers of the pitfalls. */
  readonly pitfalls: string;
  /** The run that has it, but for its seed. */
  readonly run: Omit<RunOptions, "seed">;
}

/** `target` with some members replaced; everything else is its own, called on it. */
function wrap<Target extends object>(target: Target, changes: Partial<Target>): Target {
  return new Proxy(target, {
    get(inner, name): unknown {
      if (Object.hasOwn(changes, name)) return Reflect.get(changes, name);
      const value: unknown = Reflect.get(inner, name, inner);
      return typeof value === "function" ? value.bind(inner) : value;
    },
  });
}

/** A disk whose files are changed. */
function withFiles(disk: Disk, change: (file: DiskFile) => DiskFile): Disk {
  return wrap(disk, { open: (name) => change(disk.open(name)), create: (name) => change(disk.create(name)) });
}

function changeLog(change: (log: Log) => Partial<Log>): Seams {
  return { log: (log) => wrap(log, change(log)) };
}

/** A machine that applies in its own way, whichever way it is asked. */
function withApply(store: KVStore, apply: StateMachine["apply"], changes: Partial<StateMachine> = {}): StateMachine {
  return wrap<StateMachine>(store, {
    ...changes,
    apply,
    applyFrom: (source, start, end, time) => apply(source.subarray(start, end), time),
  });
}

/** A machine that changes commands before they are applied. */
function changeCommands(change: (command: Uint8Array) => Uint8Array): Seams {
  return { machine: (store) => withApply(store, (command, time) => store.apply(change(command), time)) };
}

/** The snapshot of a copy of the store, after something was done to the copy. */
function snapshotOfCopy(store: KVStore, change: (copy: KVStore) => void, empty: KVStore): SnapshotSource {
  const source = store.snapshot();
  const sink = empty.restore();
  for (let slice = source.next(4096); slice !== null; slice = source.next(4096)) sink.write(slice);
  source.close();
  sink.finish();
  change(empty);
  return empty.snapshot();
}

const acknowledgesBeforeSync: Seams = {
  log: (log, clock) => {
    let listener: LogListener | null = null;
    return wrap(log, {
      listen: (given) => {
        listener = given;
        log.listen({ onDurable: () => {}, onFailure: (error) => given.onFailure(error) });
      },
      append: (payload) => {
        const position = log.append(payload);
        clock.defer(() => listener?.onDurable(position));
        return position;
      },
    });
  },
};

const believesSecondSync: Seams = {
  disk: (disk) =>
    withFiles(disk, (file) =>
      wrap(file, {
        sync: (done) => file.sync((error) => error === null ? done(null) : file.sync(done)),
      })),
};

const ignoresFullDisk: Seams = {
  disk: (disk) =>
    withFiles(disk, (file) =>
      wrap(file, {
        write: (offset, bytes) => {
          try {
            file.write(offset, bytes);
          } catch (error) {
            if (!(error instanceof DiskError)) throw error;
          }
        },
      })),
};

/** Cuts the file where it is damaged, as if nothing had been there, and opens the rest. */
const cutsAtDamage: Seams = {
  open: (open, disk) => {
    for (let attempt = 0;; attempt++) {
      try {
        return open();
      } catch (error) {
        const isDamage = error instanceof LogError && error.code === "damaged" && error.file !== undefined;
        if (!isDamage || attempt > 3) throw error;
        const file = disk.open(error.file);
        if (error.offset !== undefined && file.size() > error.offset) file.truncate(error.offset);
        file.syncNow();
        file.close();
      }
    }
  },
};

const losesSessionsInSnapshots: Seams = {
  machine: (store) => {
    const sessions = new Set<Key>();
    const apply = (bytes: Uint8Array, time: number): Uint8Array => {
      const command = decodeCommand(bytes);
      if (command.type === "openSession" || command.type === "once") sessions.add(command.session);
      return store.apply(bytes, time);
    };
    return withApply(store, apply, {
      snapshot: () =>
        snapshotOfCopy(store, (copy) => {
          for (const session of sessions) copy.execute({ type: "closeSession", session }, 0);
        }, newLike(store)),
    });
  },
};

function newLike(store: KVStore): KVStore {
  return new (store.constructor as typeof KVStore)({ limits: store.limits });
}

const opensForgottenSessions = changeCommands((bytes) => {
  const command = decodeCommand(bytes);
  return command.type === "once" ? encodeCommand({ ...command, incarnation: null }) : bytes;
});

/**
 * Does what is refused only because its session was opened again since; the store says in which incarnation it is. On
 * a network that brings late copies of everything, because two of them must meet.
 */
const mistakesIncarnations: Seams = {
  connector: (connector) => lateCopies(connector, 40),
  machine: (store) =>
    withApply(store, (bytes, time) => {
      const bytesOfResult = store.apply(bytes, time);
      const result = decodeResult(bytesOfResult);
      if (result.type !== "error" || result.code !== "SESSION_UNKNOWN") return bytesOfResult;
      const command = decodeCommand(bytes);
      const present = /the present one is (\d+)/.exec(result.message);
      if (command.type !== "once" || present === null) return bytesOfResult;
      return store.apply(encodeCommand({ ...command, incarnation: Number(present[1]) }), time);
    }),
};

const forgetsSequences = changeCommands((bytes) => {
  const command = decodeCommand(bytes);
  return command.type === "once" ? encodeCommand(command.operation) : bytes;
});

const trustsHalfASnapshot: Seams = {
  machine: (store) =>
    wrap<StateMachine>(store, {
      restore: (): SnapshotSink => {
        const sink = store.restore();
        return {
          write: (slice) => sink.write(slice),
          finish: () => {
            try {
              sink.finish();
            } catch {
              // The mutant: what came so far is taken for the whole.
            }
          },
        };
      },
    }),
  log: (log) =>
    wrap(log, {
      writeSnapshot: (position): SnapshotWriter => {
        const writer = log.writeSnapshot(position);
        let slices = 0;
        return wrap(writer, {
          write: (slice) => {
            if (++slices < 3) writer.write(slice);
          },
        });
      },
    }),
};

const shortRevisions: Seams = {
  machine: (store) =>
    withApply(store, (command, time) => {
      const result = decodeResult(store.apply(command, time));
      return encodeResult({ ...result, revision: result.revision >>> 0 });
    }),
};

/** Writes of a lock's holder are done also when the lock is another's by then. */
const writesWithoutFence: Seams = changeCommands((bytes) => {
  const command = decodeCommand(bytes);
  if (command.type !== "once" || command.operation.type !== "txn") return bytes;
  const [put] = command.operation.then;
  if (put?.type !== "put" || !put.key.startsWith("number/lock/")) return bytes;
  return encodeCommand({ ...command, operation: { ...command.operation, compare: [] } });
});

/** All of them. */
export const MUTANTS: readonly Mutant[] = [
  { name: "acknowledges before the sync", pitfalls: "5", run: { seams: acknowledgesBeforeSync } },
  { name: "believes a second sync after one that failed", pitfalls: "12", run: { seams: believesSecondSync } },
  {
    name: "never syncs the directory",
    pitfalls: "14",
    run: { seams: { disk: (disk) => wrap(disk, { syncDirectory: () => {} }) } },
  },
  { name: "goes on when the disk is full", pitfalls: "14", run: { seams: ignoresFullDisk } },
  { name: "takes a damaged entry for the end of the log", pitfalls: "11, 13", run: { seams: cutsAtDamage } },
  { name: "leaves sessions out of snapshots", pitfalls: "16, 24", run: { seams: losesSessionsInSnapshots } },
  {
    name: "names a snapshot after a record that it lacks",
    pitfalls: "16, 17",
    run: {
      seams: changeLog((log) => ({
        writeSnapshot: (position) => log.writeSnapshot(Math.min(position + 1, log.durablePosition)),
      })),
    },
  },
  {
    name: "names a snapshot after a record before its last",
    pitfalls: "16, 18",
    run: {
      seams: changeLog((log) => ({ writeSnapshot: (position) => log.writeSnapshot(Math.max(1, position - 1)) })),
    },
  },
  { name: "trusts half a snapshot", pitfalls: "18", run: { seams: trustsHalfASnapshot } },
  { name: "opens a session that it has forgotten", pitfalls: "24", run: { seams: opensForgottenSessions } },
  { name: "executes a once of an earlier incarnation", pitfalls: "24", run: { seams: mistakesIncarnations } },
  { name: "does a write again when it is sent again", pitfalls: "24", run: { seams: forgetsSequences } },
  { name: "takes a timeout for a failure", pitfalls: "25", run: { seams: { classify: () => "fail" } } },
  { name: "trusts a lock without its token", pitfalls: "26", run: { workloads: ["lock"], seams: writesWithoutFence } },
  { name: "cuts revisions to 32 bits", pitfalls: "34", run: { seams: shortRevisions } },
];
