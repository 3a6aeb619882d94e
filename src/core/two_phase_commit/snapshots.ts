/**
 * What a snapshot holds besides the machine's state: the clock, and the records that are not over. They are what the log
 * before it would have told.
 *
 * The records may be ahead of the position that the snapshot stands for; the log then tells them once more. So taking
 * in a record twice must be the same as once, and a vote that comes back after its abort is in doubt until its
 * coordinator aborts it again. Nothing that was applied comes back: its vote was durable before the snapshot began.
 *
 * @module
 */
import { ByteReader, CodecError } from "../../codec/byte_reader.ts";
import { ByteWriter } from "../../codec/byte_writer.ts";
import type { Log } from "../../ports/log.ts";
import { KvError } from "../errors.ts";
import type { SnapshotSource, StateMachine } from "../replication.ts";
import { decodeRecord, encodeRecord, type TwoPhaseRecord } from "./records.ts";

/** The first byte of a snapshot. Versions of Multi-Paxos count from 1, these from 33: so a snapshot tells whose it is. */
export const SNAPSHOT_VERSION = 33;

/** The first slice of a snapshot. */
export interface SnapshotHeader {
  /** How many replicas the cluster has. */
  readonly replicas: number;
  /** The highest time given or heard. */
  readonly clock: number;
  /** What is not over. */
  readonly records: readonly TwoPhaseRecord[];
}

/** The bytes of a header. */
export function encodeHeader({ replicas, clock, records }: SnapshotHeader): Uint8Array {
  const writer = new ByteWriter(256);
  writer.u8(SNAPSHOT_VERSION);
  writer.u8(replicas);
  writer.varint(clock);
  for (const record of records) writer.blob(encodeRecord(record));
  return writer.take();
}

/**
 * Reads what {@link encodeHeader} wrote.
 *
 * @throws {CodecError} when it is of another version
 */
export function decodeHeader(bytes: Uint8Array): SnapshotHeader {
  const reader = new ByteReader(bytes);
  const version = reader.u8();
  if (version !== SNAPSHOT_VERSION) {
    throw new CodecError(
      `a snapshot of two-phase commit of version ${version}; this is version ${SNAPSHOT_VERSION}: update first`,
    );
  }
  const replicas = reader.u8();
  const clock = reader.varint();
  const records: TwoPhaseRecord[] = [];
  while (reader.remaining > 0) records.push(decodeRecord(reader.blob()));
  return { replicas, clock, records };
}

/** A snapshot whose first slice is `header`. */
export function withHeader(header: Uint8Array, source: SnapshotSource): SnapshotSource {
  let isFirst = true;
  return {
    next: (size) => {
      if (!isFirst) return source.next(size);
      isFirst = false;
      return header;
    },
    close: () => source.close(),
  };
}

const READ_BYTES = 1024 * 1024;

/** What the stored snapshot and the log tell, in order. */
export interface Story {
  /** What the stored snapshot says besides the machine's state, which is in place by then. */
  readonly onHeader: (header: SnapshotHeader) => void;
  /** A record of the log after the snapshot. */
  readonly onRecord: (record: TwoPhaseRecord, position: number) => void;
}

/**
 * Puts the machine into the state of the stored snapshot, and tells what the log says after it. Returns the position of
 * the snapshot, 0 for none.
 *
 * @throws {KvError} when the data is of a cluster of another size
 */
export function recoverFrom(log: Log, machine: StateMachine, replicas: number, story: Story): number {
  const snapshot = log.readSnapshot();
  if (snapshot !== null) {
    const sink = machine.restore();
    let header: SnapshotHeader | null = null;
    for (const slice of snapshot.slices()) {
      if (header === null) header = decodeHeader(slice);
      else sink.write(slice);
    }
    if (header === null) throw new CodecError("the stored snapshot is empty");
    if (header.replicas !== replicas) {
      throw new KvError(
        "INVALID_ARGUMENT",
        `the data is of a cluster of ${header.replicas} replicas, and this one has ${replicas}: start it with the same peers`,
      );
    }
    sink.finish();
    story.onHeader(header);
  }
  const position = snapshot?.position ?? 0;
  for (let next = position + 1; next <= log.lastPosition;) {
    for (const record of log.read(next, READ_BYTES)) {
      story.onRecord(decodeRecord(record.payload), record.position);
      next = record.position + 1;
    }
  }
  return position;
}
