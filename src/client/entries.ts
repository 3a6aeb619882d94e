/**
 * What callers get to see: entries, events and results with their values decoded and their keys as text.
 *
 * @module
 */
import { type Key, keyToBytes, keyToText } from "../codec/bytes.ts";
import type { Entry, KeyedEntry, WatchEvent } from "../core/kv/result.ts";
import type { ValueCodec } from "./codecs.ts";

/** A stored value and its history. */
export interface EntryView<Value> {
  /** The value. */
  readonly value: Value;
  /** Writes since the key was created: 1 after the first. */
  readonly version: number;
  /** The store's revision when the key was created. */
  readonly createRevision: number;
  /** The store's revision of the latest write: what {@link KVClient.compareAndSet} compares. */
  readonly modRevision: number;
  /** When it goes, in milliseconds since the Unix epoch by the servers' time; null for never. */
  readonly expiresAt_ms: number | null;
}

/** A key. */
export interface KeyView {
  /** The key read as UTF-8; bytes that are not UTF-8 read as U+FFFD. */
  readonly key: string;
  /** The key as it is. */
  readonly keyBytes: Uint8Array;
}

/** An entry and its key. */
export interface KeyedEntryView<Value> extends EntryView<Value>, KeyView {}

/** One change, as watchers see it. */
export interface EventView<Value> extends KeyView {
  /** `expire` is a delete that the clock asked for. */
  readonly type: "put" | "delete" | "expire";
  /** The store's revision after the command. */
  readonly revision: number;
  /** The entry written, or for delete and expire the entry that went. */
  readonly entry: EntryView<Value>;
}

/** An entry, for callers. */
export function viewEntry<Value>(entry: Entry, codec: ValueCodec<Value>): EntryView<Value> {
  return {
    value: codec.decode(entry.value),
    version: entry.version,
    createRevision: entry.createRevision,
    modRevision: entry.modRevision,
    expiresAt_ms: entry.expiry === 0 ? null : entry.expiry,
  };
}

/** An entry, or null for none. */
export function viewOptional<Value>(entry: Entry | null, codec: ValueCodec<Value>): EntryView<Value> | null {
  return entry === null ? null : viewEntry(entry, codec);
}

/** A key, for callers. */
export function viewKey(key: Key): KeyView {
  return { key: keyToText(key), keyBytes: keyToBytes(key) };
}

/** An entry and its key, for callers. */
export function viewKeyed<Value>({ key, entry }: KeyedEntry, codec: ValueCodec<Value>): KeyedEntryView<Value> {
  return { ...viewKey(key), ...viewEntry(entry, codec) };
}

/** An event, for callers. */
export function viewEvent<Value>(event: WatchEvent, codec: ValueCodec<Value>): EventView<Value> {
  const { type, revision } = event;
  return { type, revision, ...viewKey(event.key), entry: viewEntry(event.entry, codec) };
}
