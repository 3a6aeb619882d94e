/**
 * What this replica gives to others that lag behind: chosen values from its log, and where they have been truncated,
 * its stored snapshot, part by part as it is asked for.
 *
 * @module
 */
import { crc32 } from "../../codec/checksum.ts";
import type { Log } from "../../ports/log.ts";
import type { ReplicaId } from "../../ports/transport.ts";
import { type FetchSnapshot, type Learn, MESSAGE, type Message } from "./messages.ts";
import { openSnapshot } from "./recovery.ts";
import type { SlotLog } from "./slot_log.ts";
import { decodeHeader } from "./snapshot_header.ts";

/** What an archive is made of. */
export interface ArchiveOptions {
  readonly log: Log;
  readonly slots: SlotLog;
  /** This replica's watermark. */
  readonly chosen: () => number;
  readonly send: (to: ReplicaId, message: Message) => void;
  /** About how many bytes of values one reply carries. */
  readonly reply_bytes: number;
}

/** A snapshot on its way to one replica. */
interface Lending {
  readonly slot: number;
  readonly slices: Iterator<Uint8Array>;
  /** The part that was sent last, kept in case it was lost. */
  last: Extract<Message, { type: typeof MESSAGE.snapshotPart }>;
  /** The slice after it, read ahead to know whether there is one. */
  next: Uint8Array | null;
}

/** Lends. */
export class Archive {
  readonly #options: ArchiveOptions;
  readonly #lendings = new Map<ReplicaId, Lending>();

  constructor(options: ArchiveOptions) {
    this.#options = options;
  }

  /** Answers with values from a slot on, or says that only the snapshot has them. */
  onLearn(from: ReplicaId, { slot }: Learn): void {
    const { slots, send, reply_bytes } = this.#options;
    const chosen = this.#options.chosen();
    const values: Uint8Array[] = [];
    let bytes = 0;
    for (let next = slot; next <= chosen && bytes < reply_bytes; next++) {
      const value = slots.value(next);
      if (value === null) break;
      values.push(value);
      bytes += value.length;
    }
    const isTruncated = values.length === 0 && slot <= chosen;
    const snapshot = isTruncated ? this.#snapshotSlot() : 0;
    send(from, { type: MESSAGE.learned, slot, values, chosen, snapshot });
  }

  #snapshotSlot(): number {
    const reader = this.#options.log.readSnapshot();
    if (reader === null) return 0;
    const { header, slices } = openSnapshot(reader);
    slices.return?.();
    return header.slot;
  }

  /** Answers with a part of the snapshot: the one asked for, if that is the next or the last one again. */
  onFetch(from: ReplicaId, { slot, part }: FetchSnapshot): void {
    if (part === 0) this.#open(from);
    const lending = this.#lendings.get(from);
    if (lending === undefined || slot !== 0 && slot !== lending.slot) return this.#refuse(from, part);
    if (part === lending.last.part + 1 && lending.next !== null) this.#advance(lending, lending.next);
    if (part !== lending.last.part) return this.#refuse(from, part);
    this.#options.send(from, lending.last);
  }

  #open(from: ReplicaId): void {
    this.close(from);
    const reader = this.#options.log.readSnapshot();
    if (reader === null) return;
    const slices = reader.slices()[Symbol.iterator]();
    const first = slices.next();
    if (first.done === true) return;
    const { slot } = decodeHeader(first.value);
    const last = {
      type: MESSAGE.snapshotPart,
      slot,
      part: -1,
      isLast: false,
      checksum: 0,
      bytes: first.value,
    } as const;
    const lending: Lending = { slot, slices, last, next: first.value };
    this.#lendings.set(from, lending);
    this.#advance(lending, first.value);
  }

  #advance(lending: Lending, bytes: Uint8Array): void {
    const following = lending.slices.next();
    lending.next = following.done === true ? null : following.value;
    lending.last = {
      type: MESSAGE.snapshotPart,
      slot: lending.slot,
      part: lending.last.part + 1,
      isLast: lending.next === null,
      checksum: crc32(bytes, lending.last.checksum),
      bytes,
    };
  }

  #refuse(to: ReplicaId, part: number): void {
    this.close(to);
    this.#options.send(to, {
      type: MESSAGE.snapshotPart,
      slot: 0,
      part,
      isLast: true,
      checksum: 0,
      bytes: new Uint8Array(0),
    });
  }

  /** Lets go of what is held for a replica. */
  close(replica: ReplicaId): void {
    this.#lendings.get(replica)?.slices.return?.();
    this.#lendings.delete(replica);
  }

  /** Lets go of everything. */
  closeAll(): void {
    for (const replica of [...this.#lendings.keys()]) this.close(replica);
  }
}
