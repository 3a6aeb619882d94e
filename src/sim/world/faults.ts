/**
 * Which faults a run has, and how strong they are.
 *
 * @module
 */

/** Everything that the world can do to a server and to the network. */
export const FAULT_KINDS = [
  /** Messages get lost (a connection sends them again, later). */
  "loss",
  /** Datagrams and frames between replicas arrive twice. */
  "duplication",
  /** Messages are slow, and overtake one another where nothing keeps them in order. */
  "delay",
  /** A link stands still for a while, and then everything comes at once. */
  "clog",
  /** Nothing passes between two groups, in both directions. */
  "partition",
  /** Nothing passes between two groups in one direction. */
  "oneWayPartition",
  /** A client takes its replies and events late. */
  "slowReceiver",
  /** A connection breaks while both ends are well. */
  "disconnect",
  /** A server dies with its machine, at a message or at a sync: unsynced writes are lost or torn. */
  "crash",
  /** A server dies, its machine stays: what it wrote is there, durable or not. */
  "kill",
  /** A server stands still for a while. */
  "pause",
  /** A server's wall clock jumps. */
  "clockJump",
  /** Syncs take long. */
  "slowSync",
  /** A sync fails, and the cache counts as clean afterwards. */
  "failedSync",
  /** No space is left, in the middle of a write. */
  "fullDisk",
  /** What was not synced when a machine died comes back as garbage, or in another place. */
  "corruption",
  /** One role of one replica crashes, and is started again later. */
  "roleCrash",
  /** A bit of what was durable turns over while a machine is down: on a minority of the disks at most. */
  "bitRot",
  /** A write to what was durable has landed in another place: on a minority of the disks at most. */
  "misdirectedWrite",
  /** A minority of the servers stays down, cut off or slow for a while when all other faults have ended. */
  "minority",
  /** The leader and the other servers hear nothing of each other for a while, and clients reach all of them. */
  "leaderCut",
] as const;

/** The name of a fault. */
export type FaultKind = typeof FAULT_KINDS[number];

/** Those that no profile has: they are only there to be asked for. */
const ONLY_BY_NAME: readonly FaultKind[] = ["leaderCut"];

/** Those that strike only where there are several servers, under a protocol that goes on without some of them. */
export const REPLICA_FAULT_KINDS: readonly FaultKind[] = [
  "roleCrash",
  "bitRot",
  "misdirectedWrite",
  "minority",
  "leaderCut",
];

/** How strong each fault is, from 0 (never) to 1 (as in `heavy`). Those that are left out do not happen. */
export type FaultIntensities = Readonly<Partial<Record<FaultKind, number>>>;

/** Which faults a run has. */
export type FaultProfile = "none" | "light" | "heavy" | FaultIntensities;

/** The intensity of every fault in a profile. */
export function intensitiesOf(profile: FaultProfile): Readonly<Record<FaultKind, number>> {
  const result = {} as Record<FaultKind, number>;
  for (const kind of FAULT_KINDS) {
    if (typeof profile !== "string") result[kind] = checkIntensity(kind, profile[kind] ?? 0);
    else if (ONLY_BY_NAME.includes(kind)) result[kind] = 0;
    else result[kind] = profile === "heavy" ? 1 : profile === "light" ? 0.2 : 0;
  }
  return result;
}

function checkIntensity(kind: FaultKind, intensity: number): number {
  if (intensity >= 0 && intensity <= 1) return intensity;
  throw new RangeError(`the intensity of ${kind} is ${intensity}; it is a number from 0 to 1`);
}

/**
 * The profile in a text: `none`, `light`, `heavy`, or a list such as `loss,crash=0.5`; a fault without a number
 * has intensity 1.
 *
 * @throws {RangeError} when it is none of these; the message names the faults that there are
 */
export function parseFaultProfile(text: string): FaultProfile {
  if (text === "none" || text === "light" || text === "heavy") return text;
  const result: Partial<Record<FaultKind, number>> = {};
  for (const item of text.split(",")) {
    const [name = "", intensity = "1"] = item.trim().split("=");
    const kind = FAULT_KINDS.find((known) => known === name);
    if (kind === undefined) {
      throw new RangeError(
        `there is no fault "${name}": use none, light, heavy, or a list of ${FAULT_KINDS.join(", ")}`,
      );
    }
    result[kind] = checkIntensity(kind, intensity === "" ? Number.NaN : Number(intensity));
  }
  return result;
}
