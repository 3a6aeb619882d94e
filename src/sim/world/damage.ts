/**
 * Disks that lose what was durable: a bit turns over, or a write lands in the wrong place, while the server is down. It
 * may refuse to start then; what it may not do is to start as if what is damaged had never been there.
 *
 * Invariants: at most a minority of the disks is damaged, and never one that has the last good copy of anything. What is
 * damaged is never in the last flush of a log, where damage cannot be told from a write that a crash tore.
 *
 * @module
 */
import { FILE_HEADER_BYTES } from "../../log/file_header.ts";
import { segmentNumbers } from "../../log/file_names.ts";
import { FRAME_HEADER_BYTES, type FrameHeader, parseFrameHeader } from "../../log/frame.ts";
import type { ReplicaId } from "../../ports/transport.ts";
import { majorityOf } from "./partitions.ts";
import type { SimDisk } from "./sim_disk.ts";
import type { SimRandom } from "./sim_random.ts";

/** How a disk can be damaged. */
export type DamageKind = "bitRot" | "misdirectedWrite";

/** Where a disk was damaged. */
export interface Damage {
  readonly file: string;
  readonly offset: number;
}

/** Where the tag lies in the header of a frame. */
const TAG_OFFSET = 16;
/** What a misdirected write covers at most. */
const STRAY_BYTES = 512;

/**
 * Whether the disk of `victim` may be damaged when those of `damaged` have been and the protocol goes on without
 * `tolerated` replicas: not if a majority or somebody's last good copy could be hit. A disk that has been damaged has no good
 * copy left to lose.
 */
export function mayDamage(
  replicas: number,
  tolerated: number,
  damaged: ReadonlySet<ReplicaId>,
  victim: ReplicaId,
): boolean {
  if (damaged.has(victim)) return true;
  const after = damaged.size + 1;
  return after <= tolerated && replicas - after >= majorityOf(replicas);
}

/** Damages one file of a disk whose machine is down and has lost power; null when nothing on it may be damaged. */
export function damageDisk(disk: SimDisk, random: SimRandom, kind: DamageKind): Damage | null {
  const names = disk.list();
  if (names.length === 0) return null;
  const file = random.pick(names);
  const bytes = disk.bytesOf(file);
  const room = segmentNumbers([file]).length === 0 ? contentEnd(bytes) : provenEnd(bytes);
  if (room === 0) return null;
  if (kind === "bitRot") {
    const offset = random.below(room);
    disk.flipBit(file, offset, random.below(8));
    return { file, offset };
  }
  const length = Math.min(STRAY_BYTES, Math.floor(room / 2));
  if (length === 0) return null;
  const [from, offset] = [random.below(room - length + 1), random.below(room - length + 1)];
  if (from === offset) return null;
  disk.misdirect(file, from, offset, length);
  return { file, offset };
}

function contentEnd(bytes: Uint8Array): number {
  return bytes.findLastIndex((byte) => byte !== 0) + 1;
}

/** Up to where a later frame of the same segment says that everything was durable, in bytes. */
function provenEnd(bytes: Uint8Array): number {
  if (bytes.length < FILE_HEADER_BYTES + FRAME_HEADER_BYTES) return 0;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const tag = view.getUint32(FILE_HEADER_BYTES + TAG_OFFSET, true);
  const frames: { readonly offset: number; readonly header: FrameHeader }[] = [];
  for (let offset = FILE_HEADER_BYTES;;) {
    const header = parseFrameHeader(bytes.subarray(offset), tag, offset);
    if (header === null) break;
    frames.push({ offset, header });
    offset += FRAME_HEADER_BYTES + header.bodyLength;
  }
  const durable = frames.at(-1)?.header.durable ?? 0;
  return frames.find(({ header }) => header.firstPosition > durable)?.offset ?? 0;
}
