/**
 * What the nemesis can do, fault by fault. Each leaves a majority able to work (unless its name says otherwise), and is
 * undone in the end.
 *
 * @module
 */
import {
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { TestedReplicas } from "./tested_replicas.ts";

/** Numbers in [0, 1) from a seed. */
export interface Dice {
  next(): number;
}

/** A fault that is going on. */
export interface Fault {
  /** What a reader of the log wants to know. */
  readonly text: string;
  /** Undoes it. */
  heal(): Promise<void>;
}

/**
 * What may go on beside a fault: a gentle one may be the second of two, as it takes nobody away for good, nor touches
 * files; after one that is alone, too few are left for another.
 */
export type Company = "gentle" | "alone";

/** A kind of fault. */
export interface FaultKind {
  readonly name: string;
  /** Under which kinds of replication it makes sense. */
  readonly for: readonly ("none" | "2pc" | "paxos")[];
  /** How it goes together with others; nothing is said of one that can be the first of two. */
  readonly company?: Company;
  /** Nobody can serve while it lasts. @default false */
  readonly takesMajority?: boolean;
  /** How long it lasts at least and at most, in milliseconds. */
  readonly lasts_ms: readonly [number, number];
  begin(replicas: TestedReplicas, dice: Dice): Promise<Fault>;
}

const ALL = ["none", "2pc", "paxos"] as const;
const REPLICATED = ["2pc", "paxos"] as const;
const nothing = (): Promise<void> => Promise.resolve();

function pick(dice: Dice, count: number): number {
  return Math.floor(dice.next() * count);
}

/** So many different replicas. */
function some(replicas: TestedReplicas, dice: Dice, count: number): number[] {
  const left = replicas.ids;
  return Array.from({ length: count }, () => left.splice(pick(dice, left.length), 1)[0]!);
}

/** The most that may be away at once. */
function minority(replicas: TestedReplicas): number {
  return Math.max(1, Math.ceil(replicas.ids.length / 2) - 1);
}

/** The leader half of the time, otherwise anybody. */
async function victim(replicas: TestedReplicas, dice: Dice): Promise<number> {
  const anybody = pick(dice, replicas.ids.length);
  return dice.next() < 0.5 ? await replicas.leader() ?? anybody : anybody;
}

function names(ids: readonly number[]): string {
  return ids.map((id) => id + 1).join(", ");
}

/** Starts what does not run, and waits until it can serve. */
async function startAgain(replicas: TestedReplicas, ids: readonly number[]): Promise<void> {
  for (const id of ids) if (!replicas.isThere(id)) replicas.spawn(id);
  await replicas.ready(ids);
}

/** The header of a file is no longer than this. */
const HEADER_BYTES = 256;
/** Zeros at the end of a frame are fewer than this. */
const ROOM_BYTES = 64;

/** The newest file of the log that has records, which is where a crash tears; what is prepared for later has none. */
function newestSegment(folder: string): string | null {
  const segments = readdirSync(folder).filter((name) => name.startsWith("segment")).sort();
  const used = segments.filter((name) => writtenEnd(join(folder, name)) > HEADER_BYTES);
  const newest = used.at(-1);
  return newest === undefined ? null : join(folder, newest);
}

/** One past the last byte of a file that is not zero: segments are longer than what was written to them. */
function writtenEnd(path: string): number {
  const { size } = statSync(path);
  const file = openSync(path, "r");
  try {
    const bytes = new Uint8Array(1024 * 1024);
    for (let end = size; end > 0;) {
      const start = Math.max(0, end - bytes.length);
      const length = readSync(file, bytes, 0, end - start, start);
      for (let at = length - 1; at >= 0; at--) if (bytes[at] !== 0) return start + at + 1;
      end = start;
    }
    return 0;
  } finally {
    closeSync(file);
  }
}

/** All there are. */
export const FAULTS: readonly FaultKind[] = [
  {
    name: "kill",
    for: ALL,
    lasts_ms: [100, 4000],
    begin: async (replicas, dice) => {
      const id = await victim(replicas, dice);
      await replicas.signal(id, "SIGKILL");
      return { text: `kill -9 of replica ${id + 1}`, heal: () => startAgain(replicas, [id]) };
    },
  },
  {
    name: "kill-minority",
    company: "alone",
    for: ["paxos"],
    lasts_ms: [500, 4000],
    begin: async (replicas, dice) => {
      const ids = some(replicas, dice, minority(replicas));
      await Promise.all(ids.map((id) => replicas.signal(id, "SIGKILL")));
      return { text: `kill -9 of replicas ${names(ids)}`, heal: () => startAgain(replicas, ids) };
    },
  },
  {
    name: "kill-majority",
    company: "alone",
    takesMajority: true,
    for: REPLICATED,
    lasts_ms: [100, 500],
    begin: async (replicas, dice) => {
      const ids = some(replicas, dice, replicas.ids.length - minority(replicas));
      await Promise.all(ids.map((id) => replicas.signal(id, "SIGKILL")));
      return { text: `kill -9 of a majority: replicas ${names(ids)}`, heal: () => startAgain(replicas, ids) };
    },
  },
  {
    name: "kill-all",
    company: "alone",
    takesMajority: true,
    for: ALL,
    lasts_ms: [100, 500],
    begin: async (replicas) => {
      await Promise.all(replicas.ids.map((id) => replicas.signal(id, "SIGKILL")));
      return { text: "kill -9 of all", heal: () => startAgain(replicas, replicas.ids) };
    },
  },
  {
    name: "pause",
    company: "gentle",
    for: ALL,
    lasts_ms: [200, 5000],
    begin: async (replicas, dice) => {
      const id = await victim(replicas, dice);
      replicas.pause(id);
      return {
        text: `replica ${id + 1} stands still`,
        heal: async () => {
          replicas.resume(id);
          await replicas.ready([id]);
        },
      };
    },
  },
  {
    name: "restart",
    for: ALL,
    lasts_ms: [0, 1000],
    begin: async (replicas, dice) => {
      const id = await victim(replicas, dice);
      await replicas.signal(id, "SIGTERM");
      return { text: `replica ${id + 1} was stopped in good order`, heal: () => startAgain(replicas, [id]) };
    },
  },
  {
    name: "rolling-restart",
    company: "alone",
    for: REPLICATED,
    lasts_ms: [0, 0],
    begin: async (replicas) => {
      for (const id of replicas.ids) {
        await replicas.signal(id, "SIGTERM");
        await startAgain(replicas, [id]);
      }
      return { text: "every replica was restarted, one after the other", heal: nothing };
    },
  },
  {
    name: "partition",
    company: "alone",
    for: REPLICATED,
    lasts_ms: [500, 5000],
    begin: (replicas, dice) => {
      const apart = some(replicas, dice, 1 + pick(dice, minority(replicas)));
      const type = dice.next() < 0.5 ? "cut" : "broken";
      const each = (trouble: { type: "cut" | "broken" } | null): void => {
        for (const from of replicas.ids) {
          for (const to of replicas.ids) {
            if (apart.includes(from) !== apart.includes(to)) replicas.link(from, to, trouble);
          }
        }
      };
      each({ type });
      return Promise.resolve({
        text: `links ${type} between replicas ${names(apart)} and the others`,
        heal: () => Promise.resolve(each(null)),
      });
    },
  },
  {
    name: "one-way",
    company: "gentle",
    for: REPLICATED,
    lasts_ms: [500, 5000],
    begin: async (replicas, dice) => {
      const id = await victim(replicas, dice);
      const isOutward = dice.next() < 0.5;
      const each = (trouble: { type: "cut" } | null): void => {
        for (const other of replicas.ids) replicas.link(isOutward ? id : other, isOutward ? other : id, trouble);
      };
      each({ type: "cut" });
      return {
        text: `nothing ${isOutward ? "from" : "to"} replica ${id + 1} arrives`,
        heal: () => Promise.resolve(each(null)),
      };
    },
  },
  {
    name: "slow-links",
    company: "gentle",
    for: REPLICATED,
    lasts_ms: [1000, 5000],
    begin: async (replicas, dice) => {
      const id = await victim(replicas, dice);
      const delay_ms = Math.round(20 + 200 * dice.next());
      const trouble = dice.next() < 0.5
        ? { type: "delay", delay_ms } as const
        : { type: "throttle", bytes_s: 200_000 } as const;
      const each = (now: typeof trouble | null): void => {
        for (const other of replicas.ids) {
          replicas.link(id, other, now);
          replicas.link(other, id, now);
        }
      };
      each(trouble);
      const how = trouble.type === "delay" ? `${delay_ms} ms late` : "slow";
      return { text: `links of replica ${id + 1} are ${how}`, heal: () => Promise.resolve(each(null)) };
    },
  },
  {
    name: "slow-disk",
    company: "gentle",
    for: ALL,
    lasts_ms: [1000, 4000],
    begin: async (replicas, dice) => {
      const id = await victim(replicas, dice);
      const syncDelay_ms = Math.round(10 + 300 * dice.next());
      replicas.trouble(id, { syncDelay_ms });
      return {
        text: `syncs of replica ${id + 1} take ${syncDelay_ms} ms longer`,
        heal: () => Promise.resolve(replicas.trouble(id, {})),
      };
    },
  },
  {
    name: "failing-disk",
    for: ALL,
    lasts_ms: [300, 2000],
    begin: async (replicas, dice) => {
      const id = await victim(replicas, dice);
      const isFull = dice.next() < 0.5;
      replicas.trouble(id, isFull ? { isFull } : { failSync: true });
      return {
        text: isFull ? `the disk of replica ${id + 1} is full` : `a sync of replica ${id + 1} fails`,
        heal: async () => {
          replicas.trouble(id, {});
          // A replica whose disk has failed stops serving; the operator starts it again.
          await replicas.signal(id, "SIGTERM");
          await startAgain(replicas, [id]);
        },
      };
    },
  },
  {
    name: "clock-jump",
    company: "gentle",
    for: ALL,
    lasts_ms: [500, 5000],
    begin: async (replicas, dice) => {
      const id = await victim(replicas, dice);
      const clockOffset_ms = Math.round((dice.next() - 0.5) * 2 * 3_600_000);
      replicas.trouble(id, { clockOffset_ms });
      return {
        text: `the clock of replica ${id + 1} is off by ${Math.round(clockOffset_ms / 1000)} s`,
        heal: () => Promise.resolve(replicas.trouble(id, {})),
      };
    },
  },
  {
    name: "torn-tail",
    for: ALL,
    lasts_ms: [100, 1500],
    begin: async (replicas, dice) => {
      const id = await victim(replicas, dice);
      await replicas.signal(id, "SIGKILL");
      const path = newestSegment(replicas.dataDir(id));
      let text = `kill -9 of replica ${id + 1}`;
      if (path !== null) {
        // Bytes after the last frame, as a write that the crash has interrupted leaves them: with some room before them,
        // because a frame may end with zeros, and what was acknowledged must not be hit.
        const file = openSync(path, "r+");
        const garbage = Uint8Array.from({ length: 20 + pick(dice, 200) }, () => 1 + pick(dice, 255));
        writeSync(file, garbage, 0, garbage.length, writtenEnd(path) + ROOM_BYTES);
        closeSync(file);
        text += `, ${garbage.length} bytes of an unfinished write at the end of its log`;
      }
      return { text, heal: () => startAgain(replicas, [id]) };
    },
  },
  {
    name: "damaged-log",
    for: ["2pc", "paxos"],
    lasts_ms: [100, 1500],
    begin: async (replicas, dice) => {
      const id = await victim(replicas, dice);
      await replicas.signal(id, "SIGKILL");
      const folder = replicas.dataDir(id);
      const path = newestSegment(folder);
      if (path === null) return { text: `kill -9 of replica ${id + 1}`, heal: () => startAgain(replicas, [id]) };
      const end = writtenEnd(path);
      const at = Math.floor(end * (0.2 + 0.4 * dice.next()));
      const flip = (): void => {
        const file = openSync(path, "r+");
        const byte = new Uint8Array(1);
        readSync(file, byte, 0, 1, at);
        byte[0] = byte[0]! ^ 0x10;
        writeSync(file, byte, 0, 1, at);
        closeSync(file);
      };
      flip();
      replicas.spawn(id);
      await sleep(800);
      const serves = await replicas.isReady(id);
      return {
        text: `a bit of replica ${id + 1}'s log was flipped at ${at} of ${end}: it ${
          serves ? "SERVES" : "refuses to serve"
        }`,
        heal: async () => {
          // The operator repairs what was damaged: here the bit is flipped back.
          await replicas.signal(id, "SIGKILL");
          if (existsSync(path)) flip();
          await startAgain(replicas, [id]);
          if (serves) throw new Error(`replica ${id + 1} served with a damaged log`);
        },
      };
    },
  },
  {
    name: "lost-directory",
    for: ["paxos"],
    lasts_ms: [500, 3000],
    begin: async (replicas, dice) => {
      const id = pick(dice, replicas.ids.length);
      await replicas.signal(id, "SIGKILL");
      const folder = replicas.dataDir(id);
      const aside = `${folder}.aside`;
      if (existsSync(aside)) rmSync(aside, { recursive: true });
      renameSync(folder, aside);
      replicas.spawn(id);
      await sleep(1000);
      const serves = await replicas.isReady(id);
      return {
        text: `replica ${id + 1} came back without its data: it ${serves ? "SERVES" : "does not serve"}`,
        heal: async () => {
          await replicas.signal(id, "SIGKILL");
          rmSync(folder, { recursive: true, force: true });
          renameSync(aside, folder);
          await startAgain(replicas, [id]);
          if (serves) throw new Error(`replica ${id + 1} served without its data`);
        },
      };
    },
  },
];

/** The kinds that make sense for a kind of replication. */
export function faultsFor(replication: "none" | "2pc" | "paxos"): readonly FaultKind[] {
  return FAULTS.filter((kind) => kind.for.includes(replication));
}
