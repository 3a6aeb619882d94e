/**
 * What a snapshot holds besides the machine's state: everything that the log before it would have told. A snapshot
 * without its promise would let an acceptor break it; one without the origins would let a batch be applied twice.
 *
 * @module
 */
import { ByteReader, CodecError } from "../../codec/byte_reader.ts";
import { ByteWriter } from "../../codec/byte_writer.ts";
import type { ReplicaId } from "../../ports/transport.ts";
import { IDENTITY_BYTES, type KnownMembers } from "../membership.ts";
import type { SnapshotSource } from "../replication.ts";
import type { Ballot } from "./ballot.ts";
import { Origins } from "./origins.ts";

/** The first slice of a snapshot. */
export interface SnapshotHeader extends KnownMembers {
  /** How many replicas the cluster has. */
  readonly replicas: number;
  /** The last slot that the state includes. */
  readonly slot: number;
  /**
   * The lowest slot whose records in the log count. Those of the slots below are let go; where the state came from another
   * replica they may even be other values than the chosen ones.
   */
  readonly base: number;
  /** The highest ballot that the acceptor had promised. */
  readonly promised: Ballot;
  /** The highest round that the proposer had used. */
  readonly round: number;
  /** How often the replica had been started. */
  readonly life: number;
  /** Which batches the state includes. */
  readonly origins: Origins;
}

const VERSION = 1;

/** The bytes of a header. */
export function encodeHeader(header: SnapshotHeader): Uint8Array {
  const writer = new ByteWriter(256);
  writer.u8(VERSION);
  writer.u8(header.replicas);
  writer.varint(header.slot);
  writer.varint(header.base);
  writer.varint(header.promised);
  writer.varint(header.round);
  writer.varint(header.life);
  writer.u8(header.isJoined ? 1 : 0);
  writer.varint(header.identities.size);
  for (const [replica, identity] of header.identities) {
    writer.u8(replica);
    writer.raw(identity);
  }
  header.origins.write(writer);
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
  if (version !== VERSION) {
    throw new CodecError(`a snapshot of Multi-Paxos of version ${version}; this is version ${VERSION}: update first`);
  }
  const replicas = reader.u8();
  const slot = reader.varint();
  const base = reader.varint();
  const promised = reader.varint();
  const round = reader.varint();
  const life = reader.varint();
  const isJoined = reader.u8() === 1;
  const identities = new Map<ReplicaId, Uint8Array>();
  for (let rest = reader.varint(); rest > 0; rest--) {
    const replica = reader.u8();
    identities.set(replica, reader.raw(IDENTITY_BYTES).slice());
  }
  const origins = Origins.read(reader);
  reader.finish();
  return { replicas, slot, base, promised, round, life, isJoined, identities, origins };
}

/** A snapshot whose first slice is `header`. */
export function withHeader(header: Uint8Array, source: SnapshotSource): SnapshotSource {
  let isFirst = true;
  const { progress } = source;
  return {
    ...(progress === undefined ? {} : { progress: () => progress.call(source) }),
    next: (size) => {
      if (!isFirst) return source.next(size);
      isFirst = false;
      return header;
    },
    close: () => source.close(),
  };
}
