/**
 * Reads a replica's log: what the roles are when they begin, at the start of the process or after a crash of their own.
 *
 * @module
 */
import type { Log, SnapshotReader } from "../../ports/log.ts";
import { type Ballot, CHOSEN_BALLOT, NO_BALLOT } from "./ballot.ts";
import { LogFacts } from "./log_facts.ts";
import { decodeRecord, RECORD } from "./records.ts";
import type { SlotLog } from "./slot_log.ts";
import { decodeHeader, type SnapshotHeader } from "./snapshot_header.ts";

/** What a leader has said: every slot up to `slot` was chosen when `ballot` was the highest. */
export interface Told {
  readonly ballot: Ballot;
  readonly slot: number;
}

/** How much of the log is read in one go. */
const READ_BYTES = 1024 * 1024;

/** Reads a log from its first record on, so many records at a time that others get their turn. */
export class LogScan {
  /** What was found so far. */
  readonly facts: LogFacts = new LogFacts();
  /** What leaders have said, in the order in which they said it. */
  readonly told: Told[] = [];
  readonly #log: Log;
  readonly #slots: SlotLog;
  readonly #last: number;
  #position: number;

  /** Everything that is in the log now, durable or on its way there, after what the snapshot's header says. */
  constructor(log: Log, slots: SlotLog, header: SnapshotHeader | null) {
    this.#log = log;
    this.#slots = slots;
    this.#position = log.firstPosition;
    this.#last = log.lastPosition;
    if (header !== null) this.facts.onFacts(header);
  }

  /** Reads on: says whether there is more to read, or everything was read, or a sync has to end first. */
  step(): "more" | "waiting" | "done" {
    this.#position = Math.max(this.#position, this.#log.firstPosition);
    if (this.#position > this.#last) return "done";
    if (this.#position > this.#log.durablePosition) return "waiting";
    for (const { position, payload } of this.#log.read(this.#position, READ_BYTES)) {
      this.#onRecord(position, payload);
      this.#position = position + 1;
    }
    return this.#position > this.#last ? "done" : "more";
  }

  /**
   * The first of the slots up to `slot` whose values in the log are surely the chosen ones, without a gap. A snapshot can
   * stand for slots whose last records a crash has taken back: what the log then has of them may be something else.
   */
  firstVerified(slot: number): number {
    const { told } = this;
    const isVerified = (at: number): boolean => {
      const ballot = this.#slots.ballot(at);
      if (ballot === CHOSEN_BALLOT) return true;
      return ballot !== NO_BALLOT && told.some((word) => word.slot >= at && word.ballot === ballot);
    };
    let first = slot + 1;
    while (first > 1 && isVerified(first - 1)) first--;
    return first;
  }

  #onRecord(position: number, payload: Uint8Array): void {
    const record = decodeRecord(payload);
    this.facts.onRecord(record);
    if (record.type === RECORD.learned) this.#slots.recover(record.slot, CHOSEN_BALLOT, position, record.value);
    if (record.type !== RECORD.accept) return;
    const { ballot, slot, chosen, value } = record;
    this.#slots.recover(slot, ballot, position, value);
    const last = this.told.at(-1);
    if (last?.ballot === ballot && chosen <= last.slot) return;
    if (last?.ballot === ballot) this.told.pop();
    this.told.push({ ballot, slot: chosen });
  }
}

/** The header of a stored snapshot, and the slices of the machine's state after it. */
export function openSnapshot(reader: SnapshotReader): {
  readonly header: SnapshotHeader;
  readonly slices: Iterator<Uint8Array>;
} {
  const slices = reader.slices()[Symbol.iterator]();
  const first = slices.next();
  if (first.done === true) throw new Error("the stored snapshot is empty");
  return { header: decodeHeader(first.value), slices };
}
