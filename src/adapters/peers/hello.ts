/**
 * What a replica says of itself before it is heard, and the answers to that.
 *
 * @module
 */
import { ByteReader, CodecError } from "../../codec/byte_reader.ts";
import { ByteWriter } from "../../codec/byte_writer.ts";
import { bytesToText, textToBytes, toHex } from "../../codec/bytes.ts";
import type { ReplicaId } from "../../ports/transport.ts";

/** No hello, welcome or refusal is longer. Bytes. */
export const MAX_HANDSHAKE_BYTES: number = 16 * 1024;

/** Bytes of a caller's nonce. */
export const NONCE_BYTES = 16;

/** One life of a replica's process. */
export interface Incarnation {
  /** When it started, by its own clock: of two with one number, the one that started later is believed. */
  readonly startedAt_ms: number;
  /** 16 hexadecimal digits, drawn at random. */
  readonly nonce: string;
}

/** What a replica says of itself. */
export interface Hello {
  readonly from: ReplicaId;
  readonly to: ReplicaId;
  readonly incarnation: Incarnation;
  /** The list of replicas, as text. */
  readonly cluster: string;
  /** The caller's part of what a proof is made from: 32 hexadecimal digits, drawn for each call. */
  readonly nonce: string;
}

/** Why a replica is not heard. Stable names. */
export type RefusalCode =
  | "OTHER_VERSION"
  | "UNAUTHENTICATED"
  | "OTHER_CLUSTER"
  | "UNKNOWN_REPLICA"
  | "WRONG_ADDRESSEE"
  | "DUPLICATE_ID"
  | "NOT_READY";

/** The answer to a replica that is not heard. */
export interface Refusal {
  readonly code: RefusalCode;
  /** For operators: what is wrong, and where. */
  readonly message: string;
}

/** The body of a hello frame. */
export function encodeHello(hello: Hello): Uint8Array {
  const { from, to, incarnation, cluster, nonce } = hello;
  const writer = new ByteWriter();
  writer.varint(from);
  writer.varint(to);
  writer.u64(incarnation.startedAt_ms);
  writeHex(writer, incarnation.nonce, 8);
  writer.blob(textToBytes(cluster));
  writeHex(writer, nonce, NONCE_BYTES);
  return writer.take();
}

function writeHex(writer: ByteWriter, digits: string, bytes: number): void {
  for (let i = 0; i < bytes; i++) writer.u8(Number.parseInt(digits.slice(2 * i, 2 * i + 2), 16));
}

/** Whether `text` can be the name of a cluster: short, and fit for headers and for being shown. */
export function isClusterName(text: string): boolean {
  return /^[\x21-\x7e]{1,4096}$/.test(text);
}

/** Reads the body of a hello frame. Throws {@link CodecError} when it is none. */
export function decodeHello(body: Uint8Array): Hello {
  const reader = new ByteReader(body);
  const from = reader.varint();
  const to = reader.varint();
  const incarnation = { startedAt_ms: reader.u64(), nonce: toHex(reader.raw(8)) };
  const cluster = bytesToText(reader.blob());
  const nonce = toHex(reader.raw(NONCE_BYTES));
  reader.finish();
  if (!isClusterName(cluster)) throw new CodecError("a hello with a cluster that cannot be named so");
  return { from, to, incarnation, cluster, nonce };
}

/** The body of a refusal frame. */
export function encodeRefusal({ code, message }: Refusal): Uint8Array {
  const writer = new ByteWriter();
  writer.blob(textToBytes(code));
  writer.blob(textToBytes(message));
  return writer.take();
}

/** What is said in a refusal, as far as it is fit to be shown. */
export function shownRefusal(message: string): string {
  return message.slice(0, MAX_HANDSHAKE_BYTES).replace(/[^\x20-\x7e]+/g, "?");
}

/** Reads the body of a refusal frame. The code may be one that only a newer version knows. */
export function decodeRefusal(body: Uint8Array): { readonly code: string; readonly message: string } {
  const reader = new ByteReader(body);
  const code = bytesToText(reader.blob());
  return { code, message: shownRefusal(bytesToText(reader.blob())) };
}

/** Whether `a` is another life than `b`, and the earlier of the two. */
export function isEarlier(a: Incarnation, b: Incarnation): boolean {
  return a.startedAt_ms < b.startedAt_ms || (a.startedAt_ms === b.startedAt_ms && a.nonce < b.nonce);
}
