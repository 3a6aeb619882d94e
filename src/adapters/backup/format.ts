/**
 * The layout of a snapshot that an operator takes away: what `GET /v1/snapshot` streams, and what is in the file.
 *
 * Layout, little-endian: magic 8 bytes · format version u32 · length of the head u32 · the head, JSON in UTF-8 · CRC-32 of
 * all these u32; then parts, each its length u32 · its bytes · their CRC-32 u32, which together are the state's
 * snapshot (`snapshot_format.ts`); then the mark 0xffffffff · count of parts u32 · bytes in them u64 · SHA-256 of all
 * bytes before it, 32 bytes. Instead of a part or the end there can be the mark 0xfffffffe · length u32 · a text:
 * whoever wrote it had to give up.
 *
 * A file is its SHA-256: two replicas that were restored from files with the same one began with the same state.
 *
 * @module
 */
import { CodecError } from "../../codec/byte_reader.ts";
import { bytesToTextStrict, textToBytes } from "../../codec/bytes.ts";

/** The first bytes. */
export const BACKUP_MAGIC: Uint8Array = textToBytes("kvpxsnp\n");

/** The version of this layout. */
export const BACKUP_VERSION = 1;

/** What is sent as. */
export const BACKUP_MEDIA_TYPE = "application/vnd.kvpaxos.snapshot";

/** Magic, version, and the length of the head. */
export const BACKUP_PREFIX_BYTES = 16;
/** The longest head. */
export const MAX_HEAD_BYTES: number = 64 * 1024;
/** The longest part; a longer slice of a state becomes several. */
export const MAX_PART_BYTES: number = 1024 * 1024;
/** The longest reason for giving up. */
export const MAX_REASON_BYTES: number = 4096;
/** In the place of a part's length: the end. */
export const END_MARK = 0xffff_ffff;
/** In the place of a part's length: given up. */
export const GIVEN_UP_MARK = 0xffff_fffe;
/** The count of parts and bytes behind {@link END_MARK}. */
export const TOTALS_BYTES = 12;
/** The length of a SHA-256. */
export const DIGEST_BYTES = 32;

/** What is known when a snapshot begins. */
export interface BackupHead {
  /** The version of the product that wrote it. */
  readonly product: string;
  /** How the server replicated: `none`, `2pc` or `paxos`. Any of them can begin with it. */
  readonly replication: string;
  /** The revision of the state. */
  readonly revision: number;
  /** The log time of the state, in milliseconds since the Unix epoch: what expires does so by it. */
  readonly time_ms: number;
  /** When it was taken by the server's clock, in milliseconds since the Unix epoch. */
  readonly taken_ms: number;
  /** How many keys it holds. */
  readonly keys: number;
  /** How many sessions of clients it holds, with the results that make repeated writes safe. */
  readonly sessions: number;
}

/** Why a snapshot cannot be used. */
export type BackupErrorCode =
  /** It is no snapshot, or not as it was written. */
  | "damaged"
  /** It ends too soon. */
  | "truncated"
  /** A newer version wrote it. */
  | "version"
  /** Whoever wrote it had to give up, and said why. */
  | "given-up";

/** A snapshot that cannot be used. */
export class BackupError extends Error {
  override readonly name = "BackupError";
  readonly code: BackupErrorCode;

  constructor(code: BackupErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** The bytes of a head. */
export function encodeHead(head: BackupHead): Uint8Array {
  return textToBytes(JSON.stringify(head));
}

/**
 * Reads what {@link encodeHead} wrote. Members that only a later product knows are ignored.
 *
 * @throws {CodecError} when it is none
 */
export function decodeHead(bytes: Uint8Array): BackupHead {
  let head: Partial<Record<string, unknown>>;
  try {
    head = JSON.parse(bytesToTextStrict(bytes) ?? "") as typeof head;
  } catch (cause) {
    throw new CodecError(`its head is no JSON: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
  const text = (name: keyof BackupHead): string => {
    const value = head[name];
    if (typeof value !== "string") throw new CodecError(`its head has no ${name}`);
    return value;
  };
  const count = (name: keyof BackupHead): number => {
    const value = head[name];
    if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0) {
      throw new CodecError(`its head has no ${name}`);
    }
    return value;
  };
  return {
    product: text("product"),
    replication: text("replication"),
    revision: count("revision"),
    time_ms: count("time_ms"),
    taken_ms: count("taken_ms"),
    keys: count("keys"),
    sessions: count("sessions"),
  };
}
