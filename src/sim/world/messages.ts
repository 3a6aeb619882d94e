/**
 * What clients and servers say to each other on a connection of the simulator.
 *
 * @module
 */
import type { WatchRequest } from "../../client/connection.ts";
import { crc32 } from "../../codec/checksum.ts";
import type { KvError } from "../../core/errors.ts";

/** Something that a client or a server says. */
export type Item =
  | { readonly kind: "request"; readonly id: number; readonly body: Uint8Array }
  | { readonly kind: "watch"; readonly id: number; readonly request: WatchRequest }
  | { readonly kind: "cancel"; readonly id: number }
  | { readonly kind: "open" }
  | { readonly kind: "reply"; readonly id: number; readonly body: Uint8Array }
  | { readonly kind: "watching"; readonly id: number; readonly revision: number }
  | { readonly kind: "events"; readonly id: number; readonly body: Uint8Array }
  | { readonly kind: "watchEnd"; readonly id: number; readonly error: KvError };

/** What an end has to say in one turn: it travels together. */
export type Batch = readonly Item[];

/** A batch in a few words, for people. */
export function describeBatch(batch: Batch): string {
  const first = batch[0]!;
  return batch.length === 1 ? first.kind : `${first.kind}+${batch.length - 1}`;
}

/** Stands for the content of a batch in the trace. */
export function digestBatch(batch: Batch): number {
  let digest = 0;
  for (const item of batch) {
    digest = (Math.imul(digest, 31) + ("id" in item ? item.id : 0)) | 0;
    if ("body" in item) digest = crc32(item.body, digest >>> 0) | 0;
  }
  return digest >>> 0;
}
